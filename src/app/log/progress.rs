//! What callers can see of the writer from outside: how long it has been at one thing, and whether a check was
//! requested already.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::commits::OVERDUE;

/// Since when the writer has been at one thing: a batch, from reading what it needs to publishing what was written,
/// or a check whether commits work.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<Mutex<Option<Instant>>>);

/// Ends the thing when it is dropped.
pub(super) struct AtWork(Progress);

impl Progress {
    pub fn begin(&self) -> AtWork {
        self.set(Some(Instant::now()));
        AtWork(self.clone())
    }

    /// Whether the writer has been at it for so long that what queues behind it may wait for ever.
    pub fn is_late(&self) -> bool {
        let since = *self.0.lock();
        since.is_some_and(|since| since.elapsed() >= OVERDUE)
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock() = since;
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

/// The check that was requested and has not begun: all requests until then share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Checks(Arc<Mutex<Option<watch::Sender<bool>>>>);

/// A check that has begun. Later requests get the next one.
pub(super) struct Asked(Option<watch::Sender<bool>>);

impl Checks {
    /// The end of the check that is queued, or of the one that this queues; `None` where it cannot be queued.
    pub fn ask(&self, queue: impl FnOnce() -> bool) -> Option<watch::Receiver<bool>> {
        let mut queued = self.0.lock();
        if let Some(asked) = queued.as_ref() {
            return Some(asked.subscribe());
        }
        if !queue() {
            return None;
        }
        let (asked, done) = watch::channel(false);
        *queued = Some(asked);
        Some(done)
    }

    pub fn begin(&self) -> Asked {
        Asked(self.0.lock().take())
    }
}

impl Asked {
    pub fn answer(self) {
        if let Some(asked) = self.0 {
            asked.send_replace(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_late_until_it_ends() {
        let progress = Progress::default();
        tokio::time::advance(OVERDUE).await;
        assert!(!progress.is_late(), "it rests");
        let at_work = progress.begin();
        assert!(!progress.is_late());
        tokio::time::advance(OVERDUE - Duration::from_millis(1)).await;
        assert!(!progress.is_late());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(progress.is_late());
        drop(at_work);
        assert!(!progress.is_late());
    }

    #[test]
    fn many_who_ask_at_once_queue_one_look_and_who_asks_later_gets_the_next() {
        let checks = Checks::default();
        let mut queued = 0;
        let mut ask = || {
            checks.ask(|| {
                queued += 1;
                true
            })
        };
        let waiting: Vec<_> = (0..5).map(|_| ask().expect("it waits")).collect();
        let begun = checks.begin();
        let later = ask().expect("it waits");
        begun.answer();
        assert!(waiting.iter().all(|done| *done.borrow()));
        assert!(!*later.borrow(), "what it asks about may have come after the look");
        assert_eq!(queued, 2);
        assert!(Checks::default().ask(|| false).is_none(), "a full queue");
    }
}
