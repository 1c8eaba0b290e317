//! What an update changed: a field of a group with its value before and now.

use std::sync::Arc;

use super::group::{seconds, text, to_seconds};
use super::participant::optional;
use super::{self as pb, DecodeError, wire};
use crate::domain::event::{FieldChange, FieldValue};
use crate::domain::group::{Description, Subject};
use crate::domain::participant::Account;
use pb::group_change::Change;

pub(super) fn field_change(change: &FieldChange, me: Option<&Account>) -> Change {
    use FieldValue as V;
    let (previous, current) = match change {
        FieldChange::Alias(participant) => return Change::Alias(participant.into()),
        FieldChange::Completed(group) => {
            return Change::Completed(Box::new(pb::group::message(group, me)));
        }
        FieldChange::Value { previous, current } => (previous, current),
    };
    let bools = |current: bool| pb::BoolChange { previous: !current, current };
    match current {
        V::Subject(current) => Change::Subject(pb::SubjectChange {
            previous: if let V::Subject(previous) = previous {
                Some(previous.into())
            } else {
                None
            },
            current: Some(current.into()),
        }),
        V::Description(current) => Change::Description(pb::DescriptionChange {
            previous: if let V::Description(previous) = previous {
                Some(previous.into())
            } else {
                None
            },
            current: Some(current.into()),
        }),
        V::InfoAdminOnly(current) => Change::InfoAdminOnly(bools(*current)),
        V::MessagesAdminOnly(current) => Change::MessagesAdminOnly(bools(*current)),
        V::MemberAddMode(current) => {
            let previous =
                if let V::MemberAddMode(previous) = previous { *previous } else { *current };
            Change::MemberAddMode(pb::MemberAddModeChange {
                previous: pb::MemberAddMode::from(previous).into(),
                current: pb::MemberAddMode::from(*current).into(),
            })
        }
        V::MembershipApproval(current) => Change::MembershipApproval(bools(*current)),
        V::MemberShareHistory(current) => Change::MemberShareHistory(bools(*current)),
        V::DisappearingTimer(current) => {
            let previous =
                if let V::DisappearingTimer(previous) = previous { *previous } else { 0 };
            Change::DisappearingTimer(pb::DurationChange {
                previous: Some(previous).filter(|previous| *previous != 0).map(seconds),
                current: Some(*current).filter(|current| *current != 0).map(seconds),
            })
        }
        V::Owner(current) => {
            let previous =
                if let V::Owner(previous) = previous { text(*previous) } else { String::new() };
            Change::Owner(pb::StringChange { previous, current: text(*current) })
        }
        V::AddressingMode(current) => {
            let previous =
                if let V::AddressingMode(previous) = previous { *previous } else { *current };
            Change::AddressingMode(pb::AddressingModeChange {
                previous: pb::AddressingMode::from(previous).into(),
                current: pb::AddressingMode::from(*current).into(),
            })
        }
        V::Parent(current) => {
            let previous = if let V::Parent(previous) = previous {
                text(previous.as_ref())
            } else {
                String::new()
            };
            Change::ParentGroupId(pb::StringChange { previous, current: text(current.as_ref()) })
        }
        V::Suspended(current) => Change::Suspended(bools(*current)),
        V::Kind(current) => {
            let previous = if let V::Kind(previous) = previous { *previous } else { *current };
            Change::Kind(pb::GroupKindChange {
                previous: pb::GroupKind::from(previous).into(),
                current: pb::GroupKind::from(*current).into(),
            })
        }
        V::Counted(current) => {
            let previous = if let V::Counted(previous) = previous { *previous } else { *current };
            Change::IncompleteMembers(pb::IncompleteMembersChange {
                previous: previous.map(incomplete),
                current: current.map(incomplete),
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

pub(super) fn to_field_change(change: &Change) -> Result<FieldChange, DecodeError> {
    use FieldValue as V;
    let (previous, current) = match change {
        Change::Alias(participant) => return Ok(FieldChange::Alias(participant.to_domain()?)),
        Change::Completed(group) => {
            return Ok(FieldChange::Completed(Arc::new(group.to_domain()?)));
        }
        Change::Subject(c) => (
            V::Subject(to_subject(c.previous.as_ref())?),
            V::Subject(to_subject(c.current.as_ref())?),
        ),
        Change::Description(c) => (
            V::Description(to_description(c.previous.as_ref())?),
            V::Description(to_description(c.current.as_ref())?),
        ),
        Change::InfoAdminOnly(c) => (V::InfoAdminOnly(c.previous), V::InfoAdminOnly(c.current)),
        Change::MessagesAdminOnly(c) => {
            (V::MessagesAdminOnly(c.previous), V::MessagesAdminOnly(c.current))
        }
        Change::MemberAddMode(c) => {
            (V::MemberAddMode(c.previous().to_domain()), V::MemberAddMode(c.current().to_domain()))
        }
        Change::MembershipApproval(c) => {
            (V::MembershipApproval(c.previous), V::MembershipApproval(c.current))
        }
        Change::MemberShareHistory(c) => {
            (V::MemberShareHistory(c.previous), V::MemberShareHistory(c.current))
        }
        Change::DisappearingTimer(c) => {
            let value =
                |timer: &Option<prost_types::Duration>| timer.as_ref().map(to_seconds).unwrap_or(0);
            (V::DisappearingTimer(value(&c.previous)), V::DisappearingTimer(value(&c.current)))
        }
        Change::Owner(c) => (V::Owner(optional(&c.previous)?), V::Owner(optional(&c.current)?)),
        Change::AddressingMode(c) => (
            V::AddressingMode(c.previous().to_domain()),
            V::AddressingMode(c.current().to_domain()),
        ),
        Change::ParentGroupId(c) => {
            (V::Parent(optional(&c.previous)?), V::Parent(optional(&c.current)?))
        }
        Change::Suspended(c) => (V::Suspended(c.previous), V::Suspended(c.current)),
        Change::Kind(c) => (V::Kind(c.previous().to_domain()), V::Kind(c.current().to_domain())),
        Change::IncompleteMembers(c) => {
            let count = |members: &Option<pb::IncompleteMembers>| {
                members.map(|members| u32::try_from(members.member_count).unwrap_or_default())
            };
            (V::Counted(count(&c.previous)), V::Counted(count(&c.current)))
        }
    };
    Ok(FieldChange::Value { previous, current })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_timer_is_absent_before_and_after() {
        let timer = FieldValue::DisappearingTimer;
        for (previous, current) in [(0, 86_400), (86_400, 0), (86_400, 604_800)] {
            let change = FieldChange::Value { previous: timer(previous), current: timer(current) };
            let Change::DisappearingTimer(timer_change) = field_change(&change, None) else {
                panic!("another kind of change")
            };
            let present = (timer_change.previous.is_some(), timer_change.current.is_some());
            assert_eq!(present, (previous != 0, current != 0), "{previous} to {current}");
        }
    }
}
