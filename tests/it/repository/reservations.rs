//! Request ids.

use bytes::Bytes;
use futures::future::join_all;
use wagroups::domain::counter::Epoch;
use wagroups::domain::port::repository::{
    ExistingReservation, Reservation, ReservationKey, ReservationStore, Reserved,
};

use super::given::{NOW, at, group_id, name};
use crate::harness::database::Database;

/// One that runs until second 30 and is forgotten after a day; `label` makes the request id.
pub fn reservation(label: &str) -> Reservation {
    let digits =
        label.bytes().fold(0_u64, |sum, byte| sum * 131 + u64::from(byte)) % 1_000_000_000_000;
    Reservation {
        key: ReservationKey {
            key_name: String::new(),
            session: name("a"),
            rpc: "CreateGroup",
            request_id: format!("00000000-0000-4000-8000-{digits:012}").parse().expect("a UUID"),
        },
        body_sha256: [7; 32],
        group_id: None,
        incarnation: Epoch::ZERO.plus(u64::MAX),
        nonce: u64::MAX - 7,
        abandoned: Vec::new(),
        deadline: at(30),
        now: NOW,
        expire_time: at(86_400),
    }
}

fn pending(of: &Reservation) -> Reserved {
    Reserved::Existing(ExistingReservation {
        body_sha256: of.body_sha256,
        incarnation: of.incarnation,
        nonce: of.nonce,
        deadline: of.deadline,
        answer: None,
    })
}

pub async fn a_request_id_is_taken_once(database: &Database) {
    let repository = database.open().await;
    let first = reservation("one");
    let mut second = attempt(&first, 1);
    (second.body_sha256, second.incarnation, second.group_id) =
        ([8; 32], 1.into(), Some(group_id(1)));
    assert_eq!(repository.reserve(&first).await.expect("an answer"), Reserved::New);
    assert_eq!(repository.reserve(&second).await.expect("an answer"), pending(&first));
    let third = attempt(&first, 2);
    assert_eq!(repository.reserve(&third).await.expect("an answer"), pending(&first));
}

/// Another attempt to take the same request id.
pub fn attempt(of: &Reservation, nonce: u64) -> Reservation {
    Reservation { nonce, ..of.clone() }
}

pub async fn a_repeated_attempt_finds_that_the_request_id_is_its_own(database: &Database) {
    let repository = database.open().await;
    let reservation = reservation("one");
    for _ in 0..2 {
        assert_eq!(repository.reserve(&reservation).await.expect("an answer"), Reserved::New);
    }
    repository.settle(&reservation.key, Bytes::new()).await.expect("an answer is kept");
    assert_eq!(answer(&repository, &reservation).await, Some(Bytes::new()), "it is no longer open");
}

pub async fn what_an_attempt_that_sent_nothing_left_behind_is_taken_over(database: &Database) {
    let repository = database.open().await;
    let first = reservation("one");
    repository.reserve(&first).await.expect("an answer");
    let other = Reservation { abandoned: vec![3, 4], ..attempt(&first, 1) };
    assert_eq!(repository.reserve(&other).await.expect("an answer"), pending(&first));
    let second = Reservation { abandoned: vec![3, first.nonce], ..attempt(&first, 2) };
    assert_eq!(repository.reserve(&second).await.expect("an answer"), Reserved::New);
    assert_eq!(repository.reserve(&attempt(&first, 5)).await.expect("an answer"), pending(&second));
    repository.settle(&first.key, Bytes::new()).await.expect("an answer is kept");
    let third = Reservation { abandoned: vec![second.nonce], ..attempt(&first, 6) };
    assert_eq!(answer(&repository, &third).await, Some(Bytes::new()), "an answer stays");
}

