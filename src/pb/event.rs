//! Events: encoded when they are reduced, decoded by those who fold or show them.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::change::{field_change, to_field_change};
use super::group::text;
use super::participant::{account, optional};
use super::{self as pb, DecodeError, group_event, wire};
use crate::domain::counter::Sequence;
use crate::domain::event::{
    Event, EventBody, EventType, Initiator, JoinRequestAction, JoinRequestChanged, MemberAction,
    Origin, ParticipantChange, ParticipantsChanged, PictureChanged,
};
use crate::domain::group::Group;
use crate::domain::participant::{Account, Role};
use crate::domain::session::EngineKind;
use crate::domain::trace_context::TraceContext;

/// The event but for its sequence and record time, which the log adds ([`wire::complete_event`]).
pub fn encode_payload(event: &Event, me: Option<&Account>) -> Bytes {
    let trace = event.initiator.trace.as_ref();
    let message = pb::GroupEvent {
        id: event.id.to_string(),
        session: event.session.to_string(),
        group_id: text(event.group_id.as_ref()),
        r#type: pb::EventType::from(event.body.event_type()).into(),
        occur_time: Some(wire::timestamp(event.occur_time)),
        engine: pb::Engine::from(event.engine).into(),
        origin: pb::Origin::from(event.origin).into(),
        actor: text(event.actor),
        request_id: text(event.initiator.request_id),
        key_name: event.initiator.key_name.as_ref().into(),
        sequence: 0,
        record_time: None,
        body: Some(body(&event.body, me)),
        engine_data: Bytes::new(),
        traceparent: trace.map(TraceContext::traceparent).unwrap_or_default().to_owned(),
        tracestate: trace.map(TraceContext::tracestate).unwrap_or_default().to_owned(),
    };
    message.encode_to_vec().into()
}

/// An event as the log keeps it.
pub fn decode(wire: &[u8]) -> Result<Event, DecodeError> {
    pb::GroupEvent::decode(wire)?.to_domain()
}

/// The trace that an encoded event is a part of, without the rest of it.
pub fn trace_of(wire: &[u8]) -> Option<TraceContext> {
    let traced = Traced::decode(wire).ok()?;
    TraceContext::parse(&traced.traceparent, &traced.tracestate)
}

/// The fields of `GroupEvent` that name a trace; all others are skipped.
#[derive(Clone, PartialEq, Message)]
struct Traced {
    #[prost(string, tag = "23")]
    traceparent: String,
    #[prost(string, tag = "24")]
    tracestate: String,
}

fn body(body: &EventBody, me: Option<&Account>) -> group_event::Body {
    use group_event::Body;
    match body {
        EventBody::Joined(group) => {
            Body::Joined(Box::new(pb::GroupJoined { group: Some(pb::group::message(group, me)) }))
        }
        EventBody::Left(group) => Body::Left(Box::new(pb::GroupLeft { group: last(group, me) })),
        EventBody::ParticipantsChanged(changed) => Body::ParticipantsChanged(changed.into()),
        EventBody::Updated(changes) => Body::Updated(pb::GroupUpdated {
            changes: changes
                .iter()
                .map(|change| pb::GroupChange { change: Some(field_change(change, me)) })
                .collect(),
        }),
        EventBody::Deleted(group) => {
            Body::Deleted(Box::new(pb::GroupDeleted { group: last(group, me) }))
        }
        EventBody::PictureChanged(changed) => Body::PictureChanged(pb::GroupPictureChanged {
            picture_id: changed.picture_id.clone().unwrap_or_default(),
        }),
        EventBody::InviteRevoked => Body::InviteRevoked(pb::GroupInviteRevoked {}),
        EventBody::JoinRequest(changed) => Body::JoinRequest(pb::JoinRequestChanged {
            action: pb::JoinRequestAction::from(changed.action).into(),
            request: Some((&changed.request).into()),
        }),
        EventBody::SessionDeleted(session) => {
            Body::SessionDeleted(session.as_deref().map(Into::into).unwrap_or_default())
        }
    }
}

/// A group as it was when it ended for us.
fn last(group: &Option<Arc<Group>>, me: Option<&Account>) -> Option<pb::Group> {
    group.as_deref().map(|group| pb::group::basic(group, me))
}

fn to_last(group: Option<&pb::Group>) -> Result<Option<Arc<Group>>, DecodeError> {
    group.map(|group| group.to_domain().map(Arc::new)).transpose()
}

impl From<&ParticipantsChanged> for pb::ParticipantsChanged {
    fn from(changed: &ParticipantsChanged) -> Self {
        let role = |role: Option<Role>, none: pb::Role| role.map_or(none, pb::Role::from);
        let participants = changed.participants.iter();
        let previous =
            participants.clone().map(|change| role(change.previous, pb::Role::Unspecified));
        Self {
            action: pb::ParticipantAction::from(changed.action).into(),
            previous_roles: match changed.action {
                MemberAction::Join => Vec::new(),
                MemberAction::Leave | MemberAction::Promote | MemberAction::Demote => {
                    previous.map(i32::from).collect()
                }
            },
            participants: participants
                .map(|change| account(&change.account, role(change.current, pb::Role::Left)))
                .collect(),
        }
    }
}

