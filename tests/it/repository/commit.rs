//! The commit: numbering, losing, fencing, and what goes with it.

use std::collections::BTreeMap;

use bytes::Bytes;
use wagroups::domain::counter::Sequence;
use wagroups::domain::event::EventType;
use wagroups::domain::log_position::LogPosition;
use wagroups::domain::port::repository::{
    AnswerWrite, CommitBatch, EventLog, GroupStore, ReservationStore, Reserved, SessionCommit,
    StoreError,
};
use wagroups::pb::wire::complete_event;

use super::given::{
    NOW, append, at, batch, event, event_id, event_of, events, group, group_id, head, made, member,
    of_events, query,
};
use super::reservations::{attempt, reservation};
use crate::harness::database::Database;

pub async fn events_are_numbered_in_each_session_and_over_all(database: &Database) {
    let repository = database.open().await;
    let (a, b) = (made(&repository, "a").await, made(&repository, "b").await);

    let first = repository
        .commit(&batch(vec![of_events(&b, 0, 0, events(2)), of_events(&a, 0, 0, events(3))]))
        .await
        .expect("a commit");
    let second =
        repository.commit(&batch(vec![of_events(&a, 1, 3, events(1))])).await.expect("a commit");

    assert_eq!((first.won, first.head), (vec![true, true], 5.into()));
    assert_eq!((second.won, second.head), (vec![true], 6.into()));
    let log = repository.read(0.into(), 100).await.expect("the log");
    let numbers: Vec<_> = log
        .events
        .iter()
        .map(|e| (e.position.get(), e.session.as_str(), e.sequence.get()))
        .collect();
    assert_eq!(
        numbers,
        [(1, "b", 1), (2, "b", 2), (3, "a", 1), (4, "a", 2), (5, "a", 3), (6, "a", 4)]
    );
    let bounds = repository.bounds().await.expect("bounds");
    assert_eq!(bounds.head, LogPosition::from(&log.events[5]));
    assert_eq!(bounds.head.position, 6.into());
}

