//! What fails between this service and a WAHA server: how it is told, and what really happened.

use std::time::Duration;

use serde_json::json;
use tonic::Status;
use wagroups::pb;

use super::scene::{Scene, is_dense};
use crate::harness::service::{eventually, reason};
use crate::waha_server::{Fault, Options};

const ANNA: &str = "4915120000001@c.us";

async fn scene() -> (Scene, String) {
    let scene = impatient().await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    (scene, group_id)
}

/// Calls are given up soon.
async fn impatient() -> Scene {
    let scene = Scene::with(vec![Options::default()], |settings| {
        settings.engine.read_timeout = Duration::from_millis(700);
        settings.engine.write_timeout = Duration::from_millis(700);
    })
    .await;
    scene.working("shop").await;
    scene
}

fn exception(message: &str, extras: serde_json::Value) -> Fault {
    Fault::Exception { message: message.to_owned(), extras }
}

fn html(status: u16) -> Fault {
    Fault::HtmlFromProxy(status)
}

fn session_starts() -> Fault {
    let refused = json!({
        "error": "Session status is not as expected. Try again later or restart the session",
        "session": "shop", "status": "STARTING", "expected": ["WORKING"],
    });
    Fault::Status(422, "application/json", refused.to_string())
}

/// A change that fails is either certainly not made, or of unknown outcome; never "try again" where it may
/// have been made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_change_says_what_is_known_of_it() {
    let (scene, group_id) = scene().await;
    let none = || json!({});
    let unimplemented = json!({
        "message": "The method is not implemented by 'GOWS' engine.", "error": "Not Implemented", "statusCode": 501,
    });
    let json = "application/json";
    let cases: Vec<(Fault, &str, bool)> = vec![
        (Fault::Hang, "OUTCOME_UNKNOWN", false),
        (Fault::HangAfterApplying, "OUTCOME_UNKNOWN", true),
        (Fault::CloseBeforeApplying, "OUTCOME_UNKNOWN", false),
        (Fault::CloseAfterApplying, "OUTCOME_UNKNOWN", true),
        (html(502), "OUTCOME_UNKNOWN", false),
        (Fault::HtmlFromProxyAfterApplying(504), "OUTCOME_UNKNOWN", true),
        (session_starts(), "SESSION_STARTING", false),
        (Fault::Status(501, json, unimplemented.to_string()), "UNSUPPORTED_BY_ENGINE", false),
        (
            Fault::Status(401, json, r#"{"message":"Unauthorized","statusCode":401}"#.to_owned()),
            "ENGINE_UNAVAILABLE",
            false,
        ),
        (Fault::RateLimited429WithRetryAfter(0), "RATE_LIMITED", false),
        (
            exception("2 UNKNOWN: info query returned status 403: forbidden", none()),
            "NOT_GROUP_ADMIN",
            false,
        ),
        (
            exception("2 UNKNOWN: info query returned status 404: item-not-found", none()),
            "GROUP_NOT_FOUND",
            false,
        ),
        (
            exception("2 UNKNOWN: info query returned status 406: not-acceptable", none()),
            "SUBJECT_REJECTED",
            false,
        ),
        (exception("2 UNKNOWN: info query timed out", none()), "OUTCOME_UNKNOWN", false),
        (exception("forbidden", json!({ "data": 403, "isBoom": true })), "NOT_GROUP_ADMIN", false),
        (exception("Connection Closed", json!({ "isBoom": true })), "OUTCOME_UNKNOWN", false),
        (exception("something new", none()), "OUTCOME_UNKNOWN", false),
    ];
    for (number, (fault, expected, applied)) in cases.into_iter().enumerate() {
        let what = format!("{fault:?}");
        let subject = format!("Subject {number}");
        scene.server().fail_next(("PUT", "/subject"), fault);
        let failed = match scene.rename("shop", &group_id, &subject).await {
            Ok(_) => panic!("not refused: {what}"),
            Err(failed) => failed,
        };
        assert_eq!(reason(&failed), expected, "{what}: {failed}");
        let truth = scene.truth("shop", &group_id).await.expect("the group").subject.text;
        assert_eq!(truth == subject, applied, "{what}: it is called {truth}");
        if expected == "RATE_LIMITED" {
            // Nothing goes out meanwhile; then the account is as free as before.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if applied {
            // Whatever the caller was told, the change is in the log.
            scene.until_subject("shop", &group_id, &subject).await;
        }
    }
    // Nothing was sent twice.
    assert_eq!(scene.asked("PUT", "/subject"), 17);
    is_dense(&scene.service.log("shop").await);
}

