//! What each engine answers to a change that goes well.

use serde_json::{Value, json};
use wagroups::domain::id::ParticipantId;
use wagroups::engine::waha::webhook::WahaEngine;

use super::{Scene, people, person, scene, wire};

async fn change_everything(scene: &Scene) -> Vec<(&'static str, String, String)> {
    let id = scene.group().await;
    let mut said = Vec::new();
    let mut note = |what: &'static str, answer: super::Said| {
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        said.push((what, answer.kind, answer.text));
    };
    let put =
        async |path: &str, body: Value| scene.put("alice", &format!("/{id}{path}"), body).await;
    let post =
        async |path: &str, body: Value| scene.post("alice", &format!("/{id}{path}"), body).await;
    note("subject", put("/subject", json!({ "subject": "Crew" })).await);
    note("description", put("/description", json!({ "description": "" })).await);
    let security = "/settings/security";
    for (name, field) in [
        ("info-admin-only", "adminsOnly"),
        ("messages-admin-only", "adminsOnly"),
        ("member-add-mode", "membersCanAddNewMember"),
        ("membership-approval", "newMembersApprovalRequired"),
    ] {
        let path = format!("{security}/{name}");
        note(name, put(&path, json!({ (field): true })).await);
    }
    note("promote", post("/admin/promote", people(&[scene.bob.id()])).await);
    let (mixed, bob) = (people(&[scene.bob.id(), person(9)]), people(&[scene.bob.id()]));
    if scene.server.options().engine == WahaEngine::Wpp {
        let code = "group_participant_not_found";
        assert_eq!(post("/admin/demote", mixed).await.exception()["code"], json!(code));
        note("demote", post("/admin/demote", bob.clone()).await);
        // Who is no admin any more.
        assert_eq!(post("/admin/demote", bob).await.exception()["code"], json!(code));
    } else {
        note("demote", post("/admin/demote", mixed).await);
    }
    note("remove", post("/participants/remove", people(&[scene.bob.id()])).await);
    note("leave", post("/leave", Value::Null).await);
    let truth = scene.whatsapp.simulator().world_group(&id).await.expect("the world");
    let group = truth.expect("the group").group;
    assert_eq!((group.subject.text.as_str(), group.description.text.as_str()), ("Crew", ""));
    assert!(group.settings.info_admin_only && group.settings.messages_admin_only);
    assert!(group.settings.membership_approval);
    assert_eq!(group.participants().len(), 1);
    scene.server.assert_polite();
    said
}

#[tokio::test]
async fn each_engine_says_in_its_own_way_that_it_is_done() {
    let html = crate::waha_server::reply::HTML;
    for (engine, bare) in [
        (WahaEngine::Gows, vec![("membership-approval", "true")]),
        (WahaEngine::Noweb, vec![("membership-approval", "true")]),
        (
            WahaEngine::Webjs,
            [
                "subject",
                "description",
                "info-admin-only",
                "messages-admin-only",
                "member-add-mode",
                "membership-approval",
            ]
            .map(|name| (name, "true"))
            .to_vec(),
        ),
        (
            WahaEngine::Wpp,
            [
                "subject",
                "description",
                "info-admin-only",
                "messages-admin-only",
                "member-add-mode",
                "membership-approval",
                "promote",
                "leave",
            ]
            .map(|name| (name, "true"))
            .to_vec(),
        ),
    ] {
        for (what, kind, text) in change_everything(&scene(engine).await).await {
            let is_members = ["promote", "demote", "remove"].contains(&what);
            match bare.iter().find(|(name, _)| *name == what) {
                Some((_, wanted)) => {
                    assert_eq!((&*kind, &*text), (html, *wanted), "{engine:?} {what}")
                }
                None if is_members && engine != WahaEngine::Wpp => {
                    let value: Value = serde_json::from_str(&text).expect("JSON");
                    let status = match engine {
                        WahaEngine::Gows => &value[0]["Error"],
                        WahaEngine::Noweb => &value[0]["status"],
                        _ => &value["status"],
                    };
                    let wanted = [json!(0), json!("200"), json!(200)];
                    assert!(wanted.contains(status), "{engine:?} {what}: {text}");
                }
                None => assert_eq!((&*kind, &*text), ("", ""), "{engine:?} {what}"),
            }
        }
    }
}

#[tokio::test]
async fn each_engine_names_who_could_not_be_added() {
    let (fine, private, nobody) = (person(2), person(403), person(404));
    for engine in WahaEngine::ALL {
        let scene = scene(engine).await;
        let id = scene.group().await;
        let body = people(&[fine, private, nobody]);
        let added = scene.post("alice", &format!("/{id}/participants/add"), body).await.json(200);
        let name = |id: ParticipantId| id.to_string();
        match engine {
            WahaEngine::Gows => {
                assert_eq!((&added[1]["Error"], &added[2]["Error"]), (&json!(403), &json!(404)));
                assert!(added[1]["AddRequest"]["Code"].is_string(), "{added}");
            }
            WahaEngine::Noweb => {
                assert_eq!(added[0]["status"], json!("200"));
                assert_eq!(added[0]["content"]["attrs"]["phone_number"], json!(wire(fine)));
                assert_eq!(added[1]["content"]["attrs"]["error"], json!("403"));
                assert_eq!(added[1]["content"]["content"][0]["tag"], json!("add_request"));
                assert_eq!(added[2]["jid"], json!(wire(nobody)));
            }
            WahaEngine::Webjs => {
                assert_eq!(added[name(fine)]["code"], json!(200));
                assert_eq!(added[name(private)]["isInviteV4Sent"], json!(true));
                assert_eq!(added[name(nobody)]["code"], json!(404));
            }
            WahaEngine::Wpp => {
                assert_eq!(added[name(fine)]["wid"]["user"], json!("491512000002"));
                assert!(added[name(private)]["invite_code_exp"].is_i64(), "{added}");
                assert_eq!(added[name(nobody)]["code"], json!(404));
            }
        }
    }
}

#[tokio::test]
async fn a_created_group_is_answered_as_each_engine_does_it() {
    for engine in [WahaEngine::Noweb, WahaEngine::Webjs, WahaEngine::Wpp] {
        let scene = scene(engine).await;
        let body = |id: ParticipantId| json!({ "name": "Crew", "participants": [{ "id": id }] });
        let made = scene.post("alice", "", body(person(403))).await.json(201);
        match engine {
            WahaEngine::Noweb => {
                assert_eq!((&made["subject"], &made["size"]), (&json!("Crew"), &json!(2)), "a lie");
            }
            WahaEngine::Webjs => {
                assert_eq!(made["title"], json!("Crew"));
                let people = made["participants"].as_object().expect("people");
                assert_eq!(
                    (people.len(), &people[&person(403).to_string()]["statusCode"]),
                    (2, &json!(403))
                );
            }
            _ => {
                let verdict = &made["participants"][person(403).to_string()];
                assert_eq!(verdict["code"], json!(403));
                let count = scene.get("alice", "/count").await.json(200);
                let refused = scene.post("alice", "", body(person(404))).await;
                assert_eq!(refused.exception()["name"], json!("WPPError"));
                assert_eq!(scene.get("alice", "/count").await.json(200), count);
            }
        }
    }
}
