//! What goes wrong on purpose. Faults live in memory only: a restart clears them.

mod calls;
mod notifications;
mod snapshots;

use parking_lot::{Mutex, MutexGuard};

use tokio::sync::Notify;

pub(super) use self::calls::Struck;
pub use self::calls::{CallFault, Point};
pub use self::notifications::NotificationFault;
pub use self::snapshots::{Defect, SnapshotFault};
use crate::domain::error::{Error, Result};
use crate::domain::id::SessionName;
use crate::domain::operation::OperationName;
use crate::domain::reason::Reason;

/// Faults that wait at most; more would be a script gone wild.
const MAX_FAULTS: usize = 10_000;

/// How often a fault strikes: each use is one call or one notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uses {
    Times(u32),
    UntilCleared,
}

impl Uses {
    fn is_used_up(self) -> bool {
        self == Self::Times(0)
    }

    fn take(&mut self, count: u32) {
        if let Self::Times(left) = self {
            *left = left.saturating_sub(count);
        }
    }
}

#[derive(Debug)]
struct Fault<K> {
    id: u64,
    /// `None` = every session.
    session: Option<SessionName>,
    /// Empty = all but what the service calls by itself, at unknown times.
    operations: Vec<OperationName>,
    kind: K,
    uses: Uses,
}

/// What a fault strikes, and how often.
#[derive(Debug, Clone)]
pub struct Aim {
    /// `None` = every session.
    pub session: Option<SessionName>,
    /// Of calls only. Empty = all but FetchAll and FetchGroup, which the service calls by itself.
    pub operations: Vec<OperationName>,
    pub uses: Uses,
}

#[derive(Debug, Default)]
struct Book {
    last_id: u64,
    calls: Vec<Fault<CallFault>>,
    notifications: Vec<Fault<NotificationFault>>,
    snapshots: Vec<Fault<SnapshotFault>>,
}

/// The faults that wait to strike. Older ones are used up first.
#[derive(Debug, Default)]
pub struct Faults {
    book: Mutex<Book>,
    cleared: Notify,
}

impl Book {
    fn len(&self) -> usize {
        self.calls.len() + self.notifications.len() + self.snapshots.len()
    }

    fn fault<K>(&mut self, aim: Aim, kind: K) -> Result<Fault<K>> {
        if self.len() >= MAX_FAULTS {
            return Err(Error::new(
                Reason::InvalidRequest,
                format!("{MAX_FAULTS} faults wait already; call ClearFaults first"),
            ));
        }
        self.last_id += 1;
        let Aim { session, operations, uses } = aim;
        Ok(Fault { id: self.last_id, session, operations, kind, uses })
    }
}

impl Faults {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock()
    }

    /// Answers the fault's id.
    pub fn inject_call(&self, aim: Aim, kind: CallFault) -> Result<u64> {
        let mut book = self.book();
        let fault = book.fault(aim, kind)?;
        let id = fault.id;
        book.calls.push(fault);
        Ok(id)
    }

    /// Answers the fault's id.
    pub fn inject_notifications(&self, aim: Aim, kind: NotificationFault) -> Result<u64> {
        let mut book = self.book();
        let fault = book.fault(aim, kind)?;
        let id = fault.id;
        book.notifications.push(fault);
        Ok(id)
    }

    /// Answers the fault's id.
    pub fn inject_snapshots(&self, aim: Aim, kind: SnapshotFault) -> Result<u64> {
        let mut book = self.book();
        let fault = book.fault(aim, kind)?;
        let id = fault.id;
        book.snapshots.push(fault);
        Ok(id)
    }

    /// An id for a fault that strikes at once.
    pub fn next_id(&self) -> u64 {
        let mut book = self.book();
        book.last_id += 1;
        book.last_id
    }

    /// Removes faults by id (all where `ids` is empty) and session (`None` = of all), and lets hanging
    /// calls go. Answers how many there were.
    pub fn clear(&self, ids: &[u64], session: Option<&SessionName>) -> usize {
        let mut book = self.book();
        let before = book.len();
        let matches = |id: u64, of: &Option<SessionName>| {
            (ids.is_empty() || ids.contains(&id))
                && session.is_none_or(|name| of.as_ref() == Some(name))
        };
        book.calls.retain(|fault| !matches(fault.id, &fault.session));
        book.notifications.retain(|fault| !matches(fault.id, &fault.session));
        book.snapshots.retain(|fault| !matches(fault.id, &fault.session));
        let cleared = before - book.len();
        drop(book);
        self.cleared.notify_waiters();
        cleared
    }
}

impl<K> Fault<K> {
    fn concerns(&self, session: &SessionName) -> bool {
        !self.uses.is_used_up() && self.session.as_ref().is_none_or(|name| name == session)
    }

    fn concerns_call(&self, session: &SessionName, operation: OperationName) -> bool {
        let is_meant = if self.operations.is_empty() {
            !matches!(operation, OperationName::FetchAll | OperationName::FetchGroup)
        } else {
            self.operations.contains(&operation)
        };
        is_meant && self.concerns(session)
    }
}
