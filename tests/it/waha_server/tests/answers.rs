//! What each engine answers where all goes well.

use serde_json::{Value, json};
use wagroups::domain::id::ParticipantId;
use wagroups::engine::simulator::world::Operation;
use wagroups::engine::waha::webhook::WahaEngine;

use super::{Scene, people, person, scene, scene_of};
use crate::waha_server::Options;

fn wire(id: ParticipantId) -> String {
    id.to_string().replace("@c.us", "@s.whatsapp.net")
}

fn phone(account: &wagroups::domain::participant::Account) -> ParticipantId {
    ParticipantId::Phone(account.phone().expect("a number"))
}

#[tokio::test]
async fn gows_shows_whatsmeows_groups() {
    let scene = scene(WahaEngine::Gows).await;
    let body = json!({ "name": "Crew", "participants": [
        { "id": scene.bob.id() }, { "id": person(403) }, { "id": person(404) },
    ]});
    let made = scene.post("alice", "", body).await.json(201);
    assert_eq!((&made["Name"], &made["AddressingMode"]), (&json!("Crew"), &json!("lid")));
    let members = made["Participants"].as_array().expect("members");
    assert_eq!((members.len(), &made["ParticipantCount"]), (4, &json!(2)));
    let errors: Vec<_> = members.iter().map(|member| &member["Error"]).collect();
    assert_eq!(errors, [&json!(0), &json!(0), &json!(403), &json!(404)]);
    assert!(members[2]["AddRequest"]["Expiration"].as_str().expect("a time").ends_with('Z'));
    let owner = members.iter().find(|member| member["IsSuperAdmin"] == json!(true));
    let owner = owner.expect("a superadmin");
    assert_eq!(owner["JID"], json!(scene.alice.id()));
    assert_eq!(owner["PhoneNumber"], json!(wire(phone(&scene.alice))));
    assert_eq!(made["OwnerPN"], owner["PhoneNumber"]);

    let id = made["JID"].as_str().expect("an id");
    let got = scene.get("alice", &format!("/{}", id.replace('@', "%40"))).await.json(200);
    assert_eq!(got["MemberAddMode"], json!("all_member_add"));
    assert_eq!(got["MemberShareHistoryMode"], json!("admin_share"));
    let listed = scene.get("alice", "?exclude=participants").await.json(200);
    assert_eq!(listed[0]["JID"], json!(id));
    assert_eq!(listed[0].get("Participants"), None);
    let v1 = scene.get("bob", &format!("/{id}/participants/")).await.json(200);
    assert_eq!(v1, got["Participants"]);
    let v2 = scene.get("bob", &format!("/{id}/participants/v2")).await.json(200);
    let bob = json!({ "id": scene.bob.id(), "pn": phone(&scene.bob), "role": "participant" });
    assert!(v2.as_array().expect("members").contains(&bob), "{v2}");

    let code = scene.get("alice", &format!("/{id}/invite-code")).await;
    let link = code.text.clone();
    assert!(link.starts_with("https://chat.whatsapp.com/"), "{link}");
    let preview = scene.get("bob", &format!("/join-info?code={link}")).await.json(200);
    assert_eq!((&preview["JID"], &preview["ParticipantCount"]), (&json!(id), &json!(2)));
    scene.server.assert_polite();
}

