//! Times that cannot be: before the log begins, long after now, or no time at all.

use serde_json::{Value, json};
use wagroups::pb;

use super::{GROUP, SESSION, Scene, now};
use crate::webhook::sender::{status, subject};

const DAY_MS: i64 = 86_400_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_older_than_the_log_is_refused() {
    let mut scene = Scene::on_sqlite().await;
    let old = now() - 7 * DAY_MS - 60_000;
    for (what, time) in [("in milliseconds", json!(old)), ("in seconds", json!(old / 1000))] {
        for name in ["group.v2.participants", "session.status", "message"] {
            let mut body = scene.good();
            body["event"] = name.into();
            body["timestamp"] = time.clone();
            let answer = scene.post(body.to_string()).await;
            let what = format!("an old {name}, {what}");
            scene.check(&what, &answer, (410, "TOO_OLD")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_from_the_future_keeps_no_later_news_out() {
    let mut scene = Scene::on_sqlite().await;
    let times: [Value; 12] = [
        json!(now() + 2 * DAY_MS),
        json!(now() / 1000 + 2 * 86_400),
        json!(32_503_680_000_000_i64),
        json!(99_999_999_999_i64),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!("32503680000000"),
        json!(-1),
        json!(0),
        json!("tomorrow"),
        Value::Null,
    ];
    for (number, time) in times.into_iter().enumerate() {
        let what = format!("told at {time}");
        for late in [format!("Future {number}"), format!("Present {number}")] {
            let mut body = scene.event("group.v2.update", subject(GROUP, &late, now() + 1));
            if late.starts_with("Future") {
                body["timestamp"] = time.clone();
                body["payload"]["timestamp"] = time.clone();
            }
            assert_eq!(scene.post(body.to_string()).await.said(), (200, "accepted"), "{what}");
            scene.log = scene.service.log(SESSION).await;
            assert_eq!(subject_of(&scene).await, late, "{what}");
        }
        scene.is_unharmed(&what).await;

        for (state, wanted) in
            [("FAILED", pb::SessionStatus::Failed), ("WORKING", pb::SessionStatus::Working)]
        {
            let mut body = scene.event("session.status", status(state));
            body["timestamp"] = if state == "FAILED" { time.clone() } else { json!(now() + 1) };
            assert_eq!(scene.post(body.to_string()).await.said(), (200, "accepted"), "{what}");
            let get = pb::GetSessionRequest { session: SESSION.into() };
            let session = scene.service.sessions().get_session(get).await.expect("it");
            let session = session.into_inner().session.expect("a session");
            assert_eq!(session.status(), wanted, "{what}");
        }
    }
}

async fn subject_of(scene: &Scene) -> String {
    let request = pb::GetGroupRequest {
        session: SESSION.into(),
        group_id: GROUP.into(),
        ..Default::default()
    };
    let group = scene.service.groups().get_group(request).await.expect("the group").into_inner();
    let group: pb::Group = prost::Message::decode(group.group).expect("a group");
    group.subject
}
