//! Groups of which a server tells a part: rows that lack the name or the members, and communities, whose
//! members WhatsApp does not show to each other.

use serde_json::{Value, json};
use wagroups::domain::id::ParticipantId;
use wagroups::engine::waha::webhook::WahaEngine;
use wagroups::pb;
use wagroups::pb::group_event::Body;

use super::scene::Scene;
use crate::waha_server::{Fault, Options};

const HALF: &str = "120363000000000055@g.us";
const NEWS: &str = "120363000000000077@g.us";
const COMMUNITY: &str = "120363000000000070@g.us";

struct Stage {
    scene: Scene,
    /// Both names of the session's account: hidden id, number.
    me: (String, String),
}

impl Stage {
    async fn of(engine: WahaEngine) -> Self {
        Self::on(Options { engine, ..Default::default() }).await
    }

    async fn on(options: Options) -> Self {
        let scene = Scene::with(vec![options], |_| ()).await;
        scene.working("shop").await;
        let me = scene.session("shop").await.account.expect("an account");
        let name = |id: &str| id.parse::<ParticipantId>().ok();
        let names = [me.id, me.lid, me.phone_number_id];
        let lid = names.iter().find(|id| name(id).is_some_and(|id| id.lid().is_some()));
        let phone = names.iter().find(|id| name(id).is_some_and(|id| id.phone().is_some()));
        let me = (lid.expect("a hidden id").clone(), phone.expect("a number").clone());
        Self { scene, me }
    }

    fn answers(&self, path: &str, body: &Value) {
        let fault = Fault::Status(200, "application/json", body.to_string());
        self.scene.server().fail_next(("GET", path), fault);
    }

    /// Compares with a list of these groups.
    async fn lists(&self, groups: &Value) {
        self.answers("/groups", groups);
        self.scene.compare().await.expect("compared");
    }

    async fn group(&self, id: &str) -> pb::Group {
        self.scene.group("shop", id).await.expect("the group")
    }

    async fn comings_and_goings(&self, id: &str) -> usize {
        let log = self.scene.service.log("shop").await;
        let is_one = |event: &&pb::GroupEvent| {
            event.group_id == id
                && matches!(event.body, Some(Body::Left(_) | Body::ParticipantsChanged(_)))
        };
        log.iter().filter(is_one).count()
    }

    fn gows(&self, id: &str, changes: Value, members: &[(&str, &str, bool)]) -> Value {
        let member = |(lid, phone, is_superadmin): &(&str, &str, bool)| {
            json!({
                "JID": lid, "PhoneNumber": phone, "LID": lid, "IsAdmin": is_superadmin,
                "IsSuperAdmin": is_superadmin, "DisplayName": "", "Error": 0, "AddRequest": null,
            })
        };
        let mut row = json!({
            "JID": id, "OwnerJID": "222222222222@lid", "Name": "House", "Topic": "", "IsLocked": false,
            "IsAnnounce": false, "IsIncognito": false, "IsParent": false, "LinkedParentJID": "",
            "IsDefaultSubGroup": false, "AddressingMode": "lid", "GroupCreated": "2025-11-22T00:00:34Z",
            "Participants": members.iter().map(member).collect::<Value>(),
            "ParticipantCount": members.len(), "MemberAddMode": "all_member_add", "Suspended": false,
        });
        for (name, value) in changes.as_object().expect("an object") {
            row[name] = value.clone();
        }
        row
    }

