//! Whom a report names, so that what is known of them elsewhere can be added before it is reduced.

use super::Change;
use crate::domain::participant::{Account, Participant};

impl Change {
    /// The accounts of members and requesters that it names, under the names that it gives.
    pub fn accounts(&self) -> Vec<Account> {
        let of = |participants: &[Participant]| participants.iter().map(|p| p.account).collect();
        match self {
            Self::Full(group) | Self::FullExcept { group, .. } => of(group.participants()),
            Self::Members { members, .. } => of(members),
            Self::Renumbered { before, now } => vec![Account::new(*before), *now],
            Self::JoinRequest(changed) => vec![changed.request.requester],
            Self::JoinRequests(open) => open.iter().map(|request| request.requester).collect(),
            Self::Aliases(pairs) => {
                pairs.iter().map(|(lid, phone)| Account::with_both(*lid, *phone)).collect()
            }
            Self::Left
            | Self::Deleted
            | Self::Fields(_)
            | Self::Picture(_)
            | Self::InviteRevoked
            | Self::Unclear => Vec::new(),
        }
    }

    /// Has the members and requesters go by the names that `known` gives.
    pub fn name_accounts(&mut self, known: impl Fn(Account) -> Account) {
        match self {
            Self::Full(group) | Self::FullExcept { group, .. } => {
                let named = group.participants().iter();
                let named = named.map(|p| Participant::new(known(p.account), p.role)).collect();
                group.set_participants(named);
            }
            Self::Members { members, .. } => {
                for member in members {
                    member.account = known(member.account);
                }
            }
            Self::Renumbered { now, .. } => *now = known(*now),
            Self::JoinRequest(changed) => {
                changed.request.requester = known(changed.request.requester);
            }
            Self::JoinRequests(open) => {
                for request in open {
                    request.requester = known(request.requester);
                }
            }
            Self::Left
            | Self::Deleted
            | Self::Fields(_)
            | Self::Picture(_)
            | Self::InviteRevoked
            | Self::Unclear
            | Self::Aliases(_) => {}
        }
    }
}