pub async fn a_loser_writes_nothing_while_the_winners_do(database: &Database) {
    let repository = database.open().await;
    let (a, b, c) =
        (made(&repository, "a").await, made(&repository, "b").await, made(&repository, "c").await);
    let Ok(Reserved::New) = repository.reserve(&reservation("loser")).await else {
        panic!("taken")
    };
    let loser = SessionCommit {
        groups: vec![group(1, "lost")],
        source_ids: vec!["lost".to_owned()],
        answers: vec![AnswerWrite {
            key: reservation("loser").key,
            answer: Bytes::from_static(b"lost"),
        }],
        ..of_events(&b, 7, 0, events(2))
    };

    let receipt = repository
        .commit(&batch(vec![of_events(&a, 0, 0, events(1)), loser, of_events(&c, 0, 0, events(1))]))
        .await
        .expect("a commit");

    assert_eq!((receipt.won, receipt.head), (vec![true, false, true], 2.into()));
    let log = repository.read(0.into(), 100).await.expect("the log");
    assert_eq!(log.events.iter().map(|e| e.session.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(
        (head(&repository, &b).await.sequence, head(&repository, &b).await.revision),
        (0.into(), 0.into())
    );
    assert!(repository.load_groups(&[(b.clone(), group_id(1))]).await.expect("groups").is_empty());
    assert!(repository.known_source_ids(&[(b, "lost".to_owned())]).await.expect("ids").is_empty());
    let again = attempt(&reservation("loser"), 1);
    let Ok(Reserved::Existing(existing)) = repository.reserve(&again).await else { panic!("free") };
    assert_eq!(existing.answer, None);
}

pub async fn a_commit_of_an_older_epoch_loses(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    let old = repository.begin_epoch().await.expect("an epoch");
    let new = repository.begin_epoch().await.expect("an epoch");
    assert!(new > old);
    let mut fenced = batch(vec![of_events(&a, 0, 0, events(1))]);
    fenced.epoch = old;

    assert_eq!(repository.commit(&fenced).await.expect("a commit").won, [false]);
    fenced.epoch = new;
    assert_eq!(repository.commit(&fenced).await.expect("a commit").won, [true]);
}

pub async fn of_two_writers_that_expect_the_same_revision_one_loses(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    let batches: Vec<CommitBatch> =
        (0..2).map(|_| batch(vec![of_events(&a, 0, 0, events(1))])).collect();

    let (first, second) =
        tokio::join!(repository.commit(&batches[0]), repository.commit(&batches[1]));

    let won = [first.expect("a commit").won[0], second.expect("a commit").won[0]];
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    assert_eq!(repository.bounds().await.expect("bounds").head.position, 1.into());
}

pub async fn a_commit_without_events_still_raises_the_revision(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    append(&repository, &a, NOW, |commit| commit.events = events(2)).await;

    let receipt =
        append(&repository, &a, at(5), |commit| commit.source_ids = vec!["echo".to_owned()]).await;

    assert_eq!((receipt.head, receipt.record_time), (2.into(), at(5)));
    let stale =
        repository.commit(&batch(vec![of_events(&a, 1, 2, events(1))])).await.expect("a commit");
    assert_eq!(stale.won, [false]);
    assert_eq!(
        (head(&repository, &a).await.sequence, head(&repository, &a).await.revision),
        (2.into(), 2.into())
    );
}

pub async fn a_sequence_that_is_not_the_sessions_loses(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    let receipt =
        repository.commit(&batch(vec![of_events(&a, 0, 4, events(1))])).await.expect("a commit");
    assert_eq!((receipt.won, receipt.head), (vec![false], 0.into()));
}

pub async fn a_deleted_session_takes_no_commit(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    append(&repository, &a, NOW, |commit| commit.deletes_session = true).await;
    let receipt =
        repository.commit(&batch(vec![of_events(&a, 1, 0, events(1))])).await.expect("a commit");
    assert_eq!(receipt.won, [false]);
}

pub async fn record_time_never_runs_backwards(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    let mut times = Vec::new();
    for seconds in [10, 5, 20, 0] {
        times.push(
            append(&repository, &a, at(seconds), |commit| commit.events = events(1))
                .await
                .record_time,
        );
    }
    assert_eq!(times, [at(10), at(10), at(20), at(20)]);
    let log = repository.read(0.into(), 10).await.expect("the log");
    assert_eq!(log.events.iter().map(|e| e.record_time).collect::<Vec<_>>(), times);
}

pub async fn an_event_comes_back_as_it_was_written(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    let of_group = event_of(Some(group_id(3)), EventType::ParticipantsChanged);
    let of_session = event_of(None, EventType::SessionDeleted);
    let written = vec![of_group.clone(), of_session.clone()];
    append(&repository, &a, at(1), |commit| commit.events = written).await;

    let log = repository.read(0.into(), 10).await.expect("the log");

    for ((event, sequence), new) in
        log.events.iter().zip((1..).map(Sequence::from)).zip([of_group, of_session])
    {
        assert_eq!((event.id, &event.session, event.sequence), (new.id, &a, sequence));
        assert_eq!((&event.group_id, event.event_type), (&new.group_id, new.event_type));
        assert_eq!(event.record_time, at(1));
        assert_eq!(event.wire, complete_event(&new.payload, sequence, at(1)));
        assert_eq!(
            repository.fingerprint_at(event.position).await.expect("a fingerprint"),
            Some(new.id.fingerprint())
        );
    }
    assert_eq!(repository.fingerprint_at(3.into()).await.expect("a fingerprint"), None);
}

pub async fn data_that_is_refused_leaves_nothing_behind_and_others_possible(database: &Database) {
    let repository = database.open().await;
    let (a, b) = (made(&repository, "a").await, made(&repository, "b").await);
    let twice = event();
    let refused = SessionCommit {
        groups: vec![group(1, "refused")],
        ..of_events(&a, 0, 0, vec![event(), twice.clone(), twice])
    };

    let error = repository
        .commit(&batch(vec![refused, of_events(&b, 0, 0, events(1))]))
        .await
        .expect_err("a refusal");

    assert!(matches!(error, StoreError::Refused(_)), "{error}");
    assert_eq!(repository.bounds().await.expect("bounds").head, LogPosition::START);
    assert_eq!(
        (head(&repository, &a).await.revision, head(&repository, &b).await.revision),
        (0.into(), 0.into())
    );
    assert!(repository.load_groups(&[(a, group_id(1))]).await.expect("groups").is_empty());
    let receipt =
        repository.commit(&batch(vec![of_events(&b, 0, 0, events(1))])).await.expect("a commit");
    assert_eq!((receipt.won, receipt.head), (vec![true], 1.into()));
}

pub async fn a_commit_whose_answer_was_lost_is_found_by_its_event_ids(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    let written = events(3);
    let ids: Vec<_> = written.iter().map(|event| event.id).collect();
    append(&repository, &a, NOW, |commit| commit.events = written).await;

    let asked = [ids[0], event_id(), ids[1], ids[2], event_id()];
    let recorded = repository.recorded(&asked).await.expect("positions");

    assert_eq!(
        recorded,
        BTreeMap::from([(ids[0], 1.into()), (ids[1], 2.into()), (ids[2], 3.into())])
    );
    assert!(repository.recorded(&[]).await.expect("positions").is_empty());
}

pub async fn a_large_batch_is_written_whole(database: &Database) {
    const EVENTS: usize = 3_000;
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    let written = events(EVENTS);
    let ids: Vec<_> = written.iter().map(|event| event.id).collect();
    let mut large = group(1, "large");
    large.members_added = (0..2_500).map(member).collect();
    append(&repository, &a, NOW, |commit| {
        commit.events = written;
        commit.groups = vec![large];
        commit.groups.extend((2..500).map(|number| group(number, "small")));
        commit.source_ids = (0..2_000).map(|number| format!("source {number}")).collect();
    })
    .await;

    let log = repository.read(0.into(), 10_000).await.expect("the log");
    assert_eq!(log.events.iter().map(|e| e.id).collect::<Vec<_>>(), ids);
    assert_eq!(repository.recorded(&ids).await.expect("positions").len(), EVENTS);
    assert_eq!(
        repository.count_groups(&query(&a)).await.expect("a count").session_sequence,
        Sequence::from(3_000)
    );
    let sources: Vec<_> =
        (0..2_100).map(|number| (a.clone(), format!("source {number}"))).collect();
    assert_eq!(repository.known_source_ids(&sources).await.expect("ids").len(), 2_000);
    let mut of_member = query(&a);
    of_member.filter.member = Some(member(2_499));
    assert_eq!(repository.count_groups(&of_member).await.expect("a count").count, 1);
}

pub async fn answers_and_source_ids_go_with_the_commit(database: &Database) {
    let repository = database.open().await;
    let (a, b) = (made(&repository, "a").await, made(&repository, "b").await);
    let reserved = reservation("request");
    assert_eq!(repository.reserve(&reserved).await.expect("a reservation"), Reserved::New);

    append(&repository, &a, NOW, |commit| {
        commit.source_ids = vec!["one".to_owned(), "two".to_owned()];
        commit.answers =
            vec![AnswerWrite { key: reserved.key.clone(), answer: Bytes::from_static(b"done") }];
    })
    .await;
    // A source id that is known already does no harm.
    append(&repository, &a, NOW, |commit| commit.source_ids = vec!["one".to_owned()]).await;

    let asked =
        [(a.clone(), "one".to_owned()), (a.clone(), "three".to_owned()), (b, "one".to_owned())];
    let known = repository.known_source_ids(&asked).await.expect("ids");
    assert_eq!(known.into_iter().collect::<Vec<_>>(), [(a, "one".to_owned())]);
    let Ok(Reserved::Existing(existing)) = repository.reserve(&reserved).await else {
        panic!("free")
    };
    assert_eq!(existing.answer.as_deref(), Some(b"done".as_slice()));
}

pub async fn racing_writers_lose_nothing_and_leave_no_gap(database: &Database) {
    super::concurrency::race(&[&database.open().await]).await;
}
