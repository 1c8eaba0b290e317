//! Sessions that are made, linked and unlinked at a WAHA server.

use wagroups::pb;

use super::scene::Scene;
use crate::harness::service::{PATIENCE, eventually, reason};
use crate::rest::client::Rest;
use crate::rest::listening;
use crate::waha_server::{Fault, Options};

/// A session that the server has not heard of is made there, shows its codes, and works once it is linked.
/// Its server says only once that a session works, and that may have been before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_fails_on_the_way_is_made_good() {
    let scene = Scene::with(vec![Options::default()], |settings| {
        settings.waha.status_interval = std::time::Duration::from_secs(1);
    })
    .await;
    scene.working("shop").await;
    let mut sessions = scene.service.sessions();
    sessions
        .stop_session(pb::StopSessionRequest { session: "shop".into() })
        .await
        .expect("stopped");
    scene.server().fail_next(("GET", "/api/sessions/shop"), Fault::HtmlFromProxy(502));
    let start = pb::StartSessionRequest { session: "shop".into() };
    let failed = sessions.start_session(start).await;
    assert!(failed.is_err() || scene.server().faults_left() == 0, "{failed:?}");
    scene.until("shop", pb::SessionStatus::Working).await;
}

/// Over WAHA's paths, as WAHA does: its session is started there again, and shows the next code.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_unlinked_over_rest_waits_to_be_linked_again() {
    let scene = Scene::with(vec![Options::default()], listening).await;
    scene.working("shop").await;
    let rest = Rest::new(&scene.service);
    let answer = rest.send_to("POST", "/api/sessions/shop/logout", "").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["status"], "SCAN_QR_CODE");
    rest.send_to("GET", "/api/sessions/shop/me", "").await.nothing();
    let code = eventually("there is a code", || async {
        let code = rest.send_to("GET", "/api/shop/auth/qr", "").await;
        (code.status == 200).then_some(code)
    })
    .await;
    assert_eq!(code.header("content-type"), "image/png");
    scene.server().link("shop").await;
    scene.until("shop", pb::SessionStatus::Working).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_made_at_the_server_and_linked() {
    let scene = Scene::usual().await;
    let account = scene.server().add_unlinked_session("shop").await;
    let created = scene.create("shop", None).await.expect("a session");
    assert!(created.account.is_none(), "nobody has linked it");
    let waiting = scene.until("shop", pb::SessionStatus::ScanQrCode).await;
    assert!(waiting.account.is_none());
    let watch = pb::WatchSessionRequest { session: "shop".into() };
    let mut watch =
        scene.service.sessions().watch_session(watch).await.expect("a watch").into_inner();
    let shows_code = async {
        loop {
            let state = watch.message().await.expect("no error").expect("a state");
            if let Some(code) = state.qr_code {
                return code.value;
            }
        }
    };
    let code = tokio::time::timeout(PATIENCE, shows_code).await.expect("a code to scan");
    assert!(!code.is_empty());
    let ask = pb::RequestPairingCodeRequest {
        session: "shop".into(),
        phone_number: account.phone().expect("a number").to_string(),
    };
    let code = scene.service.sessions().request_pairing_code(ask).await.expect("a code");
    assert_eq!(code.into_inner().pairing_code.expect("a code").code.len(), 8);

    scene.server().link("shop").await;
    let linked = scene.until("shop", pb::SessionStatus::Working).await;
    assert_eq!(linked.account.expect("an account").id, account.id().to_string());
    scene.service.until_compared("shop").await;
    scene.create_group("shop", &["4915120000001@c.us"]).await.expect("it can act");
    scene.server().assert_polite();
}

/// A code is good for 20 seconds: until it is old, looks at the server ask for no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_not_asked_for_at_each_look() {
    let scene = Scene::with(vec![Options::default()], |settings| {
        settings.waha.status_interval = std::time::Duration::from_millis(200);
    })
    .await;
    scene.server().add_unlinked_session("shop").await;
    scene.create("shop", None).await.expect("a session");
    scene.until("shop", pb::SessionStatus::ScanQrCode).await;
    let looked = scene.asked("GET", "/api/sessions");
    eventually("it looks", || async {
        (scene.asked("GET", "/api/sessions") >= looked + 6).then_some(())
    })
    .await;
    let codes = scene.asked("GET", "/auth/qr");
    assert!((1..=3).contains(&codes), "{codes} codes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_missing_there_is_made() {
    let scene = Scene::usual().await;
    scene.create("fresh", None).await.expect("a session");
    scene.until("fresh", pb::SessionStatus::ScanQrCode).await;
    assert_eq!(scene.asked("POST", "/api/sessions"), 1);
    scene.server().link("fresh").await;
    scene.until("fresh", pb::SessionStatus::Working).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_status_follows_the_servers() {
    let scene = Scene::usual().await;
    scene.working("shop").await;
    scene.server().set_status("shop", "FAILED").await;
    let failed = scene.until("shop", pb::SessionStatus::Failed).await;
    assert_eq!(failed.status_reason, "failed at the WAHA server");
    let refused = scene.create_group("shop", &[]).await.expect_err("it does not work");
    assert_eq!(reason(&refused), "SESSION_NOT_WORKING");
    scene.server().set_status("shop", "WORKING").await;
    scene.until("shop", pb::SessionStatus::Working).await;
    scene.server().set_status("shop", "STARTING").await;
    scene.until("shop", pb::SessionStatus::Starting).await;
    scene.server().set_status("shop", "WORKING").await;
    scene.until("shop", pb::SessionStatus::Working).await;
    scene.server().set_status("shop", "SCAN_QR_CODE").await;
    scene.until("shop", pb::SessionStatus::LoggedOut).await;

    // Whoever starts it again gets a code to scan.
    let start = pb::StartSessionRequest { session: "shop".into() };
    scene.service.sessions().start_session(start).await.expect("on its way");
    scene.until("shop", pb::SessionStatus::ScanQrCode).await;
    scene.server().link("shop").await;
    scene.until("shop", pb::SessionStatus::Working).await;
}

/// What is stopped here goes on there, and is not followed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_stopped_here_goes_on_there() {
    let scene = Scene::usual().await;
    scene.working("shop").await;
    let anna = "4915120000001@c.us";
    let group_id = scene.group_id("shop", &[anna]).await;
    let stop = pb::StopSessionRequest { session: "shop".into() };
    scene.service.sessions().stop_session(stop).await.expect("stopped");
    assert_eq!(scene.asked("POST", "/stop"), 0);
    scene.others_rename(anna, &group_id, "Meanwhile").await;
    let start = pb::StartSessionRequest { session: "shop".into() };
    scene.service.sessions().start_session(start).await.expect("started");
    scene.until_subject("shop", &group_id, "Meanwhile").await;

    let logout = pb::LogoutSessionRequest { session: "shop".into() };
    scene.service.sessions().logout_session(logout).await.expect("unlinked");
    assert_eq!(scene.asked("POST", "/logout"), 1);
    eventually("it is logged out", || async {
        let status = scene.session("shop").await.status();
        matches!(status, pb::SessionStatus::LoggedOut | pb::SessionStatus::ScanQrCode).then_some(())
    })
    .await;
}
