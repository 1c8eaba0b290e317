//! The commands of `simulator act`, and the actions they stand for.

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::errors::Failure;
use crate::cli::groups::invitation::private_invite;
use crate::cli::groups::results::Wanted;
use crate::cli::groups::settings::{Adders, Switch};
use crate::cli::input;
use crate::cli::spans::Timer;
use crate::pb::act_request::Action;
use crate::pb::{self, AddressingMode, MemberAddMode};

const MAX_PICTURE_BYTES: u64 = 10 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub enum ActCommand {
    /// Make a group; the actor becomes its superadmin
    CreateGroup(CreateGroupArgs),
    /// Join by the group's invite
    JoinByInvite {
        #[command(flatten)]
        actor: Actor,
        /// The code, or any chat.whatsapp.com link
        #[arg(value_name = "CODE|LINK")]
        invite: String,
    },
    /// Join by a private invite
    AcceptPrivateInvite {
        #[command(flatten)]
        actor: Actor,
        /// The invite as JSON, or - for standard input: itself, or the answer of `groups
        /// participants add --json` that holds it
        #[arg(value_name = "JSON|-")]
        invite: String,
    },
    /// Be in the group, without asking how
    WalkIn(InGroup),
    /// Leave
    Leave(InGroup),
    /// Add people
    AddParticipants(People),
    /// Remove members
    RemoveParticipants(People),
    /// Make members admins
    PromoteParticipants(People),
    /// Make admins ordinary members
    DemoteParticipants(People),
    /// Change the subject
    ChangeSubject {
        #[command(flatten)]
        place: InGroup,
        /// 1 to 100 characters; - for standard input
        text: String,
    },
    /// Change the description, or remove it
    ChangeDescription {
        #[command(flatten)]
        place: InGroup,
        /// At most 2,048 characters; empty removes it; - for standard input
        text: String,
    },
    /// Change settings; those not named stay
    ChangeSettings(SettingsArgs),
    /// Set the picture, or remove it
    ChangePicture {
        #[command(flatten)]
        place: InGroup,
        /// A JPEG; - for standard input
        #[arg(value_name = "FILE|-", required_unless_present = "remove")]
        picture: Option<String>,
        /// Remove it instead
        #[arg(long, conflicts_with = "picture")]
        remove: bool,
    },
    /// Void the invite code
    RevokeInvite(InGroup),
    /// Ask to join
    RequestToJoin(InGroup),
    /// Withdraw one's request to join
    CancelJoinRequest(InGroup),
    /// Let people in who asked
    ApproveJoinRequests(People),
    /// Turn people down who asked
    RejectJoinRequests(People),
    /// Move to another phone number, in all groups; the hidden id stays
    ChangeNumber {
        #[command(flatten)]
        actor: Actor,
        /// The new number, which must be free
        #[arg(value_name = "NUMBER")]
        new_phone_number: String,
    },
    /// Have WhatsApp suspend the group; whom you name as actor does not matter
    Suspend {
        #[command(flatten)]
        place: InGroup,
        /// Lift the suspension instead
        #[arg(long)]
        lift: bool,
    },
    /// Turn the group from phone numbers to hidden ids; whom you name as actor does not matter
    MigrateToLid(InGroup),
    /// Have the group be a community or part of one; whom you name as actor does not matter
    PlaceInCommunity {
        #[command(flatten)]
        place: InGroup,
        /// What the group is from now on; what it is unless given
        #[arg(long, value_enum, required_unless_present = "parent")]
        kind: Option<Kind>,
        /// The community that it belongs to, "" for none; the one that it belongs to unless given
        #[arg(long, value_name = "GROUP")]
        parent: Option<String>,
    },
}

#[derive(Debug, Args)]
pub struct Actor {
    /// Who acts: phone number or hidden id
    actor: String,
    /// Act even where the rules forbid it to this actor
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub struct InGroup {
    #[command(flatten)]
    actor: Actor,
    /// The group, …@g.us
    group: String,
}

#[derive(Debug, Args)]
pub struct People {
    #[command(flatten)]
    place: InGroup,
    /// +49 151…, bare digits, …@c.us or …@lid
    #[arg(value_name = "PERSON", required = true)]
    people: Vec<String>,
}

#[derive(Debug, Args)]
pub struct CreateGroupArgs {
    #[command(flatten)]
    actor: Actor,
    /// 1 to 100 characters
    subject: String,
    /// Whom to add, sessions' accounts included
    #[arg(value_name = "PERSON")]
    people: Vec<String>,
    /// How the group names its members
    #[arg(long, value_enum, default_value_t = Addressing::Lid)]
    addressing: Addressing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A group as any other
    Ordinary,
    /// The community itself
    Community,
    /// Its announcement group
    Announcement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Addressing {
    /// By hidden id, as all newer groups do
    Lid,
    /// By phone number
    PhoneNumber,
}

impl From<Addressing> for AddressingMode {
    fn from(addressing: Addressing) -> Self {
        match addressing {
            Addressing::Lid => Self::Lid,
            Addressing::PhoneNumber => Self::PhoneNumber,
        }
    }
}

#[derive(Debug, Args)]
#[group(id = "settings", required = true, multiple = true, args = [
    "info_admin_only", "messages_admin_only", "member_add_mode", "membership_approval",
    "member_share_history", "disappearing_timer",
])]
pub struct SettingsArgs {
    #[command(flatten)]
    place: InGroup,
    /// Only admins may change the group's texts, picture and timer
    #[arg(long, value_enum)]
    info_admin_only: Option<Switch>,
    /// Only admins may send messages
    #[arg(long, value_enum)]
    messages_admin_only: Option<Switch>,
    /// Who may add members
    #[arg(long, value_enum)]
    member_add_mode: Option<Adders>,
    /// An admin must approve those who come by invite
    #[arg(long, value_enum)]
    membership_approval: Option<Switch>,
    /// Members may share recent messages with those they add
    #[arg(long, value_enum)]
    member_share_history: Option<Switch>,
    /// After what time messages disappear: off, 24h, 7d, 90d
    #[arg(long, value_name = "TIMER")]
    disappearing_timer: Option<Timer>,
}