    fn own_row(&self, is_superadmin: bool) -> (&str, &str, bool) {
        (&self.me.0, &self.me.1, is_superadmin)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_without_a_name_is_a_group_with_all_else_that_it_tells() {
    let stage = Stage::of(WahaEngine::Gows).await;
    let other = ("222222222222@lid", "4915120000002@s.whatsapp.net", false);
    let members = [stage.own_row(true), other];
    let half = stage.gows(HALF, json!({ "Name": "", "IsLocked": true }), &members);
    stage.lists(&json!([half])).await;
    let group = stage.group(HALF).await;
    assert!(group.partial && group.subject.is_empty());
    assert_eq!((group.member_count, group.my_role()), (2, pb::Role::Superadmin));
    assert!(group.create_time.is_some() && group.settings.expect("settings").info_admin_only);
    // What it lacks is no news, again and again.
    stage.lists(&json!([half])).await;
    assert_eq!(stage.comings_and_goings(HALF).await, 0);
    let whole = stage.gows(HALF, json!({ "IsLocked": true }), &members);
    stage.lists(&json!([whole])).await;
    let group = stage.group(HALF).await;
    assert_eq!((group.partial, group.subject.as_str(), group.member_count), (false, "House", 2));
    // Known once, it is not forgotten for a row in part.
    let path = format!("/groups/{HALF}");
    let nameless = stage.gows(HALF, json!({ "Name": "" }), &members);
    let memberless = stage.gows(HALF, json!({ "Participants": null }), &[]);
    for row in [nameless, memberless] {
        stage.answers(&path, &row);
        stage.lists(&json!([row])).await;
        let group = stage.group(HALF).await;
        assert_eq!(
            (group.partial, group.subject.as_str(), group.member_count),
            (false, "House", 2)
        );
    }
    assert_eq!(stage.comings_and_goings(HALF).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_without_members_is_a_group_with_its_name() {
    let stage = Stage::of(WahaEngine::Gows).await;
    let half = stage.gows(HALF, json!({ "Participants": null, "IsAnnounce": true }), &[]);
    // Read alone it tells no more.
    stage.answers(&format!("/groups/{HALF}"), &half);
    stage.lists(&json!([half])).await;
    let group = stage.group(HALF).await;
    assert!(group.partial && group.settings.expect("settings").messages_admin_only);
    assert_eq!((group.subject.as_str(), group.member_count), ("House", 0));
    let whole = stage.gows(HALF, json!({}), &[stage.own_row(false)]);
    stage.lists(&json!([whole])).await;
    let group = stage.group(HALF).await;
    assert_eq!(
        (group.partial, group.member_count, group.my_role()),
        (false, 1, pb::Role::Participant)
    );
}

/// How many they are is known where nobody is named; and what one read tells, the next does not take back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_without_members_tells_how_many_they_are() {
    let stage = Stage::of(WahaEngine::Gows).await;
    let memberless = |count: u32| {
        stage.gows(HALF, json!({ "Participants": null, "ParticipantCount": count }), &[])
    };
    let path = format!("/groups/{HALF}");
    for (count, shown) in [(5, 5), (6, 6)] {
        stage.answers(&path, &memberless(count));
        stage.lists(&json!([memberless(count)])).await;
        let group = stage.group(HALF).await;
        assert!(group.partial && group.members_incomplete && group.participants.is_empty());
        assert_eq!((group.subject.as_str(), group.member_count), ("House", shown));
    }
    let log = stage.scene.service.log("shop").await;
    let joined = log.iter().find(|event| event.group_id == HALF).expect("an event");
    let Some(Body::Joined(joined)) = &joined.body else { panic!("{joined:?}") };
    assert_eq!(joined.group.as_ref().expect("a group").member_count, 5);
    // Alone it tells them.
    let members = [stage.own_row(true), ("222222222222@lid", "", false)];
    stage.answers(&path, &stage.gows(HALF, json!({}), &members));
    stage.lists(&json!([memberless(2)])).await;
    let group = stage.group(HALF).await;
    assert_eq!((group.partial, group.members_incomplete, group.member_count), (false, false, 2));
    // All are known, as many as are counted.
    let before = stage.scene.service.log("shop").await.len();
    stage.answers(&path, &memberless(2));
    stage.lists(&json!([memberless(2)])).await;
    let group = stage.group(HALF).await;
    assert_eq!((group.partial, group.members_incomplete, group.member_count), (false, false, 2));
    assert_eq!(stage.scene.service.log("shop").await.len(), before);
}

/// NOWEB fetches the members of a group wherever it is asked for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_members_that_a_row_lacks_are_asked_for() {
    let stage = Stage::on(Options { engine: WahaEngine::Noweb, ..Default::default() }).await;
    let row = json!({
        "id": HALF, "addressingMode": "lid", "subject": "House", "size": 2, "creation": 1_763_744_434,
        "restrict": true, "announce": false, "memberAddMode": true, "joinApprovalMode": false,
    });
    let members = json!([
        { "id": stage.me.0, "phoneNumber": stage.me.1, "admin": "admin" },
        { "id": "333333333333@lid", "admin": "superadmin" },
    ]);
    stage.answers(&format!("/groups/{HALF}/participants"), &members);
    let before = stage.scene.asked("GET", "/groups");
    stage.lists(&json!({ HALF: row })).await;
    assert_eq!(stage.scene.asked("GET", "/groups") - before, 1);
    let group = stage.group(HALF).await;
    assert_eq!((group.partial, group.members_incomplete, group.member_count), (false, false, 2));
    assert_eq!((group.subject.as_str(), group.my_role()), ("House", pb::Role::Admin));
    assert!(group.settings.expect("settings").info_admin_only);
}

/// The other engines list members under a path of their own, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_members_that_a_group_lacks_may_be_listed_apart() {
    let stage = Stage::of(WahaEngine::Webjs).await;
    let id = |id: &str| {
        let (user, server) = id.split_once('@').expect("an id");
        json!({ "server": server, "user": user, "_serialized": id })
    };
    let row = json!({
        "id": id(HALF), "name": "House", "isGroup": true, "groupMetadata": {
            "id": id(HALF), "subject": "House", "creation": 1_763_744_434, "desc": "", "restrict": true,
            "announce": false, "memberAddMode": "all_member_add", "participants": [],
        },
    });
    let members = json!([
        { "id": stage.me.0, "pn": null, "role": "admin" },
        { "id": "333333333333@lid", "pn": null, "role": "superadmin" },
    ]);
    stage.answers(&format!("/groups/{HALF}/participants/v2"), &members);
    stage.answers(&format!("/groups/{HALF}"), &row);
    stage.lists(&json!([row])).await;
    let group = stage.group(HALF).await;
    assert_eq!((group.partial, group.member_count), (false, 2));
    assert_eq!((group.subject.as_str(), group.my_role()), ("House", pb::Role::Admin));
}

/// NOWEB gives flags to a group of which it knows nothing, all of them false.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blank_row_tells_no_settings() {
    // With a store that keeps groups that were left, and without.
    for version in ["2026.4.1", "2026.9.2"] {
        blank_row_tells_no_settings(version).await;
    }
}

