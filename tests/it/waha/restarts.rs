//! A WAHA server that is restarted keeps nothing running: what ran there is started again, a few at a time.

use std::time::Duration;

use wagroups::domain::clock::Timestamp;
use wagroups::domain::port::rests::RestStore as _;
use wagroups::engine::waha::webhook::WahaEngine;
use wagroups::pb;

use super::scene::Scene;
use crate::harness::service::{eventually, reason};
use crate::waha_server::{Fault, Options};

const ANNA: &str = "4915120000001@c.us";

async fn scene(sessions: usize) -> Scene {
    let scene = Scene::with(vec![Options::default()], |settings| {
        settings.waha.status_interval = Duration::from_millis(200);
    })
    .await;
    for number in 0..sessions {
        scene.working(&name(number)).await;
    }
    scene
}

fn name(number: usize) -> String {
    format!("shop-{number}")
}

impl Scene {
    async fn restart_server(&self) {
        self.server().kill().await;
        self.server().forget_what_ran().await;
        self.server().revive().await;
    }

    fn started_there(&self, name: &str) -> usize {
        self.asked("POST", &format!("/api/sessions/{name}/start"))
    }

    /// The server has been looked at so often since.
    async fn until_looked(&self, times: usize) {
        let before = self.asked("GET", "/api/sessions");
        eventually("it looks", || async {
            (self.asked("GET", "/api/sessions") >= before + times).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ran_is_started_again_and_nothing_else() {
    let scene = scene(6).await;
    let group_id = scene.group_of_another(&name(0), ANNA).await;
    // By us, by a failure, by who unlinked the device.
    let stop = pb::StopSessionRequest { session: name(3) };
    scene.service.sessions().stop_session(stop).await.expect("stopped");
    scene.server().set_status(&name(4), "FAILED").await;
    scene.until(&name(4), pb::SessionStatus::Failed).await;
    scene.server().set_status(&name(5), "SCAN_QR_CODE").await;
    scene.until(&name(5), pb::SessionStatus::LoggedOut).await;
    scene.restart_server().await;
    for number in 0..3 {
        scene.until(&name(number), pb::SessionStatus::Working).await;
    }
    scene.until_looked(3).await;
    let starts: Vec<usize> = (0..6).map(|number| scene.started_there(&name(number))).collect();
    assert_eq!(starts, [1, 1, 1, 0, 0, 0]);
    assert_eq!(scene.session(&name(3)).await.status(), pb::SessionStatus::Stopped);
    // It acts and hears again.
    scene.others_rename(ANNA, &group_id, "Again").await;
    scene.until_subject(&name(0), &group_id, "Again").await;
    scene.server().assert_polite();
}

/// WAHA says STOPPED, and after a while STARTING, when a session's settings change or somebody restarts it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_starts_anew_has_not_failed() {
    let scene = scene(1).await;
    let watch = pb::WatchSessionRequest { session: name(0) };
    let mut watch =
        scene.service.sessions().watch_session(watch).await.expect("a watch").into_inner();
    scene.server().set_status(&name(0), "STOPPED").await;
    scene.until(&name(0), pb::SessionStatus::Starting).await;
    scene.server().set_status(&name(0), "STARTING").await;
    scene.server().set_status(&name(0), "WORKING").await;
    scene.until(&name(0), pb::SessionStatus::Working).await;
    let mut seen = Vec::new();
    while seen.last() != Some(&pb::SessionStatus::Working) || seen.len() < 2 {
        let state = watch.message().await.expect("no error").expect("a state");
        seen.push(state.session.expect("a session").status());
    }
    assert!(!seen.contains(&pb::SessionStatus::Failed), "{seen:?}");
    assert_eq!(scene.asked("POST", "/start"), 0);
}

/// Who is stopped at its server while that goes on was stopped by somebody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_somebody_stopped_stays_stopped() {
    let scene = Scene::usual().await;
    scene.working("shop").await;
    scene.server().set_status("shop", "STOPPED").await;
    let failed = scene.until("shop", pb::SessionStatus::Failed).await;
    assert_eq!(failed.status_reason, "stopped at the WAHA server");
    assert_eq!(scene.asked("POST", "/start"), 0);
}

/// A device that is unlinked at the phone is FAILED there; who starts it again gets a code to scan.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_unlinked_at_the_phone_can_be_linked_again() {
    for engine in [WahaEngine::Gows, WahaEngine::Noweb, WahaEngine::Webjs] {
        let scene = Scene::with(vec![Options { engine, ..Options::default() }], |_| ()).await;
        scene.working("shop").await;
        let simulated = scene.server().simulated("shop");
        scene.whatsapp.simulator().unlink(&simulated).await.expect("unlinked");
        scene.until("shop", pb::SessionStatus::Failed).await;
        let start = pb::StartSessionRequest { session: "shop".into() };
        scene.service.sessions().start_session(start).await.expect("on its way");
        scene.until("shop", pb::SessionStatus::ScanQrCode).await;
        scene.server().link("shop").await;
        scene.until("shop", pb::SessionStatus::Working).await;
        scene.server().assert_polite();
    }
}

/// WhatsApp asked for rest: whoever acts next, after a restart or at another replica, leaves it alone too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_whatsapp_asked_for_is_not_forgotten_by_a_restart() {
    let mut scene = Scene::usual().await;
    scene.working("shop").await;
    let group_id = scene.group_id("shop", &[]).await;
    scene.server().fail_next(("PUT", "/subject"), Fault::RateLimited429WithRetryAfter(200));
    let refused = scene.rename("shop", &group_id, "One").await.expect_err("too much");
    assert_eq!(reason(&refused), "RATE_LIMITED");
    let store = scene.service.repository();
    eventually("it is kept", || async {
        let rests = store.rests(Timestamp::EPOCH).await.expect("the rests");
        (!rests.is_empty()).then_some(())
    })
    .await;
    scene.service.restart().await;
    scene.until("shop", pb::SessionStatus::Working).await;
    let before = scene.asked("PUT", "/subject");
    let refused = scene.rename("shop", &group_id, "Two").await.expect_err("it rests");
    assert_eq!(reason(&refused), "RATE_LIMITED");
    assert_eq!(scene.asked("PUT", "/subject"), before, "nothing was sent");
}
