//! Events: encoded when they are reduced, decoded by those who fold or show them.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::group::{seconds, text, to_seconds};
use super::participant::optional;
use super::{self as pb, DecodeError, group_event, wire};
use crate::domain::counter::Sequence;
use crate::domain::event::{
    Event, EventBody, EventType, FieldChange, FieldValue, JoinRequestAction, JoinRequestChanged,
    MemberAction, Origin, ParticipantsChanged, PictureChanged,
};
use crate::domain::group::{Description, Subject};
use crate::domain::participant::Account;
use crate::domain::session::EngineKind;
use pb::group_change::Change;

/// The event but for its sequence and record time, which the log adds ([`wire::complete_event`]).
pub fn encode_payload(event: &Event, me: Option<&Account>) -> Bytes {
    let message = pb::GroupEvent {
        id: event.id.to_string(),
        session: event.session.to_string(),
        group_id: text(event.group_id.as_ref()),
        r#type: pb::EventType::from(event.body.event_type()).into(),
        occur_time: Some(wire::timestamp(event.occur_time)),
        engine: pb::Engine::from(event.engine).into(),
        origin: pb::Origin::from(event.origin).into(),
        actor: text(event.actor),
        request_id: text(event.request_id),
        sequence: 0,
        record_time: None,
        body: Some(body(&event.body, me)),
        engine_data: Bytes::new(),
    };
    message.encode_to_vec().into()
}

/// An event as the log keeps it.
pub fn decode(wire: &[u8]) -> Result<Event, DecodeError> {
    pb::GroupEvent::decode(wire)?.to_domain()
}

fn body(body: &EventBody, me: Option<&Account>) -> group_event::Body {
    use group_event::Body;
    match body {
        EventBody::Joined(group) => {
            Body::Joined(Box::new(pb::GroupJoined { group: Some(pb::group::message(group, me)) }))
        }
        EventBody::Left => Body::Left(pb::GroupLeft {}),
        EventBody::ParticipantsChanged(changed) => {
            let mut participants: Vec<pb::Participant> =
                changed.participants.iter().map(Into::into).collect();
            if changed.action == MemberAction::Leave {
                for participant in &mut participants {
                    participant.set_role(pb::Role::Left);
                }
            }
            Body::ParticipantsChanged(pb::ParticipantsChanged {
                action: pb::ParticipantAction::from(changed.action).into(),
                participants,
            })
        }
        EventBody::Updated(changes) => Body::Updated(pb::GroupUpdated {
            changes: changes
                .iter()
                .map(|change| pb::GroupChange { change: Some(field_change(change, me)) })
                .collect(),
        }),
        EventBody::Deleted => Body::Deleted(pb::GroupDeleted {}),
        EventBody::PictureChanged(changed) => Body::PictureChanged(pb::GroupPictureChanged {
            picture_id: changed.picture_id.clone().unwrap_or_default(),
        }),
        EventBody::InviteRevoked => Body::InviteRevoked(pb::GroupInviteRevoked {}),
        EventBody::JoinRequest(changed) => Body::JoinRequest(pb::JoinRequestChanged {
            action: pb::JoinRequestAction::from(changed.action).into(),
            request: Some((&changed.request).into()),
        }),
        EventBody::SessionDeleted => Body::SessionDeleted(pb::SessionDeleted {}),
    }
}

fn field_change(change: &FieldChange, me: Option<&Account>) -> Change {
    use FieldValue as V;
    let (old, new) = match change {
        FieldChange::Alias(participant) => return Change::Alias(participant.into()),
        FieldChange::Completed(group) => {
            return Change::Completed(Box::new(pb::group::message(group, me)));
        }
        FieldChange::Value { old, new } => (old, new),
    };
    let bools = |new: bool| pb::BoolChange { old: !new, new };
    match new {
        V::Subject(new) => Change::Subject(pb::SubjectChange {
            old: if let V::Subject(old) = old { Some(old.into()) } else { None },
            new: Some(new.into()),
        }),
        V::Description(new) => Change::Description(pb::DescriptionChange {
            old: if let V::Description(old) = old { Some(old.into()) } else { None },
            new: Some(new.into()),
        }),
        V::InfoAdminOnly(new) => Change::InfoAdminOnly(bools(*new)),
        V::MessagesAdminOnly(new) => Change::MessagesAdminOnly(bools(*new)),
        V::MemberAddMode(new) => {
            let old = if let V::MemberAddMode(old) = old { *old } else { *new };
            Change::MemberAddMode(pb::MemberAddModeChange {
                old: pb::MemberAddMode::from(old).into(),
                new: pb::MemberAddMode::from(*new).into(),
            })
        }
        V::MembershipApproval(new) => Change::MembershipApproval(bools(*new)),
        V::MemberShareHistory(new) => Change::MemberShareHistory(bools(*new)),
        V::DisappearingTimer(new) => {
            let old = if let V::DisappearingTimer(old) = old { *old } else { 0 };
            Change::DisappearingTimer(pb::DurationChange {
                old: Some(old).filter(|old| *old != 0).map(seconds),
                new: Some(*new).filter(|new| *new != 0).map(seconds),
            })
        }
        V::Owner(new) => {
            let old = if let V::Owner(old) = old { text(*old) } else { String::new() };
            Change::Owner(pb::StringChange { old, new: text(*new) })
        }
        V::AddressingMode(new) => {
            let old = if let V::AddressingMode(old) = old { *old } else { *new };
            Change::AddressingMode(pb::AddressingModeChange {
                old: pb::AddressingMode::from(old).into(),
                new: pb::AddressingMode::from(*new).into(),
            })
        }
        V::Parent(new) => {
            let old = if let V::Parent(old) = old { text(old.as_ref()) } else { String::new() };
            Change::ParentGroupId(pb::StringChange { old, new: text(new.as_ref()) })
        }
        V::Suspended(new) => Change::Suspended(bools(*new)),
        V::Kind(new) => {
            let old = if let V::Kind(old) = old { *old } else { *new };
            Change::Kind(pb::GroupKindChange {
                old: pb::GroupKind::from(old).into(),
                new: pb::GroupKind::from(*new).into(),
            })
        }
        V::Counted(new) => {
            let old = if let V::Counted(old) = old { *old } else { *new };
            Change::IncompleteMembers(pb::IncompleteMembersChange {
                old: old.map(incomplete),
                new: new.map(incomplete),
            })
        }
    }
}

