//! WhatsApp Web's words: a chat with the group in it. As read in the libraries, not as observed.

use serde_json::{Value, json};
use wagroups::config::RestShape;

use super::{CHANGES, FRIEND, NEEDS_INVITE, NOT_ON_WHATSAPP, Scene, keys, set};

const CHAT: [&str; 11] = [
    "id",
    "name",
    "isGroup",
    "isReadOnly",
    "unreadCount",
    "timestamp",
    "archived",
    "pinned",
    "isMuted",
    "muteExpiration",
    "groupMetadata",
];

const METADATA: [&str; 25] = [
    "id",
    "creation",
    "owner",
    "subject",
    "subjectTime",
    "subjectOwner",
    "desc",
    "descId",
    "descTime",
    "descOwner",
    "restrict",
    "announce",
    "memberAddMode",
    "membershipApprovalMode",
    "ephemeralDuration",
    "size",
    "isParentGroup",
    "defaultSubgroup",
    "parentGroup",
    "isLidAddressingMode",
    "suspended",
    "participants",
    "pendingParticipants",
    "pastParticipants",
    "membershipApprovalRequests",
];

fn wid(id: &str) -> Value {
    let (user, server) = id.split_once('@').expect("an id");
    json!({ "server": server, "user": user, "_serialized": id })
}

