//! What goes wrong on purpose. Faults live in memory only: a restart clears them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use tokio::sync::Notify;

use super::world::Notification;
use crate::domain::error::Error;
use crate::domain::id::SessionName;
use crate::domain::port::engine::{EngineError, Result};
use crate::domain::reason::Reason;

/// At which side of the change something happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    BeforeApply,
    AfterApply,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFault {
    Latency(Duration),
    /// Answers only once the faults are cleared, and then that the outcome is unknown.
    Hang(Point),
    RateLimit {
        backoff: Option<Duration>,
    },
    /// What the caller learns is the same on both sides of the change: nothing.
    DropConnection(Point),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotificationFault {
    /// Each comes so many times more, with the same id, after the others of its batch.
    Duplicate {
        times: u32,
    },
    /// So many are held until they have gathered, or no more came for a moment, and are mixed.
    Reorder {
        window: usize,
    },
    Lose,
    Delay(Duration),
}

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
    kind: K,
    uses: Uses,
}

#[derive(Debug, Default)]
struct Book {
    last_id: u64,
    calls: Vec<Fault<CallFault>>,
    notifications: Vec<Fault<NotificationFault>>,
}

/// The faults that wait to strike. Older ones are used up first.
#[derive(Debug, Default)]
pub struct Faults {
    book: Mutex<Book>,
    cleared: Notify,
}

/// How a batch of notifications goes out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub deliveries: Vec<Arc<Notification>>,
    pub delay: Duration,
}

impl Faults {
    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the fault's id.
    pub fn inject_call(&self, session: Option<SessionName>, kind: CallFault, uses: Uses) -> u64 {
        let mut book = self.book();
        book.last_id += 1;
        let id = book.last_id;
        book.calls.push(Fault { id, session, kind, uses });
        id
    }

    /// Answers the fault's id.
    pub fn inject_notifications(
        &self,
        session: Option<SessionName>,
        kind: NotificationFault,
        uses: Uses,
    ) -> u64 {
        let mut book = self.book();
        book.last_id += 1;
        let id = book.last_id;
        book.notifications.push(Fault { id, session, kind, uses });
        id
    }

    /// Removes faults by id (all where `ids` is empty) and session (`None` = of all), and lets hanging
    /// calls go. Answers how many there were.
    pub fn clear(&self, ids: &[u64], session: Option<&SessionName>) -> usize {
        let mut book = self.book();
        let before = book.calls.len() + book.notifications.len();
        let matches = |id: u64, of: &Option<SessionName>| {
            (ids.is_empty() || ids.contains(&id))
                && session.is_none_or(|name| of.as_ref() == Some(name))
        };
        book.calls.retain(|fault| !matches(fault.id, &fault.session));
        book.notifications.retain(|fault| !matches(fault.id, &fault.session));
        let cleared = before - book.calls.len() - book.notifications.len();
        drop(book);
        self.cleared.notify_waiters();
        cleared
    }

    /// What befalls a call of the session; one fault of a kind at a time.
    pub(super) fn strike_call(&self, session: &SessionName) -> Struck {
        let mut book = self.book();
        let mut struck = Struck::default();
        for fault in &mut book.calls {
            if !fault.concerns(session) {
                continue;
            }
            let is_free = match &fault.kind {
                CallFault::Latency(delay) if struck.latency.is_none() => {
                    struck.latency = Some(*delay);
                    true
                }
                CallFault::Hang(_) | CallFault::RateLimit { .. } | CallFault::DropConnection(_)
                    if struck.fatal.is_none() =>
                {
                    struck.fatal = Some(fault.kind.clone());
                    true
                }
                CallFault::Latency(_)
                | CallFault::Hang(_)
                | CallFault::RateLimit { .. }
                | CallFault::DropConnection(_) => false,
            };
            if is_free {
                fault.uses.take(1);
            }
        }
        book.calls.retain(|fault| !fault.uses.is_used_up());
        struck
    }

    /// How many notifications have to gather for the session before they go out.
    pub(super) fn window(&self, session: &SessionName) -> usize {
        self.book()
            .notifications
            .iter()
            .find_map(|fault| match fault.kind {
                NotificationFault::Reorder { window } if fault.concerns(session) => Some(window),
                _ => None,
            })
            .unwrap_or(1)
    }