async fn blank_row_tells_no_settings(version: &'static str) {
    let stage =
        Stage::on(Options { engine: WahaEngine::Noweb, version, ..Default::default() }).await;
    let blank = json!({
        "id": HALF, "addressingMode": "lid", "subjectTime": null, "size": 3, "creation": null,
        "restrict": false, "announce": false, "isCommunity": false, "isCommunityAnnounce": false,
        "joinApprovalMode": false, "memberAddMode": false,
    });
    let members = json!([
        { "id": stage.me.0, "phoneNumber": stage.me.1, "admin": "admin" },
        { "id": "333333333333@lid", "admin": null },
        { "id": "444444444444@lid", "admin": "superadmin" },
    ]);
    stage.answers(&format!("/groups/{HALF}/participants"), &members);
    let before = stage.scene.asked("GET", "/groups");
    stage.lists(&json!({ HALF: blank })).await;
    let group = stage.group(HALF).await;
    // The list that shows it so is enough: nothing is fetched anew to look at the group.
    assert_eq!(stage.scene.asked("GET", "/groups") - before, 1, "{version}");
    assert!(group.partial && group.subject.is_empty());
    assert_eq!((group.member_count, group.my_role()), (3, pb::Role::Admin));
    let settings = group.settings.expect("settings");
    assert_ne!(settings.member_add_mode(), pb::MemberAddMode::Admins, "nobody has said so");
}

/// What a community's list leaves out, nobody has left: neither we nor others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_in_part_proves_nobodys_leaving() {
    let stage = Stage::of(WahaEngine::Gows).await;
    let admins = [("222222222222@lid", "", true), ("333333333333@lid", "", false)];
    let all = [admins[0], admins[1], stage.own_row(false), ("444444444444@lid", "", false)];
    let kinds = [
        (COMMUNITY, json!({ "IsParent": true, "IsIncognito": true, "ParticipantCount": 2500 })),
        (
            NEWS,
            json!({ "IsDefaultSubGroup": true, "IsIncognito": true, "LinkedParentJID": COMMUNITY,
                    "IsAnnounce": true, "ParticipantCount": 2500 }),
        ),
    ];
    let rows = |members: &[(&str, &str, bool)]| {
        kinds
            .iter()
            .map(|(id, changes)| stage.gows(id, changes.clone(), members))
            .collect::<Value>()
    };
    stage.lists(&rows(&all)).await;
    for (id, kind) in [(COMMUNITY, pb::GroupKind::Community), (NEWS, pb::GroupKind::Announcement)] {
        let group = stage.group(id).await;
        assert_eq!((group.kind(), group.member_count), (kind, 2500));
        assert!(group.members_incomplete && group.participants.len() == 4);
        assert_eq!(group.my_role(), pb::Role::Participant);
    }
    assert_eq!(stage.group(NEWS).await.parent_group_id, COMMUNITY);
    // The admins alone, then somebody else, and another count.
    stage.lists(&rows(&admins)).await;
    stage.lists(&rows(&[admins[0], ("555555555555@lid", "", false)])).await;
    for (id, _) in &kinds {
        let group = stage.group(id).await;
        assert_eq!((group.member_count, group.participants.len()), (2500, 5));
        assert_eq!(group.my_role(), pb::Role::Participant, "we are in it still");
        let path = format!("/groups/{id}");
        stage.answers(&path, &stage.gows(id, json!({ "ParticipantCount": 2501 }), &admins));
        stage.scene.refresh(id).await.expect("read");
        let group = stage.group(id).await;
        assert_eq!((group.member_count, group.participants.len()), (2501, 5));
    }
    let log = stage.scene.service.log("shop").await;
    let went = |event: &&pb::GroupEvent| match &event.body {
        Some(Body::Left(_)) => true,
        Some(Body::ParticipantsChanged(changed)) => {
            changed.action() == pb::ParticipantAction::Leave
        }
        _ => false,
    };
    assert_eq!(log.iter().filter(went).count(), 0);
}