impl SettingsArgs {
    fn action(&self) -> pb::ChangeSettingsAction {
        pb::ChangeSettingsAction {
            info_admin_only: self.info_admin_only.map(Switch::is_on),
            messages_admin_only: self.messages_admin_only.map(Switch::is_on),
            member_add_mode: self
                .member_add_mode
                .map_or(MemberAddMode::Unspecified, Into::into)
                .into(),
            membership_approval: self.membership_approval.map(Switch::is_on),
            member_share_history: self.member_share_history.map(Switch::is_on),
            disappearing_timer: self.disappearing_timer.map(Into::into),
        }
    }
}

/// What is sent, and what is wanted for the people whom it names.
pub struct ActInvocation {
    pub request: pb::ActRequest,
    pub wanted: Option<Wanted>,
}

impl Actor {
    fn does(self, action: Action) -> ActInvocation {
        let request = pb::ActRequest {
            actor: self.actor,
            group_id: String::new(),
            force: self.force,
            action: Some(action),
        };
        ActInvocation { request, wanted: None }
    }
}

impl InGroup {
    fn does(self, action: Action) -> ActInvocation {
        let mut deed = self.actor.does(action);
        deed.request.group_id = self.group;
        deed
    }
}

impl People {
    fn does(self, wanted: Wanted, action: impl FnOnce(Vec<String>) -> Action) -> ActInvocation {
        let mut deed = self.place.does(action(self.people));
        deed.wanted = Some(wanted);
        deed
    }
}

impl CreateGroupArgs {
    fn deed(self) -> ActInvocation {
        let wanted = (!self.people.is_empty()).then_some(Wanted::Added);
        let action = pb::CreateGroupAction {
            subject: self.subject,
            participant_ids: self.people,
            addressing_mode: AddressingMode::from(self.addressing).into(),
        };
        ActInvocation { wanted, ..self.actor.does(Action::CreateGroup(action)) }
    }
}

