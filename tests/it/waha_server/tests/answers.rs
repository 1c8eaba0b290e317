//! What each engine shows.

use serde_json::{Value, json};
use wagroups::domain::id::ParticipantId;
use wagroups::engine::simulator::world::Operation;
use wagroups::engine::waha::webhook::WahaEngine;

use super::{people, person, scene, wire};

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
async fn noweb_lists_a_map_that_it_fetches_each_time() {
    let scene = scene(WahaEngine::Noweb).await;
    let old = scene.group().await;
    let listed = scene.get("alice", "?sortBy=subject&sortOrder=desc").await.json(200);
    let group = &listed[old.as_str()];
    assert_eq!((&group["subject"], &group["size"]), (&json!("Team"), &json!(3)));
    assert_eq!((&group["memberAddMode"], &group["restrict"]), (&json!(true), &json!(false)));
    assert_eq!((&group["desc"], group.get("ephemeralDuration")), (&json!("Sundays"), None));

    // Without its store every read fetches all groups.
    let new = scene.group().await;
    let rename = json!({ "subject": "Crew" });
    scene.put("alice", &format!("/{old}/subject"), rename).await.nothing();
    scene.post("alice", &format!("/{old}/participants/add"), people(&[person(7)])).await.json(200);
    let fetches = scene.server.full_fetches();
    assert_eq!(scene.get("alice", "/count").await.json(200), json!({ "count": 2 }));
    let got = scene.get("alice", &format!("/{new}")).await.json(200);
    assert_eq!(got["subject"], json!("Team"));
    for version in ["", "/v2"] {
        let path = format!("/{old}/participants{version}");
        let members = scene.get("alice", &path).await.json(200);
        assert_eq!(members.as_array().map(Vec::len), Some(4), "{path}");
    }
    assert_eq!(scene.server.full_fetches(), fetches + 4);

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
    crate::harness::service::eventually("WAHA asks anew by itself", || async {
        let kept = scene.get("alice", &path).await.json(200);
        (!kept["url"].is_null()).then_some(())
    })
    .await;
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