impl pb::ParticipantsChanged {
    fn to_domain(&self) -> Result<ParticipantsChanged, DecodeError> {
        let action = self.action().to_domain();
        let previous_roles = self.previous_roles().map(pb::Role::to_domain);
        let changes = self.participants.iter().zip(previous_roles.chain(std::iter::repeat(None)));
        let change = |(participant, previous): (&pb::Participant, Option<Role>)| {
            let (account, current) = (participant.to_account()?, participant.role().to_domain());
            Ok(ParticipantChange { account, previous, current })
        };
        Ok(ParticipantsChanged {
            action: action
                .ok_or_else(|| DecodeError::value("participants_changed without an action"))?,
            participants: changes.map(change).collect::<Result<_, DecodeError>>()?,
        })
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
            initiator: Initiator {
                key_name: self.key_name.as_str().into(),
                request_id: optional(&self.request_id)?,
                trace: TraceContext::parse(&self.traceparent, &self.tracestate),
            },
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
            Self::Left(left) => EventBody::Left(to_last(left.group.as_ref())?),
            Self::ParticipantsChanged(changed) => {
                EventBody::ParticipantsChanged(changed.to_domain()?)
            }
            Self::Updated(updated) => EventBody::Updated(
                updated
                    .changes
                    .iter()
                    .filter_map(|change| change.change.as_ref())
                    .map(to_field_change)
                    .collect::<Result<_, _>>()?,
            ),
            Self::Deleted(deleted) => EventBody::Deleted(to_last(deleted.group.as_ref())?),
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
            Self::SessionDeleted(deleted) => {
                EventBody::SessionDeleted(deleted.to_domain()?.map(Box::new))
            }
        })
    }
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
    use crate::domain::event::DeletedSession;

    fn event(body: EventBody) -> Event {
        Event {
            id: "evt_01k9zvhc7w0p4d2m8q6r1s3t5v".parse().unwrap(),
            session: "shop".parse().unwrap(),
            sequence: Sequence::ZERO,
            group_id: Some("120363000000000001@g.us".parse().unwrap()),
            occur_time: crate::domain::Timestamp::from_micros(1_500_000),
            record_time: crate::domain::Timestamp::default(),
            engine: EngineKind::Waha,
            origin: Origin::Api,
            actor: None,
            initiator: Initiator { key_name: "sales".into(), ..Initiator::default() },
            body,
        }
    }

    fn account(number: u64) -> Account {
        Account::new(format!("{number}@lid").parse().unwrap())
    }

    #[test]
    fn what_was_before_is_kept() {
        let change =
            |previous, current| ParticipantChange { account: account(7), previous, current };
        let (admin, member) = (Some(Role::Admin), Some(Role::Participant));
        let changed = |action, previous, current| {
            let participants = vec![change(previous, current)];
            EventBody::ParticipantsChanged(ParticipantsChanged { action, participants })
        };
        let mut group = Group::partial("120363000000000001@g.us".parse().unwrap());
        group.subject.text = "Team".to_owned();
        let group = Some(Arc::new(group));
        let session = DeletedSession {
            account: Some(account(7)),
            push_name: "Shop".to_owned(),
            metadata: [("team".to_owned(), "sales".to_owned())].into(),
            create_time: crate::domain::Timestamp::from_micros(1),
        };
        for body in [
            changed(MemberAction::Join, None, member),
            changed(MemberAction::Promote, member, admin),
            changed(MemberAction::Demote, admin, member),
            changed(MemberAction::Leave, admin, None),
            EventBody::Left(group.clone()),
            EventBody::Deleted(group),
            EventBody::SessionDeleted(Some(Box::new(session))),
        ] {
            let event = event(body);
            assert_eq!(decode(&encode_payload(&event, None)).unwrap(), event);
        }
    }

    #[test]
    fn an_event_keeps_its_trace_and_shows_it_undecoded() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for state in ["", "vendor=1"] {
            let mut event = event(EventBody::InviteRevoked);
            event.initiator.trace = TraceContext::parse(parent, state);
            assert!(event.initiator.trace.is_some());
            let bytes = encode_payload(&event, None);
            assert_eq!(trace_of(&bytes), event.initiator.trace);
            assert_eq!(decode(&bytes).unwrap(), event);
        }
        let bytes = encode_payload(&event(EventBody::InviteRevoked), None);
        assert_eq!(trace_of(&bytes), None);
        assert_eq!(decode(&bytes).unwrap().initiator.trace, None);
        assert_eq!(trace_of(b"nonsense"), None);
    }

    /// Bytes as version 0.1 has stored them: `left`, `session_deleted`, and an admin who left.
    #[test]
    fn events_of_version_0_1_are_read() {
        const HEAD: &str = "0a1e6576745f30316b397a766863377730703464326d387136723173337435761204\
                            73686f70221731323033363330303030303030303030303140672e7573";
        const TAIL: &str = "320808011080cab5ee0140024802";
        let changed =
            vec![ParticipantChange { account: account(7), previous: None, current: None }];
        let (action, participants) = (MemberAction::Leave, changed);
        for (kind, hex, body) in [
            ("2802", "7a00", EventBody::Left(None)),
            ("2809", "a20100", EventBody::SessionDeleted(None)),
            (
                "2803",
                "620d080212090a0537406c69642004",
                EventBody::ParticipantsChanged(ParticipantsChanged { action, participants }),
            ),
        ] {
            let bytes = hex::decode(format!("{HEAD}{kind}{TAIL}{hex}")).unwrap();
            let read = decode(&bytes).unwrap();
            assert_eq!((read.body, &*read.initiator.key_name), (body, ""));
        }
    }
}