/// A read is sent again where that may help.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_read_is_sent_again() {
    let scene = impatient().await;
    let group_id = scene.group_of_another("shop", ANNA).await;
    let path = format!("/groups/{group_id}");
    for fault in [
        Fault::Hang,
        Fault::CloseBeforeApplying,
        Fault::CutBody,
        html(503),
        exception("Timed Out", json!({})),
    ] {
        let before = scene.asked("GET", &path);
        let what = format!("{fault:?}");
        scene.server().fail_next(("GET", path.as_str()), fault);
        // One that comes while another read of the group is on its way shares its answer, and asks nothing itself.
        while scene.asked("GET", &path) == before {
            scene.refresh(&group_id).await.unwrap_or_else(|failed| panic!("{what}: {failed}"));
        }
        assert_eq!(scene.asked("GET", &path) - before, 2, "{what}");
    }
    for _ in 0..3 {
        scene.server().fail_next(("GET", path.as_str()), html(503));
    }
    let failed = scene.refresh(&group_id).await.expect_err("three times nothing");
    assert_eq!(reason(&failed), "ENGINE_UNAVAILABLE");
}

/// What says nothing of a group says not that everybody has left it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_says_nothing_changes_nothing() {
    let scene = impatient().await;
    let group_id = scene.group_of_another("shop", ANNA).await;
    let path = format!("/groups/{group_id}");
    let held = scene.group("shop", &group_id).await.expect("the group");
    let page = || Fault::Status(200, "text/html", "<html>Down for maintenance</html>".to_owned());
    let nothing = || Fault::Status(200, "application/json", String::new());
    let gateways =
        || Fault::Status(404, "application/json", r#"{"message":"no Route matched"}"#.to_owned());
    let others =
        || Fault::Status(200, "application/json", r#"{"status":"maintenance"}"#.to_owned());
    for fault in [page, nothing, gateways, others] {
        for _ in 0..3 {
            scene.server().fail_next(("GET", path.as_str()), fault());
        }
        let what = format!("{:?}", fault());
        let failed = scene.refresh(&group_id).await.expect_err(&what);
        assert_eq!(reason(&failed), "ENGINE_UNAVAILABLE", "{what}");
    }
    scene.server().blank(&group_id.parse().expect("an id"));
    let failed = scene.refresh(&group_id).await.expect_err("a group without name and members");
    assert_eq!(reason(&failed), "ENGINE_UNAVAILABLE");
    let asked = scene.asked("GET", &path);
    scene.compare().await.expect("with a group that is left as it is");
    assert_eq!(scene.asked("GET", &path) - asked, 1, "it is not known better a moment later");
    for _ in 0..3 {
        scene.server().fail_next(("GET", "/groups"), others());
    }
    let failed = scene.compare().await.expect_err("no list of groups");
    assert_eq!(reason(&failed), "ENGINE_UNAVAILABLE");
    let now = scene.group("shop", &group_id).await.expect("the group");
    assert_eq!((now.subject, now.participants), (held.subject, held.participants));
    // A page instead of the list of sessions does not mean that there are none.
    for _ in 0..2 {
        scene.server().fail_next(("GET", "/api/sessions"), page());
        scene.server().fail_next(("PUT", "/subject"), session_starts());
        let starting = scene.rename("shop", &group_id, "Later").await.expect_err("not yet");
        assert_eq!(reason(&starting), "SESSION_STARTING");
    }
    scene.server().unblank(&group_id.parse().expect("an id"));
    scene.refresh(&group_id).await.expect("all is well again");
    assert_eq!(scene.session("shop").await.status(), pb::SessionStatus::Working);
}

/// WAHA repeats the request in its refusal, with all of the picture.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_refusal_is_one_all_the_same() {
    let (scene, group_id) = scene().await;
    for number in 0..6 {
        let extras = json!({ "request": "x".repeat(1_400_000) });
        scene.server().fail_next(
            ("PUT", "/subject"),
            exception("2 UNKNOWN: info query returned status 403: forbidden", extras),
        );
        let failed = scene.rename("shop", &group_id, &format!("No {number}")).await;
        assert_eq!(reason(&failed.expect_err("refused")), "NOT_GROUP_ADMIN");
    }
    scene.rename("shop", &group_id, "Yes").await.expect("the server is not given up");
}

