//! The one writer of the process: gathers requests, reduces them, commits them together.
//!
//! While one transaction is on its way to the disk, whatever arrives waits in the queue and goes
//! with the next one, so the log's head row is locked once a batch, not once a call.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use super::LogObserver;
use super::batch::Batch;
use super::commits::{Commits, LAST_PAUSE, RETRY_PAUSES, replaced};
use super::echo_window::EchoWindows;
use super::progress::{Checks, Progress};
use super::session_draft::SessionDraft;
use super::tail::LogTail;
use super::working_set::{GroupKey, WorkingGroup, WorkingSet};
use super::write_request::{WriteRequest, WriteResult};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::counter::Epoch;
use crate::domain::error::{Error, Result};
use crate::domain::id::{GroupId, SessionName};
use crate::domain::port::repository::{
    CommitBatch, CommitReceipt, Repository, SessionHead, StoreError,
};
use crate::domain::reason::Reason;
use crate::failpoint;
use crate::telemetry;

/// How many requests one transaction takes at the most.
const MAX_BATCH: usize = 512;
/// Requests that wait; a full queue makes senders wait, which is the back-pressure.
const QUEUE: usize = 4096;
/// How often a request is reduced anew because another process wrote in between.
const MAX_ATTEMPTS: u32 = 16;
/// What the requests of one transaction may weigh together ([`WriteRequest::weight`]), so that it stays far
/// within what a statement may take.
const MAX_WEIGHT: usize = 20_000;

struct Entry {
    request: WriteRequest,
    attempts: u32,
    reply: oneshot::Sender<Result<WriteResult>>,
}

enum Message {
    Write(Box<Entry>),
    /// The session's account or row changed outside of commits.
    Forget(SessionName, oneshot::Sender<()>),
    /// Check whether commits work.
    Check,
}

/// Handle of the writer.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    sender: mpsc::Sender<Message>,
    works: watch::Receiver<bool>,
    progress: Progress,
    checks: Checks,
}

pub(super) struct WriterParts {
    pub repository: Arc<dyn Repository>,
    pub tail: Arc<LogTail>,
    pub echo_windows: Arc<EchoWindows>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub observer: Arc<dyn LogObserver>,
    pub epoch: Epoch,
    pub working_set_bytes: u64,
    /// How long stamps are worth keeping: as long as the log.
    pub retention: Duration,
}

impl Writer {
    /// The handle, and the loop to be run as a supervised task. The loop ends when every handle
    /// is gone, or with an error that the process must not survive.
    pub fn new(parts: WriterParts) -> (Self, impl Future<Output = Result<()>> + Send) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let working = WorkingSet::new(parts.working_set_bytes);
        let commits = Commits::new(parts.repository.clone(), parts.entropy.clone(), parts.epoch);
        let works = commits.works();
        let (progress, checks) = (Progress::default(), Checks::default());
        let handle = Self { sender, works, progress: progress.clone(), checks: checks.clone() };
        let task =
            WriterTask { parts, working, commits, waiting: VecDeque::new(), progress, checks };
        (handle, task.run(receiver))
    }

    /// Writes the request and answers once it is durable and visible to this process' readers.
    pub async fn write(&self, request: WriteRequest) -> Result<WriteResult> {
        let (reply, answer) = oneshot::channel();
        self.sender
            .send(Message::Write(Box::new(Entry { request, attempts: 0, reply })))
            .await
            .map_err(|_| writer_gone())?;
        answer.await.map_err(|_| writer_gone())?
    }

    /// Has the writer check whether commits work, and returns once it has.
    pub async fn check(&self) {
        // Where the queue is full, its own commits show whether they work.
        let done = self.checks.ask(|| self.sender.try_send(Message::Check).is_ok());
        if let Some(mut done) = done {
            let _ = done.wait_for(|done| *done).await;
        }
    }

    /// Refuses what would have to wait behind something that is already late: before anything goes to WhatsApp
    /// whose outcome could then not be written.
    pub fn refuse_if_late(&self) -> Result<()> {
        if !self.progress.is_late() {
            return Ok(());
        }
        Err(Error::new(
            Reason::DatabaseUnavailable,
            "the database has not confirmed an earlier write yet; nothing was sent, try again",
        )
        .retry_after(Duration::from_secs(1)))
    }

    /// Whether commits work, from now on.
    pub fn works(&self) -> watch::Receiver<bool> {
        self.works.clone()
    }

    /// Makes the writer read the session anew before it writes to it again.
    pub async fn forget(&self, session: &SessionName) {
        let (done, wait) = oneshot::channel();
        if self.sender.send(Message::Forget(session.clone(), done)).await.is_ok() {
            let _ = wait.await;
        }
    }
}