pub async fn a_release_that_comes_late_leaves_the_next_attempt_alone(database: &Database) {
    let repository = database.open().await;
    let first = reservation("one");
    repository.reserve(&first).await.expect("an answer");
    let second = Reservation { abandoned: vec![first.nonce], ..attempt(&first, 1) };
    assert_eq!(repository.reserve(&second).await.expect("an answer"), Reserved::New);
    repository.release(&first.key, first.nonce).await.expect("nothing to release");
    assert_eq!(repository.reserve(&attempt(&first, 2)).await.expect("an answer"), pending(&second));
}

pub async fn a_released_request_id_is_free_again(database: &Database) {
    let repository = database.open().await;
    let reservation = reservation("one");
    repository.reserve(&reservation).await.expect("an answer");
    repository.release(&reservation.key, reservation.nonce).await.expect("a release");
    repository.release(&reservation.key, reservation.nonce).await.expect("nothing to release");
    assert_eq!(repository.reserve(&reservation).await.expect("an answer"), Reserved::New);
}

async fn answer(
    database: &wagroups::repository::SeaRepository,
    reservation: &Reservation,
) -> Option<Bytes> {
    match database.reserve(reservation).await.expect("an answer") {
        Reserved::New => panic!("the request id is free"),
        Reserved::Existing(existing) => existing.answer,
    }
}

pub async fn an_answered_request_id_is_not_released(database: &Database) {
    let repository = database.open().await;
    let reservation = reservation("one");
    repository.reserve(&reservation).await.expect("an answer");
    repository.settle(&reservation.key, Bytes::new()).await.expect("an answer is kept");
    repository.release(&reservation.key, reservation.nonce).await.expect("a release");
    assert_eq!(
        answer(&repository, &reservation).await,
        Some(Bytes::new()),
        "an empty answer is one too"
    );
}

pub async fn the_first_answer_stays(database: &Database) {
    let repository = database.open().await;
    let reservation = reservation("one");
    repository.reserve(&reservation).await.expect("an answer");
    for text in [b"first".as_slice(), b"second".as_slice()] {
        repository
            .settle(&reservation.key, Bytes::from_static(text))
            .await
            .expect("an answer is kept");
    }
    assert_eq!(answer(&repository, &reservation).await.as_deref(), Some(b"first".as_slice()));
}

pub async fn an_expired_request_id_is_taken_over(database: &Database) {
    let repository = database.open().await;
    let first = reservation("one");
    repository.reserve(&first).await.expect("an answer");
    repository.settle(&first.key, Bytes::from_static(b"old")).await.expect("an answer is kept");
    let mut later = first.clone();
    (later.now, later.expire_time, later.incarnation) = (at(86_399), at(200_000), 2.into());
    later.nonce = 2;
    assert!(matches!(repository.reserve(&later).await.expect("an answer"), Reserved::Existing(_)));
    later.now = at(86_400);
    assert_eq!(repository.reserve(&later).await.expect("an answer"), Reserved::New);
    let third = attempt(&later, 1);
    assert_eq!(repository.reserve(&third).await.expect("an answer"), pending(&later));
}

pub async fn of_many_that_reserve_at_once_one_gets_it(database: &Database) {
    let repository = database.open().await;
    let reservations: Vec<Reservation> =
        (0..8).map(|nonce| attempt(&reservation("contended"), nonce)).collect();
    let answers =
        join_all(reservations.iter().map(|reservation| repository.reserve(reservation))).await;
    let new = answers.iter().filter(|answer| matches!(answer, Ok(Reserved::New))).count();
    let existing =
        answers.iter().filter(|answer| matches!(answer, Ok(Reserved::Existing(_)))).count();
    assert_eq!((new, existing), (1, 7));
}

pub async fn the_same_id_under_another_key_session_or_rpc_is_another(database: &Database) {
    let repository = database.open().await;
    let first = reservation("one");
    let mut others = vec![first.clone(), first.clone(), first.clone(), first];
    others[1].key.key_name = "other".to_owned();
    others[2].key.session = name("b");
    others[3].key.rpc = "LeaveGroup";
    for reservation in others {
        assert_eq!(repository.reserve(&reservation).await.expect("an answer"), Reserved::New);
    }
}
