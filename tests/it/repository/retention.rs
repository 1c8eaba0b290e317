//! What retention takes away.

use wagroups::domain::page::EventQuery;
use wagroups::domain::port::repository::{
    EventLog, GroupStore, ReservationStore, Reserved, Trimmed,
};
use wagroups::repository::SeaRepository;

use super::given::{append, at, events, group, group_id, made};
use super::reservations::reservation;
use crate::harness::database::Database;

/// Ten events, one a second: position 1 was recorded at second 1.
async fn ten_events(repository: &SeaRepository) {
    let a = made(repository, "a").await;
    for seconds in 1..=10 {
        append(repository, &a, at(seconds), |commit| commit.events = events(1)).await;
    }
}

pub async fn trimming_removes_the_oldest_and_says_so(database: &Database) {
    let repository = database.open().await;
    ten_events(&repository).await;
    let fourth =
        repository.fingerprint_at(4.into()).await.expect("a fingerprint").expect("an event");
    let sixth =
        repository.fingerprint_at(6.into()).await.expect("a fingerprint").expect("an event");

    let steps = [
        repository.trim(at(7), 4).await.expect("a trim"),
        repository.trim(at(5), 4).await.expect("a trim"),
        repository.trim(at(7), 4).await.expect("a trim"),
        repository.trim(at(7), 4).await.expect("a trim"),
    ];

    let trimmed = |removed, more| Trimmed { removed, more };
    assert_eq!(steps, [trimmed(4, true), trimmed(0, false), trimmed(2, false), trimmed(0, false)]);
    let bounds = repository.bounds().await.expect("bounds");
    assert_eq!(
        (bounds.head.position, bounds.trimmed.position, bounds.trimmed.fingerprint),
        (10.into(), 6.into(), sixth)
    );
    assert_ne!(fourth, sixth);
    let query = EventQuery {
        session: "a".parse().expect("a name"),
        group_ids: Vec::new(),
        types: Vec::new(),
        after_sequence_exclusive: None,
        until_sequence_inclusive: None,
        start_time: None,
        end_time: None,
        newest_first: false,
    };
    let list = repository.list_events(&query, None, 100).await.expect("events");
    assert_eq!(
        (list.events.len(), list.session_sequence, list.oldest_sequence),
        (4, 10.into(), 7.into())
    );
}

pub async fn trimming_never_removes_the_newest_event(database: &Database) {
    let repository = database.open().await;
    assert_eq!(
        repository.trim(at(1000), 5).await.expect("a trim"),
        Trimmed { removed: 0, more: false }
    );
    ten_events(&repository).await;

    let mut removed = 0;
    loop {
        let step = repository.trim(at(1000), 4).await.expect("a trim");
        removed += step.removed;
        if !step.more {
            break;
        }
    }

    assert_eq!(removed, 9);
    let bounds = repository.bounds().await.expect("bounds");
    assert_eq!((bounds.head.position, bounds.trimmed.position), (10.into(), 9.into()));
    assert_eq!(
        repository.fingerprint_at(10.into()).await.expect("a fingerprint"),
        Some(bounds.head.fingerprint)
    );
    let a = "a".parse().expect("a name");
    let receipt = append(&repository, &a, at(2000), |commit| commit.events = events(1)).await;
    assert_eq!(receipt.head, 11.into());
}

pub async fn a_read_below_what_is_kept_says_so_and_returns_nothing(database: &Database) {
    let repository = database.open().await;
    ten_events(&repository).await;
    repository.trim(at(6), 100).await.expect("a trim");

    for after in [0, 3, 4] {
        let slice = repository.read(after.into(), 100).await.expect("the log");
        assert_eq!((slice.trimmed, slice.events.len()), (5.into(), 0), "{after}");
    }
    let slice = repository.read(5.into(), 100).await.expect("the log");
    assert_eq!(slice.events.iter().map(|e| e.position.get()).collect::<Vec<_>>(), [6, 7, 8, 9, 10]);
    assert_eq!(repository.fingerprint_at(5.into()).await.expect("a fingerprint"), None);
}

pub async fn positions_before_what_is_kept_are_the_trimmed_one(database: &Database) {
    let repository = database.open().await;
    ten_events(&repository).await;
    repository.trim(at(6), 100).await.expect("a trim");
    for (seconds, expected) in [(0, 5), (3, 5), (6, 5), (7, 6), (100, 10)] {
        assert_eq!(
            repository.position_before(at(seconds)).await.expect("a position"),
            expected.into(),
            "{seconds}"
        );
    }
}

pub async fn purge_forgets_what_is_older_than_the_log(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    let gone = |number| {
        let mut write = group(number, "gone");
        write.state = None;
        write
    };
    append(&repository, &a, at(1), |commit| {
        commit.source_ids = vec!["old".to_owned(), "old too".to_owned()];
        commit.groups = vec![gone(1), group(2, "kept")];
    })
    .await;
    append(&repository, &a, at(20), |commit| {
        commit.source_ids = vec!["new".to_owned()];
        commit.groups = vec![gone(3)];
    })
    .await;
    let mut short = reservation("short");
    short.expire_time = at(50);
    for reservation in [&short, &reservation("long")] {
        assert_eq!(repository.reserve(reservation).await.expect("a reservation"), Reserved::New);
    }

    assert!(repository.purge(at(100), at(10), 1).await.expect("a purge"), "there is more");
    while repository.purge(at(100), at(10), 1).await.expect("a purge") {}

    let sources = ["old", "old too", "new"].map(|id| (a.clone(), id.to_owned()));
    let known = repository.known_source_ids(&sources).await.expect("ids");
    assert_eq!(known.into_iter().map(|(_, id)| id).collect::<Vec<_>>(), ["new"]);
    let groups = [1, 2, 3].map(|number| (a.clone(), group_id(number)));
    let mut left: Vec<_> =
        repository.load_groups(&groups).await.expect("groups").into_iter().map(|g| g.id).collect();
    left.sort();
    assert_eq!(left, [group_id(2), group_id(3)]);
    let free = |reserved| matches!(reserved, Reserved::New);
    let again = |mut reservation: wagroups::domain::port::repository::Reservation| {
        (reservation.now, reservation.nonce) = (at(0), 1);
        reservation
    };
    assert!(free(repository.reserve(&again(short)).await.expect("a reservation")));
    assert!(!free(repository.reserve(&again(reservation("long"))).await.expect("a reservation")));
}