fn writer_gone() -> Error {
    Error::new(Reason::Draining, "the service is stopping").caused_by("the writer has ended")
}

struct WriterTask {
    parts: WriterParts,
    working: WorkingSet,
    commits: Commits,
    /// Reports that lost against another process and are reduced anew.
    waiting: VecDeque<Entry>,
    progress: Progress,
    checks: Checks,
}

impl WriterTask {
    async fn run(mut self, mut receiver: mpsc::Receiver<Message>) -> Result<()> {
        let mut inbox = Vec::with_capacity(MAX_BATCH);
        loop {
            if self.waiting.is_empty() && receiver.recv_many(&mut inbox, MAX_BATCH).await == 0 {
                return Ok(());
            }
            let mut entries: Vec<Entry> = self.waiting.drain(..).collect();
            let mut weight: usize = entries.iter().map(|entry| entry.request.weight()).sum();
            let mut is_asked = false;
            for message in inbox.drain(..) {
                match message {
                    Message::Write(entry) => {
                        weight += entry.request.weight();
                        if weight > MAX_WEIGHT && !entries.is_empty() {
                            self.write(std::mem::take(&mut entries)).await?;
                            weight = entry.request.weight();
                        }
                        entries.push(*entry);
                    }
                    Message::Forget(session, done) => {
                        // What was sent before must still be written with what it was sent for.
                        if !entries.is_empty() {
                            self.write(std::mem::take(&mut entries)).await?;
                        }
                        self.working.forget(&session);
                        let _ = done.send(());
                    }
                    Message::Check => is_asked = true,
                }
            }
            if !entries.is_empty() {
                self.write(entries).await?;
            }
            if is_asked {
                let asked = self.checks.begin();
                let _at_work = self.progress.begin();
                self.commits.check().await?;
                asked.answer();
            }
        }
    }

    /// Writes the requests in one transaction; those whose session was written by another process
    /// meanwhile go back to `waiting`.
    async fn write(&mut self, entries: Vec<Entry>) -> Result<()> {
        let _at_work = self.progress.begin();
        let (entries, mut batch) = match self.reduce(entries).await {
            Ok(reduced) => reduced,
            Err((entries, error)) => {
                if error.reason() == Reason::DatabaseUnavailable {
                    self.commits.fail(error.cause().unwrap_or(error.message()));
                }
                reply_all(entries, &error);
                return Ok(());
            }
        };
        if batch.is_empty() {
            for (entry, outcome) in entries.into_iter().zip(batch.outcomes()) {
                let _ = entry.reply.send(outcome);
            }
            for (name, draft) in &batch.into_drafts() {
                for group_id in &draft.doubtful {
                    self.parts.observer.became_doubtful(name, group_id);
                }
            }
            return Ok(());
        }
        failpoint::hit("before_commit");
        let commit = batch.commit(self.parts.epoch);
        match self.commits.commit(&commit).await {
            Ok(receipt) => {
                failpoint::hit("after_commit");
                self.committed(entries, batch, &commit, receipt).await
            }
            Err(StoreError::Refused(cause)) if entries.len() > 1 => {
                tracing::warn!(
                    cause,
                    requests = entries.len(),
                    "batch refused, writing its requests singly"
                );
                self.forget_all(&entries);
                for entry in entries {
                    Box::pin(self.write(vec![entry])).await?;
                }
                Ok(())
            }
            Err(error @ StoreError::NotOwner(_)) => {
                let cause = error.to_string();
                reply_all(entries, &error.into());
                Err(Error::internal(cause))
            }
            Err(error) => {
                self.forget_all(&entries);
                reply_all(entries, &error.into());
                Ok(())
            }
        }
    }

