//! Folding: what an event does to the state of a group. The log folded from its start is the state.

use std::sync::Arc;

use super::event::{EventBody, FieldChange};
use super::group::Group;
use super::id::GroupId;
use super::participant::Participant;

/// Applies one event of the group to what was known of it. `None` = we are not in it.
pub fn fold(state: &mut Option<Arc<Group>>, group_id: &GroupId, body: &EventBody) {
    match body {
        EventBody::Joined(group) => *state = Some(group.clone()),
        EventBody::Left(_) | EventBody::Deleted(_) | EventBody::SessionDeleted(_) => *state = None,
        EventBody::ParticipantsChanged(changed) => {
            let group = existing(state, group_id);
            for change in &changed.participants {
                match change.current {
                    Some(role) => group.put_participant(Participant::new(change.account, role)),
                    None => drop(group.remove_participant(&change.account)),
                }
            }
        }
        EventBody::Updated(changes) => {
            for change in changes {
                match change {
                    FieldChange::Value { current, .. } => current.set_on(existing(state, group_id)),
                    FieldChange::Alias(participant) => {
                        existing(state, group_id).put_participant(*participant);
                    }
                    FieldChange::Completed(group) => *state = Some(group.clone()),
                }
            }
        }
        EventBody::PictureChanged(changed) => {
            existing(state, group_id).picture_id = changed.picture_id.clone();
        }
        EventBody::InviteRevoked | EventBody::JoinRequest(_) => {}
    }
}

fn existing<'a>(state: &'a mut Option<Arc<Group>>, group_id: &GroupId) -> &'a mut Group {
    let group = state.get_or_insert_with(|| Arc::new(Group::partial(group_id.clone())));
    Arc::make_mut(group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{
        FieldValue, JoinRequestAction, JoinRequestChanged, MemberAction, ParticipantChange,
        ParticipantsChanged, PictureChanged,
    };
    use crate::domain::id::{Lid, ParticipantId};
    use crate::domain::join_request::JoinRequest;
    use crate::domain::participant::{Account, Role};

    fn group_id() -> GroupId {
        "120363000000000001@g.us".parse().expect("an id")
    }

    fn account(number: u64) -> Account {
        Account::new(ParticipantId::Lid(Lid::new(number).expect("a lid")))
    }

    fn folded(events: &[EventBody]) -> Option<Arc<Group>> {
        let mut state = None;
        for event in events {
            fold(&mut state, &group_id(), event);
        }
        state
    }

    fn team() -> Arc<Group> {
        let mut group = Group::partial(group_id());
        group.subject.text = "Team".to_owned();
        group.partial = false;
        group.put_participant(Participant::new(account(1), Role::Admin));
        Arc::new(group)
    }

    fn changed(number: u64, current: Option<Role>) -> EventBody {
        let change = ParticipantChange { account: account(number), previous: None, current };
        EventBody::ParticipantsChanged(ParticipantsChanged {
            action: MemberAction::Join,
            participants: vec![change],
        })
    }

    #[test]
    fn we_are_in_a_group_from_joining_until_leaving() {
        let joined = EventBody::Joined(team());
        assert_eq!(folded(std::slice::from_ref(&joined)), Some(team()));
        for end in [
            EventBody::Left(None),
            EventBody::Deleted(Some(team())),
            EventBody::SessionDeleted(None),
        ] {
            assert_eq!(folded(&[joined.clone(), end.clone()]), None, "{end:?}");
        }
    }

    #[test]
    fn members_come_change_and_go() {
        let roles = |events: &[EventBody]| -> Vec<(Account, Role)> {
            let group = folded(events).expect("a group");
            group.participants().iter().map(|member| (member.account, member.role)).collect()
        };
        let joined = EventBody::Joined(team());
        let second = changed(2, Some(Role::Participant));
        let came = [joined.clone(), second.clone()];
        let both = [(account(1), Role::Admin), (account(2), Role::Participant)];
        assert_eq!(roles(&came), both);
        let promoted = [joined.clone(), second.clone(), changed(2, Some(Role::Admin))];
        assert_eq!(roles(&promoted)[1], (account(2), Role::Admin));
        assert_eq!(roles(&[joined, second, changed(1, None)]), both[1..]);
    }

    #[test]
    fn what_is_updated_has_its_new_value_and_nothing_else_changes() {
        let value = FieldValue::InfoAdminOnly(true);
        let update = FieldChange::Value {
            previous: FieldValue::InfoAdminOnly(false),
            current: value.clone(),
        };
        let both = Account::from_names(account(1).lid(), "4915100000001".parse().ok());
        let alias = Participant::new(both.expect("names"), Role::Admin);
        let mut expected = (*team()).clone();
        value.set_on(&mut expected);
        expected.put_participant(alias);
        expected.picture_id = Some("p1".to_owned());
        let events = [
            EventBody::Joined(team()),
            EventBody::Updated(vec![update, FieldChange::Alias(alias)]),
            EventBody::PictureChanged(PictureChanged { picture_id: Some("p1".to_owned()) }),
            EventBody::InviteRevoked,
            EventBody::JoinRequest(JoinRequestChanged {
                action: JoinRequestAction::Created,
                request: JoinRequest::of(account(9)),
            }),
        ];
        assert_eq!(folded(&events).as_deref(), Some(&expected));
    }

    #[test]
    fn a_group_whose_start_is_no_longer_in_the_log_is_known_in_part_until_it_is_completed() {
        let known = folded(&[changed(2, Some(Role::Admin))]).expect("a group");
        assert!(known.partial && known.id == group_id());
        assert_eq!(known.role_of(&account(2)), Some(Role::Admin));
        let completed = EventBody::Updated(vec![FieldChange::Completed(team())]);
        assert_eq!(folded(&[changed(2, Some(Role::Admin)), completed]), Some(team()));
        assert_eq!(folded(&[EventBody::InviteRevoked]), None);
    }
}
