//! Rows of an answer that fit nobody: they are about somebody else, however few people were asked for.

use serde_json::{Value, json};
use wagroups::engine::waha::webhook::WahaEngine;
use wagroups::pb;

use super::scene::Scene;
use crate::waha_server::{Fault, Options};

const ANNA: &str = "4915120000001@c.us";
const BERTA: &str = "4915120000002@c.us";
const STRANGER: &str = "222222222222@lid";
const MADE: &str = "120363000000000099@g.us";

fn answer(status: u16, body: &Value) -> Fault {
    Fault::Status(status, "application/json", body.to_string())
}

/// Who makes a group is its superadmin, and may be named by a hidden id of which nobody knows that it is ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_made_a_group_is_not_who_was_invited() {
    // Before servers asked WhatsApp for hidden ids.
    let options = Options { version: "2026.7.2", ..Default::default() };
    let scene = Scene::with(vec![options], |_| ()).await;
    let me = scene.server().add_session_without_lid("shop").await;
    scene.carry("shop").await;
    let (lid, phone) = me.both_names().expect("both names");
    let maker = json!({ "JID": lid, "PhoneNumber": "", "LID": lid, "IsAdmin": true, "IsSuperAdmin": true,
                        "Error": 0, "AddRequest": null });
    let group = json!({ "JID": MADE, "Name": "Team", "AddressingMode": "lid", "Participants": [maker],
                        "ParticipantCount": 1 });
    for _ in 0..2 {
        let server = scene.server();
        server.fail_next(("POST", "/groups"), answer(201, &group));
        let members = json!([{ "id": lid, "pn": "", "role": "superadmin" }]);
        server.fail_next(("GET", "/participants/v2"), answer(200, &members));
        let created = scene.create_group("shop", &[ANNA]).await.expect("a group");
        assert_eq!(created.results[0].status(), pb::ParticipantStatus::Unknown);
        let shown = scene.group("shop", MADE).await.expect("the group");
        let [us] = shown.participants.as_slice() else { panic!("{:?}", shown.participants) };
        assert_eq!(
            (us.id.clone(), us.phone_number_id.clone()),
            (lid.to_string(), phone.to_string())
        );
        assert_eq!(shown.my_role(), pb::Role::Superadmin);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_under_a_hidden_id_that_nobody_knows_is_nobodys() {
    let options = Options { engine: WahaEngine::Noweb, ..Default::default() };
    let scene = Scene::with(vec![options], |_| ()).await;
    scene.working("shop").await;
    let group_id = scene.group_id("shop", &[]).await;
    let invite = json!([{ "tag": "add_request", "attrs": { "code": "ABCDEFGHabcdefgh", "expiration": "4000000000" } }]);
    for (status, content) in [("409", Value::Null), ("403", invite), ("200", Value::Null)] {
        let row = json!({ "status": status, "jid": STRANGER, "content": {
            "tag": "participant", "attrs": { "jid": STRANGER }, "content": content,
        } });
        scene.server().fail_next(("POST", "/participants/add"), answer(200, &json!([row])));
        let [added] = scene.add(&group_id, &[ANNA]).await.try_into().expect("one result");
        assert_eq!(added.status(), pb::ParticipantStatus::Unknown, "{status}");
        assert!(added.private_invite.is_none());
        let person = added.participant.expect("a person");
        assert_eq!((person.id.as_str(), person.lid.as_str()), (ANNA, ""), "{status}");
    }
    // What names nobody can only be about the one who was asked for.
    let nameless = json!([{ "status": "408" }]);
    scene.server().fail_next(("POST", "/participants/add"), answer(200, &nameless));
    let added = scene.add(&group_id, &[ANNA]).await;
    assert_eq!(added[0].status(), pb::ParticipantStatus::RecentlyLeft);
    let members = scene.group("shop", &group_id).await.expect("the group").participants;
    assert_eq!(members.len(), 1, "{members:?}");
}

/// Where the members cannot be read, each has what the answer says of them, and nothing more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_open_for_each_and_no_failure_of_all() {
    let options = Options { engine: WahaEngine::Noweb, ..Default::default() };
    let scene = Scene::with(vec![options], |settings| {
        // The comparison at the start takes it.
        settings.waha.full_fetches_per_hour = 1;
    })
    .await;
    scene.working("shop").await;
    let group_id = scene.group_id("shop", &[]).await;
    let unknown = [STRANGER, "333333333333@lid"];
    for (names, expected) in [
        ([ANNA, unknown[0]], [pb::ParticipantStatus::RecentlyLeft, pb::ParticipantStatus::Unknown]),
        (unknown, [pb::ParticipantStatus::Unknown; 2]),
    ] {
        let rows = names.map(|name| json!({ "status": "408", "jid": name }));
        scene.server().fail_next(("POST", "/participants/add"), answer(200, &json!(rows)));
        let added = scene.add(&group_id, &[ANNA, BERTA]).await;
        let said: Vec<_> = added.iter().map(pb::ParticipantResult::status).collect();
        assert_eq!(said, expected, "{names:?}");
    }
}
