//! Failures of a browser that say nothing, and codes that are words: what is told of them agrees with what is
//! known of the group.

use serde_json::{Value, json};
use tonic::Status;
use wagroups::engine::waha::webhook::WahaEngine;
use wagroups::pb;
use wagroups::pb::group_event::Body;

use super::scene::Scene;
use crate::harness::service::reason;
use crate::waha_server::{Fault, Options};

const ANNA: &str = "4915120000001@c.us";
const CODE: &str = "AbCdEfGhIjKlMnOpQrStUv";

async fn scene(engine: WahaEngine) -> Scene {
    let scene = Scene::with(vec![Options { engine, ..Default::default() }], |_| ()).await;
    scene.working("shop").await;
    scene
}

fn thrown(message: &str, name: &str, extras: Value) -> Fault {
    let mut extras = extras;
    extras["name"] = json!(name);
    Fault::Exception { message: message.to_owned(), extras }
}

fn minified() -> Fault {
    thrown("r", "r", json!({}))
}

impl Scene {
    async fn promote(&self, group_id: &str) -> Result<(), Status> {
        let request = pb::PromoteParticipantsRequest {
            session: "shop".into(),
            group_id: group_id.into(),
            participant_ids: vec![ANNA.into()],
            ..Default::default()
        };
        self.service.groups().promote_participants(request).await.map(drop)
    }

    async fn invite_code(&self, group_id: &str) -> Result<String, Status> {
        let request = pb::GetInviteCodeRequest {
            session: "shop".into(),
            group_id: group_id.into(),
            refresh: true,
            ..Default::default()
        };
        let got = self.service.groups().get_invite_code(request).await?.into_inner();
        Ok(got.invite_code)
    }

    async fn revoke(&self, group_id: &str) -> Result<String, Status> {
        let request = pb::RevokeInviteCodeRequest {
            session: "shop".into(),
            group_id: group_id.into(),
            ..Default::default()
        };
        let got = self.service.groups().revoke_invite_code(request).await?.into_inner();
        Ok(got.invite_code)
    }

    async fn join(&self, code: &str) -> Result<(), Status> {
        let invite = Some(pb::join_group_request::Invite::InviteCode(code.into()));
        let request = pb::JoinGroupRequest { session: "shop".into(), invite, ..Default::default() };
        self.service.groups().join_group(request).await.map(drop)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_only_admins_may_is_not_said_to_an_admin() {
    let scene = scene(WahaEngine::Webjs).await;
    let own = scene.group_id("shop", &[ANNA]).await;
    let theirs = scene.group_of_another("shop", ANNA).await;
    for (group_id, expected) in [(&own, "OUTCOME_UNKNOWN"), (&theirs, "NOT_GROUP_ADMIN")] {
        scene.server().fail_next(("POST", "/admin/promote"), minified());
        let failed = scene.promote(group_id).await.expect_err("refused");
        assert_eq!(reason(&failed), expected, "{failed}");
        scene.server().fail_next(("PUT", "/subject"), minified());
        let failed = scene.rename("shop", group_id, "Crew").await.expect_err("refused");
        assert_eq!(reason(&failed), expected, "{failed}");
        let no = Fault::Status(200, "text/html", "false".to_owned());
        scene.server().fail_next(("PUT", "/subject"), no);
        let failed = scene.rename("shop", group_id, "Crew").await.expect_err("refused");
        assert_eq!(reason(&failed), expected, "{failed}");
    }
    // What WhatsApp says for certain is told as it is.
    let forbidden = thrown("forbidden", "ServerStatusCodeError", json!({ "status": 403 }));
    scene.server().fail_next(("PUT", "/subject"), forbidden);
    let failed = scene.rename("shop", &own, "Crew").await.expect_err("refused");
    assert_eq!(reason(&failed), "NOT_GROUP_ADMIN");
    // A group that we are in is not said to be none.
    let undefined =
        thrown("Cannot read properties of undefined (reading 'x')", "TypeError", json!({}));
    scene.server().fail_next(("PUT", "/subject"), undefined);
    let failed = scene.rename("shop", &own, "Crew").await.expect_err("refused");
    assert_eq!(reason(&failed), "OUTCOME_UNKNOWN");
    assert_eq!(scene.group("shop", &own).await.expect("the group").subject, "Team");
}

/// A browser's page that has changed answers `undefined` for every code, to admins as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_is_never_told_as_an_invite() {
    for engine in [WahaEngine::Webjs, WahaEngine::Gows] {
        let scene = scene(engine).await;
        let own = scene.group_id("shop", &[ANNA]).await;
        let theirs = scene.group_of_another("shop", ANNA).await;
        for word in ["undefined", "Maintenance", "https://chat.whatsapp.com/undefined", ""] {
            let said = || Fault::Status(200, "text/html", word.to_owned());
            for (group_id, expected) in [(&own, "OUTCOME_UNKNOWN"), (&theirs, "NOT_GROUP_ADMIN")] {
                scene.server().fail_next(("GET", "/invite-code"), said());
                let failed = scene.invite_code(group_id).await.expect_err("no code");
                assert_eq!(reason(&failed), expected, "{word}: {failed}");
            }
            // GOWS is asked for the code before, without which nothing is sent.
            let asks_before = engine == WahaEngine::Gows;
            if !asks_before {
                scene.server().fail_next(("POST", "/invite-code/revoke"), said());
            }
            scene.server().fail_next(("GET", "/invite-code"), said());
            let failed = scene.revoke(&own).await.expect_err("no code");
            let expected = if asks_before { "ENGINE_UNAVAILABLE" } else { "OUTCOME_UNKNOWN" };
            assert_eq!(reason(&failed), expected, "{word}: {failed}");
            assert_eq!(scene.asked("POST", "/revoke") == 0, asks_before);
        }
        let revoked = |event: &pb::GroupEvent| matches!(event.body, Some(Body::InviteRevoked(_)));
        assert!(
            !scene.service.log("shop").await.iter().any(revoked),
            "nothing is known to be void"
        );
        let code = scene.invite_code(&own).await.expect("a code again");
        assert_eq!(code.len(), CODE.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_found_wherever_an_engine_has_it_and_means_what_the_call_makes_of_it() {
    let scene = scene(WahaEngine::Wpp).await;
    let name = "ServerStatusCodeError";
    for (message, extras, expected) in [
        ("gone", json!({ "status": 410, "statusCode": 410 }), "INVITE_REVOKED"),
        ("gone", json!({}), "INVITE_REVOKED"),
        ("conflict", json!({ "status": 409, "statusCode": 409 }), "REFUSED_BY_WHATSAPP"),
        ("not-acceptable", json!({ "statusCode": "406" }), "INVITE_INVALID"),
        ("forbidden", json!({}), "REFUSED_BY_WHATSAPP"),
        ("words", json!({ "code": 419 }), "GROUP_FULL"),
    ] {
        scene.server().fail_next(("POST", "/join"), thrown(message, name, extras));
        let failed = scene.join(CODE).await.expect_err("refused");
        assert_eq!(reason(&failed), expected, "{message}: {failed}");
    }
}
