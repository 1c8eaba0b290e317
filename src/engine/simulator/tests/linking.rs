use std::time::Duration;

use super::{Scene, session};
use crate::domain::id::PhoneNumber;
use crate::domain::port::engine::{ConnectionEvent, GroupEngine, QrCode, Started};

/// A session whose device was unlinked and that shows its first code.
async fn waiting(scene: &Scene) -> QrCode {
    scene.start("alice").await;
    scene.engine.unlink(&session("alice")).await.unwrap();
    match scene.engine.start(&session("alice")).await.unwrap() {
        Started::Pairing(code) => code,
        other => panic!("{other:?}"),
    }
}

fn reported(scene: &Scene) -> Vec<ConnectionEvent> {
    let connections = scene.inbox.connections.lock().unwrap();
    let events = connections.iter().map(|(_, event)| event.clone());
    events
        .filter(|event| matches!(event, ConnectionEvent::Pairing(_) | ConnectionEvent::Failed(_)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn codes_follow_each_other_until_nobody_came() {
    let scene = Scene::new().await;
    let first = waiting(&scene).await;
    let mut values = vec![first.value];
    for (seconds, codes) in [(59, 0), (2, 1), (20, 2), (20, 3), (20, 4), (20, 5), (15, 5)] {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        assert_eq!(reported(&scene).len(), codes, "after {seconds} more seconds");
    }
    for event in reported(&scene) {
        let ConnectionEvent::Pairing(code) = event else { panic!("{event:?}") };
        values.push(code.value);
    }
    values.sort();
    values.dedup();
    assert_eq!(values.len(), 6, "each code is another");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(
        matches!(reported(&scene).last(), Some(ConnectionEvent::Failed(_))),
        "{:?}",
        reported(&scene)
    );
    // It is over: a code of before links nothing, and a new start shows new ones.
    assert!(!scene.engine.link_device(&session("alice")).await.unwrap());
    let Started::Pairing(_) = scene.engine.start(&session("alice")).await.unwrap() else {
        panic!("no new code")
    };
    assert!(scene.engine.link_device(&session("alice")).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn who_is_linked_or_stopped_is_shown_no_more_codes() {
    for is_linked in [true, false] {
        let scene = Scene::new().await;
        waiting(&scene).await;
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(reported(&scene).len(), 1);
        if is_linked {
            assert!(scene.engine.link_device(&session("alice")).await.unwrap());
        } else {
            scene.engine.stop(&session("alice")).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(reported(&scene).len(), 1, "linked: {is_linked}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_to_type_ends_with_the_last_one_to_scan() {
    let scene = Scene::new().await;
    let first = waiting(&scene).await;
    let code = scene
        .engine
        .request_pairing_code(&session("alice"), PhoneNumber::new(4_915_100_000_001).unwrap())
        .await
        .unwrap();
    let end = first.expire_time.unwrap() + Duration::from_secs(100);
    assert!(code.expire_time <= end, "{code:?} and {first:?}");
}
