//! A session with very many groups: compared with WhatsApp's as a whole, and listed while they change.
//!
//! `WAGROUPS_GROUPS=10000` makes it as many.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prost::Message;
use wagroups::domain::group::{AddressingMode, GroupSettings};
use wagroups::domain::id::ParticipantId;
use wagroups::engine::simulator::world::Operation;
use wagroups::engine::simulator::{Aim, NotificationFault, Uses};
use wagroups::pb;

use super::on_each_database;
use crate::harness::service::Service;

const GROUPS: usize = 1000;
const MEMBERS: usize = 256;

on_each_database!(many_groups_are_compared_with_progress_and_listed_while_they_change);

fn groups() -> usize {
    let setting = std::env::var("WAGROUPS_GROUPS").ok().and_then(|value| value.parse().ok());
    setting.unwrap_or(GROUPS)
}

fn person(number: usize) -> ParticipantId {
    format!("4916{number:09}").parse().expect("a number")
}

async fn many_groups_are_compared_with_progress_and_listed_while_they_change(service: Service) {
    let count = groups();
    // The comparison that follows a connection must not find what is made now.
    compared(&service).await;
    make_groups_that_nobody_tells_us_of(&service, count).await;

    let mut states = service
        .sessions()
        .watch_session(pb::WatchSessionRequest { session: "default".into() })
        .await
        .expect("a watch")
        .into_inner();
    let progress = tokio::spawn(async move {
        let mut seen: Vec<(i32, i32)> = Vec::new();
        while let Ok(Some(state)) = states.message().await {
            match state.comparison {
                Some(progress) => seen.push((progress.compared_count, progress.total_count)),
                None if !seen.is_empty() => break,
                None => {}
            }
        }
        seen
    });
    let request = pb::RefreshGroupsRequest { session: "default".into(), ..Default::default() };
    let compared = service.groups().refresh_groups(request.clone()).await.expect("compared");
    let compared = compared.into_inner();
    let wanted = i32::try_from(count).expect("a small number");
    assert_eq!(
        (compared.group_count, compared.event_count, compared.suspect_count),
        (wanted, wanted, 0)
    );
    let seen = progress.await.expect("the progress");
    assert!(seen.len() > 3 && seen.iter().any(|(done, all)| *done > 0 && done < all), "{seen:?}");
    assert!(seen.is_sorted_by_key(|(done, _)| *done), "{seen:?}");

    // Nothing has changed since, so that another one finds nothing.
    let again = service.groups().refresh_groups(request).await.expect("compared").into_inner();
    assert_eq!((again.group_count, again.event_count), (wanted, 0));
    assert_eq!(again.sequence, compared.sequence);

    list_while_they_change(&service, count).await;
}

async fn compared(service: &Service) {
    let request = pb::WatchSessionRequest { session: "default".into() };
    let mut states = service.sessions().watch_session(request).await.expect("a watch").into_inner();
    while let Some(state) = states.message().await.expect("a state") {
        if state.session.is_some_and(|session| session.synced_time.is_some()) {
            return;
        }
    }
    panic!("the watch ended");
}

async fn make_groups_that_nobody_tells_us_of(service: &Service, count: usize) {
    let simulator = service.server.as_ref().and_then(|server| server.simulator()).expect("one");
    let simulator: Arc<_> = simulator.clone();
    let aim = Aim { session: None, operations: Vec::new(), uses: Uses::UntilCleared };
    simulator.faults().inject_notifications(aim, NotificationFault::Lose).expect("a fault");
    let session = "default".parse().expect("a name");
    let me =
        service.sessions().get_session(pb::GetSessionRequest { session: "default".into() }).await;
    let me = me.expect("the session").into_inner().session.and_then(|s| s.account).expect("one");
    let me: ParticipantId = me.id.parse().expect("an id");
    for number in 0..count {
        // Numbers that mean something special are left out by making more of them than are needed.
        let people = (0..)
            .map(|n| number * 3 + n * 2 + 10_000)
            .filter(|n| !(400..410).contains(&(n % 10_000)));
        let participants =
            std::iter::once(me).chain(people.take(MEMBERS - 2).map(person)).collect();
        let create = Operation::Create {
            subject: format!("Group {number}"),
            description: String::new(),
            participants,
            settings: GroupSettings::default(),
            addressing_mode: AddressingMode::Lid,
        };
        let made = simulator.act(person(1), create, false).await.expect("a group");
        assert!(made.changed);
    }
    while simulator.waiting(&session).await.expect("the queue") > 0 {
        tokio::task::yield_now().await;
    }
    simulator.faults().clear(&[], None);
    assert!(service.log("default").await.is_empty(), "nobody told us");
}

/// While groups are renamed, a list by id holds each of them exactly once.
async fn list_while_they_change(service: &Service, count: usize) {
    let done = Arc::new(AtomicBool::new(false));
    let first = list(service, 1000).await;
    let ids: Vec<String> = first.keys().cloned().collect();
    assert_eq!(ids.len(), count);
    let (mut groups, stop, renamed) = (service.groups(), done.clone(), ids.clone());
    let writer = tokio::spawn(async move {
        let mut changes = 0;
        for (number, group_id) in renamed.iter().cycle().enumerate() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let request = pb::SetGroupSubjectRequest {
                session: "default".into(),
                group_id: group_id.clone(),
                subject: format!("Renamed {number}"),
                ..Default::default()
            };
            groups.set_group_subject(request).await.expect("renamed");
            changes += 1;
        }
        changes
    });
    for page_size in [7, 100, 1000] {
        let listed = list(service, page_size).await;
        assert!(listed.keys().eq(ids.iter()), "none is missed with pages of {page_size}");
        assert!(listed.values().all(|times| *times == 1), "none comes twice");
    }
    done.store(true, Ordering::Relaxed);
    assert!(writer.await.expect("the writer") > 0, "it was changed meanwhile");
}

/// How often each group stands in the list, with all its members.
async fn list(service: &Service, page_size: i32) -> BTreeMap<String, usize> {
    let mut listed = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListGroupsRequest {
            session: "default".into(),
            view: pb::GroupView::Full.into(),
            page_size,
            page_token,
            ..Default::default()
        };
        let page = service.groups().list_groups(request).await.expect("a page").into_inner();
        for group in page.groups {
            let group = pb::Group::decode(group).expect("a group");
            assert_eq!(group.participants.len(), MEMBERS);
            *listed.entry(group.id).or_insert(0) += 1;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return listed;
        }
    }
}