#[tokio::test]
async fn noweb_lists_a_map_that_is_as_old_as_it_is() {
    let scene = scene(WahaEngine::Noweb).await;
    let old = scene.group().await;
    let listed = scene.get("alice", "?sortBy=subject&sortOrder=desc").await.json(200);
    let group = &listed[old.as_str()];
    assert_eq!((&group["subject"], &group["size"]), (&json!("Team"), &json!(3)));
    assert_eq!((&group["memberAddMode"], &group["restrict"]), (&json!(true), &json!(false)));
    assert_eq!((&group["desc"], group.get("ephemeralDuration")), (&json!("Sundays"), None));

    // What happens now is not in the list, nor in what is read from it.
    let new = scene.group().await;
    let rename = json!({ "subject": "Crew" });
    scene.put("alice", &format!("/{old}/subject"), rename).await.nothing();
    scene.post("alice", &format!("/{old}/participants/add"), people(&[person(7)])).await.json(200);
    assert_eq!(scene.get("alice", "/count").await.json(200), json!({ "count": 1 }));
    let got = scene.get("alice", &format!("/{old}")).await.json(200);
    assert_eq!(got["subject"], json!("Team"));
    let missing = format!("Group with id '{new}' not found");
    scene.get("alice", &format!("/{new}")).await.threw(&missing);
    let v2 = scene.get("alice", &format!("/{old}/participants/v2")).await.json(200);
    assert_eq!(v2.as_array().map(Vec::len), Some(3));
    let v1 = scene.get("alice", &format!("/{old}/participants")).await.json(200);
    assert_eq!(v1.as_array().map(Vec::len), Some(4), "these are live");

    let done = scene.post("alice", "/refresh", Value::Null).await.json(200);
    assert_eq!(done, json!({ "success": true }));
    assert_eq!(scene.get("alice", "/count").await.json(200), json!({ "count": 2 }));
    let got = scene.get("alice", &format!("/{old}")).await.json(200);
    assert_eq!(got["subject"], json!("Crew"));
    scene.server.assert_polite();
}

