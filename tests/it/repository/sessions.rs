//! The life of a session.

use wagroups::domain::event::EventType;
use wagroups::domain::participant::Account;
use wagroups::domain::port::repository::{
    CommitBatch, EventLog, GroupStore, GroupWrite, SessionInsert, SessionPatch, SessionStore,
};
use wagroups::domain::session::EngineConfig;
use wagroups::domain::{Session, SessionName, SessionStatus};
use wagroups::repository::SeaRepository;

use super::given::{
    NOW, append, at, event_of, events, group, group_id, head, made, member, name, of_events, query,
    session,
};
use crate::harness::database::Database;

fn detailed() -> Session {
    let account =
        Account::from_names("123@lid".parse().ok().and_then(lid), "49151000001@c.us".parse().ok());
    Session {
        status: SessionStatus::ScanQrCode,
        status_reason: "scan it, \"please\"".to_owned(),
        status_time: at(3),
        account,
        push_name: "Zoë".to_owned(),
        metadata: [("team".to_owned(), "red".to_owned()), ("ключ".to_owned(), String::new())]
            .into(),
        wanted: false,
        create_time: at(-7),
        config: EngineConfig::Simulator { phone_number: "49151000001".parse().ok() },
        ..session("detailed")
    }
}

fn lid(id: wagroups::domain::ParticipantId) -> Option<wagroups::domain::Lid> {
    id.lid()
}

pub async fn a_session_comes_back_as_it_was_made(database: &Database) {
    let repository = database.open().await;
    let made = detailed();
    assert!(made.account.is_some_and(|account| account.both_names().is_some()));
    repository.insert_session(&made, 0.into()).await.expect("a session");
    assert_eq!(repository.session(&made.name).await.expect("a session"), Some(made));
    assert_eq!(repository.session(&name("nobody")).await.expect("none"), None);
}

pub async fn a_session_is_made_once(database: &Database) {
    let repository = database.open().await;
    made(&repository, "a").await;
    let mut other = session("a");
    other.push_name = "other".to_owned();
    let again = repository.insert_session(&other, 0.into()).await.expect("an answer");
    assert_eq!(again, SessionInsert::AlreadyExists);
    assert_eq!(repository.session(&name("a")).await.expect("a session"), Some(session("a")));
    // Case counts.
    assert_eq!(
        repository.insert_session(&session("A"), 0.into()).await.expect("an answer"),
        SessionInsert::Inserted
    );
}

pub async fn sessions_are_listed_by_name_in_pages(database: &Database) {
    let repository = database.open().await;
    for text in ["b", "a-1", "a", "B", "c"] {
        made(&repository, text).await;
    }
    append(&repository, &name("c"), NOW, |commit| commit.deletes_session = true).await;
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = repository.list_sessions(after.as_ref(), 2).await.expect("a page");
        let Some(last) = page.last() else { break };
        after = Some(last.name.clone());
        listed.extend(page.into_iter().map(|session| session.name.to_string()));
    }
    assert_eq!(listed, ["B", "a", "a-1", "b"]);
}

pub async fn a_patch_changes_what_it_names(database: &Database) {
    let repository = database.open().await;
    let mut expected = detailed();
    repository.insert_session(&expected, 0.into()).await.expect("a session");
    let patches = [
        SessionPatch { synced_time: Some(at(5)), ..Default::default() },
        SessionPatch {
            config: Some(EngineConfig::Simulator { phone_number: None }),
            ..Default::default()
        },
        SessionPatch {
            status: Some((SessionStatus::Failed, "no answer".to_owned(), at(9))),
            ..SessionPatch::default()
        },
        SessionPatch { wanted: Some(true), ..SessionPatch::default() },
        SessionPatch { push_name: Some("Yara".to_owned()), ..SessionPatch::default() },
        SessionPatch {
            metadata: Some([("a".to_owned(), "b".to_owned())].into()),
            ..SessionPatch::default()
        },
        SessionPatch { account: Some(Account::new(member(5))), ..SessionPatch::default() },
        SessionPatch::default(),
    ];
    for patch in patches {
        assert!(repository.patch_session(&expected.name, &patch).await.expect("a patch"));
        if let Some((status, reason, time)) = patch.status {
            (expected.status, expected.status_reason, expected.status_time) =
                (status, reason, time);
        }
        expected.wanted = patch.wanted.unwrap_or(expected.wanted);
        expected.push_name = patch.push_name.unwrap_or(expected.push_name);
        expected.metadata = patch.metadata.unwrap_or(expected.metadata);
        expected.account = patch.account.or(expected.account);
        expected.synced_time = patch.synced_time.or(expected.synced_time);
        expected.config = patch.config.unwrap_or(expected.config);
        let stored = repository.session(&expected.name).await.expect("a session");
        assert_eq!(stored.as_ref(), Some(&expected));
    }
    let wanted = SessionPatch { wanted: Some(true), ..SessionPatch::default() };
    for patch in [wanted, SessionPatch::default()] {
        assert!(!repository.patch_session(&name("nobody"), &patch).await.expect("an answer"));
    }
}