    fn forget_all(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.working.forget(&entry.request.session);
        }
    }

    async fn reduce(
        &mut self,
        entries: Vec<Entry>,
    ) -> Result<(Vec<Entry>, Batch), (Vec<Entry>, Error)> {
        let mut sessions = BTreeSet::new();
        let mut groups = BTreeSet::new();
        let mut source_ids = Vec::new();
        for entry in &entries {
            let session = &entry.request.session;
            sessions.insert(session.clone());
            groups.extend(entry.request.group_ids().map(|id| (session.clone(), id.clone())));
            let source_id = entry.request.deduplicated_by();
            source_ids.extend(source_id.map(|id| (session.clone(), id.to_owned())));
        }
        let mut pauses = RETRY_PAUSES.iter();
        let (known, groups) = loop {
            let read = self.read(&source_ids, &groups, &sessions).await;
            match (read, pauses.next()) {
                (Ok(read), _) => break read,
                (Err(error), Some(pause)) if error.reason() == Reason::DatabaseUnavailable => {
                    sleep(*pause).await;
                }
                (Err(error), _) => return Err((entries, error)),
            }
        };
        let mut batch = Batch::new(self.parts.clock.now(), known, groups, self.parts.retention);
        for entry in &entries {
            let numbers = self.working.session(&entry.request.session);
            batch.reduce(
                &entry.request,
                numbers,
                &self.parts.echo_windows,
                self.parts.entropy.as_ref(),
            );
        }
        Ok((entries, batch))
    }

    /// What is not known yet of the requests' notifications, sessions and groups.
    async fn read(
        &mut self,
        source_ids: &[(SessionName, String)],
        groups: &BTreeSet<(SessionName, GroupId)>,
        sessions: &BTreeSet<SessionName>,
    ) -> Result<(BTreeSet<(SessionName, String)>, HashMap<GroupKey, Arc<WorkingGroup>>)> {
        let repository = self.parts.repository.as_ref();
        let known = if source_ids.is_empty() {
            BTreeSet::new()
        } else {
            repository.known_source_ids(source_ids).await?
        };
        Ok((known, self.working.fill(repository, groups, sessions).await?))
    }

    async fn committed(
        &mut self,
        entries: Vec<Entry>,
        batch: Batch,
        commit: &CommitBatch,
        receipt: CommitReceipt,
    ) -> Result<()> {
        let lost: HashSet<SessionName> = commit
            .sessions
            .iter()
            .zip(&receipt.won)
            .filter(|(_, won)| !**won)
            .map(|(session, _)| session.session.clone())
            .collect();
        let outcomes = batch.outcomes();
        let drafts = batch.into_drafts();
        for (name, draft) in &drafts {
            if !lost.contains(name) {
                self.take_over(name, draft);
            }
        }
        self.publish(commit, &receipt, &drafts).await?;
        if !lost.is_empty() {
            self.fence(&lost).await?;
        }
        failpoint::hit("before_answer");
        for (mut entry, outcome) in entries.into_iter().zip(outcomes) {
            if !lost.contains(&entry.request.session) {
                let _ = entry.reply.send(outcome);
                continue;
            }
            self.working.forget(&entry.request.session);
            entry.attempts += 1;
            if entry.attempts < MAX_ATTEMPTS {
                self.waiting.push_back(entry);
            } else {
                let _ = entry.reply.send(Err(Error::new(
                    Reason::ConcurrentUpdate,
                    "other processes keep writing to this session; try again",
                )
                .with("session", &entry.request.session)
                .retry_after(Duration::from_secs(1))));
            }
        }
        Ok(())
    }

    /// Publishes what was committed. Should another process have written before it, that is read first; it is
    /// in the log and must be published too, so this goes on until it can be read.
    async fn publish(
        &self,
        commit: &CommitBatch,
        receipt: &CommitReceipt,
        drafts: &[(SessionName, SessionDraft)],
    ) -> Result<()> {
        let mut pauses = RETRY_PAUSES.iter();
        loop {
            match self.parts.tail.publish(commit, receipt, drafts).await {
                Err(error) if error.reason() == Reason::DatabaseUnavailable => {
                    let pause = pauses.next().unwrap_or(&LAST_PAUSE);
                    if *pause == LAST_PAUSE {
                        self.commits.fail("what another process wrote cannot be read");
                    }
                    tracing::warn!(%error, cause = error.cause(), "could not catch up after a commit");
                    sleep(*pause).await;
                }
                published => return published,
            }
        }
    }

    fn take_over(&mut self, name: &SessionName, draft: &SessionDraft) {
        for (key, sequence) in &draft.claimed {
            self.parts.echo_windows.logged(name, key, *sequence);
        }
        if draft.deletes_session {
            self.working.forget(name);
            return;
        }
        for group_id in &draft.doubtful {
            self.parts.observer.became_doubtful(name, group_id);
        }
        let head = SessionHead {
            sequence: draft.last_sequence(),
            revision: draft.expected.revision.next(),
            epoch: draft.expected.epoch,
        };
        let groups: HashMap<GroupId, _> = draft.written_groups().collect();
        self.working.wrote(name, head, groups);
    }

    /// A session of another epoch belongs to a process that started after this one, or to a database that was put
    /// back to what it was before this one.
    async fn fence(&self, lost: &HashSet<SessionName>) -> Result<()> {
        telemetry::commit_lost(lost.len());
        let names: Vec<SessionName> = lost.iter().cloned().collect();
        let heads = self.parts.repository.session_heads(&names).await.unwrap_or_default();
        let own = self.parts.epoch;
        match heads.values().find(|head| head.epoch != own) {
            Some(head) => Err(replaced(head.epoch, own)),
            None => Ok(()),
        }
    }
}

fn reply_all(entries: Vec<Entry>, error: &Error) {
    for entry in entries {
        let _ = entry.reply.send(Err(error.clone()));
    }
}
