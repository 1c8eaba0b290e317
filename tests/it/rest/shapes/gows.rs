//! whatsmeow's words: every key is always there.

use serde_json::{Value, json};
use wagroups::config::RestShape;

use super::{CHANGES, FRIEND, NEEDS_INVITE, NOT_ON_WHATSAPP, Scene, keys, set, wire};

const GROUP: [&str; 33] = [
    "JID",
    "OwnerJID",
    "OwnerPN",
    "Name",
    "NameSetAt",
    "NameSetBy",
    "NameSetByPN",
    "Topic",
    "TopicID",
    "TopicSetAt",
    "TopicSetBy",
    "TopicSetByPN",
    "TopicDeleted",
    "IsLocked",
    "IsAnnounce",
    "AnnounceVersionID",
    "IsEphemeral",
    "DisappearingTimer",
    "IsIncognito",
    "IsParent",
    "DefaultMembershipApprovalMode",
    "LinkedParentJID",
    "IsDefaultSubGroup",
    "IsJoinApprovalRequired",
    "AddressingMode",
    "GroupCreated",
    "CreatorCountryCode",
    "ParticipantVersionID",
    "Participants",
    "ParticipantCount",
    "MemberAddMode",
    "MemberShareHistoryMode",
    "Suspended",
];

const MEMBER: [&str; 8] =
    ["JID", "PhoneNumber", "LID", "IsAdmin", "IsSuperAdmin", "DisplayName", "Error", "AddRequest"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_are_as_whatsmeow_has_them() {
    let scene = Scene::of(RestShape::Gows).await;
    let (rest, held) = (&scene.rest, scene.held().await);
    let group = rest.get(&format!("/{}", scene.group)).await.ok();
    assert_eq!(keys(&group), set(&GROUP));
    let me = held.participants.iter().find(|member| member.id == held.owner).expect("the owner");
    for (key, value) in [
        ("JID", json!(held.id)),
        ("OwnerJID", json!(me.id)),
        ("OwnerPN", json!(wire(&me.phone_number_id))),
        ("Name", json!("Team")),
        ("NameSetBy", json!(me.id)),
        ("NameSetByPN", json!(wire(&me.phone_number_id))),
        ("Topic", json!("What we do")),
        ("TopicID", json!(held.description_id)),
        ("TopicSetBy", json!(me.id)),
        ("IsLocked", json!(false)),
        ("IsAnnounce", json!(false)),
        ("IsEphemeral", json!(false)),
        ("DisappearingTimer", json!(0)),
        ("IsJoinApprovalRequired", json!(false)),
        ("LinkedParentJID", json!("")),
        ("AddressingMode", json!("lid")),
        ("ParticipantCount", json!(2)),
        ("MemberAddMode", json!("all_member_add")),
        ("CreatorCountryCode", json!("DE")),
        ("Suspended", json!(false)),
    ] {
        assert_eq!(group[key], value, "{key}");
    }
    for key in ["NameSetAt", "TopicSetAt", "GroupCreated"] {
        let time = group[key].as_str().expect("a time");
        assert!(time.starts_with("20") && time.ends_with('Z'), "{key} {time}");
    }
    let members = group["Participants"].as_array().expect("a list");
    assert!(members.iter().all(|member| keys(member) == set(&MEMBER)), "{members:?}");
    let friend = members.iter().find(|member| member["PhoneNumber"] == json!(wire(FRIEND)));
    let friend = friend.expect("the friend");
    assert_eq!((&friend["IsAdmin"], &friend["Error"]), (&json!(false), &json!(0)));
    assert_eq!(friend["AddRequest"], Value::Null);
    assert_eq!(friend["JID"], friend["LID"], "a group of hidden ids");
    let owner = members.iter().find(|member| member["JID"] == json!(me.id)).expect("the owner");
    assert_eq!((&owner["IsAdmin"], &owner["IsSuperAdmin"]), (&json!(true), &json!(true)));

    assert_eq!(rest.get("").await.ok(), json!([group]));
    let listed = rest.get(&format!("/{}/participants", scene.group)).await.ok();
    assert_eq!(listed, group["Participants"]);
    let code = rest.get(&format!("/{}/invite-code", scene.group)).await;
    assert!(code.bare().starts_with("https://chat.whatsapp.com/"), "{code:?}");
    let revoked = rest.send("POST", &format!("/{}/invite-code/revoke", scene.group), "").await;
    assert!(revoked.bare().starts_with("https://chat.whatsapp.com/"), "{revoked:?}");
    assert_ne!(revoked.text, code.text);
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
        ("Name", json!("Crew")),
        ("IsLocked", json!(true)),
        ("IsAnnounce", json!(true)),
        ("MemberAddMode", json!("admin_add")),
        ("IsJoinApprovalRequired", json!(true)),
        ("MemberShareHistoryMode", json!("all_member_share")),
    ] {
        assert_eq!(group[key], value, "{key}");
    }
    scene.says_what_all_say().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_without_participants_lacks_nothing_else() {
    let scene = Scene::of(RestShape::Gows).await;
    let mut group = scene.rest.get(&format!("/{}", scene.group)).await.ok();
    group.as_object_mut().expect("an object").remove("Participants");
    assert_eq!(scene.rest.get("?exclude=participants").await.ok(), json!([group]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_could_not_be_added_stands_among_the_members_with_the_error() {
    let scene = Scene::of(RestShape::Gows).await;
    let (made, _) = scene.rest.create("Other", &[FRIEND, NEEDS_INVITE, NOT_ON_WHATSAPP]).await;
    let made = made.json();
    assert_eq!(keys(&made), set(&GROUP));
    assert_eq!(made["ParticipantCount"], json!(2));
    let members = made["Participants"].as_array().expect("a list");
    assert!(members.iter().all(|member| keys(member) == set(&MEMBER)), "{members:?}");
    let failed: Vec<_> = members.iter().filter(|member| member["Error"] != json!(0)).collect();
    assert_eq!((members.len(), failed.len()), (4, 2), "{members:?}");
    assert_eq!((&failed[0]["Error"], &failed[1]["Error"]), (&json!(403), &json!(404)));
    assert_eq!(failed[0]["PhoneNumber"], json!(wire(NEEDS_INVITE)));
    assert_eq!(keys(&failed[0]["AddRequest"]), set(&["Code", "Expiration"]));
    let until = failed[0]["AddRequest"]["Expiration"].as_str().expect("a time");
    assert!(until.starts_with("20") && until.ends_with('Z'), "{until}");
    assert_eq!(failed[1]["AddRequest"], Value::Null);
    assert_eq!(failed[1]["PhoneNumber"], json!(wire(NOT_ON_WHATSAPP)));
    assert!(failed.iter().all(|f| f["IsAdmin"] == json!(false)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_makes_a_group_stands_in_it_once_invited_or_not() {
    let scene = Scene::of(RestShape::Gows).await;
    let me = scene.rest.send_to("GET", "/api/sessions/default", "").await.ok()["me"].clone();
    for id in ["id", "lid"] {
        let id = me[id].as_str().expect("an id");
        let made = scene.rest.create("Other", &[id, FRIEND]).await.0.json();
        let members = made["Participants"].as_array().expect("a list");
        let errors: Vec<_> = members.iter().map(|member| &member["Error"]).collect();
        assert_eq!(errors, [&json!(0), &json!(0)], "{members:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_people_answer_participants() {
    let scene = Scene::of(RestShape::Gows).await;
    let errors = |results: &Value| -> Vec<Value> {
        let results = results.as_array().expect("a list").iter();
        results
            .map(|each| {
                assert_eq!(keys(each), set(&MEMBER));
                each["Error"].clone()
            })
            .collect()
    };
    let added = scene.people("participants/add", &[FRIEND, NEEDS_INVITE, "4915120000009"]).await;
    assert_eq!(errors(&added), [409, 403, 0]);
    assert_eq!(keys(&added[1]["AddRequest"]), set(&["Code", "Expiration"]));
    assert_eq!(added[2]["PhoneNumber"], json!("4915120000009@s.whatsapp.net"));
    let promoted = scene.people("admin/promote", &[FRIEND]).await;
    assert_eq!((errors(&promoted), &promoted[0]["IsAdmin"]), (vec![json!(0)], &json!(true)));
    let demoted = scene.people("admin/demote", &[FRIEND]).await;
    assert_eq!((errors(&demoted), &demoted[0]["IsAdmin"]), (vec![json!(0)], &json!(false)));
    let removed = scene.people("participants/remove", &[FRIEND, "4915120000055"]).await;
    assert_eq!(errors(&removed), [0, 404]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_group_behind_an_invite_is_as_whatsmeow_has_it() {
    let scene = Scene::of(RestShape::Gows).await;
    let (theirs, code) = scene.invite().await;
    let shown = scene.rest.get(&format!("/join-info?code={code}")).await.ok();
    assert_eq!(keys(&shown), set(&GROUP));
    assert_eq!((&shown["JID"], &shown["Name"]), (&json!(theirs.id), &json!("Team")));
    assert_eq!((&shown["OwnerJID"], &shown["ParticipantCount"]), (&json!(theirs.owner), &json!(2)));
}
