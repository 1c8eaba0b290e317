//! The events that a receiver is being sent: a stretch of the log from its place on, one lane for each session.
//!
//! In a lane the events go out one after the other. The place moves over whatever is delivered from the
//! stretch's beginning on, so that it never passes an event that is not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use crate::domain::clock::Timestamp;
use crate::domain::event::EventRecord;
use crate::domain::id::SessionName;
use crate::domain::log_position::LogPosition;
use crate::domain::webhook::Failure;

/// How much a window takes in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capacity {
    /// Events between the place and the last one that was read.
    pub events: usize,
    /// Of undelivered events, beyond one.
    pub bytes: usize,
}

/// `C` says why its receiver did not take an event.
#[derive(Debug)]
pub(super) struct Window<C> {
    /// In the order of the log.
    slots: VecDeque<Slot>,
    lanes: BTreeMap<SessionName, SessionQueue<C>>,
    /// Everything up to here is done.
    place: LogPosition,
    /// Up to where the log was read.
    read_to: LogPosition,
    bytes: usize,
    capacity: Capacity,
    /// A failure of an earlier worker, until its event is delivered or fails again.
    earlier: Option<Failure<C>>,
}

#[derive(Debug)]
struct Slot {
    place: LogPosition,
    is_done: bool,
}

#[derive(Debug)]
struct SessionQueue<C> {
    /// The first one is tried.
    events: VecDeque<Arc<EventRecord>>,
    turn: QueueState,
    /// Of the first one.
    failure: Option<Failure<C>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QueueState {
    Out,
    /// The lane that has waited longest goes first.
    Since(Instant),
}

impl<C> Window<C> {
    pub fn new(place: LogPosition, capacity: Capacity, earlier: Option<Failure<C>>) -> Self {
        let (slots, lanes) = (VecDeque::new(), BTreeMap::new());
        Self { slots, lanes, place, read_to: place, bytes: 0, capacity, earlier }
    }

    pub fn place(&self) -> LogPosition {
        self.place
    }

    /// From where it is read on.
    pub fn read_to(&self) -> LogPosition {
        self.read_to
    }

    pub fn has_room(&self) -> bool {
        self.slots.len() < self.capacity.events && self.bytes < self.capacity.bytes
    }

    /// Takes in the events that follow those before.
    pub fn push(&mut self, events: Vec<Arc<EventRecord>>, now: Instant) {
        for event in events {
            self.read_to = LogPosition::from(event.as_ref());
            self.slots.push_back(Slot { place: self.read_to, is_done: false });
            self.bytes += event.wire.len();
            let lane = self.lanes.entry(event.session.clone()).or_insert_with(|| SessionQueue {
                events: VecDeque::new(),
                turn: QueueState::Since(now),
                failure: None,
            });
            lane.events.push_back(event);
        }
    }

    /// The log was read up to here.
    pub fn passed(&mut self, place: LogPosition) {
        self.read_to = place;
        self.advance();
    }

    /// The next event that may go out; its lane waits for what becomes of it.
    pub fn take(&mut self, now: Instant) -> Option<Arc<EventRecord>> {
        let due = self.lanes.values_mut().filter_map(|lane| match lane.turn {
            QueueState::Since(time) if time <= now => Some((time, lane)),
            QueueState::Since(_) | QueueState::Out => None,
        });
        let (_, lane) = due.min_by_key(|(time, _)| *time)?;
        lane.turn = QueueState::Out;
        lane.events.front().cloned()
    }

    /// When the next try is due of those whose time was yet to come at this moment.
    pub fn next_try(&self, now: Instant) -> Option<Instant> {
        let times = self.lanes.values().filter_map(|lane| match lane.turn {
            QueueState::Since(time) => Some(time),
            QueueState::Out => None,
        });
        times.filter(|time| *time > now).min()
    }

    /// The event that was out is delivered. Answers how it failed before.
    pub fn done(&mut self, session: &SessionName, now: Instant) -> Option<Failure<C>> {
        let lane = self.lanes.get_mut(session)?;
        lane.turn = QueueState::Since(now);
        let failure = lane.failure.take();
        let event = lane.events.pop_front()?;
        if lane.events.is_empty() {
            self.lanes.remove(session);
        }
        self.bytes -= event.wire.len();
        if self.earlier.as_ref().is_some_and(|failure| failure.at.position == event.position) {
            self.earlier = None;
        }
        let position = event.position;
        if let Ok(index) = self.slots.binary_search_by_key(&position, |slot| slot.place.position) {
            self.slots[index].is_done = true;
        }
        self.advance();
        failure
    }

    /// Moves the place over what is done.
    fn advance(&mut self) {
        while let Some(slot) = self.slots.pop_front_if(|slot| slot.is_done) {
            self.place = slot.place;
        }
        if self.slots.is_empty() {
            self.place = self.read_to;
        }
        // What failed may be none of its concern any more: its filter was changed, or its key sees less.
        let place = self.place.position;
        self.earlier.take_if(|failure| failure.at.position <= place);
    }

