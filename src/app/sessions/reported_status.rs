//! The status of a session that takes webhooks only: what the latest event of its server reports.
//!
//! Events come late, in any order and at the same time, so that what counts is when the server made them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::app::Inner;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::SessionName;
use crate::domain::page::EventQuery;
use crate::domain::session::{Session, SessionStatus};
use crate::pb;

/// The status that an event reports of its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::app) struct ReportedStatus {
    /// When the event was made; its id decides within a millisecond, as it grows with time.
    pub made: (Timestamp, String),
    pub status: SessionStatus,
    /// For people.
    pub reason: String,
}

impl ReportedStatus {
    fn is_that_of(&self, session: &Session) -> bool {
        session.status == self.status && session.status_reason == self.reason
    }
}

/// Why a session stands where it does of which no event has come yet.
pub(in crate::app) const WAITS: &str = "waits for the first webhook of its WAHA server";

/// The latest that was reported of each session.
#[derive(Debug)]
pub(in crate::app) struct ReportedStatuses(Mutex<HashMap<SessionName, Held>>);

#[derive(Debug)]
struct Held {
    latest: ReportedStatus,
    /// Whether it came to an earlier process. Events that moved no status may have come after it.
    is_inherited: bool,
}

impl ReportedStatuses {
    /// Goes on from what came to earlier processes.
    pub fn of(sessions: &[Arc<Session>]) -> Self {
        let reported = sessions.iter().filter(|session| session.config.takes_webhooks_only());
        let reported = reported.filter(|session| session.status_reason != WAITS).map(|session| {
            let latest = ReportedStatus {
                made: (session.status_time, String::new()),
                status: session.status,
                reason: session.status_reason.clone(),
            };
            (session.name.clone(), Held { latest, is_inherited: true })
        });
        Self(Mutex::new(reported.collect()))
    }

    /// Keeps what is reported unless something later was, and answers the latest.
    fn note(&self, session: &SessionName, reported: ReportedStatus) -> ReportedStatus {
        let mut latest = self.0.lock();
        match latest.get(session) {
            Some(held) if held.latest.made > reported.made => held.latest.clone(),
            Some(_) | None => {
                let held = Held { latest: reported.clone(), is_inherited: false };
                latest.insert(session.clone(), held);
                reported
            }
        }
    }

    fn latest(&self, session: &SessionName) -> Option<ReportedStatus> {
        self.0.lock().get(session).map(|held| held.latest.clone())
    }

    fn is_inherited(&self, session: &SessionName) -> bool {
        self.0.lock().get(session).is_some_and(|held| held.is_inherited)
    }

    /// What was inherited has held since then at the least.
    fn settle(&self, session: &SessionName, time: Option<Timestamp>) {
        if let Some(held) = self.0.lock().get_mut(session).filter(|held| held.is_inherited) {
            held.is_inherited = false;
            held.latest.made.0 = held.latest.made.0.max(time.unwrap_or_default());
        }
    }

    pub fn forget(&self, session: &SessionName) {
        self.0.lock().remove(session);
    }
}

impl Inner {
    /// When the last change happened that the log has of the session.
    async fn last_change(&self, name: &SessionName) -> Result<Option<Timestamp>> {
        let query = EventQuery {
            session: name.clone(),
            group_ids: Vec::new(),
            types: Vec::new(),
            after_sequence_exclusive: None,
            until_sequence_inclusive: None,
            start_time: None,
            end_time: None,
            newest_first: true,
        };
        let listed = self.repository.list_events(&query, None, 1).await?;
        let last = listed.events.first().map(|record| pb::event::decode(&record.wire)).transpose();
        Ok(last.map_err(Error::internal)?.map(|event| event.occur_time))
    }

    pub(in crate::app) async fn follow_status(
        &self,
        name: &SessionName,
        reported: ReportedStatus,
    ) -> Result<()> {
        if self.sessions.reported_statuses.is_inherited(name) {
            let time = self.last_change(name).await?;
            self.sessions.reported_statuses.settle(name, time);
        }
        // Nearly always the session has this status already, and no lock is needed.
        if self
            .sessions
            .reported_statuses
            .note(name, reported)
            .is_that_of(&*self.sessions.directory.get(name)?)
        {
            return Ok(());
        }
        let _turn = self.sessions.directory.lock(name).await;
        loop {
            let session = self.sessions.directory.get(name)?;
            if !session.wanted || !session.config.takes_webhooks_only() {
                return Ok(());
            }
            // A later report may have come meanwhile, whose sender relies on it.
            match self.sessions.reported_statuses.latest(name) {
                Some(latest) if !latest.is_that_of(&session) => {
                    let ReportedStatus { made: (time, _), status, reason } = latest;
                    self.set_status_at(name, status, &reason, time).await?;
                }
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// The start of a session that takes webhooks only: nothing is to be connected, and where it stands comes with
    /// them. What was reported last still holds.
    pub(in crate::app) async fn await_webhooks(&self, session: &Arc<Session>) -> Result<()> {
        match session.status {
            SessionStatus::Working
            | SessionStatus::ScanQrCode
            | SessionStatus::Failed
            | SessionStatus::Starting => Ok(()),
            SessionStatus::Stopped | SessionStatus::LoggedOut => {
                self.sessions.reported_statuses.forget(&session.name);
                self.set_status(&session.name, SessionStatus::Starting, WAITS).await
            }
        }
    }
}
