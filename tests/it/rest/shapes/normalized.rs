//! WAHA's own words.

use serde_json::json;
use wagroups::config::RestShape;

use super::{BLOCKED_US, CHANGES, FRIEND, NEEDS_INVITE, NOT_ON_WHATSAPP, Scene, keys, set};
use crate::rest::words;

const GROUP: [&str; 7] = [
    "id",
    "subject",
    "description",
    "membersCanAddNewMember",
    "membersCanSendMessages",
    "newMembersApprovalRequired",
    "participants",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_are_in_wahas_own_words() {
    let scene = Scene::of(RestShape::Normalized).await;
    let (rest, held) = (&scene.rest, scene.held().await);
    let group = rest.get(&format!("/{}", scene.group)).await.ok();
    assert_eq!(keys(&group), set(&GROUP));
    assert_eq!(group, words::group(&held));
    assert_eq!(group["membersCanSendMessages"], json!(true));
    assert_eq!(rest.get("").await.ok(), json!([group]));
    let friend = group["participants"].as_array().expect("a list").iter();
    let friend = friend.filter(|member| member["pn"] == json!(FRIEND)).collect::<Vec<_>>();
    assert_eq!(friend.len(), 1, "{group}");
    assert_eq!(friend[0]["role"], json!("participant"));
    assert!(friend[0]["id"].as_str().is_some_and(|id| id.ends_with("@lid")));

    let (theirs, code) = scene.invite().await;
    let shown = rest.get(&format!("/join-info?code={code}")).await.ok();
    let mut wanted = set(&GROUP);
    wanted.extend(["invite", "size"]);
    assert_eq!(keys(&shown), wanted);
    assert_eq!((&shown["id"], &shown["size"]), (&json!(theirs.id), &json!(2)));
    let code = rest.get(&format!("/{}/invite-code", scene.group)).await.bare().to_owned();
    assert!(!code.contains('/') && code.len() >= 6, "{code}");
    for (path, field, value) in CHANGES {
        let path = format!("/{}/{path}", scene.group);
        let answer = rest.send("PUT", &path, format!("{{\"{field}\":{value}}}")).await;
        assert_eq!(answer.bare(), "true", "{path}");
    }
    let group = rest.get(&format!("/{}", scene.group)).await.ok();
    for (field, value) in [
        ("membersCanAddNewMember", false),
        ("membersCanSendMessages", false),
        ("newMembersApprovalRequired", true),
    ] {
        assert_eq!(group[field], json!(value), "{field}");
    }
    scene.says_what_all_say().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_created_group_says_what_became_of_each_invitee() {
    let scene = Scene::of(RestShape::Normalized).await;
    let people = [FRIEND, NEEDS_INVITE, NOT_ON_WHATSAPP, BLOCKED_US];
    let (made, id) = scene.rest.create("Other", &people).await;
    let made = made.json();
    let mut wanted = set(&GROUP);
    wanted.insert("results");
    assert_eq!(keys(&made), wanted);
    assert_eq!(made["participants"].as_array().map(Vec::len), Some(2));
    let results = made["results"].as_array().expect("a list");
    let codes: Vec<_> = results.iter().map(|each| each["code"].as_u64()).collect();
    assert_eq!(codes, [Some(200), Some(403), Some(404), Some(401)]);
    assert_eq!(keys(&results[0]), set(&["id", "pn", "role", "code", "status"]));
    assert_eq!(results[0]["role"], json!("participant"));
    assert_eq!(keys(&results[1]), set(&["id", "pn", "code", "status", "invite"]));
    assert_eq!(keys(&results[1]["invite"]), set(&["code", "expiration"]));
    assert_eq!(keys(&results[2]), set(&["id", "pn", "code", "status"]));
    assert_eq!(results[2]["pn"], json!(NOT_ON_WHATSAPP));
    // The private invite lets this person in.
    let code = results[1]["invite"]["code"].as_str().expect("a code");
    assert!(!code.is_empty());
    assert_eq!(scene.rest.get(&format!("/{id}")).await.ok()["id"], json!(id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_people_say_what_became_of_each() {
    let scene = Scene::of(RestShape::Normalized).await;
    let added = scene.people("participants/add", &[FRIEND, NEEDS_INVITE, "4915120000009"]).await;
    let codes = |results: &serde_json::Value| -> Vec<u64> {
        let results = results.as_array().expect("a list").iter();
        results.map(|each| each["code"].as_u64().expect("a code")).collect()
    };
    assert_eq!(codes(&added), [409, 403, 200]);
    assert_eq!(added[1]["status"], json!("privacy_invite_needed"));
    let promoted = scene.people("admin/promote", &[FRIEND]).await;
    assert_eq!((codes(&promoted), &promoted[0]["role"]), (vec![200], &json!("admin")));
    let demoted = scene.people("admin/demote", &[FRIEND]).await;
    assert_eq!((codes(&demoted), &demoted[0]["role"]), (vec![200], &json!("participant")));
    let removed = scene.people("participants/remove", &[FRIEND, "4915120000055"]).await;
    assert_eq!(codes(&removed), [200, 404]);
    assert!(removed[0].get("role").is_none(), "{removed}");
}
