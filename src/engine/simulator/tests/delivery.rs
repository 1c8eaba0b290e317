use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Scene, aim, session};
use crate::domain::port::engine::GroupEngine;
use crate::engine::simulator::{NotificationFault, Uses};

#[tokio::test(start_paused = true)]
async fn what_was_not_taken_is_delivered_again() {
    let scene = Scene::with_sessions().await;
    scene.inbox.refusals_left.store(5, Ordering::SeqCst);
    let group = scene.group().await;
    scene.subject(&group, "a").await;
    scene.settle("bob").await;
    let ids = scene.inbox.ids(&session("bob"));
    assert_eq!(ids.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_waits_survives_stop_and_restart() {
    let scene = Scene::with_sessions().await;
    let group = scene.group().await;
    scene.settle("bob").await;
    scene.engine.stop(&session("bob")).await.unwrap();
    scene.subject(&group, "while bob is away").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(scene.inbox.ids(&session("bob")).len(), 1);
    scene.engine.shutdown().await;

    let again = Scene::on(scene.store.clone()).await;
    assert_eq!(again.engine.waiting(&session("bob")).await.unwrap(), 1);
    again.start("bob").await;
    again.settle("bob").await;
    assert_eq!(again.inbox.of(&session("bob")).len(), 1);
    assert!(again.store.rows().keys().all(|key| !key.starts_with("n/")), "all was acknowledged");
}

#[tokio::test(start_paused = true)]
async fn a_second_start_does_not_deliver_twice() {
    let scene = Scene::with_sessions().await;
    for _ in 0..3 {
        scene.engine.start(&session("bob")).await.unwrap();
    }
    scene.group().await;
    scene.settle("bob").await;
    assert_eq!(scene.inbox.ids(&session("bob")).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn notifications_are_repeated_mixed_and_lost_as_scripted() {
    let scene = Scene::with_sessions().await;
    let group = scene.group().await;
    scene.settle("bob").await;
    let bob = session("bob");

    let faults = scene.engine.faults();
    let next = || aim(Some(&bob), Uses::Times(1));
    faults.inject_notifications(next(), NotificationFault::Duplicate { times: 2 }).unwrap();
    scene.subject(&group, "repeated").await;
    scene.settle("bob").await;
    let ids = scene.inbox.ids(&bob);
    assert_eq!(ids.len(), 4);
    assert!(ids[1] == ids[2] && ids[2] == ids[3]);

    faults.inject_notifications(next(), NotificationFault::Lose).unwrap();
    scene.subject(&group, "lost").await;
    scene.settle("bob").await;
    assert_eq!(scene.inbox.ids(&bob).len(), 4);

    let always = aim(Some(&bob), Uses::UntilCleared);
    faults.inject_notifications(always, NotificationFault::Reorder { window: 4 }).unwrap();
    for n in 0..8 {
        scene.subject(&group, &format!("mixed {n}")).await;
    }
    scene.settle("bob").await;
    let times: Vec<_> = scene.inbox.of(&bob)[4..]
        .iter()
        .map(|changes| changes.observations[0].occur_time)
        .collect();
    let mut in_order = times.clone();
    in_order.sort_unstable();
    assert_eq!(in_order.len(), 8);
    assert_ne!(times, in_order);
    assert!(times[..4].iter().max() < times[4..].iter().min(), "mixed within windows only");

    assert_eq!(scene.engine.faults().clear(&[], None), 1);
    scene.subject(&group, "straight").await;
    scene.settle("bob").await;
    let before = scene.inbox.ids(&bob);
    assert_eq!(scene.engine.replay(&bob, 2, false).await.unwrap(), 2);
    let after = scene.inbox.ids(&bob);
    assert_eq!(after[before.len()..], before[before.len() - 2..]);
}