#[tokio::test]
async fn browsers_show_chats_with_ids_as_objects() {
    let scene = scene(WahaEngine::Webjs).await;
    let id = scene.group().await;
    let got = scene.get("bob", &format!("/{id}")).await.json(200);
    assert_eq!(got["id"]["_serialized"], json!(id));
    assert_eq!(got["groupMetadata"]["desc"], json!("Sundays"));
    let members = got["groupMetadata"]["participants"].as_array().expect("members");
    assert_eq!(members[0]["id"]["server"], json!("lid"));
    scene.server.know_contact(scene.bob.phone().expect("a number"));
    let v2 = scene.get("alice", &format!("/{id}/participants/v2")).await.json(200);
    let bob = json!({ "id": phone(&scene.bob), "pn": phone(&scene.bob), "role": "participant" });
    let alice = json!({ "id": scene.alice.id(), "pn": null, "role": "superadmin" });
    let v2 = v2.as_array().expect("members");
    assert!(v2.contains(&bob) && v2.contains(&alice), "{v2:?}");
    let listed = scene.get("alice", "?exclude=participants").await.json(200);
    assert_eq!(listed[0]["groupMetadata"].get("participants"), None);
    scene.server.assert_polite();

    let scene = super::scene(WahaEngine::Wpp).await;
    let id = scene.group().await;
    let got = scene.get("bob", &format!("/{id}")).await.json(200);
    assert_eq!((&got["id"], &got["groupMetadata"]["size"]), (&json!(id), &json!(3)));
    let v2 = scene.get("alice", &format!("/{id}/participants/v2")).await.json(200);
    assert!(v2.as_array().expect("members").iter().all(|member| member["pn"].is_null()));
}

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
    note("demote", post("/admin/demote", people(&[scene.bob.id(), person(9)])).await);
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
async fn requests_to_join_are_listed_and_answered() {
    for engine in WahaEngine::ALL {
        let scene = scene(engine).await;
        let id = scene.group().await;
        let approval = json!({ "newMembersApprovalRequired": true });
        let path = format!("/{id}/settings/security/membership-approval");
        scene.put("alice", &path, approval.clone()).await.bare("true");
        let is = if engine == WahaEngine::Noweb {
            scene.post("alice", "/refresh", Value::Null).await.json(200);
            scene.get("alice", &path).await
        } else {
            scene.get("alice", &path).await
        };
        assert_eq!(is.json(200), approval);
        scene.act(person(3), Operation::RequestToJoin(id.clone())).await;
        let path = format!("/{id}/participants/join-requests");
        let open = scene.get("alice", &path).await.json(200);
        let request = &open[0];
        let requester: ParticipantId =
            request["requesterId"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        assert!(requester.lid().is_some(), "{open}");
        assert!(request["addedById"].is_null() && request["timestamp"].is_i64(), "{open}");
        let pn = if engine == WahaEngine::Noweb { Some(json!(person(3))) } else { None };
        assert_eq!(request.get("requesterPn"), pn.as_ref(), "{engine:?}");
        let told = engine != WahaEngine::Gows;
        let method = if told { json!("invite_link") } else { Value::Null };
        assert_eq!(request["requestMethod"], method, "{engine:?}");

        let body = people(&[requester, person(4)]);
        let answered = scene.post("alice", &format!("{path}/approve"), body).await.json(200);
        let wanted = json!([
            { "requesterId": requester, "success": true },
            { "requesterId": person(4), "success": false, "error": 404 },
        ]);
        assert_eq!(answered, wanted, "{engine:?}");
        assert_eq!(scene.get("alice", &path).await.json(200), json!([]));
    }
}

#[tokio::test]
async fn pictures_are_told_by_url_and_kept_for_long() {
    let scene = scene(WahaEngine::Gows).await;
    let path = format!("/{}/picture", scene.group().await);
    assert_eq!(scene.get("alice", &path).await.json(200), json!({ "url": null }));
    let file = json!({ "file": { "data": "/9j/AAAA", "mimetype": "image/jpeg" } });
    let set = scene.put("alice", &path, file).await.json(200);
    assert_eq!(set, json!({ "success": true }));
    assert_eq!(scene.get("alice", &path).await.json(200), json!({ "url": null }), "kept");
    let fresh = scene.get("alice", &format!("{path}?refresh=True")).await.json(200);
    assert!(fresh["url"].as_str().expect("a URL").starts_with("https://pps.whatsapp.net/"));
    assert_eq!(scene.get("alice", &path).await.json(200), fresh);
    let gone = scene.client.call("DELETE", &format!("/api/alice/groups{path}"), Value::Null).await;
    assert_eq!(gone.json(200), json!({ "success": true }));
    let text = json!({ "file": { "data": "AAAA" } });
    scene.put("alice", &path, text).await.threw("2 UNKNOWN: the given data is not a valid image");
    let odd = scene.get("alice", &format!("{path}?refresh=maybe")).await.json(400);
    assert_eq!(odd["message"], json!(["refresh must be a boolean value"]));
    scene.server.assert_never_deleted();
}

#[tokio::test]
async fn lists_are_paged_as_each_engine_does_it() {
    for engine in WahaEngine::ALL {
        let scene = scene(engine).await;
        for _ in 0..3 {
            scene.group().await;
        }
        let count = async |query: &str| {
            let listed = scene.get("alice", query).await.json(200);
            listed.as_array().map_or_else(|| listed.as_object().map_or(0, |o| o.len()), Vec::len)
        };
        let is_noweb = engine == WahaEngine::Noweb;
        assert_eq!(count("?limit=2").await, 2);
        assert_eq!(count("?limit=2&offset=2").await, 1);
        assert_eq!(count("?offset=2").await, if is_noweb { 1 } else { 3 }, "{engine:?}");
        assert_eq!(count("?limit=0").await, if is_noweb { 0 } else { 3 }, "{engine:?}");
        let odd = scene.get("alice", "?sortBy=name&limit=x&exclude=all").await.json(400);
        assert_eq!(odd["message"].as_array().map(Vec::len), Some(3), "{odd}");
        scene.server.assert_polite();
    }
}

#[tokio::test]
async fn a_created_group_is_answered_as_each_engine_does_it() {
    for engine in [WahaEngine::Noweb, WahaEngine::Webjs, WahaEngine::Wpp] {
        let scene = scene_of(Options { engine, ..Options::default() }).await;
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
