//! The server's stream of events: broken, repeated, lost, and beside webhooks.

use wagroups::pb;

use super::scene::{Scene, is_dense};
use crate::harness::service::eventually;

const ANNA: &str = "4915120000001@c.us";

/// A subject's events, in the order of the log.
pub(super) async fn subjects(scene: &Scene) -> Vec<String> {
    let log = scene.service.log("shop").await;
    is_dense(&log);
    let subject = |event: &pb::GroupEvent| {
        let pb::group_event::Body::Updated(updated) = event.body.as_ref()? else { return None };
        updated.changes.iter().find_map(|change| match change.change.as_ref()? {
            pb::group_change::Change::Subject(subject) => {
                Some(subject.current.as_ref()?.text.clone())
            }
            _ => None,
        })
    };
    log.iter().filter_map(subject).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_while_the_stream_is_broken_is_found_afterwards() {
    let scene = Scene::usual().await;
    scene.working("shop").await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    scene.server().drop_websockets();
    scene.server().lose_next_events(1);
    scene.others_rename(ANNA, &group_id, "Unheard").await;
    scene.until_subject("shop", &group_id, "Unheard").await;
    eventually("the stream is back", || async {
        (scene.server().websocket_count() == 1).then_some(())
    })
    .await;
    scene.others_rename(ANNA, &group_id, "Heard").await;
    scene.until_subject("shop", &group_id, "Heard").await;
    assert_eq!(subjects(&scene).await, ["Unheard", "Heard"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_comes_twice_and_by_two_ways_counts_once() {
    let scene = Scene::with(vec![Default::default()], |settings| {
        settings.waha_ingress.listen = Some("127.0.0.1:0".parse().expect("an address"));
    })
    .await;
    let secret = "what shop and its WAHA server know";
    scene.server().add_session("shop").await;
    let config = pb::WahaConfig { webhook_secret: secret.into(), ..Default::default() };
    let request = pb::CreateSessionRequest {
        session: "shop".into(),
        config: Some(pb::create_session_request::Config::Waha(config)),
        ..Default::default()
    };
    scene.service.sessions().create_session(request).await.expect("a session");
    scene.until("shop", pb::SessionStatus::Working).await;
    super::registration::register(&scene, secret).await;
    scene.until("shop", pb::SessionStatus::Working).await;
    scene.service.until_compared("shop").await;
    // New settings make a WAHA server start the session anew, which may still be on its way.
    let created =
        eventually("a group", || async { scene.create_group("shop", &[ANNA]).await.ok() }).await;
    let group_id = created.group.expect("a group").id;
    scene.server().repeat_events(true);
    for subject in ["One", "Two", "Three"] {
        scene.others_rename(ANNA, &group_id, subject).await;
        scene.until_subject("shop", &group_id, subject).await;
    }
    // Each subject comes twice both ways.
    eventually("the webhooks are taken, too", || async {
        (scene.server().webhooks_taken() >= 6).then_some(())
    })
    .await;
    assert_eq!(subjects(&scene).await, ["One", "Two", "Three"]);
}
