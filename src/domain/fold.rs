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