impl ActCommand {
    /// Reads what is to be read for it.
    pub fn into_deed(self) -> Result<ActInvocation, Failure> {
        Ok(match self {
            Self::CreateGroup(args) => args.deed(),
            Self::JoinByInvite { actor, invite } => {
                actor.does(Action::JoinByInvite(pb::JoinByInviteAction { invite_code: invite }))
            }
            Self::AcceptPrivateInvite { actor, invite } => {
                let private_invite = Some(private_invite(&invite)?);
                let action = pb::AcceptPrivateInviteAction { private_invite };
                actor.does(Action::AcceptPrivateInvite(action))
            }
            Self::WalkIn(place) => place.does(Action::WalkIn(pb::WalkInAction {})),
            Self::Leave(place) => place.does(Action::Leave(pb::LeaveAction {})),
            Self::AddParticipants(people) => people.does(Wanted::Added, |participant_ids| {
                Action::AddParticipants(pb::AddParticipantsAction { participant_ids })
            }),
            Self::RemoveParticipants(people) => people.does(Wanted::Removed, |participant_ids| {
                Action::RemoveParticipants(pb::RemoveParticipantsAction { participant_ids })
            }),
            Self::PromoteParticipants(people) => people.does(Wanted::Promoted, |participant_ids| {
                Action::PromoteParticipants(pb::PromoteParticipantsAction { participant_ids })
            }),
            Self::DemoteParticipants(people) => people.does(Wanted::Demoted, |participant_ids| {
                Action::DemoteParticipants(pb::DemoteParticipantsAction { participant_ids })
            }),
            Self::ChangeSubject { place, text } => {
                let subject = input::text_argument(text)?;
                place.does(Action::ChangeSubject(pb::ChangeSubjectAction { subject }))
            }
            Self::ChangeDescription { place, text } => {
                let description = Some(input::text_argument(text)?);
                place.does(Action::ChangeDescription(pb::ChangeDescriptionAction { description }))
            }
            Self::ChangeSettings(args) => {
                let action = args.action();
                args.place.does(Action::ChangeSettings(action))
            }
            Self::ChangePicture { place, picture, remove: _ } => {
                let data = match picture {
                    Some(path) => input::read(&path, MAX_PICTURE_BYTES)?.into(),
                    None => Default::default(),
                };
                place.does(Action::ChangePicture(pb::ChangePictureAction { data: Some(data) }))
            }
            Self::RevokeInvite(place) => {
                place.does(Action::RevokeInvite(pb::RevokeInviteAction {}))
            }
            Self::RequestToJoin(place) => {
                place.does(Action::RequestToJoin(pb::RequestToJoinAction {}))
            }
            Self::CancelJoinRequest(place) => {
                place.does(Action::CancelJoinRequest(pb::CancelJoinRequestAction {}))
            }
            Self::ApproveJoinRequests(people) => people.does(Wanted::LetIn, |participant_ids| {
                Action::ApproveJoinRequests(pb::ApproveJoinRequestsAction { participant_ids })
            }),
            Self::RejectJoinRequests(people) => {
                people.does(Wanted::TurnedDown, |participant_ids| {
                    Action::RejectJoinRequests(pb::RejectJoinRequestsAction { participant_ids })
                })
            }
            Self::ChangeNumber { actor, new_phone_number } => {
                actor.does(Action::ChangeNumber(pb::ChangeNumberAction { new_phone_number }))
            }
            Self::Suspend { place, lift } => {
                place.does(Action::Suspend(pb::SuspendAction { suspended: Some(!lift) }))
            }
            Self::MigrateToLid(place) => {
                place.does(Action::MigrateToLid(pb::MigrateToLidAction {}))
            }
            Self::PlaceInCommunity { place, kind, parent } => {
                let kind = match kind {
                    None => pb::GroupKind::Unspecified,
                    Some(Kind::Ordinary) => pb::GroupKind::Ordinary,
                    Some(Kind::Community) => pb::GroupKind::Community,
                    Some(Kind::Announcement) => pb::GroupKind::Announcement,
                };
                place.does(Action::PlaceInCommunity(pb::PlaceInCommunityAction {
                    kind: kind.into(),
                    parent_group_id: parent,
                }))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{CommandFactory as _, Parser};

    use super::*;
    use crate::cli::tests::oneof_members;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: ActCommand,
    }

    fn deed(words: &[&str]) -> Option<ActInvocation> {
        let words = std::iter::once("act").chain(words.iter().copied());
        Line::try_parse_from(words).ok()?.command.into_deed().ok()
    }

    #[test]
    fn every_action_of_the_contract_is_a_command() {
        let commands: BTreeSet<String> = Line::command()
            .get_subcommands()
            .map(|command| command.get_name().replace('-', "_"))
            .collect();
        assert_eq!(commands, oneof_members("ActRequest", "action"));
    }

    #[test]
    fn the_actor_comes_first_and_then_the_group() {
        let deed = deed(&["leave", "+4915", "1@g.us", "--force"]).expect("a deed");
        assert_eq!(deed.request.actor, "+4915");
        assert_eq!(deed.request.group_id, "1@g.us");
        assert!(deed.request.force);
        assert!(matches!(deed.request.action, Some(Action::Leave(_))));
    }

    #[test]
    fn settings_that_are_not_named_stay() {
        let words = ["change-settings", "+4915", "1@g.us"];
        assert!(deed(&words).is_none(), "nothing to change");
        let words = [&words[..], &["--info-admin-only", "off", "--disappearing-timer", "off"]];
        let deed = deed(&words.concat()).expect("a deed");
        let Some(Action::ChangeSettings(settings)) = deed.request.action else {
            panic!("another action")
        };
        assert_eq!(
            settings,
            pb::ChangeSettingsAction {
                info_admin_only: Some(false),
                disappearing_timer: Some(prost_types::Duration::default()),
                ..Default::default()
            }
        );
    }

    #[test]
    fn verdicts_are_expected_for_those_who_are_named() {
        let added = deed(&["add-participants", "+1", "1@g.us", "+2", "+3"]).expect("a deed");
        assert_eq!(added.wanted, Some(Wanted::Added));
        assert!(deed(&["add-participants", "+1", "1@g.us"]).is_none());
        let alone = deed(&["create-group", "+1", "Team"]).expect("a deed");
        assert_eq!(alone.wanted, None);
    }

    #[test]
    fn a_picture_is_set_or_removed() {
        assert!(deed(&["change-picture", "+1", "1@g.us"]).is_none());
        let removed = deed(&["change-picture", "+1", "1@g.us", "--remove"]).expect("a deed");
        assert!(matches!(
            removed.request.action,
            Some(Action::ChangePicture(picture)) if picture.data.as_deref() == Some(&[])
        ));
    }
}
