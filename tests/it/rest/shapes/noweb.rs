//! Baileys' words: a list is an object by id, and what a group has not is left out.

use serde_json::{Value, json};
use wagroups::config::RestShape;

use super::{CHANGES, FRIEND, NEEDS_INVITE, NOT_ON_WHATSAPP, Scene, keys, set, wire};

/// Of a group with a description, without a timer and a parent.
const GROUP: [&str; 22] = [
    "id",
    "addressingMode",
    "subject",
    "subjectOwner",
    "subjectOwnerPn",
    "subjectTime",
    "size",
    "creation",
    "owner",
    "ownerPn",
    "owner_country_code",
    "desc",
    "descId",
    "descOwner",
    "descOwnerPn",
    "descTime",
    "restrict",
    "announce",
    "isCommunity",
    "isCommunityAnnounce",
    "joinApprovalMode",
    "memberAddMode",
];

fn with_participants() -> std::collections::BTreeSet<&'static str> {
    let mut keys = set(&GROUP);
    keys.insert("participants");
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_are_as_baileys_has_them() {
    let scene = Scene::of(RestShape::Noweb).await;
    let (rest, held) = (&scene.rest, scene.held().await);
    let group = rest.get(&format!("/{}", scene.group)).await.ok();
    assert_eq!(keys(&group), with_participants());
    let me = held.participants.iter().find(|member| member.id == held.owner).expect("the owner");
    let number = wire(&me.phone_number_id);
    let seconds = |time: Option<prost_types::Timestamp>| json!(time.expect("a time").seconds);
    for (key, value) in [
        ("id", json!(held.id)),
        ("addressingMode", json!("lid")),
        ("subject", json!("Team")),
        ("subjectOwner", json!(held.owner)),
        ("subjectTime", seconds(held.subject_time)),
        ("size", json!(2)),
        ("creation", seconds(held.create_time)),
        ("owner", json!(held.owner)),
        ("ownerPn", json!(number)),
        ("owner_country_code", json!("DE")),
        ("subjectOwnerPn", json!(number)),
        ("descOwnerPn", json!(number)),
        ("desc", json!("What we do")),
        ("descId", json!(held.description_id)),
        ("descOwner", json!(held.owner)),
        ("descTime", seconds(held.description_time)),
        ("restrict", json!(false)),
        ("announce", json!(false)),
        ("joinApprovalMode", json!(false)),
        ("memberAddMode", json!(true)),
    ] {
        assert_eq!(group[key], value, "{key}");
    }
    let members = group["participants"].as_array().expect("a list");
    assert!(members.iter().all(|member| keys(member) == set(&["id", "phoneNumber", "admin"])));
    let friend = members.iter().find(|member| member["phoneNumber"] == json!(wire(FRIEND)));
    assert_eq!(friend.expect("the friend")["admin"], Value::Null);
    let owner = members.iter().find(|member| member["id"] == json!(held.owner));
    assert_eq!(owner.expect("the owner")["admin"], json!("superadmin"));
    let listed = rest.get(&format!("/{}/participants", scene.group)).await.ok();
    assert_eq!(listed, group["participants"]);

    // By their ids, also where there are several, and where the list is cut or sorted.
    let other = scene.service.group_id("A \"quoted\" one", &[]).await;
    let list = rest.get("").await.ok();
    assert_eq!(keys(&list), set(&[&scene.group, &other]));
    assert_eq!(list[&scene.group], group);
    assert_eq!(list[&other]["subject"], json!("A \"quoted\" one"));
    assert_eq!(keys(&rest.get("?limit=1&sortBy=subject").await.ok()), set(&[&other]));
    let without = rest.get("?exclude=participants").await.ok();
    assert_eq!(without[&scene.group].get("participants"), None);
    let code = rest.get(&format!("/{}/invite-code", scene.group)).await;
    assert!(!code.bare().contains('/') && !code.text.is_empty(), "{code:?}");
    for (path, field, value) in CHANGES {
        let path = format!("/{}/{path}", scene.group);
        let done = rest.send("PUT", &path, format!("{{\"{field}\":{value}}}")).await;
        match field {
            // The two that WAHA got last say it on all engines.
            "newMembersApprovalRequired" | "membersCanShareHistory" => {
                assert_eq!(done.bare(), "true");
            }
            _ => done.nothing(),
        }
    }
    let group = rest.get(&format!("/{}", scene.group)).await.ok();
    for (key, value) in [
        ("subject", json!("Crew")),
        ("restrict", json!(true)),
        ("announce", json!(true)),
        ("memberAddMode", json!(false)),
        ("joinApprovalMode", json!(true)),
    ] {
        assert_eq!(group[key], value, "{key}");
    }
    scene.says_what_all_say().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_made_is_described_by_who_is_in_it() {
    let scene = Scene::of(RestShape::Noweb).await;
    let (made, id) = scene.rest.create("Other", &[FRIEND, NEEDS_INVITE, NOT_ON_WHATSAPP]).await;
    let made = made.json();
    assert_eq!((&made["id"], &made["size"]), (&json!(id), &json!(2)));
    assert_eq!(made["participants"].as_array().map(Vec::len), Some(2));
    for absent in ["desc", "descId", "descOwner", "descTime", "ephemeralDuration", "linkedParent"] {
        assert_eq!(made.get(absent), None, "{absent} is left out");
    }
    assert_eq!(made, scene.rest.get(&format!("/{id}")).await.ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_people_answer_a_status_as_text() {
    let scene = Scene::of(RestShape::Noweb).await;
    let statuses = |results: &Value| -> Vec<String> {
        let results = results.as_array().expect("a list").iter();
        results
            .map(|each| {
                assert_eq!(keys(each), set(&["status", "jid", "content"]), "{each}");
                let content = &each["content"];
                assert_eq!(content["tag"], json!("participant"), "{each}");
                assert_eq!(content["attrs"]["jid"], each["jid"], "{each}");
                let jid = each["jid"].as_str().expect("an id");
                assert!(jid.ends_with("@lid") || jid.ends_with("@s.whatsapp.net"), "{jid}");
                each["status"].as_str().expect("a text").to_owned()
            })
            .collect()
    };
    let people = [FRIEND, NEEDS_INVITE, NOT_ON_WHATSAPP, "4915120000009"];
    let added = scene.people("participants/add", &people).await;
    assert_eq!(statuses(&added), ["409", "403", "404", "200"]);
    assert_eq!(added[0]["content"]["attrs"]["error"], json!("409"));
    assert_eq!(added[3]["content"]["attrs"].get("error"), None);
    assert_eq!(added[2]["jid"], json!(wire(NOT_ON_WHATSAPP)));
    let request = &added[1]["content"]["content"][0];
    assert_eq!(request["tag"], json!("add_request"), "{added}");
    assert!(request["attrs"]["code"].as_str().is_some_and(|code| !code.is_empty()));
    let until = request["attrs"]["expiration"].as_str().expect("a text");
    assert!(until.parse::<i64>().is_ok_and(|seconds| seconds > 1_700_000_000), "{until}");
    assert_eq!(statuses(&scene.people("admin/promote", &[FRIEND]).await), ["200"]);
    assert_eq!(statuses(&scene.people("admin/demote", &[FRIEND]).await), ["200"]);
    let removed = scene.people("participants/remove", &[FRIEND, "4915120000055"]).await;
    assert_eq!(statuses(&removed), ["200", "404"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_group_behind_an_invite_is_as_baileys_has_it() {
    let scene = Scene::of(RestShape::Noweb).await;
    let (theirs, code) = scene.invite().await;
    let shown = scene.rest.get(&format!("/join-info?code={code}")).await.ok();
    assert_eq!((&shown["id"], &shown["subject"]), (&json!(theirs.id), &json!("Team")));
    assert_eq!((&shown["owner"], &shown["size"]), (&json!(theirs.owner), &json!(2)));
    assert_eq!(shown.get("desc"), None);
}
