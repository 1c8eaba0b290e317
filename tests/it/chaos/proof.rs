//! What must hold of WAHA's sessions and of webhooks after everything has failed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prost::Message as _;
use wagroups::domain::operation::{EngineCall, FetchAll, Perform as _};
use wagroups::pb;
use wagroups::pb::groups_service_client::GroupsServiceClient;

use super::fleet::Fleet;
use crate::crash::checker;
use crate::crash::load::History;
use crate::harness::service::{PATIENCE, eventually};
use crate::hooks::receiver::Receiver;

pub async fn prove(mut fleet: Fleet, history: History, frozen: usize) {
    fleet.note_owner().await;
    for (session, server) in &fleet.on_waha {
        state_equals_whatsapp(&fleet, session, &server.simulated(session)).await;
    }
    for (at, receiver) in fleet.receivers.iter().enumerate() {
        each_event_was_posted_in_order(at, receiver, &history).await;
    }
    nothing_acted_twice_at_waha(&fleet, frozen);
    let Fleet { mut replicas, simulated, store, .. } = fleet;
    let mut last = replicas.pop().expect("a replica");
    assert!(last.process.is_running(), "no replica ends by itself");
    for member in &mut replicas {
        assert!(member.process.is_running(), "no replica ends by itself");
        member.process.kill().await;
    }
    checker::check_sessions(last.process, store, history, &simulated).await;
}

/// Groups by name, with how many members they have.
type Groups = BTreeMap<String, (String, usize)>;

async fn state_equals_whatsapp(
    fleet: &Fleet,
    session: &str,
    simulated: &wagroups::domain::id::SessionName,
) {
    let channel = fleet.replicas[0].process.channel();
    let groups = GroupsServiceClient::new(channel).max_decoding_message_size(64 << 20);
    eventually(&format!("{session} is as WhatsApp has it"), || async {
        let call = EngineCall::of_query(simulated);
        let truth = fleet.whatsapp.simulator().perform(call, &FetchAll {}).await.ok()?;
        let truth: Groups = truth
            .groups
            .iter()
            .map(|group| {
                let facts = (group.subject.text.clone(), group.participants().len());
                (group.id.to_string(), facts)
            })
            .collect();
        let request = pb::ListGroupsRequest {
            session: session.to_owned(),
            page_size: 1000,
            view: pb::GroupView::Full.into(),
            ..Default::default()
        };
        let held = groups.clone().list_groups(request).await.ok()?.into_inner();
        let held: Groups = held
            .groups
            .into_iter()
            .map(|bytes| pb::Group::decode(bytes).expect("a group"))
            .map(|group| (group.id, (group.subject, group.participants.len())))
            .collect();
        (held == truth).then_some(())
    })
    .await;
}

/// At least once, by one id, and for the first time in the order of the session's log.
async fn each_event_was_posted_in_order(at: usize, receiver: &Receiver, history: &History) {
    let logged = history.watched.iter().flatten();
    let logged: BTreeMap<&str, &pb::GroupEvent> =
        logged.map(|event| (event.id.as_str(), event)).collect();
    let missing = || {
        let taken = receiver.taken();
        let taken: BTreeSet<&str> = taken.iter().map(|post| post.text("/id")).collect();
        let missing = logged.iter().filter(|(id, _)| !taken.contains(**id));
        missing.map(|(_, event)| (*event).clone()).collect::<Vec<_>>()
    };
    let complete =
        eventually("the webhook has all events", || async { missing().is_empty().then_some(()) });
    if tokio::time::timeout(PATIENCE - Duration::from_secs(1), complete).await.is_err() {
        let missing = missing();
        let (first, last) = (missing.first(), missing.last());
        panic!(
            "webhook {at} lacks {} of {} events: {first:?} … {last:?}",
            missing.len(),
            logged.len()
        );
    }
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    for post in &receiver.taken() {
        // Of a session's status, which is in no log.
        if post.body.get("sequence").is_none_or(serde_json::Value::is_null) {
            continue;
        }
        let last = last.entry(post.session().to_owned()).or_default();
        let (session, sequence) = (post.session(), post.sequence());
        assert!(sequence <= *last + 1, "webhook {at}: {session} {sequence} after {last}");
        *last = sequence.max(*last);
    }
}

/// Each subject is asked for by one call. A replica that is frozen between its last look at the lease and the socket may
/// act once more when it wakes, for each session whose call was there; nothing else may.
fn nothing_acted_twice_at_waha(fleet: &Fleet, frozen: usize) {
    let mut times: BTreeMap<(String, String), usize> = BTreeMap::new();
    for act in fleet.servers.iter().flat_map(|server| server.acts()) {
        let text = act.body.get("subject").or_else(|| act.body.get("name"));
        if let Some(text) = text.and_then(serde_json::Value::as_str) {
            *times.entry((act.path.clone(), text.to_owned())).or_default() += 1;
        }
    }
    let doubled: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    eprintln!("chaos: {} acts at WAHA, {} of them doubled", times.len(), doubled.len());
    assert!(!times.is_empty(), "something was done at WAHA");
    let allowed = frozen * fleet.on_waha.len();
    assert!(doubled.len() <= allowed, "acted twice: {doubled:?}, frozen {frozen} times");
}
