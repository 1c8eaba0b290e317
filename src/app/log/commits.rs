//! One commit, brought to an end that is certain; and whether commits work at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::domain::clock::Entropy;
use crate::domain::counter::{Epoch, Position};
use crate::domain::error::{Error, Result};
use crate::domain::event::EventId;
use crate::domain::id::SessionName;
use crate::domain::port::repository::{
    CommitBatch, CommitReceipt, Repository, SessionCommit, SessionHead, StoreError,
};
use crate::telemetry;

/// Pauses between tries while the database is away. After the last one the caller gets the error.
pub(in crate::app) const RETRY_PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_secs(1),
];
/// Between tries of a commit that may have been written, from then on.
pub(in crate::app) const LAST_PAUSE: Duration = Duration::from_secs(1);
/// A commit that is not confirmed by then counts as one that fails: the service is not ready.
pub(super) const OVERDUE: Duration = Duration::from_secs(3);
/// A commit carries the epoch, so that for a while after one it need not be queried.
const TRUSTED_EPOCH: Duration = Duration::from_secs(2);
/// What a probe writes, in 64-bit numbers: 64 KiB. One small row can pass where commits fail, in a part of
/// the disk that the database had taken before it was full. The numbers are random, since the same bytes
/// would be compressed to next to nothing.
const FILLER_NUMBERS: usize = 64 * 1024 / 8;

pub(super) struct Commits {
    repository: Arc<dyn Repository>,
    entropy: Arc<dyn Entropy>,
    epoch: Epoch,
    works: watch::Sender<bool>,
    /// Whether the next check is to write.
    is_suspect: bool,
    /// Whether a commit has found something that cannot be.
    is_damaged: bool,
    last_won: Option<Instant>,
}

impl Commits {
    pub fn new(repository: Arc<dyn Repository>, entropy: Arc<dyn Entropy>, epoch: Epoch) -> Self {
        let (works, _) = watch::channel(true);
        telemetry::commits_work(true);
        Self {
            repository,
            entropy,
            epoch,
            works,
            is_suspect: false,
            is_damaged: false,
            last_won: None,
        }
    }

    /// Whether commits work, from now on.
    pub fn works(&self) -> watch::Receiver<bool> {
        self.works.subscribe()
    }

    pub fn fail(&self, cause: &str) {
        if self.works.send_if_modified(|works| std::mem::replace(works, false)) {
            tracing::error!(cause, "commits fail; not ready");
            telemetry::commits_work(false);
        }
    }

    /// Commits, and stays at it while it is safe to. Never answers that the outcome is unknown.
    pub async fn commit(&mut self, batch: &CommitBatch) -> Result<CommitReceipt, StoreError> {
        let settled = {
            let settling = self.settle(batch);
            tokio::pin!(settling);
            tokio::select! {
                biased;
                settled = &mut settling => settled,
                () = sleep(OVERDUE) => {
                    self.fail("a commit is not confirmed in time");
                    settling.await
                }
            }
        };
        match &settled {
            Ok(receipt) if receipt.won.contains(&true) => {
                self.last_won = Some(Instant::now());
                self.is_damaged = false;
            }
            Ok(_) => {}
            // Whether the data or the store is to blame, a probe shows.
            Err(StoreError::Refused(_) | StoreError::Failed(_)) => self.is_suspect = true,
            // The writer ends by it.
            Err(StoreError::NotOwner(_)) => {}
            Err(error @ StoreError::Corrupt(_)) => {
                self.is_damaged = true;
                self.fail(&error.to_string());
            }
            Err(error @ (StoreError::Unavailable(_) | StoreError::CommitUnknown(_))) => {
                self.fail(&error.to_string());
            }
        }
        settled
    }

    /// Checks whether commits work where one has failed, and else whether this process may still make
    /// them. An error is one that the process must not survive.
    pub async fn check(&mut self) -> Result<()> {
        let works = *self.works.borrow();
        self.is_suspect |= self.repository.has_failed();
        let current = if works && !self.is_suspect {
            if self.last_won.is_some_and(|won| won.elapsed() < TRUSTED_EPOCH) {
                return Ok(());
            }
            self.repository.current_epoch().await
        } else {
            let filler: Vec<u8> =
                (0..FILLER_NUMBERS).flat_map(|_| self.entropy.u64().to_le_bytes()).collect();
            match self.repository.probe(self.epoch, &filler).await {
                Ok(true) => Ok(self.epoch),
                Ok(false) => self.repository.current_epoch().await,
                Err(error) => Err(error),
            }
        };
        match current {
            Ok(current) if current != self.epoch => Err(replaced(current, self.epoch)),
            // What is damaged may be where the probe does not look: only a commit shows that it works again.
            Ok(_) if self.is_damaged => Ok(()),
            Ok(_) => {
                self.is_suspect = false;
                if self.works.send_if_modified(|works| !std::mem::replace(works, true)) {
                    tracing::info!("commits work");
                    telemetry::commits_work(true);
                }
                Ok(())
            }
            Err(error) => {
                self.fail(&error.to_string());
                Ok(())
            }
        }
    }