fn incomplete(counted: u32) -> pb::IncompleteMembers {
    pb::IncompleteMembers { member_count: i32::try_from(counted).unwrap_or(i32::MAX) }
}

impl From<&Subject> for pb::GroupSubject {
    fn from(subject: &Subject) -> Self {
        Self {
            text: subject.text.clone(),
            time: subject.time.map(wire::timestamp),
            owner: text(subject.owner),
        }
    }
}

impl From<&Description> for pb::GroupDescription {
    fn from(description: &Description) -> Self {
        Self {
            text: description.text.clone(),
            id: description.id.clone(),
            time: description.time.map(wire::timestamp),
            owner: text(description.owner),
        }
    }
}

impl pb::GroupEvent {
    pub fn to_domain(&self) -> Result<Event, DecodeError> {
        let missing = |what: &str| DecodeError::value(format!("event without {what}"));
        Ok(Event {
            id: self.id.parse().map_err(DecodeError::value)?,
            session: self.session.parse().map_err(DecodeError::value)?,
            sequence: Sequence::try_from(self.sequence).map_err(DecodeError::value)?,
            group_id: optional(&self.group_id)?,
            occur_time: self
                .occur_time
                .as_ref()
                .map(wire::to_timestamp)
                .ok_or_else(|| missing("a time"))?,
            record_time: self.record_time.as_ref().map(wire::to_timestamp).unwrap_or_default(),
            engine: self.engine().to_domain().ok_or_else(|| missing("an engine"))?,
            origin: self.origin().to_domain().ok_or_else(|| missing("an origin"))?,
            actor: optional(&self.actor)?,
            request_id: optional(&self.request_id)?,
            body: self.body.as_ref().ok_or_else(|| missing("a body"))?.to_domain()?,
        })
    }
}

impl group_event::Body {
    fn to_domain(&self) -> Result<EventBody, DecodeError> {
        Ok(match self {
            Self::Joined(joined) => EventBody::Joined(Arc::new(
                joined
                    .group
                    .as_ref()
                    .ok_or_else(|| DecodeError::value("joined without a group"))?
                    .to_domain()?,
            )),
            Self::Left(_) => EventBody::Left,
            Self::ParticipantsChanged(changed) => {
                let action = changed
                    .action()
                    .to_domain()
                    .ok_or_else(|| DecodeError::value("participants_changed without an action"))?;
                let participants = changed
                    .participants
                    .iter()
                    .map(|participant| {
                        // Who left has no role any more; the lowest stands in for it.
                        let role = participant.role().to_domain();
                        let role = role.unwrap_or(crate::domain::participant::Role::Participant);
                        Ok(crate::domain::participant::Participant::new(
                            participant.to_account()?,
                            role,
                        ))
                    })
                    .collect::<Result<_, DecodeError>>()?;
                EventBody::ParticipantsChanged(ParticipantsChanged { action, participants })
            }
            Self::Updated(updated) => EventBody::Updated(
                updated
                    .changes
                    .iter()
                    .filter_map(|change| change.change.as_ref())
                    .map(to_field_change)
                    .collect::<Result<_, _>>()?,
            ),
            Self::Deleted(_) => EventBody::Deleted,
            Self::PictureChanged(changed) => EventBody::PictureChanged(PictureChanged {
                picture_id: Some(changed.picture_id.clone()).filter(|id| !id.is_empty()),
            }),
            Self::InviteRevoked(_) => EventBody::InviteRevoked,
            Self::JoinRequest(changed) => {
                let request = changed.request.as_ref();
                EventBody::JoinRequest(JoinRequestChanged {
                    action: changed
                        .action()
                        .to_domain()
                        .ok_or_else(|| DecodeError::value("join_request without an action"))?,
                    request: request
                        .ok_or_else(|| DecodeError::value("join_request without a request"))?
                        .to_domain()?,
                })
            }
            Self::SessionDeleted(_) => EventBody::SessionDeleted,
        })
    }
}

