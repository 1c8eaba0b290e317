//! Whether a report from WhatsApp is the echo of a change that our own calls made.

use crate::domain::event::{JoinRequestAction, MemberAction};
use crate::domain::matching::Asked;
use crate::domain::reducer::Change;

/// How a report compares with what our own calls changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Echo {
    /// Not an echo.
    No,
    /// All of it was changed by our calls.
    Own,
    /// Some of it was.
    PartlyOwn,
}

/// Whether a report describes what a call was about to do.
pub(super) fn is_echo(expected: &Change, seen: &Change) -> bool {
    match (expected, seen) {
        (Change::Fields(expected), Change::Fields(seen)) => {
            seen.iter().any(|value| expected.iter().any(|wanted| wanted.says_same(value)))
        }
        (
            Change::Members { action, members },
            Change::Members { action: seen_action, members: seen_members },
        ) => {
            action == seen_action
                && seen_members.iter().any(|seen| {
                    members
                        .iter()
                        .any(|m| Asked::known_as(m.id(), m.account).goes_by(&seen.account))
                })
        }
        (Change::JoinRequest(expected), Change::JoinRequest(seen)) => {
            expected.action == seen.action
                && expected.request.requester.is_same(&seen.request.requester)
        }
        (
            Change::JoinRequest(expected),
            Change::Members { action: MemberAction::Join, members },
        ) => {
            expected.action == JoinRequestAction::Approved
                && members.iter().any(|m| m.account.is_same(&expected.request.requester))
        }
        (Change::Left, Change::Left) | (Change::Deleted, Change::Deleted) => true,
        (Change::Picture(_), Change::Picture(_))
        | (Change::InviteRevoked, Change::InviteRevoked) => true,
        _ => false,
    }
}
