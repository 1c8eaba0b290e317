//! Folding: what an event does to the state of a group. The log folded from its start is the state.

use std::sync::Arc;

use super::event::{EventBody, FieldChange, MemberAction};
use super::group::Group;
use super::id::GroupId;

/// Applies one event of the group to what was known of it. `None` = we are not in it.
pub fn fold(state: &mut Option<Arc<Group>>, group_id: &GroupId, body: &EventBody) {
    match body {
        EventBody::Joined(group) => *state = Some(group.clone()),
        EventBody::Left | EventBody::Deleted | EventBody::SessionDeleted => *state = None,
        EventBody::ParticipantsChanged(changed) => {
            let group = existing(state, group_id);
            for participant in &changed.participants {
                match changed.action {
                    MemberAction::Leave => {
                        group.remove_participant(&participant.account);
                    }
                    MemberAction::Join | MemberAction::Promote | MemberAction::Demote => {
                        group.put_participant(*participant);
                    }
                }
            }
        }
        EventBody::Updated(changes) => {
            for change in changes {
                match change {
                    FieldChange::Value { new, .. } => new.set_on(existing(state, group_id)),
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
