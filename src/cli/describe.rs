//! Events in words, one line each.

use std::collections::HashMap;

use anstyle::{AnsiColor, Style};

use super::output::{BAD, DIM, GOOD, ODD};
use super::spans::Timer;
use super::text;
use crate::pb::group_change::Change;
use crate::pb::group_event::Body;
use crate::pb::{self, JoinRequestAction, MemberAddMode, Origin, ParticipantAction, Role};

const GROUP: Style = Style::new().bold();
const CHANGED: Style = AnsiColor::Cyan.on_default();
const NAMES: usize = 5;
const TEXT_LENGTH: usize = 60;
/// Beyond it, groups are shown by id: the names must not fill the memory of a long watch.
const KNOWN_SUBJECTS: usize = 20_000;

/// What the groups are called, as far as events had it.
#[derive(Debug, Default)]
pub struct Subjects(HashMap<(String, String), String>);

impl Subjects {
    pub fn learn_group(&mut self, session: &str, group: &pb::Group) {
        if !group.subject.is_empty() {
            self.learn(session, &group.id, &group.subject);
        }
    }

    fn learn(&mut self, session: &str, group_id: &str, subject: &str) {
        let key = (session.to_owned(), group_id.to_owned());
        if self.0.len() < KNOWN_SUBJECTS || self.0.contains_key(&key) {
            self.0.insert(key, subject.to_owned());
        }
    }

