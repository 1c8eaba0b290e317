//! Members that came, went or changed rank, gathered into events.

use std::cmp::Ordering;

use crate::domain::event::{EventBody, MemberAction, ParticipantChange, ParticipantsChanged};
use crate::domain::participant::{Account, Participant, Role};

/// Gathers members by what happened to them: one event for each kind.
#[derive(Default)]
pub(super) struct Moves(Vec<(MemberAction, Vec<ParticipantChange>)>);

impl Moves {
    pub fn joined(&mut self, participant: Participant) {
        let Participant { account, role } = participant;
        self.note(MemberAction::Join, account, None, Some(role));
    }

    /// With the role they had.
    pub fn left(&mut self, participant: Participant) {
        let Participant { account, role } = participant;
        self.note(MemberAction::Leave, account, Some(role), None);
    }

    /// Says whether the role is another one than before.
    pub fn ranked(&mut self, before: Role, participant: Participant) -> bool {
        let Participant { account, role } = participant;
        let action = match role.cmp(&before) {
            Ordering::Greater => MemberAction::Promote,
            Ordering::Less => MemberAction::Demote,
            Ordering::Equal => return false,
        };
        self.note(action, account, Some(before), Some(role));
        true
    }

    fn note(
        &mut self,
        action: MemberAction,
        account: Account,
        previous: Option<Role>,
        current: Option<Role>,
    ) {
        let change = ParticipantChange { account, previous, current };
        match self.0.iter_mut().find(|(kind, _)| *kind == action) {
            Some((_, participants)) => participants.push(change),
            None => self.0.push((action, vec![change])),
        }
    }

    pub fn into_events(self) -> impl Iterator<Item = EventBody> {
        self.0.into_iter().map(|(action, participants)| {
            EventBody::ParticipantsChanged(ParticipantsChanged { action, participants })
        })
    }
}
