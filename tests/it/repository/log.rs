//! Reading the log.

use wagroups::domain::SessionName;
use wagroups::domain::event::{EventRecord, EventType};
use wagroups::domain::log_position::LogPosition;
use wagroups::domain::page::EventQuery;
use wagroups::domain::port::repository::EventLog;
use wagroups::repository::SeaRepository;

use super::given::{append, at, event_of, events, group_id, made, name};
use crate::harness::database::Database;

pub async fn an_empty_log_has_bounds(database: &Database) {
    let repository = database.open().await;
    let bounds = repository.bounds().await.expect("bounds");
    assert_eq!((bounds.head, bounds.trimmed), (LogPosition::START, LogPosition::START));
    let slice = repository.read(0.into(), 10).await.expect("the log");
    assert!(slice.events.is_empty());
    assert_eq!(slice.trimmed, 0.into());
    assert_eq!(repository.position_before(at(0)).await.expect("a position"), 0.into());
}

pub async fn the_log_is_read_in_stretches(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    append(&repository, &a, at(0), |commit| commit.events = events(7)).await;

    let mut positions = Vec::new();
    for after in [0, 3, 6, 7, 100] {
        let slice = repository.read(after.into(), 3).await.expect("the log");
        positions.push(slice.events.iter().map(|e| e.position.get()).collect::<Vec<_>>());
    }

    assert_eq!(positions, [vec![1, 2, 3], vec![4, 5, 6], vec![7], vec![], vec![]]);
}

fn all_of(session: &SessionName) -> EventQuery {
    EventQuery {
        session: session.clone(),
        group_ids: Vec::new(),
        types: Vec::new(),
        after_sequence_exclusive: None,
        until_sequence_inclusive: None,
        start_time: None,
        end_time: None,
        newest_first: false,
    }
}

fn sequences(events: &[EventRecord]) -> Vec<u64> {
    events.iter().map(|event| event.sequence.get()).collect()
}

/// Ten events of session `a`, one a second, of groups 1 and 2 in turn, every third of them `Left`;
/// among them some of session `b`.
async fn ten_events(repository: &SeaRepository) -> SessionName {
    let (a, b) = (made(repository, "a").await, made(repository, "b").await);
    for number in 1..=10_u32 {
        let event_type = if number % 3 == 0 { EventType::Left } else { EventType::Updated };
        let event = event_of(Some(group_id(1 + number % 2)), event_type);
        append(repository, &a, at(i64::from(number)), |commit| commit.events = vec![event]).await;
        append(repository, &b, at(i64::from(number)), |commit| commit.events = events(1)).await;
    }
    a
}

pub async fn list_events_pages_in_both_directions(database: &Database) {
    let repository = database.open().await;
    let a = ten_events(&repository).await;
    for newest_first in [false, true] {
        let query = EventQuery { newest_first, ..all_of(&a) };
        let mut listed = Vec::new();
        let mut cursor = None;
        loop {
            let page = repository.list_events(&query, cursor, 4).await.expect("events");
            assert_eq!((page.session_sequence, page.oldest_sequence), (10.into(), 1.into()));
            assert!(page.events.iter().all(|event| event.session == a));
            let Some(last) = page.events.last() else { break };
            cursor = Some(last.sequence);
            listed.extend(sequences(&page.events));
        }
        let mut expected: Vec<u64> = (1..=10).collect();
        if newest_first {
            expected.reverse();
        }
        assert_eq!(listed, expected);
    }
}

pub async fn list_events_filters_by_group_type_sequence_and_time(database: &Database) {
    let repository = database.open().await;
    let a = ten_events(&repository).await;
    let all = || all_of(&a);
    let both_groups = vec![group_id(1), group_id(2), group_id(99)];
    for (query, expected) in [
        (EventQuery { group_ids: vec![group_id(1)], ..all() }, vec![2, 4, 6, 8, 10]),
        (EventQuery { group_ids: both_groups, ..all() }, (1..=10).collect()),
        (EventQuery { types: vec![EventType::Left.code()], ..all() }, vec![3, 6, 9]),
        (
            EventQuery {
                types: vec![EventType::Left.code()],
                group_ids: vec![group_id(2)],
                ..all()
            },
            vec![3, 9],
        ),
        (
            EventQuery {
                after_sequence_exclusive: Some(3.into()),
                until_sequence_inclusive: Some(5.into()),
                ..all()
            },
            vec![4, 5],
        ),
        (EventQuery { start_time: Some(at(4)), end_time: Some(at(7)), ..all() }, vec![4, 5, 6]),
        (EventQuery { start_time: Some(at(9)), newest_first: true, ..all() }, vec![10, 9]),
        (EventQuery { types: vec![EventType::Deleted.code()], ..all() }, vec![]),
    ] {
        let list = repository.list_events(&query, None, 100).await.expect("events");
        assert_eq!(sequences(&list.events), expected, "{query:?}");
        assert_eq!(list.session_sequence, 10.into(), "{query:?}");
    }
}

pub async fn list_events_of_an_unknown_session_is_empty(database: &Database) {
    let repository = database.open().await;
    let list = repository.list_events(&all_of(&name("nobody")), None, 10).await.expect("events");
    assert!(list.events.is_empty());
    assert_eq!((list.session_sequence, list.oldest_sequence), (0.into(), 0.into()));
}

pub async fn position_before_a_time_is_that_of_the_last_earlier_event(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    for seconds in [10, 20, 20, 30] {
        append(&repository, &a, at(seconds), |commit| commit.events = events(1)).await;
    }
    for (seconds, expected) in
        [(0, 0), (10, 0), (11, 1), (20, 1), (21, 3), (30, 3), (31, 4), (1000, 4)]
    {
        assert_eq!(
            repository.position_before(at(seconds)).await.expect("a position"),
            expected.into(),
            "{seconds}"
        );
    }
}

pub async fn a_new_log_id_is_another_one(database: &Database) {
    let repository = database.open().await;
    let before = repository.bounds().await.expect("bounds").log_id;
    let made = repository.new_log_id().await.expect("a log id");
    let after = repository.bounds().await.expect("bounds").log_id;
    assert_ne!(before, after);
    assert_eq!(made, after);
}