    /// Tries until it is certain what became of the batch. A refusal by the database leaves nothing behind.
    /// A lost answer is settled by what is stored: a try of which nothing is found may still be on its way,
    /// so the same batch is sent again; of all its tries only one can find the sessions as it expects. Only that
    /// ends the doubt, or a refusal of the data; any other error is one of its own try.
    async fn settle(&self, batch: &CommitBatch) -> Result<CommitReceipt, StoreError> {
        let started = Instant::now();
        let mut pauses = RETRY_PAUSES.iter();
        let mut in_doubt = false;
        loop {
            let attempt = self.repository.commit(batch).await;
            if let Err(error) = &attempt {
                telemetry::commit_failed();
                tracing::warn!(%error, "commit failed");
                in_doubt |= matches!(error, StoreError::CommitUnknown(_));
            }
            // One that loses may lose against an earlier try of its own.
            let settled = match attempt {
                Ok(receipt) if !in_doubt || receipt.won.contains(&true) => Ok(receipt),
                Ok(lost) => self.found(batch).await.map(|found| found.unwrap_or(lost)),
                Err(error) if in_doubt => match self.found(batch).await {
                    Ok(Some(receipt)) => Ok(receipt),
                    Ok(None) => Err(error),
                    Err(unread) => Err(StoreError::CommitUnknown(unread.to_string())),
                },
                Err(error) => Err(error),
            };
            let error = match settled {
                Ok(receipt) => {
                    let events = batch.sessions.iter().map(|session| session.events.len()).sum();
                    telemetry::committed(started.elapsed(), events);
                    return Ok(receipt);
                }
                Err(error) => error,
            };
            match (error, pauses.next()) {
                // The same data was sent before, and is refused each time.
                (error @ StoreError::Refused(_), _) => return Err(error),
                // The database refuses whatever is still on its way, too, so what was found is all there is.
                (error @ StoreError::NotOwner(_), _) => return Err(error),
                (_, pause) if in_doubt => sleep(*pause.unwrap_or(&LAST_PAUSE)).await,
                (StoreError::Unavailable(_) | StoreError::CommitUnknown(_), Some(pause)) => {
                    sleep(*pause).await;
                }
                (error, _) => return Err(error),
            }
        }
    }

    /// What is stored of a batch whose answer was lost: its events by their ids, and of a session without
    /// events its revision, which nobody else raises in this epoch. `None` where nothing is.
    async fn found(&self, batch: &CommitBatch) -> Result<Option<CommitReceipt>, StoreError> {
        let ids: Vec<EventId> = batch
            .sessions
            .iter()
            .flat_map(|session| session.events.iter().map(|event| event.id))
            .collect();
        let quiet: Vec<SessionName> = batch
            .sessions
            .iter()
            .filter(|session| session.events.is_empty())
            .map(|session| session.session.clone())
            .collect();
        let recorded = self.repository.recorded(&ids).await?;
        let heads = self.repository.session_heads(&quiet).await?;
        let won: Vec<bool> = batch
            .sessions
            .iter()
            .map(|session| is_stored(session, &recorded, &heads, self.epoch))
            .collect();
        if !won.contains(&true) {
            return Ok(None);
        }
        let Some(head) = recorded.values().copied().max() else {
            let head = self.repository.bounds().await?.head.position;
            return Ok(Some(CommitReceipt { won, head, record_time: batch.now }));
        };
        let slice = self.repository.read(head.minus(1), 1).await?;
        let record_time = slice.events.first().map_or(batch.now, |event| event.record_time);
        Ok(Some(CommitReceipt { won, head, record_time }))
    }
}

fn is_stored(
    session: &SessionCommit,
    recorded: &BTreeMap<EventId, Position>,
    heads: &BTreeMap<SessionName, SessionHead>,
    epoch: Epoch,
) -> bool {
    if session.events.is_empty() {
        let written = SessionHead {
            sequence: session.expected_sequence,
            revision: session.expected_revision.next(),
            epoch,
        };
        return heads.get(&session.session) == Some(&written);
    }
    session.events.iter().all(|event| recorded.contains_key(&event.id))
}

/// The end of a process whose epoch is not the one that the database is in.
pub(super) fn replaced(current: Epoch, own: Epoch) -> Error {
    if current > own {
        return Error::internal(
            "another process has taken over this database; several need cluster.listen, each",
        );
    }
    Error::internal(format!(
        "this database was put back to an earlier state while the service ran (it is in epoch {current}, this process \
         began {own}); after a restore run `wagroups migrate --new-log-id`, then start the service"
    ))
}