    /// The event that was out is not delivered. Answers how it fails; [`Window::wait`] must follow.
    pub fn failed(
        &mut self,
        session: &SessionName,
        now: Timestamp,
        cause: C,
    ) -> Option<&Failure<C>> {
        let lane = self.lanes.get_mut(session)?;
        let event = lane.events.front()?;
        let earlier = self.earlier.take_if(|failure| failure.at.position == event.position);
        let failure = match lane.failure.take().or(earlier) {
            Some(failure) => failure.again(now, cause),
            None => Failure::of(event, now, cause),
        };
        Some(lane.failure.insert(failure))
    }

    /// The lane's event is tried again at this time.
    pub fn wait(&mut self, session: &SessionName, until: Instant) {
        if let Some(lane) = self.lanes.get_mut(session) {
            lane.turn = QueueState::Since(until);
        }
    }

    /// Has all that waits after a failure tried again at this time.
    pub fn retry_all(&mut self, at: Instant) {
        for lane in self.lanes.values_mut().filter(|lane| lane.failure.is_some()) {
            // What is out goes out once more only after it was answered.
            if lane.turn != QueueState::Out {
                lane.turn = QueueState::Since(at);
            }
        }
    }

    /// What has failed for longest.
    pub fn failure(&self) -> Option<&Failure<C>> {
        let failures = self.lanes.values().filter_map(|lane| lane.failure.as_ref());
        failures.chain(&self.earlier).min_by_key(|failure| failure.since)
    }

