//! The relay: the follower of the log that hands it to a message bus.

use super::clock::Timestamp;
use super::counter::Position;
use super::event::EventRecord;
use super::log_position::LogPosition;
use super::token::{LogId, ResumeToken};

/// How far the relay is; what is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayRecord {
    /// Everything up to here is on the bus.
    pub place: ResumeToken,
    /// How often it was sent back to another place.
    pub replay_count: u32,
    /// Up to here events are published though the bus may hold them already.
    pub replay_until: Position,
    /// Events published so far, repetitions included.
    pub published_count: u64,
    /// Events that retention removed before the place had passed them: so many are lost at most.
    pub lost_count: u64,
    pub last_publish_time: Option<Timestamp>,
}

impl RelayRecord {
    pub fn new(place: ResumeToken) -> Self {
        Self {
            place,
            replay_count: 0,
            replay_until: Position::ZERO,
            published_count: 0,
            lost_count: 0,
            last_publish_time: None,
        }
    }

    /// How the event is to be published.
    pub fn run_of(&self, event: &EventRecord) -> RelayRun {
        RelayRun {
            number: self.replay_count,
            repeats: self.replay_count > 0 && event.position <= self.replay_until,
        }
    }
}

/// A run of the relay through the log: the first one, and each replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayRun {
    /// 0 for the first one.
    pub number: u32,
    /// Whether it publishes what an earlier run may have published.
    pub repeats: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayState {
    /// Publishes what happens.
    Publishing,
    /// What the bus refuses or does not answer is tried again.
    Failing,
    /// Its place is in no log of this database: somebody must say where it is to go on.
    Stopped,
}

impl RelayState {
    pub const ALL: [Self; 3] = [Self::Publishing, Self::Failing, Self::Stopped];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publishing => "publishing",
            Self::Failing => "failing",
            Self::Stopped => "stopped",
        }
    }
}

/// The last event of a session that the bus holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastPublished {
    /// The bus' own number of it; 0 where it holds none.
    pub number: u64,
    /// Where in which log it stands; none where it does not say.
    pub token: Option<ResumeToken>,
    /// The run that published it.
    pub run: u32,
}

impl LastPublished {
    /// Nothing of the session.
    pub const NOTHING: Self = Self { number: 0, token: None, run: 0 };

    /// Whether this run, or an earlier one that it does not repeat, has put the event on the bus already: events of a
    /// session are published in the order of their log.
    pub fn is_past(&self, log_id: LogId, run: RelayRun, event: &EventRecord) -> bool {
        if self.run < run.number && run.repeats {
            return false;
        }
        self.token.is_some_and(|token| {
            let at = LogPosition::from(event);
            token.log_id == log_id && (token.at.position > at.position || token.at == at)
        })
    }

    /// Whether a later run has published: whoever is in an earlier one was replaced.
    pub fn is_later_than(&self, log_id: LogId, run: RelayRun) -> bool {
        self.run > run.number && self.token.is_some_and(|token| token.log_id == log_id)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::domain::event::{EventId, EventType};
    use crate::domain::log_position::Fingerprint;

    struct Chance(u8);

    impl crate::domain::clock::Entropy for Chance {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn event(position: u32, chance: u8) -> EventRecord {
        EventRecord {
            position: position.into(),
            id: EventId::new(Timestamp::EPOCH, &Chance(chance)),
            session: "shop".parse().unwrap(),
            sequence: position.into(),
            group_id: None,
            event_type: EventType::Updated,
            record_time: Timestamp::EPOCH,
            wire: Bytes::new(),
        }
    }

    #[test]
    fn an_event_is_past_where_the_bus_holds_it_or_a_later_one_of_the_same_log() {
        let (log, other) = (LogId([1; 7]), LogId([2; 7]));
        let held = event(5, 1);
        let last = |log_id| LastPublished {
            number: 9,
            token: Some(ResumeToken { log_id, at: LogPosition::from(&held) }),
            run: 0,
        };
        let first = RelayRun { number: 0, repeats: false };
        assert!(
            last(log).is_past(log, first, &held) && last(log).is_past(log, first, &event(4, 2))
        );
        assert!(!last(log).is_past(log, first, &event(6, 2)), "a later one");
        assert!(!last(log).is_past(log, first, &event(5, 2)), "another event in its place");
        assert!(!last(other).is_past(log, first, &held), "of another log");
        assert!(!LastPublished::NOTHING.is_past(log, first, &held));
    }

    #[test]
    fn a_replay_repeats_what_earlier_runs_published_and_nothing_of_its_own() {
        let log = LogId([1; 7]);
        let last = |position: u32, run| LastPublished {
            number: 9,
            token: Some(ResumeToken { log_id: log, at: LogPosition::from(&event(position, 1)) }),
            run,
        };
        let (replay, beyond) =
            (RelayRun { number: 2, repeats: true }, RelayRun { number: 2, repeats: false });
        assert!(!last(9, 1).is_past(log, replay, &event(3, 2)), "an earlier run's");
        assert!(last(9, 2).is_past(log, replay, &event(3, 2)), "its own, before a crash");
        assert!(last(9, 1).is_past(log, beyond, &event(9, 1)), "not repeated");
        assert!(last(9, 3).is_later_than(log, replay) && !last(9, 2).is_later_than(log, replay));
        assert!(!last(9, 3).is_later_than(LogId([2; 7]), replay), "of another log");
    }

    #[test]
    fn what_lies_before_a_replays_end_is_replayed() {
        let at = LogPosition { position: 3.into(), fingerprint: Fingerprint([0; 8]) };
        let record = RelayRecord::new(ResumeToken { log_id: LogId([1; 7]), at });
        assert_eq!(record.run_of(&event(1, 1)), RelayRun { number: 0, repeats: false });
        let replayed = RelayRecord { replay_count: 2, replay_until: 5.into(), ..record };
        assert_eq!(replayed.run_of(&event(5, 1)), RelayRun { number: 2, repeats: true });
        assert_eq!(replayed.run_of(&event(6, 1)), RelayRun { number: 2, repeats: false });
    }
}