pub async fn a_deleted_session_is_gone_but_its_log_stays(database: &Database) {
    let repository = database.open().await;
    let (a, b) = (made(&repository, "a").await, made(&repository, "b").await);
    for session in [&a, &b] {
        append(&repository, session, NOW, |commit| {
            commit.events = events(2);
            let mut write = group(1, "Chess");
            write.members_added = vec![member(1)];
            commit.groups = vec![write];
            commit.source_ids = vec!["source".to_owned()];
        })
        .await;
    }

    append(&repository, &a, NOW, |commit| {
        commit.events = vec![event_of(None, EventType::SessionDeleted)];
        commit.deletes_session = true;
    })
    .await;

    // No reader sees what is left until it is cleared.
    assert_eq!(repository.count_groups(&query(&a)).await.expect("a count").count, 0);
    let listed = repository.list_groups(&query(&a), None, 10, 1 << 20, true).await;
    assert!(listed.expect("a page").groups.is_empty());
    let view = repository.load_view(&a, &group_id(1)).await.expect("a page");
    assert!(view.groups.is_empty() && view.session_sequence == 0.into());
    while repository.clear_session(&a, 1).await.expect("a step") {}

    assert_eq!(repository.session(&a).await.expect("none"), None);
    assert!(repository.session_heads(std::slice::from_ref(&a)).await.expect("heads").is_empty());
    let wanted = SessionPatch { wanted: Some(true), ..SessionPatch::default() };
    assert!(!repository.patch_session(&a, &wanted).await.expect("an answer"));
    for (session, left) in [(&a, 0), (&b, 1)] {
        let mut of_member = query(session);
        assert_eq!(repository.count_groups(&of_member).await.expect("a count").count, left);
        of_member.filter.member = Some(member(1));
        assert_eq!(repository.count_groups(&of_member).await.expect("a count").count, left);
        let loaded =
            repository.load_groups(&[(session.clone(), group_id(1))]).await.expect("groups");
        assert_eq!(loaded.len() as u64, left);
        let known = repository
            .known_source_ids(&[(session.clone(), "source".to_owned())])
            .await
            .expect("ids");
        assert_eq!(known.len() as u64, left);
    }
    let log = repository.read(0.into(), 10).await.expect("the log");
    assert_eq!(log.events.iter().filter(|event| event.session == a).count(), 3);
}

/// Deletes a session of so many groups, with a member and a source id each.
async fn deleted_with(repository: &SeaRepository, text: &str, groups: u32) -> SessionName {
    let session = made(repository, text).await;
    append(repository, &session, NOW, |commit| {
        commit.groups = (0..groups)
            .map(|number| {
                let members_added = vec![member(number.into())];
                GroupWrite { members_added, ..group(number, "Chess") }
            })
            .collect();
        commit.source_ids = (0..groups).map(|number| format!("source {number}")).collect();
    })
    .await;
    append(repository, &session, NOW, |commit| commit.deletes_session = true).await;
    session
}

async fn rows_left(repository: &SeaRepository, session: &SessionName, groups: u32) -> [usize; 2] {
    let ids: Vec<_> = (0..groups).map(|number| (session.clone(), group_id(number))).collect();
    let sources: Vec<_> =
        (0..groups).map(|number| (session.clone(), format!("source {number}"))).collect();
    [
        repository.load_groups(&ids).await.expect("groups").len(),
        repository.known_source_ids(&sources).await.expect("ids").len(),
    ]
}

