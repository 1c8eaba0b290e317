//! Notifications that come more than once, late, in another order, or not at all.

use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::{Book, Faults};
use crate::domain::id::SessionName;
use crate::engine::simulator::world::Notification;

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

/// How a batch of notifications goes out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::engine::simulator) struct Plan {
    pub deliveries: Vec<Arc<Notification>>,
    pub delay: Duration,
}

impl Faults {
    /// How many notifications have to gather for the session before they go out.
    pub(in crate::engine::simulator) fn window(&self, session: &SessionName) -> usize {
        self.book()
            .notifications
            .iter()
            .find_map(|fault| match fault.kind {
                NotificationFault::Reorder { window } if fault.concerns(session) => Some(window),
                _ => None,
            })
            .unwrap_or(1)
    }

    pub(in crate::engine::simulator) fn plan(
        &self,
        session: &SessionName,
        batch: &[Arc<Notification>],
    ) -> Plan {
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
