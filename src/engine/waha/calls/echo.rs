//! People of whom the answer says nothing, and an event does.
//!
//! NOWEB fetches all groups for whatever is read of one, which WhatsApp limits; what it reports by itself costs nothing.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::attribution::Said;
use super::participants::named_like;
use crate::domain::event::MemberAction;
use crate::domain::matching::{Asked, Found, Trust, rows_of};
use crate::domain::participant::{Account, ParticipantResult, ParticipantStatus};
use crate::engine::waha::routed_session::RoutedSession;

/// How long the event of a change may take before the members are read.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same once an event has come: one names all whom a call has changed (Baileys 7), so another is hardly to come.
const GRACE: Duration = Duration::from_millis(250);

impl RoutedSession {
    /// Waits a moment for events to report those who have no result yet. Who is not reported may have been refused, or
    /// is named otherwise: that is left to a read.
    pub(super) async fn settle_by_echo(
        &self,
        action: MemberAction,
        said: &[Said],
        results: &mut [Option<ParticipantResult>],
        echoed_before: usize,
    ) {
        let Some(echo) = &self.echo else { return };
        let mut until = Instant::now() + PATIENCE;
        let mut known = echoed_before;
        while results.iter().any(Option::is_none) {
            let Ok(reported) = timeout_at(until, echo.members(known)).await else { return };
            known = reported.len();
            until = until.min(Instant::now() + GRACE);
            let reported = reported.get(echoed_before..).unwrap_or_default();
            for (result, seen) in results.iter_mut().zip(reported_as(action, said, reported)) {
                if let (None, Some(seen)) = (&result, seen) {
                    *result = Some(seen);
                }
            }
        }
    }
}

/// For each person the result that reports of these accounts show.
fn reported_as(
    action: MemberAction,
    said: &[Said],
    reported: &[Account],
) -> Vec<Option<ParticipantResult>> {
    let asked: Vec<Asked> = said.iter().map(|said| said.asked).collect();
    let rows: Vec<Option<Account>> = reported.iter().copied().map(Some).collect();
    // Somebody else may have joined at the same time, under a number that only may be the one that is asked for.
    let trust = if action == MemberAction::Join { Trust::Certain } else { Trust::Likely };
    let found = rows_of(&asked, &rows, trust);
    let result = |(asked, found): (&Asked, Found)| {
        let account = named_like(reported[found.place()?], asked);
        Some(ParticipantResult {
            requested: asked.requested,
            account,
            status: ParticipantStatus::Ok,
            code: 200,
            private_invite: None,
        })
    };
    asked.iter().zip(found).map(result).collect()
}