    fn learn_event(&mut self, event: &pb::GroupEvent) {
        match &event.body {
            Some(Body::Joined(joined)) => {
                if let Some(group) = &joined.group {
                    self.learn_group(&event.session, group);
                }
            }
            Some(Body::Updated(updated)) => {
                for change in &updated.changes {
                    match &change.change {
                        Some(Change::Subject(subject)) => {
                            let text = subject.current.as_ref().map_or("", |current| &current.text);
                            self.learn(&event.session, &event.group_id, text);
                        }
                        Some(Change::Completed(group)) => self.learn_group(&event.session, group),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// The subject and the id, or the id alone.
    fn name(&self, session: &str, group_id: &str) -> String {
        let id = text::safe(group_id);
        match self.0.get(&(session.to_owned(), group_id.to_owned())) {
            Some(subject) => {
                let subject = text::quoted(&text::shortened(subject, TEXT_LENGTH));
                format!("{GROUP}{subject}{GROUP:#} {DIM}{id}{DIM:#}")
            }
            None => format!("{GROUP}{id}{GROUP:#}"),
        }
    }

    /// The event in one line with colours; the group's name in it is remembered.
    pub fn line(&mut self, event: &pb::GroupEvent) -> String {
        self.learn_event(event);
        let (style, what) = what(event);
        let time = text::time(event.occur_time.as_ref());
        let place = format!("{}#{}", text::safe(&event.session), event.sequence);
        let mut line = format!("{DIM}{time}{DIM:#} {place}  ");
        if !event.group_id.is_empty() {
            line.push_str(&self.name(&event.session, &event.group_id));
            line.push_str("  ");
        }
        let background = background(event);
        line.push_str(&format!("{style}{what}{style:#}"));
        if !background.is_empty() {
            line.push_str(&format!(" {DIM}({background}){DIM:#}"));
        }
        line
    }

    /// A group of an initial state in one line.
    pub fn initial_line(
        &mut self,
        session: &str,
        as_of_sequence: i64,
        group: &pb::Group,
    ) -> String {
        self.learn_group(session, group);
        let members =
            text::count(usize::try_from(group.member_count).unwrap_or(0), "member", "members");
        let place = format!("{}#{as_of_sequence}", text::safe(session));
        let role = text::role(group.my_role);
        format!(
            "{DIM}as it is{DIM:#} {place}  {}  {members}, we: {role}",
            self.name(session, &group.id)
        )
    }
}

/// Who did it and how we know.
fn background(event: &pb::GroupEvent) -> String {
    let mut background = Vec::new();
    let themselves = match &event.body {
        Some(Body::ParticipantsChanged(changed)) => {
            matches!(&changed.participants[..], [one] if is(one, &event.actor))
        }
        Some(Body::JoinRequest(_)) | None => true,
        _ => false,
    };
    if !event.actor.is_empty() && !themselves {
        background.push(format!("by {}", text::person_id(&event.actor)));
    }
    if !event.key_name.is_empty() {
        background.push(format!("with key {}", text::safe(&event.key_name)));
    }
    if event.origin() == Origin::Reconciled {
        background.push("found by comparing".to_owned());
    }
    background.join(", ")
}

fn is(participant: &pb::Participant, id: &str) -> bool {
    [&participant.id, &participant.phone_number_id, &participant.lid]
        .into_iter()
        .any(|each| each == id)
}

fn what(event: &pb::GroupEvent) -> (Style, String) {
    let Some(body) = &event.body else {
        return (ODD, "something that this version of the client does not know".to_owned());
    };
    match body {
        Body::Joined(joined) => {
            let members = joined.group.as_ref().map_or(0, |group| group.member_count);
            let members = text::count(usize::try_from(members).unwrap_or(0), "member", "members");
            (GOOD, format!("we are in the group: {members}"))
        }
        Body::Left(left) => {
            let role = left.group.as_ref().map_or(Role::Unspecified, pb::Group::my_role);
            let role = match role {
                Role::Admin => ", where we were admin",
                Role::Superadmin => ", where we were superadmin",
                Role::Participant | Role::Left | Role::Unspecified => "",
            };
            (BAD, format!("we are no longer in the group{role}"))
        }
        Body::ParticipantsChanged(changed) => participants_changed(changed),
        Body::Updated(updated) => {
            let changes: Vec<String> = updated
                .changes
                .iter()
                .filter_map(|change| change.change.as_ref())
                .map(changed)
                .collect();
            (CHANGED, changes.join("; "))
        }
        Body::Deleted(_) => (BAD, "the group is gone".to_owned()),
        Body::PictureChanged(changed) if changed.picture_id.is_empty() => {
            (CHANGED, "picture removed".to_owned())
        }
        Body::PictureChanged(_) => (CHANGED, "new picture".to_owned()),
        Body::InviteRevoked(_) => (CHANGED, "invite code voided".to_owned()),
        Body::JoinRequest(changed) => {
            let requester = changed.request.as_ref().and_then(|request| request.requester.as_ref());
            let who = requester.map_or_else(|| "someone".to_owned(), text::person);
            match changed.action() {
                JoinRequestAction::Created => (ODD, format!("{who} asks to join")),
                JoinRequestAction::Rejected => {
                    (BAD, format!("{who} was turned down{}", by(&event.actor)))
                }
                JoinRequestAction::Revoked => (BAD, format!("{who} no longer asks to join")),
                JoinRequestAction::Approved => {
                    (GOOD, format!("{who} was let in{}", by(&event.actor)))
                }
                JoinRequestAction::Unspecified => (ODD, format!("the request of {who} changed")),
            }
        }
        Body::SessionDeleted(deleted) => {
            let account = deleted.account.as_ref().map(|account| match &account.phone_number_id {
                phone if phone.is_empty() => text::person_id(&account.id),
                phone => text::person_id(phone),
            });
            let whose = account.map(|account| format!(" of {account}")).unwrap_or_default();
            (BAD, format!("the session{whose} was deleted"))
        }
    }
}

fn by(actor: &str) -> String {
    if actor.is_empty() { String::new() } else { format!(" by {}", text::person_id(actor)) }
}

fn participants_changed(changed: &pb::ParticipantsChanged) -> (Style, String) {
    let who = names(&changed.participants);
    let one = changed.participants.len() == 1;
    match changed.action() {
        ParticipantAction::Join => (GOOD, format!("{who} joined")),
        ParticipantAction::Leave => {
            let role = changed.previous_roles().next().filter(|_| one).unwrap_or_default();
            (BAD, format!("{who} left{}", as_admin(role)))
        }
        ParticipantAction::Promote => {
            (CHANGED, format!("{who} {} now", if one { "is admin" } else { "are admins" }))
        }
        ParticipantAction::Demote => {
            (CHANGED, format!("{who} {} no longer", if one { "is admin" } else { "are admins" }))
        }
        ParticipantAction::Unspecified => (ODD, format!("{who} changed")),
    }
}

/// As what somebody left, where it is worth a word.
fn as_admin(role: Role) -> &'static str {
    match role {
        Role::Admin => ", who was admin",
        Role::Superadmin => ", who was superadmin",
        Role::Participant | Role::Left | Role::Unspecified => "",
    }
}

fn names(participants: &[pb::Participant]) -> String {
    let mut names: Vec<String> = participants.iter().take(NAMES).map(text::person).collect();
    if participants.len() > NAMES {
        names.push(format!("{} more", participants.len() - NAMES));
    }
    names.join(", ")
}

fn changed(change: &Change) -> String {
    let admins_only = |what: &str, change: &pb::BoolChange| {
        format!("{} may {what}", if change.current { "only admins" } else { "all members" })
    };
    match change {
        Change::Subject(change) => {
            let text_of = |subject: &Option<pb::GroupSubject>| {
                let text = subject.as_ref().map_or("", |subject| &subject.text);
                text::quoted(&text::shortened(text, TEXT_LENGTH))
            };
            format!("subject {} → {}", text_of(&change.previous), text_of(&change.current))
        }
        Change::Description(change) => match &change.current {
            Some(new) if !new.text.is_empty() => {
                format!("description {}", text::quoted(&text::shortened(&new.text, TEXT_LENGTH)))
            }
            _ => "description removed".to_owned(),
        },
        Change::InfoAdminOnly(change) => admins_only("change the group's info", change),
        Change::MessagesAdminOnly(change) => admins_only("send messages", change),
        Change::MemberAddMode(change) => match change.current() {
            MemberAddMode::AllMembers => "all members may add people".to_owned(),
            MemberAddMode::Admins => "only admins may add people".to_owned(),
            MemberAddMode::Unspecified => "who may add people changed".to_owned(),
        },
        Change::MembershipApproval(change) if change.current => {
            "admins must approve who joins".to_owned()
        }
        Change::MembershipApproval(_) => "nobody must approve who joins".to_owned(),
        Change::MemberShareHistory(change) => {
            let may = if change.current { "may" } else { "may not" };
            format!("members {may} share recent messages with those they add")
        }
        Change::DisappearingTimer(change) => match &change.current {
            Some(span) if span.seconds > 0 => {
                format!("messages disappear after {}", Timer::of(Some(span)))
            }
            _ => "messages stay".to_owned(),
        },
        Change::Owner(change) if change.current.is_empty() => "owner unknown".to_owned(),
        Change::Owner(change) => format!("owner {}", text::person_id(&change.current)),
        Change::AddressingMode(change) => {
            let mode = text::enum_words(change.current().as_str_name(), "ADDRESSING_MODE_");
            format!("members go by {mode}")
        }
        Change::ParentGroupId(change) if change.current.is_empty() => {
            "left its community".to_owned()
        }
        Change::ParentGroupId(change) => {
            format!("belongs to community {}", text::safe(&change.current))
        }
        Change::Suspended(change) if change.current => "suspended by WhatsApp".to_owned(),
        Change::Suspended(_) => "no longer suspended".to_owned(),
        Change::Kind(change) => match change.current() {
            pb::GroupKind::Community => "is a community".to_owned(),
            pb::GroupKind::Announcement => "is the announcement group of a community".to_owned(),
            pb::GroupKind::Ordinary | pb::GroupKind::Unspecified => {
                "is an ordinary group".to_owned()
            }
        },
        Change::IncompleteMembers(change) => match change.current {
            Some(members) => {
                format!("WhatsApp counts {} members and shows a part", members.member_count)
            }
            None => "WhatsApp shows all members".to_owned(),
        },
        Change::Alias(person) => format!("a member turned out to be {}", text::person(person)),
        Change::Completed(group) => {
            let members =
                text::count(usize::try_from(group.member_count).unwrap_or(0), "member", "members");
            format!("all of the group is known now: {members}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(body: Body) -> pb::GroupEvent {
        pb::GroupEvent {
            session: "default".into(),
            sequence: 7,
            group_id: "1@g.us".into(),
            occur_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            origin: Origin::Engine.into(),
            body: Some(body),
            ..Default::default()
        }
    }

    fn plain(line: &str) -> String {
        anstream::adapter::strip_str(line).to_string()
    }

    fn member(number: u64) -> pb::Participant {
        pb::Participant { id: format!("{number}@c.us"), ..Default::default() }
    }

    fn joined(participants: Vec<pb::Participant>) -> Body {
        let action = ParticipantAction::Join.into();
        Body::ParticipantsChanged(pb::ParticipantsChanged {
            action,
            participants,
            previous_roles: Vec::new(),
        })
    }

    #[test]
    fn a_join_names_who_came_and_who_added_them() {
        let mut event = event(joined(vec![member(4915)]));
        event.actor = "4916@c.us".into();
        assert_eq!(
            plain(&Subjects::default().line(&event)),
            "1970-01-01T00:00:01Z default#7  1@g.us  +4915 joined (by +4916)"
        );
        event.actor = "4915@c.us".into();
        event.origin = Origin::Reconciled.into();
        assert_eq!(
            plain(&Subjects::default().line(&event)),
            "1970-01-01T00:00:01Z default#7  1@g.us  +4915 joined (found by comparing)"
        );
    }

    #[test]
    fn many_people_are_counted() {
        let line = plain(&Subjects::default().line(&event(joined((10..17).map(member).collect()))));
        assert!(line.ends_with("+10, +11, +12, +13, +14, 2 more joined"), "{line}");
    }

    #[test]
    fn a_groups_subject_is_shown_once_it_is_known() {
        let subject =
            |text: &str| Some(pb::GroupSubject { text: text.into(), ..Default::default() });
        let change = pb::SubjectChange { previous: subject("A"), current: subject("B\u{1b}[2J") };
        let changes = vec![pb::GroupChange { change: Some(Change::Subject(change)) }];
        let mut subjects = Subjects::default();
        let line = plain(&subjects.line(&event(Body::Updated(pb::GroupUpdated { changes }))));
        assert!(line.ends_with("subject \"A\" → \"B\\u{1b}[2J\""), "{line}");
        let line = plain(&subjects.line(&event(Body::Left(Box::default()))));
        assert!(line.contains("  \"B\\u{1b}[2J\" 1@g.us  we are no longer"), "{line}");
    }

    #[test]
    fn an_event_of_a_newer_service_is_still_a_line() {
        let mut event = event(Body::Left(Box::default()));
        event.body = None;
        assert!(plain(&Subjects::default().line(&event)).contains("does not know"));
    }
}
