//! Members that came, went or changed rank, gathered into events.

use crate::domain::event::{EventBody, MemberAction, ParticipantsChanged};
use crate::domain::participant::{Participant, Role};

pub(super) fn rank_change(old: Role, new: Role) -> Option<MemberAction> {
    match new.cmp(&old) {
        std::cmp::Ordering::Greater => Some(MemberAction::Promote),
        std::cmp::Ordering::Less => Some(MemberAction::Demote),
        std::cmp::Ordering::Equal => None,
    }
}

/// Gathers members by what happened to them: one event for each kind.
#[derive(Default)]
pub(super) struct Moves(Vec<(MemberAction, Vec<Participant>)>);

impl Moves {
    pub fn note(&mut self, action: MemberAction, participant: Participant) {
        match self.0.iter_mut().find(|(kind, _)| *kind == action) {
            Some((_, participants)) => participants.push(participant),
            None => self.0.push((action, vec![participant])),
        }
    }

    pub fn into_events(self) -> impl Iterator<Item = EventBody> {
        self.0.into_iter().map(|(action, participants)| {
            EventBody::ParticipantsChanged(ParticipantsChanged { action, participants })
        })
    }
}