    pub(super) fn plan(&self, session: &SessionName, batch: &[Arc<Notification>]) -> Plan {
        let mut book = self.book();
        let mut plan = Plan::default();
        let mut repeats = Vec::new();
        for notification in batch {
            let mut is_lost = false;
            let (mut is_repeated, mut is_late) = (false, false);
            for fault in book.notifications.iter_mut().filter(|fault| fault.concerns(session)) {
                match fault.kind {
                    NotificationFault::Lose if !is_lost => is_lost = true,
                    NotificationFault::Duplicate { times } if !is_repeated => {
                        is_repeated = true;
                        repeats.extend((0..times).map(|_| notification.clone()));
                    }
                    NotificationFault::Delay(delay) if !is_late => {
                        is_late = true;
                        plan.delay = plan.delay.max(delay);
                    }
                    NotificationFault::Lose
                    | NotificationFault::Duplicate { .. }
                    | NotificationFault::Delay(_)
                    | NotificationFault::Reorder { .. } => continue,
                }
                fault.uses.take(1);
            }
            if !is_lost {
                plan.deliveries.push(notification.clone());
            }
        }
        mix(&mut book, session, &mut plan.deliveries);
        plan.deliveries.append(&mut repeats);
        book.notifications.retain(|fault| !fault.uses.is_used_up());
        plan
    }

    /// Waits, or fails, as the fault says, at one side of the change.
    pub(super) async fn suffer(&self, struck: &Struck, point: Point) -> Result<()> {
        if point == Point::BeforeApply
            && let Some(delay) = struck.latency
        {
            tokio::time::sleep(delay).await;
        }
        match &struck.fatal {
            Some(CallFault::RateLimit { backoff }) if point == Point::BeforeApply => {
                let error =
                    Error::new(Reason::RateLimited, "WhatsApp asks to slow down (rate-overlimit)")
                        .with("code", 429)
                        .retry_after(backoff.unwrap_or(Duration::from_secs(60)));
                Err(EngineError::rejected(error))
            }
            Some(CallFault::DropConnection(at)) if *at == point => {
                Err(EngineError::unknown("the connection broke during the call; read the group"))
            }
            Some(CallFault::Hang(at)) if *at == point => {
                self.cleared.notified().await;
                Err(EngineError::unknown("WhatsApp never answered the call; read the group"))
            }
            _ => Ok(()),
        }
    }
}

impl<K> Fault<K> {
    fn concerns(&self, session: &SessionName) -> bool {
        !self.uses.is_used_up() && self.session.as_ref().is_none_or(|name| name == session)
    }
}

/// The faults of one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Struck {
    latency: Option<Duration>,
    fatal: Option<CallFault>,
}

/// Mixes each window of notifications, the same way in each run.
fn mix(book: &mut Book, session: &SessionName, deliveries: &mut [Arc<Notification>]) {
    let mut start = 0;
    while start < deliveries.len() {
        let fault = book.notifications.iter_mut().find(|fault| {
            fault.concerns(session) && matches!(fault.kind, NotificationFault::Reorder { .. })
        });
        let Some(fault) = fault else { return };
        let NotificationFault::Reorder { window } = fault.kind else { return };
        let end = deliveries.len().min(start + window.max(1));
        let part = &mut deliveries[start..end];
        fault.uses.take(u32::try_from(part.len()).unwrap_or(u32::MAX));
        shuffle(part);
        start = end;
    }
}

fn shuffle(part: &mut [Arc<Notification>]) {
    let Some(first) = part.first() else { return };
    let mut chance = ChaCha8Rng::seed_from_u64(first.number);
    let before: Vec<u64> = part.iter().map(|notification| notification.number).collect();
    for last in (1..part.len()).rev() {
        let bound = u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1);
        let other = usize::try_from(chance.next_u64() % bound).unwrap_or(0);
        part.swap(last, other);
    }
    if part.iter().map(|notification| notification.number).eq(before) {
        part.reverse();
    }
}