fn to_field_change(change: &Change) -> Result<FieldChange, DecodeError> {
    use FieldValue as V;
    let (old, new) = match change {
        Change::Alias(participant) => return Ok(FieldChange::Alias(participant.to_domain()?)),
        Change::Completed(group) => {
            return Ok(FieldChange::Completed(Arc::new(group.to_domain()?)));
        }
        Change::Subject(c) => {
            (V::Subject(to_subject(c.old.as_ref())?), V::Subject(to_subject(c.new.as_ref())?))
        }
        Change::Description(c) => (
            V::Description(to_description(c.old.as_ref())?),
            V::Description(to_description(c.new.as_ref())?),
        ),
        Change::InfoAdminOnly(c) => (V::InfoAdminOnly(c.old), V::InfoAdminOnly(c.new)),
        Change::MessagesAdminOnly(c) => (V::MessagesAdminOnly(c.old), V::MessagesAdminOnly(c.new)),
        Change::MemberAddMode(c) => {
            (V::MemberAddMode(c.old().to_domain()), V::MemberAddMode(c.new().to_domain()))
        }
        Change::MembershipApproval(c) => {
            (V::MembershipApproval(c.old), V::MembershipApproval(c.new))
        }
        Change::MemberShareHistory(c) => {
            (V::MemberShareHistory(c.old), V::MemberShareHistory(c.new))
        }
        Change::DisappearingTimer(c) => {
            let value =
                |timer: &Option<prost_types::Duration>| timer.as_ref().map(to_seconds).unwrap_or(0);
            (V::DisappearingTimer(value(&c.old)), V::DisappearingTimer(value(&c.new)))
        }
        Change::Owner(c) => (V::Owner(optional(&c.old)?), V::Owner(optional(&c.new)?)),
        Change::AddressingMode(c) => {
            (V::AddressingMode(c.old().to_domain()), V::AddressingMode(c.new().to_domain()))
        }
        Change::ParentGroupId(c) => (V::Parent(optional(&c.old)?), V::Parent(optional(&c.new)?)),
        Change::Suspended(c) => (V::Suspended(c.old), V::Suspended(c.new)),
        Change::Kind(c) => (V::Kind(c.old().to_domain()), V::Kind(c.new().to_domain())),
        Change::IncompleteMembers(c) => {
            let count = |members: &Option<pb::IncompleteMembers>| {
                members.map(|members| u32::try_from(members.member_count).unwrap_or_default())
            };
            (V::Counted(count(&c.old)), V::Counted(count(&c.new)))
        }
    };
    Ok(FieldChange::Value { old, new })
}

fn to_subject(subject: Option<&pb::GroupSubject>) -> Result<Subject, DecodeError> {
    let Some(subject) = subject else { return Ok(Subject::default()) };
    Ok(Subject {
        text: subject.text.clone(),
        time: subject.time.as_ref().map(wire::to_timestamp),
        owner: optional(&subject.owner)?,
    })
}

fn to_description(description: Option<&pb::GroupDescription>) -> Result<Description, DecodeError> {
    let Some(description) = description else { return Ok(Description::default()) };
    Ok(Description {
        text: description.text.clone(),
        id: description.id.clone(),
        time: description.time.as_ref().map(wire::to_timestamp),
        owner: optional(&description.owner)?,
    })
}

/// Two enums with the same values, the contract's one having UNSPECIFIED on top.
macro_rules! same_values {
    ($domain:ident, $pb:ident, $($variant:ident),+) => {
        impl From<$domain> for pb::$pb {
            fn from(value: $domain) -> Self {
                match value { $($domain::$variant => Self::$variant,)+ }
            }
        }

        impl pb::$pb {
            /// `None` for UNSPECIFIED.
            pub fn to_domain(self) -> Option<$domain> {
                match self {
                    Self::Unspecified => None,
                    $(Self::$variant => Some($domain::$variant),)+
                }
            }
        }
    };
}

same_values!(
    EventType,
    EventType,
    Joined,
    Left,
    ParticipantsChanged,
    Updated,
    Deleted,
    PictureChanged,
    InviteRevoked,
    JoinRequest,
    SessionDeleted
);
same_values!(Origin, Origin, Api, Engine, Reconciled);
same_values!(MemberAction, ParticipantAction, Join, Leave, Promote, Demote);
same_values!(JoinRequestAction, JoinRequestAction, Created, Rejected, Revoked, Approved);
same_values!(EngineKind, Engine, Simulator, Waha, Native);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_timer_is_absent_before_and_after() {
        let timer = FieldValue::DisappearingTimer;
        for (old, new) in [(0, 86_400), (86_400, 0), (86_400, 604_800)] {
            let change = FieldChange::Value { old: timer(old), new: timer(new) };
            let Change::DisappearingTimer(told) = field_change(&change, None) else {
                panic!("another kind of change")
            };
            let present = (told.old.is_some(), told.new.is_some());
            assert_eq!(present, (old != 0, new != 0), "{old} to {new}");
        }
    }
}
