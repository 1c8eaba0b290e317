//! In whose words groups are answered. WAHA hands its engines' own objects through, so that a client written
//! against one engine knows that engine's words only; it keeps working whatever engine really runs.
//!
//! Each shape is a module with the same functions.

mod browser;
mod gows;
mod normalized;
mod noweb;
mod webjs;
mod wpp;

use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::respond::{empty, encoded, json, text};
use crate::domain::event::MemberAction;
use crate::domain::id::{InviteCode, country};
use crate::domain::participant::{ParticipantResult, ParticipantStatus};
use crate::envelope::WahaDialect;
use crate::envelope::words::names;
use crate::pb;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// WAHA's `GroupInfo` and `GroupParticipant`, as its events have them.
    #[default]
    Normalized,
    /// whatsmeow's, as the engine GOWS answers.
    Gows,
    /// Baileys', as the engine NOWEB answers.
    Noweb,
    /// whatsapp-web.js's, as the engine WEBJS answers.
    Webjs,
    /// wa-js's, as the engine WPP answers.
    Wpp,
}

impl Shape {
    /// As the settings name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normalized => "normalized",
            Self::Gows => "gows",
            Self::Noweb => "noweb",
            Self::Webjs => "webjs",
            Self::Wpp => "wpp",
        }
    }

    /// What a client takes the engine for.
    pub fn engine(self) -> &'static str {
        match self {
            Self::Normalized => "wagroups",
            Self::Gows => "GOWS",
            Self::Noweb => "NOWEB",
            Self::Webjs => "WEBJS",
            Self::Wpp => "WPP",
        }
    }

    /// Whether naming those who made a group or named it takes the members.
    pub fn names_by_members(self) -> bool {
        match self {
            Self::Normalized | Self::Webjs | Self::Wpp => false,
            Self::Gows | Self::Noweb => true,
        }
    }

    /// In whose format events are sent.
    pub fn words(self) -> WahaDialect {
        match self {
            Self::Normalized => WahaDialect::NORMALIZED,
            Self::Gows => WahaDialect::GOWS,
            Self::Noweb => WahaDialect::NOWEB,
            Self::Webjs => WahaDialect::WEBJS,
            Self::Wpp => WahaDialect::WPP,
        }
    }

    /// A group with its members.
    pub fn group(self, group: &pb::Group) -> Response {
        match self {
            Self::Normalized => json(&normalized::group(group, true)),
            Self::Gows => json(&gows::group(group, true)),
            Self::Noweb => json(&noweb::group(group, true)),
            Self::Webjs => json(&webjs::group(group, true)),
            Self::Wpp => json(&wpp::group(group, true)),
        }
    }

    /// What opens and what closes a list of groups; NOWEB's is an object by id.
    pub fn list_brackets(self) -> (&'static str, &'static str) {
        match self {
            Self::Normalized | Self::Gows | Self::Webjs | Self::Wpp => ("[", "]"),
            Self::Noweb => ("{", "}"),
        }
    }

    /// A group as it stands in a list.
    pub fn listed(self, group: &pb::Group, with_participants: bool) -> String {
        match self {
            Self::Normalized => encoded(&normalized::listed(group, with_participants)),
            Self::Gows => encoded(&gows::group(group, with_participants)),
            Self::Noweb => {
                let listed = encoded(&noweb::group(group, with_participants));
                format!("{}:{listed}", encoded(&group.id))
            }
            Self::Webjs => encoded(&webjs::group(group, with_participants)),
            Self::Wpp => encoded(&wpp::group(group, with_participants)),
        }
    }

    pub fn participants(self, group: &pb::Group) -> Response {
        match self {
            Self::Normalized => json(&normalized::participants(group)),
            Self::Gows => json(&gows::participants(group)),
            Self::Noweb => json(&noweb::participants(group)),
            Self::Webjs | Self::Wpp => json(&browser::participants(group)),
        }
    }

    /// A group that was made, and what became of those who were invited.
    pub fn created(self, group: &pb::Group, results: &[ParticipantResult]) -> Response {
        match self {
            Self::Normalized => json(&normalized::created(group, results)),
            Self::Gows => json(&gows::created(group, results)),
            Self::Noweb => json(&noweb::group(group, true)),
            Self::Webjs => json(&webjs::created(group, results)),
            Self::Wpp => json(&wpp::created(group, results)),
        }
    }

    /// What became of each member that was to be changed.
    pub fn results(
        self,
        action: MemberAction,
        group: &pb::Group,
        results: &[ParticipantResult],
    ) -> Response {
        let each = results.iter();
        match self {
            Self::Normalized => {
                json(&each.map(|each| normalized::result(group, each)).collect::<Vec<_>>())
            }
            Self::Gows => json(&each.map(|each| gows::result(group, each)).collect::<Vec<_>>()),
            Self::Noweb => json(&each.map(|each| noweb::result(action, each)).collect::<Vec<_>>()),
            Self::Webjs => webjs::results(action, results),
            Self::Wpp => wpp::results(action, results),
        }
    }

    /// The group behind an invite.
    pub fn preview(self, preview: &pb::GroupPreview, code: &InviteCode) -> Response {
        let group = previewed(preview);
        match self {
            Self::Normalized => json(&normalized::preview(&group, preview.member_count, code)),
            Self::Gows | Self::Noweb => self.group(&group),
            Self::Webjs => json(&webjs::preview(&group)),
            Self::Wpp => json(&wpp::preview(&group)),
        }
    }

    /// An invite code: GOWS answers the whole link.
    pub fn invite(self, code: &InviteCode) -> String {
        match self {
            Self::Normalized | Self::Noweb | Self::Webjs | Self::Wpp => code.to_string(),
            Self::Gows => code.link(),
        }
    }

    /// That a change is done, where WAHA has no more to say.
    pub fn done(self) -> Response {
        match self {
            Self::Normalized | Self::Webjs | Self::Wpp => text("true"),
            Self::Gows | Self::Noweb => empty(),
        }
    }
}

