//! What must hold after a random run.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;
use wagroups::domain::fold::fold;
use wagroups::domain::group::Group;
use wagroups::domain::id::GroupId;
use wagroups::pb;

use super::people::SESSIONS;
use crate::harness::service::{Service, eventually};

pub async fn check(seed: u64, service: &Service) {
    for session in SESSIONS {
        equals_the_world(seed, service, session).await;
        log_folds_to_the_state(seed, service, session).await;
    }
    let counted = service.simulator().get_statistics(pb::GetStatisticsRequest::default()).await;
    let repeated = counted.expect("statistics").into_inner().repeated_request_ids;
    assert!(repeated.is_empty(), "seed {seed}: acted more than once: {repeated:?}");
}

/// After a comparison, once all that waited has been delivered.
async fn equals_the_world(seed: u64, service: &Service, session: &str) {
    let mut last = None;
    let compared = tokio::time::timeout(crate::harness::service::PATIENCE, async {
        loop {
            let request = pb::RefreshGroupsRequest {
                session: session.into(),
                accept_losses: true,
                ..Default::default()
            };
            if service.groups().refresh_groups(request).await.is_ok() {
                let (held, truth) = (held(service, session).await, truth(service, session).await);
                if held == truth {
                    return;
                }
                last = Some((held, truth));
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    if compared.await.is_err() {
        let Some((held, truth)) = last else { panic!("seed {seed}: {session} cannot be compared") };
        for (id, truth) in &truth {
            let held = held.get(id);
            assert_eq!(
                held,
                Some(truth),
                "seed {seed}: {session} does not hold what the world holds"
            );
        }
        panic!("seed {seed}: {session} holds more than the world: {:?}", held.keys());
    }
}

type Groups = BTreeMap<String, pb::Group>;

async fn held(service: &Service, session: &str) -> Groups {
    let request = pb::ListGroupsRequest {
        session: session.into(),
        view: pb::GroupView::Full.into(),
        page_size: 1000,
        ..Default::default()
    };
    let page = service.groups().list_groups(request).await.expect("the groups").into_inner();
    let groups = page.groups.into_iter().map(|bytes| pb::Group::decode(bytes).expect("a group"));
    groups.map(comparable).collect()
}

async fn truth(service: &Service, session: &str) -> Groups {
    let request = pb::GetSessionRequest { session: session.into() };
    let me = service.sessions().get_session(request).await.expect("the session").into_inner();
    let me = me.session.and_then(|session| session.account).expect("an account").id;
    let request =
        pb::ListWorldGroupsRequest { member_id: me, page_size: 1000, ..Default::default() };
    let page =
        service.simulator().list_world_groups(request).await.expect("the world").into_inner();
    page.groups.into_iter().map(comparable).collect()
}

/// Without what only one side knows: whose view it is, and who set a text when.
fn comparable(mut group: pb::Group) -> (String, pb::Group) {
    group.my_role = 0;
    group.subject_time = None;
    group.subject_owner = String::new();
    group.description_time = None;
    group.description_owner = String::new();
    group.description_id = String::new();
    // Who is known by a number in one group may be known by both names from another time.
    if group.addressing_mode() == pb::AddressingMode::PhoneNumber {
        group.owner = String::new();
        for member in &mut group.participants {
            if !member.phone_number_id.is_empty() {
                member.id = std::mem::take(&mut member.phone_number_id);
            }
        }
        group.participants.sort_by(|a, b| a.id.cmp(&b.id));
    }
    (group.id.clone(), group)
}

async fn log_folds_to_the_state(seed: u64, service: &Service, session: &str) {
    let folded = eventually("nothing happens between the two looks", || async {
        let before = service.log(session).await;
        let held = held_exactly(service, session).await;
        (service.log(session).await.len() == before.len()).then_some((before, held))
    });
    let (log, held) = folded.await;
    let mut state: BTreeMap<GroupId, Option<Arc<Group>>> = BTreeMap::new();
    for (expected, event) in (1..).zip(&log) {
        assert_eq!(event.sequence, expected, "seed {seed}: sequences have no gap");
        let event = event.to_domain().expect("an event of the domain");
        let id = event.group_id.expect("a group's event");
        fold(state.entry(id.clone()).or_default(), &id, &event.body);
    }
    let folded: BTreeMap<String, Group> = state
        .into_iter()
        .filter_map(|(id, group)| Some((id.to_string(), (*group?).clone())))
        .collect();
    assert_eq!(
        folded.keys().collect::<Vec<_>>(),
        held.keys().collect::<Vec<_>>(),
        "seed {seed}: {session} is in the groups that its log says"
    );
    for (id, group) in &folded {
        assert_eq!(
            Some(group),
            held.get(id),
            "seed {seed}: {session}: {id} is the fold of its log"
        );
    }
}

async fn held_exactly(service: &Service, session: &str) -> BTreeMap<String, Group> {
    let request = pb::ListGroupsRequest {
        session: session.into(),
        view: pb::GroupView::Full.into(),
        page_size: 1000,
        ..Default::default()
    };
    let page = service.groups().list_groups(request).await.expect("the groups").into_inner();
    page.groups
        .into_iter()
        .map(|bytes| {
            let group = pb::Group::decode(bytes).expect("a group").to_domain().expect("a group");
            (group.id.to_string(), group)
        })
        .collect()
}
