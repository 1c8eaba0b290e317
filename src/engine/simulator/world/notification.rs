//! The notifications to accounts that sessions are logged in with.

use serde::{Deserialize, Serialize};

use super::group::GroupCore;
use crate::domain::clock::Timestamp;
use crate::domain::event::{
    FieldValue, JoinRequestAction, JoinRequestChanged, MemberAction, PictureChanged,
};
use crate::domain::group::{Description, GroupKind, Subject};
use crate::domain::id::{GroupId, ParticipantId, SessionName};
use crate::domain::join_request::JoinRequest;
use crate::domain::lww_state::Stamp;
use crate::domain::participant::Participant;
use crate::domain::port::engine::{EngineEvent, EngineEventContent, GroupChanges};
use crate::domain::reducer::{Change, Observation};
use crate::domain::setting::Setting;

/// One change of a group, from the point of view of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupUpdate {
    /// You are in the group now, and this is it.
    Joined(Box<GroupCore>),
    /// You are out.
    Left,
    Members {
        action: MemberAction,
        members: Vec<Participant>,
    },
    Subject(Subject),
    Description(Description),
    Settings(Vec<Setting>),
    /// Whether WhatsApp has suspended the group.
    Suspended(bool),
    /// What the group is to a community, and to which one.
    Community {
        kind: GroupKind,
        parent: Option<GroupId>,
    },
    JoinRequest {
        action: JoinRequestAction,
        request: JoinRequest,
    },
    InviteRevoked,
    /// The id of the new picture; `None` where it was removed.
    Picture(Option<String>),
}

/// A notification to one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Counts the changes of the whole world; a change has the same number for all accounts.
    pub number: u64,
    /// Later for each change.
    pub time: Timestamp,
    pub group_id: GroupId,
    pub actor: ParticipantId,
    /// The key of the account's own call that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_key: Option<String>,
    // Stored under the name that it had at first.
    #[serde(rename = "news")]
    pub update: GroupUpdate,
}

/// The stamp of a change. With zeros in front, so that ids of one time order as numbers do.
pub(super) fn stamp(number: u64, time: Timestamp) -> Stamp {
    Stamp { source: SOURCE.into(), time, id: format!("{number:020}").into() }
}

/// The source in the stamps of the simulator's reports.
pub const SOURCE: &str = "simulator";

impl Notification {
    pub fn source_id(&self) -> String {
        format!("sim-{}", self.number)
    }

    fn stamp(&self) -> Stamp {
        stamp(self.number, self.time)
    }

    pub fn observation(&self) -> Observation {
        let change = match &self.update {
            GroupUpdate::Joined(core) => Change::Full(Box::new(core.view())),
            GroupUpdate::Left => Change::Left,
            GroupUpdate::Members { action, members } => {
                Change::Members { action: *action, members: members.clone() }
            }
            GroupUpdate::Subject(subject) => {
                Change::Fields(vec![FieldValue::Subject(subject.clone())])
            }
            GroupUpdate::Description(description) => {
                Change::Fields(vec![FieldValue::Description(description.clone())])
            }
            GroupUpdate::Settings(settings) => {
                Change::Fields(settings.iter().map(|setting| setting.value()).collect())
            }
            GroupUpdate::Suspended(value) => Change::Fields(vec![FieldValue::Suspended(*value)]),
            GroupUpdate::Community { kind, parent } => {
                Change::Fields(vec![FieldValue::Kind(*kind), FieldValue::Parent(parent.clone())])
            }
            GroupUpdate::JoinRequest { action, request } => {
                Change::JoinRequest(JoinRequestChanged {
                    action: *action,
                    request: request.clone(),
                })
            }
            GroupUpdate::Picture(picture_id) => {
                Change::Picture(PictureChanged { picture_id: picture_id.clone() })
            }
            GroupUpdate::InviteRevoked => Change::InviteRevoked,
        };
        Observation {
            group_id: self.group_id.clone(),
            change,
            actor: Some(self.actor),
            occur_time: self.time,
            stamp: Some(self.stamp()),
        }
    }

    pub fn for_session(&self, session: &SessionName) -> EngineEvent {
        let changes = GroupChanges {
            source_id: self.source_id(),
            call_key: self.call_key.clone(),
            observations: vec![self.observation()],
        };
        EngineEvent { session: session.clone(), content: EngineEventContent::Changes(changes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_keeps_the_names_that_it_had_at_first() {
        let notification = Notification {
            number: 1,
            time: Timestamp::EPOCH,
            group_id: "120363000000000001@g.us".parse().unwrap(),
            actor: "+49151000000010".parse().unwrap(),
            call_key: None,
            update: GroupUpdate::InviteRevoked,
        };
        let stored = serde_json::to_value(&notification).unwrap();
        assert_eq!(stored["news"], "invite_revoked");
        assert_eq!(serde_json::from_value::<Notification>(stored).unwrap(), notification);
    }
}