/// As much of a group as an invite shows.
fn previewed(preview: &pb::GroupPreview) -> pb::Group {
    pb::Group {
        id: preview.group_id.clone(),
        subject: preview.subject.clone(),
        description: preview.description.clone(),
        owner: preview.owner.clone(),
        create_time: preview.create_time,
        member_count: preview.member_count,
        settings: Some(pb::GroupSettings {
            membership_approval: preview.membership_approval,
            member_add_mode: pb::MemberAddMode::AllMembers.into(),
            ..Default::default()
        }),
        parent_group_id: preview.parent_group_id.clone(),
        participants: preview.participants.clone(),
        ..Default::default()
    }
}

/// WhatsApp's code of a result, also where WhatsApp was not asked.
pub fn code_of(result: &ParticipantResult) -> u32 {
    if result.code != 0 {
        return result.code;
    }
    match result.status {
        ParticipantStatus::Ok => 200,
        ParticipantStatus::Blocked => 401,
        ParticipantStatus::PrivacyInviteNeeded => 403,
        ParticipantStatus::NotOnWhatsapp
        | ParticipantStatus::NotMember
        | ParticipantStatus::RequestNotFound => 404,
        ParticipantStatus::NotAllowed => 405,
        ParticipantStatus::RecentlyLeft => 408,
        ParticipantStatus::AlreadyMember => 409,
        ParticipantStatus::GroupFull => 419,
        ParticipantStatus::PendingApproval => 421,
        ParticipantStatus::InvalidId => 451,
        ParticipantStatus::Unknown => 500,
    }
}

/// An id as the socket engines write it.
fn wire(id: &str) -> String {
    match id.strip_suffix("@c.us") {
        Some(digits) => format!("{digits}@s.whatsapp.net"),
        None => id.to_owned(),
    }
}

/// How the group itself names a member.
fn own_name<'a>(group: &pb::Group, participant: &'a pb::Participant) -> &'a str {
    let (lid, phone) = names(participant);
    let by_phone = group.addressing_mode() == pb::AddressingMode::PhoneNumber;
    if lid.is_empty() || (by_phone && !phone.is_empty()) { phone } else { lid }
}

/// Whether a member is an admin, and a superadmin.
fn ranks(participant: &pb::Participant) -> (bool, bool) {
    match participant.role() {
        pb::Role::Superadmin => (true, true),
        pb::Role::Admin => (true, false),
        pb::Role::Participant | pb::Role::Left | pb::Role::Unspecified => (false, false),
    }
}

/// The person that a result is about: as a member of the group as it is now, else by name alone.
fn person(group: &pb::Group, result: &ParticipantResult) -> pb::Participant {
    let id = result.account.id().to_string();
    let member = group.participants.iter().find(|member| member.id == id).cloned();
    member.unwrap_or_else(|| pb::Participant {
        phone_number_id: result.account.phone().map(|phone| phone.to_string()).unwrap_or_default(),
        lid: result.account.lid().map(|lid| lid.to_string()).unwrap_or_default(),
        id,
        role: pb::Role::Unspecified.into(),
    })
}

/// The country of who made the group, as their phone number has it; nothing where it is not known.
fn owner_country(group: &pb::Group) -> &'static str {
    let owner = group.participants.iter().find(|member| member.id == group.owner);
    // Who has left may be known by a hidden id alone, whose digits are no number.
    let left = if group.owner.ends_with("@lid") { "" } else { group.owner.as_str() };
    country(owner.map_or(left, |owner| names(owner).1))
}

/// The phone number of a person who is named by a hidden id, as far as the members show it; else nothing.
fn number_of(group: &pb::Group, id: &str) -> String {
    if !id.ends_with("@lid") {
        return String::new();
    }
    let member = group.participants.iter().find(|member| member.id == id);
    wire(member.map_or("", |member| names(member).1))
}

fn seconds(time: Option<&prost_types::Timestamp>) -> Option<i64> {
    time.map(|time| time.seconds)
}

fn timer(group: &pb::Group) -> i64 {
    let settings = group.settings.as_ref();
    settings
        .and_then(|settings| settings.disappearing_timer.as_ref())
        .map_or(0, |span| span.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_read_from_a_number_and_never_from_a_hidden_id() {
        let member = pb::Participant {
            id: "222222222222@lid".into(),
            lid: "222222222222@lid".into(),
            phone_number_id: "4915100000002@c.us".into(),
            role: pb::Role::Superadmin.into(),
        };
        for (owner, country) in [
            ("222222222222@lid", "DE"),
            ("4915100000009@c.us", "DE"),
            ("4912345678901@lid", ""),
            ("", ""),
        ] {
            let participants = vec![member.clone()];
            let group = pb::Group { owner: owner.into(), participants, ..Default::default() };
            assert_eq!(owner_country(&group), country, "{owner}");
        }
    }
}