async fn groups_are_chats(shape: RestShape) {
    let scene = Scene::of(shape).await;
    let (rest, held) = (&scene.rest, scene.held().await);
    let group = rest.get(&format!("/{}", scene.group)).await.ok();
    assert_eq!(keys(&group), set(&CHAT));
    let metadata = &group["groupMetadata"];
    assert_eq!(keys(metadata), set(&METADATA));
    let id = if shape == RestShape::Webjs { wid(&held.id) } else { json!(held.id) };
    for (key, value) in [
        ("id", id),
        ("name", json!("Team")),
        ("isGroup", json!(true)),
        ("isReadOnly", json!(false)),
    ] {
        assert_eq!(group[key], value, "{key}");
    }
    let seconds = |time: Option<prost_types::Timestamp>| json!(time.expect("a time").seconds);
    for (key, value) in [
        ("id", wid(&held.id)),
        ("creation", seconds(held.create_time)),
        ("owner", wid(&held.owner)),
        ("subject", json!("Team")),
        ("subjectTime", seconds(held.subject_time)),
        ("desc", json!("What we do")),
        ("descId", json!(held.description_id)),
        ("restrict", json!(false)),
        ("announce", json!(false)),
        ("memberAddMode", json!("all_member_add")),
        ("membershipApprovalMode", json!(false)),
        ("size", json!(2)),
        ("isParentGroup", json!(false)),
        ("parentGroup", Value::Null),
        ("isLidAddressingMode", json!(true)),
        ("pendingParticipants", json!([])),
    ] {
        assert_eq!(metadata[key], value, "{key}");
    }
    let members = metadata["participants"].as_array().expect("a list");
    assert_eq!(members.len(), 2);
    for member in members {
        assert_eq!(keys(member), set(&["id", "isAdmin", "isSuperAdmin"]));
        assert_eq!(keys(&member["id"]), set(&["server", "user", "_serialized"]));
    }
    let mine = members.iter().find(|member| member["id"] == wid(&held.owner)).expect("the owner");
    assert_eq!((&mine["isAdmin"], &mine["isSuperAdmin"]), (&json!(true), &json!(true)));
    let listed = rest.get(&format!("/{}/participants", scene.group)).await.ok();
    assert_eq!(listed, metadata["participants"]);
    assert_eq!(rest.get("").await.ok(), json!([group]));

    let mut without = group.clone();
    let left = without["groupMetadata"].as_object_mut().expect("an object");
    let gone =
        ["participants", "pendingParticipants", "pastParticipants", "membershipApprovalRequests"];
    left.retain(|key, _| !gone.contains(&key.as_str()));
    assert_eq!(rest.get("?exclude=participants").await.ok(), json!([without]));

    let code = rest.get(&format!("/{}/invite-code", scene.group)).await;
    assert_eq!(code.bare().len(), 22, "{code:?}");
    for (path, field, value) in CHANGES {
        let path = format!("/{}/{path}", scene.group);
        let done = rest.send("PUT", &path, format!("{{\"{field}\":{value}}}")).await;
        assert_eq!(done.bare(), "true", "{path}");
    }
    let metadata = &rest.get(&format!("/{}", scene.group)).await.ok()["groupMetadata"];
    for (key, value) in [
        ("subject", json!("Crew")),
        ("restrict", json!(true)),
        ("announce", json!(true)),
        ("memberAddMode", json!("admin_add")),
        ("membershipApprovalMode", json!(true)),
    ] {
        assert_eq!(metadata[key], value, "{key}");
    }
    let (theirs, code) = scene.invite().await;
    let shown = rest.get(&format!("/join-info?code={code}")).await.ok();
    let named = |id: &str| if shape == RestShape::Webjs { wid(id) } else { json!(id) };
    assert_eq!((&shown["id"], &shown["owner"]), (&named(&theirs.id), &named(&theirs.owner)));
    assert_eq!((&shown["subject"], &shown["size"]), (&json!("Team"), &json!(2)));
    scene.says_what_all_say().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_of_webjs_are_chats() {
    groups_are_chats(RestShape::Webjs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_of_wpp_are_chats() {
    groups_are_chats(RestShape::Wpp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webjs_answers_changes_of_people_by_their_ids() {
    let scene = Scene::of(RestShape::Webjs).await;
    let body = json!({ "name": "Other", "participants": super::super::client::ids(&[FRIEND, NEEDS_INVITE]) });
    let made = scene.rest.post("", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(keys(&made), set(&["title", "gid", "participants"]));
    assert_eq!(made["gid"]["server"], json!("g.us"));
    let people = made["participants"].as_object().expect("people");
    assert_eq!(people.len(), 3, "the maker among them: {people:?}");
    let code = |id: &str| (&people[id]["statusCode"], &people[id]["isGroupCreator"]);
    assert_eq!(code(FRIEND), (&json!(200), &json!(false)));
    assert_eq!(code(NEEDS_INVITE), (&json!(403), &json!(false)));
    let makers = people.values().filter(|person| person["isGroupCreator"] == json!(true));
    assert_eq!(makers.count(), 1);

    let added = scene.people("participants/add", &[FRIEND, NOT_ON_WHATSAPP, NEEDS_INVITE]).await;
    assert_eq!(keys(&added), set(&[FRIEND, NOT_ON_WHATSAPP, NEEDS_INVITE]));
    for (id, code) in [(FRIEND, 409), (NOT_ON_WHATSAPP, 404), (NEEDS_INVITE, 403)] {
        assert_eq!(keys(&added[id]), set(&["code", "message", "isInviteV4Sent"]));
        assert_eq!(
            (&added[id]["code"], &added[id]["isInviteV4Sent"]),
            (&json!(code), &json!(false))
        );
    }
    for change in ["admin/promote", "admin/demote", "participants/remove"] {
        assert_eq!(scene.people(change, &[FRIEND]).await, json!({ "status": 200 }), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wpp_answers_changes_of_people_by_their_numbers() {
    let scene = Scene::of(RestShape::Wpp).await;
    let body = json!({ "name": "Other", "participants": super::super::client::ids(&[FRIEND, NEEDS_INVITE]) });
    let made = scene.rest.post("", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(keys(&made), set(&["gid", "participants"]));
    assert_eq!(keys(&made["participants"]), set(&[FRIEND, NEEDS_INVITE]));
    let refused = &made["participants"][NEEDS_INVITE];
    assert_eq!(keys(refused), set(&["wid", "code", "invite_code", "invite_code_exp"]));
    assert_eq!((&refused["wid"], &refused["code"]), (&json!(NEEDS_INVITE), &json!(403)));
    assert!(refused["invite_code"].is_string() && refused["invite_code_exp"].is_i64(), "{refused}");

    let added = scene.people("participants/add", &[FRIEND, NOT_ON_WHATSAPP]).await;
    for (id, code) in [(FRIEND, 409), (NOT_ON_WHATSAPP, 404)] {
        assert_eq!((&added[id]["code"], &added[id]["invite_code"]), (&json!(code), &Value::Null));
        assert!(added[id]["message"].is_string(), "{added}");
    }
    let people = json!({ "participants": super::super::client::ids(&[FRIEND]) });
    let path = |change: &str| format!("/{}/{change}", scene.group);
    let promoted = scene.rest.post(&path("admin/promote"), people.clone()).await;
    assert_eq!(promoted.bare(), "true");
    for change in ["admin/demote", "participants/remove"] {
        scene.rest.post(&path(change), people.clone()).await.nothing();
    }
}