/// A list is read up to its limit, however large; what is cut off is no list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_believed_only_whole() {
    let scene = Scene::with(vec![Options::default()], |settings| {
        settings.waha.max_list_bytes = "48MiB".parse().expect("a size");
    })
    .await;
    scene.working("shop").await;
    // The first comparison is not to meet the lists that are meant for those below.
    scene.service.until_compared("shop").await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    scene.server().fail_next(("GET", "/groups"), Fault::HugeList(40 << 20));
    // It holds nothing that is ours, so that it is looked at group by group.
    scene.compare().await.expect("a list of 40 MiB is read");
    assert!(scene.group("shop", &group_id).await.is_some(), "the group is still there");
    let failed = no_list(&scene, &Fault::HugeList(50 << 20)).await;
    assert_eq!(reason(&failed), "ENGINE_UNAVAILABLE");
    let failed = no_list(&scene, &Fault::TruncatedJson).await;
    assert_eq!(reason(&failed), "ENGINE_UNAVAILABLE");
    assert!(scene.group("shop", &group_id).await.is_some());
    scene.compare().await.expect("and all is well again");
}

/// Why a comparison fails to which no list comes otherwise. One that had begun before answers whoever asks meanwhile, so
/// it is asked until one fails: three tries of it.
async fn no_list(scene: &Scene, fault: &Fault) -> Status {
    eventually("a comparison of its own", || async {
        for _ in scene.server().faults_left()..3 {
            scene.server().fail_next(("GET", "/groups"), fault.clone());
        }
        scene.compare().await.err()
    })
    .await
}

/// A server that is gone fails its calls at once, and is asked again by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_server_is_left_alone_and_found_again() {
    let (scene, group_id) = scene().await;
    scene.server().kill().await;
    scene.until("shop", pb::SessionStatus::Starting).await;
    let failed = scene.rename("shop", &group_id, "Lost").await.expect_err("nobody is there");
    assert_eq!(reason(&failed), "SESSION_STARTING");
    scene.others_rename(ANNA, &group_id, "Meanwhile").await;
    scene.until_missed(scene.server(), "shop").await;
    scene.server().revive().await;
    scene.until("shop", pb::SessionStatus::Working).await;
    scene.until_subject("shop", &group_id, "Meanwhile").await;
    let log = scene.service.log("shop").await;
    is_dense(&log);
    assert_eq!(log.last().expect("an event").origin(), pb::Origin::Reconciled);
    eventually("calls go out again", || async {
        scene.rename("shop", &group_id, "Found").await.ok()
    })
    .await;
}

/// A server that is back, and still overwhelmed: nobody says twice that it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_servers_return_needs_is_tried_until_it_succeeds() {
    let scene = impatient().await;
    let group_id = scene.group_of_another("shop", ANNA).await;
    scene.server().kill().await;
    scene.until("shop", pb::SessionStatus::Starting).await;
    scene.others_rename(ANNA, &group_id, "Meanwhile").await;
    scene.until_missed(scene.server(), "shop").await;
    // Who is linked there, and all tries of the first comparison.
    scene.server().fail_next(("GET", "/api/sessions/shop"), html(502));
    for _ in 0..3 {
        scene.server().fail_next(("GET", "/shop/groups"), html(502));
    }
    scene.server().revive().await;
    scene.until("shop", pb::SessionStatus::Working).await;
    scene.until_subject("shop", &group_id, "Meanwhile").await;
    // The list that is read first need not be what tells of it.
    eventually("all that failed is tried again", || async {
        (scene.server().faults_left() == 0).then_some(())
    })
    .await;
}

impl Scene {
    pub async fn refresh(&self, group_id: &str) -> Result<(), Status> {
        let request = pb::RefreshGroupsRequest {
            session: "shop".into(),
            group_ids: vec![group_id.into()],
            ..Default::default()
        };
        self.service.groups().refresh_groups(request).await.map(drop)
    }

    pub async fn compare(&self) -> Result<(), Status> {
        let request = pb::RefreshGroupsRequest { session: "shop".into(), ..Default::default() };
        self.service.groups().refresh_groups(request).await.map(drop)
    }
}