/// A session may have more rows than a statement can remove in its time.
pub async fn what_a_deleted_session_has_left_is_removed_in_steps(database: &Database) {
    let repository = database.open().await;
    let a = deleted_with(&repository, "a", 7).await;
    let lives = made(&repository, "b").await;
    append(&repository, &lives, NOW, |commit| commit.groups = vec![group(1, "Chess")]).await;

    let uncleared = repository.uncleared_sessions(10).await.expect("names");
    assert_eq!(uncleared, std::slice::from_ref(&a));
    assert_eq!(rows_left(&repository, &a, 7).await, [7, 7]);
    assert!(repository.clear_session(&a, 3).await.expect("a step"));
    assert_eq!(rows_left(&repository, &a, 7).await, [4, 4], "no more than it was told");
    // Whoever comes next goes on, as after a kill.
    repository.close().await;
    let next = database.open().await;
    while next.clear_session(&a, 3).await.expect("a step") {}
    assert_eq!(rows_left(&next, &a, 7).await, [0, 0]);
    assert!(next.uncleared_sessions(10).await.expect("names").is_empty());

    assert!(!next.clear_session(&lives, 3).await.expect("an answer"));
    assert_eq!(next.count_groups(&query(&lives)).await.expect("a count").count, 1);
}

pub async fn a_reused_name_finds_nothing_of_the_session_before(database: &Database) {
    let repository = database.open().await;
    let a = deleted_with(&repository, "a", 5).await;
    assert_eq!(rows_left(&repository, &a, 5).await, [5, 5]);
    let again = repository.insert_session(&session("a"), 0.into()).await.expect("a session");
    assert_eq!(again, SessionInsert::Inserted);
    assert_eq!(rows_left(&repository, &a, 5).await, [0, 0]);
    let mut of_member = query(&a);
    of_member.filter.member = Some(member(1));
    append(&repository, &a, NOW, |commit| commit.groups = vec![group(1, "New")]).await;
    assert_eq!(repository.count_groups(&of_member).await.expect("a count").count, 0);
}

pub async fn a_reused_name_continues_the_sequence(database: &Database) {
    let repository = database.open().await;
    let a = made(&repository, "a").await;
    append(&repository, &a, NOW, |commit| commit.events = events(2)).await;
    let before = head(&repository, &a).await;
    append(&repository, &a, NOW, |commit| {
        commit.events = events(1);
        commit.deletes_session = true;
    })
    .await;

    let mut again = session("a");
    again.push_name = "again".to_owned();
    assert_eq!(
        repository.insert_session(&again, 0.into()).await.expect("a session"),
        SessionInsert::Inserted
    );

    again.sequence = 3.into();
    assert_eq!(repository.session(&a).await.expect("a session"), Some(again));
    let stale = CommitBatch {
        epoch: 0.into(),
        now: NOW,
        sessions: vec![of_events(&a, before.revision.next(), 3, events(1))],
    };
    assert_eq!(
        repository.commit(&stale).await.expect("a commit").won,
        [false],
        "a writer from before the deletion"
    );
    let receipt = append(&repository, &a, NOW, |commit| commit.events = events(1)).await;
    assert_eq!(receipt.head, 4.into());
    assert_eq!(head(&repository, &a).await.sequence, 4.into());
}

pub async fn a_new_epoch_takes_over_all_sessions(database: &Database) {
    let repository = database.open().await;
    let (a, b) = (made(&repository, "a").await, made(&repository, "b").await);
    let epoch = repository.begin_epoch().await.expect("an epoch");
    for session in [&a, &b] {
        assert_eq!(head(&repository, session).await.epoch, epoch);
    }
    assert_eq!(repository.begin_epoch().await.expect("an epoch"), epoch.next());
    repository.insert_session(&session("c"), epoch.next()).await.expect("a session");
    assert_eq!(head(&repository, &name("c")).await.epoch, epoch.next());
}

pub async fn a_session_made_by_a_fenced_process_belongs_to_the_later_one(database: &Database) {
    let repository = database.open().await;
    let old = repository.begin_epoch().await.expect("an epoch");
    let new = repository.begin_epoch().await.expect("an epoch");
    repository.insert_session(&session("a"), old).await.expect("a session");
    assert_eq!(head(&repository, &name("a")).await.epoch, new);
}