    /// When the oldest event was recorded that is not delivered.
    pub fn oldest_waiting(&self) -> Option<Timestamp> {
        let heads = self.lanes.values().filter_map(|lane| lane.events.front());
        heads.min_by_key(|event| event.position).map(|event| event.record_time)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::clock::Entropy;
    use crate::domain::counter::Position;
    use crate::domain::event::{EventId, EventType};
    use crate::domain::log_position::Fingerprint;
    use crate::domain::webhook::FailureCause;

    const CAPACITY: Capacity = Capacity { events: 1024, bytes: 256 * 1024 };

    struct Numbered(u64);

    impl Entropy for Numbered {
        fn fill(&self, bytes: &mut [u8]) {
            for (byte, value) in bytes.iter_mut().zip(self.0.to_le_bytes()) {
                *byte = value;
            }
        }
    }

    fn event(position: u32, session: &str) -> Arc<EventRecord> {
        Arc::new(EventRecord {
            position: position.into(),
            id: EventId::new(Timestamp::EPOCH, &Numbered(position.into())),
            session: session.parse().unwrap(),
            sequence: position.into(),
            group_id: None,
            event_type: EventType::Joined,
            record_time: Timestamp::from_seconds(position.into()),
            wire: Bytes::from_static(b"1234567890"),
        })
    }

    fn window(events: &[(u32, &str)]) -> Window<FailureCause> {
        let mut window = Window::new(LogPosition::START, CAPACITY, None);
        let events = events.iter().map(|(position, session)| event(*position, session)).collect();
        window.push(events, Instant::now());
        window
    }

    fn out(window: &mut Window<FailureCause>, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| window.take(now)).map(|event| event.position.get()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn one_event_of_each_session_is_out_at_a_time() {
        let mut window = window(&[(1, "a"), (2, "a"), (4, "b"), (5, "a")]);
        let now = Instant::now();
        assert_eq!(out(&mut window, now), [1, 4]);
        window.done(&"a".parse().unwrap(), now);
        assert_eq!(window.place().position, 1.into());
        assert_eq!(out(&mut window, now), [2]);
        // What lies behind an event that is not delivered does not move the place.
        window.done(&"b".parse().unwrap(), now);
        assert_eq!(window.place().position, 1.into());
        window.done(&"a".parse().unwrap(), now);
        assert_eq!(window.place().position, 4.into());
        assert_eq!(window.oldest_waiting(), Some(Timestamp::from_seconds(5)));
        window.passed(LogPosition { position: 9.into(), fingerprint: Fingerprint([9; 8]) });
        assert_eq!(window.place().position, 4.into());
        assert_eq!(out(&mut window, now), [5]);
        window.done(&"a".parse().unwrap(), now);
        window.passed(LogPosition { position: 9.into(), fingerprint: Fingerprint([9; 8]) });
        assert_eq!((window.place().position, window.oldest_waiting()), (9.into(), None));
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_fails_holds_up_its_session_alone() {
        let mut window = window(&[(1, "a"), (2, "b"), (3, "a"), (4, "b")]);
        let start = Instant::now();
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert_eq!(out(&mut window, start), [1, 2]);
        let failure = window.failed(&a, Timestamp::from_seconds(7), FailureCause::Timeout);
        assert_eq!(
            failure.map(|failure| (failure.at.position, failure.failures)),
            Some((1.into(), 1))
        );
        let later = start + Duration::from_secs(2);
        window.wait(&a, later);
        window.done(&b, start);
        assert_eq!(out(&mut window, start), [4]);
        window.done(&b, start);
        assert_eq!(
            (window.place().position, window.next_try(start)),
            (Position::ZERO, Some(later))
        );
        assert_eq!(out(&mut window, later), [1]);
        let failure = window.failed(&a, Timestamp::from_seconds(9), FailureCause::Connect);
        let failure = failure.expect("a failure").clone();
        assert_eq!((failure.failures, failure.since.as_micros()), (2, 7_000_000));
        assert_eq!(window.failure(), Some(&failure));
        window.done(&a, start);
        assert_eq!((window.failure(), window.place().position), (None, 2.into()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_is_tried_at_once_unless_it_is_out() {
        let mut window = window(&[(1, "a"), (2, "b"), (3, "c"), (4, "b")]);
        let start = Instant::now();
        let (a, b, c) = ("a".parse().unwrap(), "b".parse().unwrap(), "c".parse().unwrap());
        assert_eq!(out(&mut window, start), [1, 2, 3]);
        for (session, pause) in [(&a, 60), (&b, 1), (&c, 60)] {
            window.failed(session, Timestamp::EPOCH, FailureCause::Connect);
            window.wait(session, start + Duration::from_secs(pause));
        }
        let now = start + Duration::from_secs(1);
        assert_eq!(out(&mut window, now), [2]);
        window.retry_all(now);
        assert_eq!(out(&mut window, now), [1, 3], "the second is out");
        let failed = window.done(&b, now).map(|failure| failure.failures);
        assert_eq!(failed, Some(1));
        window.retry_all(now);
        assert_eq!(out(&mut window, now), [4], "which has not failed");
        assert_eq!(window.done(&b, now), None);
    }

    #[test]
    fn a_failure_goes_on_where_an_earlier_worker_left_it() {
        let failed = Failure::of(&event(2, "a"), Timestamp::EPOCH, FailureCause::Status(500));
        let place = LogPosition::START;
        let mut window = Window::new(place, CAPACITY, Some(failed));
        let start = Instant::now();
        window.push(vec![event(1, "a"), event(2, "a")], start);
        let a = "a".parse().unwrap();
        window.done(&a, start);
        assert_eq!(window.failure().map(|failure| failure.failures), Some(1));
        let failure = window.failed(&a, Timestamp::from_seconds(1), FailureCause::Connect);
        assert_eq!(failure.map(|f| (f.failures, f.since)), Some((2, Timestamp::EPOCH)));
        window.done(&a, start);
        assert_eq!(window.failure(), None);
    }

    #[test]
    fn no_more_is_read_than_may_be_held() {
        let now = Instant::now();
        let mut window = window(&[]);
        let mut position = 0;
        while window.has_room() {
            position += 1;
            window.push(vec![event(position, "a")], now);
        }
        assert_eq!(position, 1024);
        window.done(&"a".parse().unwrap(), now);
        assert!(window.has_room());
    }

    proptest! {
        /// Whatever succeeds and fails in which order: the place is right before the first event that is
        /// not delivered, and no session's event goes out before the one before it.
        #[test]
        fn the_place_never_passes_what_is_not_delivered(
            sessions in proptest::collection::vec(0..4_u8, 1..40),
            steps in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..200),
        ) {
            let names = ["a", "b", "c", "d"];
            let events: Vec<(u32, &str)> =
                (1..).zip(&sessions).map(|(at, s)| (at, names[usize::from(*s)])).collect();
            let mut window = window(&events);
            let now = Instant::now();
            let at = |event: &EventRecord| u32::try_from(event.position.get()).unwrap();
            let mut undelivered: std::collections::BTreeSet<u32> = events.iter().map(|e| e.0).collect();
            let mut out: Vec<Arc<EventRecord>> = Vec::new();
            for (choice, succeeds) in steps {
                out.extend(std::iter::from_fn(|| window.take(now)));
                if out.is_empty() { break; }
                let event = out.swap_remove(choice.index(out.len()));
                let first = events.iter().find(|(at, s)| *s == event.session.as_str() && undelivered.contains(at));
                prop_assert_eq!(first.map(|(at, _)| *at), Some(at(&event)));
                if succeeds {
                    window.done(&event.session, now);
                    undelivered.remove(&at(&event));
                } else {
                    window.failed(&event.session, Timestamp::EPOCH, FailureCause::Connect);
                    window.wait(&event.session, now);
                }
                let last = sessions.len() as u32;
                let expected = undelivered.first().map_or(last, |at| at - 1);
                prop_assert_eq!(window.place().position, expected.into());
            }
        }
    }
}
