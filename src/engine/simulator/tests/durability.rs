use std::sync::atomic::Ordering;

use super::{Failure, Scene, session};
use crate::domain::operation::Outcome;
use crate::domain::port::engine::GroupEngine as _;
use crate::domain::reason::Reason;

#[tokio::test(start_paused = true)]
async fn what_was_answered_is_there_after_a_restart() {
    let scene = Scene::with_sessions().await;
    let group = scene.group().await;
    scene.rename(&group, "kept", "request").await.unwrap();
    let truth = scene.engine.world_group(&group).await.unwrap();
    // No orderly end.
    let again = Scene::on(scene.store.clone()).await;
    assert_eq!(again.engine.world_group(&group).await.unwrap(), truth);
    assert_eq!(again.engine.applied(&session("alice"), "request").await.unwrap(), 1);
    assert_eq!(again.start("bob").await, scene.start("bob").await);
}

#[tokio::test(start_paused = true)]
async fn a_save_that_fails_leaves_no_trace() {
    let scene = Scene::with_sessions().await;
    let group = scene.group().await;
    scene.settle("alice").await;
    scene.settle("bob").await;
    let (truth, rows) = (scene.engine.world_group(&group).await.unwrap(), scene.store.rows());
    scene.store.fail(Some(Failure::Unavailable));
    let failed = scene.rename(&group, "x", "r").await.unwrap_err();
    assert_eq!(
        (failed.outcome, failed.error.reason()),
        (Outcome::NotSent, Reason::DatabaseUnavailable)
    );
    scene.store.fail(None);
    assert_eq!(scene.engine.world_group(&group).await.unwrap(), truth);
    assert_eq!(scene.store.rows(), rows);
    assert_eq!(scene.engine.applied(&session("alice"), "r").await.unwrap(), 0);
    assert_eq!(scene.engine.waiting(&session("bob")).await.unwrap(), 0);
    scene.rename(&group, "x", "r").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_save_of_unknown_outcome_is_looked_up() {
    for (failure, applied) in [(Failure::UnknownWritten, 1), (Failure::UnknownLost, 0)] {
        let scene = Scene::with_sessions().await;
        let group = scene.group().await;
        scene.settle("alice").await;
        scene.settle("bob").await;
        scene.store.fail(Some(failure));
        let failed = scene.rename(&group, "x", "r").await.unwrap_err();
        assert_eq!(failed.outcome, Outcome::Unknown, "{failure:?}");
        scene.store.fail(None);
        assert_eq!(
            scene.engine.applied(&session("alice"), "r").await.unwrap(),
            applied,
            "{failure:?}"
        );
        let subject = scene.engine.world_group(&group).await.unwrap().unwrap().group.subject.text;
        assert_eq!(subject == "x", applied == 1, "{failure:?}");
        // Deliveries go on by themselves.
        scene.subject(&group, "y").await;
        scene.settle("bob").await;
        let heard = scene.inbox.ids(&session("bob")).len();
        assert_eq!(heard, 2 + applied as usize, "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_world_cannot_be_read_anew_nothing_is_sent() {
    let scene = Scene::with_sessions().await;
    let group = scene.group().await;
    scene.settle("alice").await;
    scene.settle("bob").await;
    scene.store.fail(Some(Failure::LoadToo));
    let first = scene.rename(&group, "x", "x").await.unwrap_err();
    let second = scene.rename(&group, "y", "y").await.unwrap_err();
    assert_eq!((first.outcome, second.outcome), (Outcome::Unknown, Outcome::NotSent));
    scene.store.fail(None);
    scene.subject(&group, "z").await;
}

#[tokio::test(start_paused = true)]
async fn concurrent_calls_share_a_save() {
    let scene = Scene::with_sessions().await;
    let group = scene.group().await;
    scene.engine.stop(&session("alice")).await.unwrap();
    scene.engine.stop(&session("bob")).await.unwrap();
    scene.start("alice").await;
    let before = scene.store.saves.load(Ordering::SeqCst);
    let calls = (0..64).map(|n| {
        let (scene, group) = (&scene, &group);
        async move { scene.rename(group, &format!("subject {n}"), "key").await }
    });
    for answer in futures::future::join_all(calls).await {
        answer.unwrap();
    }
    let saves = scene.store.saves.load(Ordering::SeqCst) - before;
    assert!(saves < 32, "{saves} saves for 64 calls");
}
