//! The trace of a caller, in what it makes this service ask of WAHA servers.

use wagroups::pb;

use super::scene::Scene;
use crate::harness::service::eventually;
use crate::harness::trace::{OTHER_TRACEPARENT, TRACEPARENT, TRACESTATE, trace_of, traced};

const ANNA: &str = "4915120000001@c.us";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_call_asks_of_a_server_is_a_part_of_the_callers_trace() {
    let scene = Scene::usual().await;
    scene.working("shop").await;
    let of_no_call = scene.server().requests();
    assert!(of_no_call.iter().all(|request| request.traceparent.is_empty()), "{of_no_call:?}");
    let asked = |traceparent: &str, method: &str, suffix: &str| {
        let requests = scene.server().requests();
        requests.iter().any(|request| {
            request.traceparent == traceparent
                && request.method == method
                && request.path.ends_with(suffix)
        })
    };

    let create = pb::CreateGroupRequest {
        session: "shop".into(),
        subject: "Team".into(),
        participant_ids: vec![ANNA.into()],
        ..Default::default()
    };
    let made = scene.service.groups().create_group(traced(create, TRACEPARENT, TRACESTATE)).await;
    let group_id = made.expect("made").into_inner().group.expect("a group").id;
    assert!(asked(TRACEPARENT, "POST", "/groups"), "a change");

    let get = pb::GetInviteCodeRequest {
        session: "shop".into(),
        group_id: group_id.clone(),
        ..Default::default()
    };
    let got = scene.service.groups().get_invite_code(traced(get, OTHER_TRACEPARENT, "")).await;
    got.expect("a code");
    assert!(asked(OTHER_TRACEPARENT, "GET", "/invite-code"), "a read, which others may share");

    let log_out = pb::LogoutSessionRequest { session: "shop".into() };
    let log_out = traced(log_out, OTHER_TRACEPARENT, "");
    scene.service.sessions().logout_session(log_out).await.expect("logged out");
    assert!(asked(OTHER_TRACEPARENT, "POST", "/logout"), "what a session is made to do");

    // Whether the answer or the server's own news of it came first.
    let log = scene.service.log("shop").await;
    let joined = log.iter().find(|event| event.r#type() == pb::EventType::Joined);
    assert_eq!(trace_of(joined.expect("an event")), (TRACEPARENT, TRACESTATE));
    scene.server().assert_polite();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_call_left_behind_for_later_is_in_no_trace() {
    let scene = Scene::usual().await;
    scene.working("shop").await;
    let stop = pb::StopSessionRequest { session: "shop".into() };
    scene.service.sessions().stop_session(stop).await.expect("stopped");
    let before = scene.server().requests().len();
    let start = pb::StartSessionRequest { session: "shop".into() };
    let started = scene.service.sessions().start_session(traced(start, TRACEPARENT, "")).await;
    started.expect("started");
    let compared = eventually("the session is compared after its connect", || async {
        let requests = scene.server().requests();
        let lists = |path: &str| path.ends_with("/groups");
        let list = requests[before..].iter().find(|r| r.method == "GET" && lists(&r.path));
        list.cloned()
    });
    assert_eq!(compared.await.traceparent, "", "the service's own work");
}
