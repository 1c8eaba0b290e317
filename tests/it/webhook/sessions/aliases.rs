//! Who goes by two names is learned in one group and holds in all of the session's.

use std::collections::BTreeSet;

use futures::StreamExt;
use serde_json::{Value, json};
use wagroups::pb;
use wagroups::pb::group_change::Change;
use wagroups::pb::group_event::Body;

use super::{GROUP, SESSION, Scene};
use crate::harness::service::{Service, eventually};
use crate::webhook::sender::{Sender, event, event_id, members, status};
use crate::webhook::told_on_each_database;

told_on_each_database!(
    a_second_name_learned_in_one_group_shows_in_another,
    a_number_that_turns_out_to_be_a_hidden_id_is_no_other_member,
    a_second_name_learned_at_the_same_moment_shows_as_well,
    a_number_that_changes_hands_makes_nobody_vanish,
    a_second_name_is_spread_also_when_the_service_is_restarted_in_between,
    what_was_learned_before_counts_for_groups_that_are_told_later,
    another_session_learns_nothing,
    who_we_are_is_learned_late_and_shows_in_all_groups,
);

const OTHER_GROUP: &str = "120363000000000002@g.us";
const THIRD_GROUP: &str = "120363000000000003@g.us";
const LID: &str = "5@lid";
const PHONE: &str = "4915100000005@c.us";

/// Someone joins the group, under one name or two.
fn joins(group_id: &str, id: &str, phone: Option<&str>, time: i64) -> Value {
    let mut payload = members(group_id, "join", &[id], time);
    payload["participants"][0]["pn"] = json!(phone);
    payload
}

/// What happened in the group, as far as it matters here.
async fn happened(scene: &Scene, group_id: &str) -> Vec<String> {
    let log = scene.service.log(SESSION).await;
    let of_group = log.into_iter().filter(|event| event.group_id == group_id);
    of_group.flat_map(|event| told(event.body.expect("a body"))).collect()
}

fn told(body: Body) -> Vec<String> {
    let named = |what: &str, member: &pb::Participant| {
        format!("{what} {} {}", member.id, member.phone_number_id)
    };
    match body {
        Body::Joined(joined) => {
            let group = joined.group.expect("a group");
            group.participants.iter().map(|member| named("holds", member)).collect()
        }
        Body::ParticipantsChanged(changed) => {
            let action = format!("{:?}", changed.action()).to_lowercase();
            changed.participants.iter().map(|member| named(&action, member)).collect()
        }
        Body::Updated(updated) => {
            let changes = updated.changes.into_iter().filter_map(|change| change.change);
            let named = |change| match change {
                Change::Alias(member) => named("alias", &member),
                other => format!("{other:?}"),
            };
            changes.map(named).collect()
        }
        other => vec![format!("{other:?}")],
    }
}

/// Until the group's only member goes by both names.
async fn is_known_by_both(scene: &Scene, group_id: &str) {
    eventually("the member goes by both names", || async {
        let group = scene.group(group_id).await;
        let [member] = &group.participants[..] else { panic!("{:?}", group.participants) };
        let names = (member.id.as_str(), member.phone_number_id.as_str());
        (names == (LID, PHONE)).then_some(())
    })
    .await;
}

async fn a_second_name_learned_in_one_group_shows_in_another(service: Service) {
    let mut scene = Scene::on(service).await;
    scene.tell_new("group.v2.participants", |time| joins(GROUP, LID, None, time)).await;
    scene.tell_new("group.v2.participants", |time| joins(THIRD_GROUP, "6@lid", None, time)).await;
    scene
        .tell_new("group.v2.participants", |time| joins(OTHER_GROUP, LID, Some(PHONE), time))
        .await;
    is_known_by_both(&scene, GROUP).await;
    // What teaches it once more, in either group, is no news.
    for group_id in [GROUP, OTHER_GROUP] {
        scene
            .tell_new("group.v2.participants", |time| joins(group_id, LID, Some(PHONE), time))
            .await;
    }
    let alias = format!("alias {LID} {PHONE}");
    assert_eq!(happened(&scene, GROUP).await, [format!("holds {LID} "), alias]);
    assert_eq!(happened(&scene, OTHER_GROUP).await, [format!("holds {LID} {PHONE}")]);
    assert_eq!(happened(&scene, THIRD_GROUP).await, ["holds 6@lid "]);
}

async fn a_second_name_learned_at_the_same_moment_shows_as_well(service: Service) {
    const PEOPLE: u64 = 200;
    let mut scene = Scene::on(service).await;
    scene.tell_new("group.v2.participants", |time| joins(GROUP, "1@lid", None, time)).await;
    let mut bodies = Vec::new();
    for number in 0..PEOPLE {
        let lid = format!("{}@lid", 1000 + number);
        let phone = format!("4916000{number:06}@c.us");
        let in_one = |time| joins(GROUP, &lid, None, time);
        bodies.push(scene.event("group.v2.participants", in_one));
        let in_another = |time| joins(OTHER_GROUP, &lid, Some(&phone), time);
        bodies.push(scene.event("group.v2.participants", in_another));
    }
    let told = bodies.iter().map(|body| scene.tell(body));
    futures::stream::iter(told).buffer_unordered(64).collect::<Vec<()>>().await;
    eventually("all of them are known by number", || async {
        let group = scene.group(GROUP).await;
        let unknown = group.participants.iter().filter(|p| p.phone_number_id.is_empty());
        (unknown.count() == 0).then_some(())
    })
    .await;
    let people: BTreeSet<String> =
        (0..PEOPLE).map(|number| format!("{}@lid", 1000 + number)).collect();
    let group = scene.group(GROUP).await;
    let members: BTreeSet<String> = group.participants.into_iter().map(|p| p.id).collect();
    let missing: Vec<_> = people.difference(&members).collect();
    let happened = happened(&scene, GROUP).await;
    assert!(missing.is_empty(), "{missing:?} are not in the group: {happened:?}");
    for person in people {
        let of_person = |what: &&String| what.split(' ').nth(1) == Some(&person);
        let of_person: Vec<&String> = happened.iter().filter(of_person).collect();
        let moves: Vec<_> = of_person.iter().filter(|what| !what.starts_with("alias")).collect();
        assert_eq!(moves.len(), 1, "came once and did not go: {of_person:?}");
        assert!(of_person.len() <= 2, "one alias at the most: {of_person:?}");
    }
}

async fn a_number_that_turns_out_to_be_a_hidden_id_is_no_other_member(service: Service) {
    let mut scene = Scene::on(service).await;
    scene.tell_new("group.v2.participants", |time| joins(GROUP, PHONE, None, time)).await;
    scene
        .tell_new("group.v2.participants", |time| {
            let mut payload = members(OTHER_GROUP, "join", &["6@lid"], time);
            // It is named beside the news only.
            payload["_data"] = json!({ "Sender": LID, "SenderPN": PHONE });
            payload
        })
        .await;
    is_known_by_both(&scene, GROUP).await;
    scene.tell_new("group.v2.participants", |time| joins(GROUP, LID, None, time)).await;
    let held = format!("holds {PHONE} ");
    assert_eq!(happened(&scene, GROUP).await, [held, format!("alias {LID} {PHONE}")]);
    scene.tell_new("group.v2.participants", |time| members(GROUP, "leave", &[PHONE], time)).await;
    assert!(scene.group(GROUP).await.participants.is_empty(), "both names are one person");
}

async fn a_number_that_changes_hands_makes_nobody_vanish(service: Service) {
    let mut scene = Scene::on(service).await;
    // The number was 5@lid's, and in each of the groups it shows in another way that it is 6@lid's now.
    for group_id in [GROUP, OTHER_GROUP, THIRD_GROUP] {
        scene
            .tell_new("group.v2.participants", |time| joins(group_id, LID, Some(PHONE), time))
            .await;
    }
    scene.tell_new("group.v2.participants", |time| joins(GROUP, "6@lid", None, time)).await;
    for group_id in [GROUP, OTHER_GROUP] {
        scene
            .tell_new("group.v2.participants", |time| joins(group_id, "6@lid", Some(PHONE), time))
            .await;
    }
    scene.tell_new("group.v2.participants", |time| joins(THIRD_GROUP, "6@lid", None, time)).await;
    for group_id in [GROUP, OTHER_GROUP, THIRD_GROUP] {
        let members = scene.group(group_id).await.participants;
        let members: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
        let happened = happened(&scene, group_id).await;
        assert_eq!(members, [LID, "6@lid"], "two hidden ids are two people: {happened:?}");
        let joined = happened.iter().filter(|what| what.starts_with("join 6@lid"));
        assert_eq!(joined.count(), 1, "{happened:?}");
    }
}

async fn a_second_name_is_spread_also_when_the_service_is_restarted_in_between(service: Service) {
    let mut scene = Scene::on(service).await;
    scene.tell_new("group.v2.participants", |time| joins(GROUP, LID, None, time)).await;
    scene.restart().await;
    scene
        .tell_new("group.v2.participants", |time| joins(OTHER_GROUP, LID, Some(PHONE), time))
        .await;
    scene.restart().await;
    is_known_by_both(&scene, GROUP).await;
    scene.restart().await;
    scene.tell_new("group.v2.participants", |time| joins(GROUP, LID, Some(PHONE), time)).await;
    let alias = format!("alias {LID} {PHONE}");
    assert_eq!(happened(&scene, GROUP).await, [format!("holds {LID} "), alias]);
}

async fn what_was_learned_before_counts_for_groups_that_are_told_later(service: Service) {
    let mut scene = Scene::on(service).await;
    // Nobody's news: the status names nobody but us, the update its author.
    scene
        .tell_new("group.v2.update", |time| {
            json!({ "timestamp": time, "group": { "id": OTHER_GROUP, "subject": "Team" },
                "_data": { "author": LID, "authorPn": PHONE } })
        })
        .await;
    for (group_id, name) in [(GROUP, LID), (THIRD_GROUP, PHONE)] {
        scene.restart().await;
        scene.tell_new("group.v2.participants", |time| joins(group_id, name, None, time)).await;
        is_known_by_both(&scene, group_id).await;
        let held = [format!("holds {LID} {PHONE}")];
        assert_eq!(happened(&scene, group_id).await, held, "told as {name}");
    }
}

async fn another_session_learns_nothing(service: Service) {
    let mut scene = Scene::on(service).await;
    scene.service.create_waha_session("other", "what the other one knows").await;
    let other = Sender::new(&scene.service.webhook_url(), "what the other one knows");
    let mut body = event("other", &event_id(1), scene.time, "group.v2.participants", json!({}));
    body["payload"] = joins(GROUP, LID, None, scene.time);
    assert_eq!(other.post("other", body.to_string()).await.0, 200);
    scene.tell_new("group.v2.participants", |time| joins(GROUP, LID, None, time)).await;
    scene
        .tell_new("group.v2.participants", |time| joins(OTHER_GROUP, LID, Some(PHONE), time))
        .await;
    is_known_by_both(&scene, GROUP).await;
    let log = scene.service.log("other").await;
    assert_eq!(log.len(), 1);
    let held = log.into_iter().flat_map(|event| told(event.body.expect("a body")));
    assert_eq!(held.collect::<Vec<_>>(), [format!("holds {LID} ")]);
}

async fn who_we_are_is_learned_late_and_shows_in_all_groups(service: Service) {
    let mut scene = Scene::on(service).await;
    let groups = [GROUP, OTHER_GROUP];
    for group_id in groups {
        let people = json!([
            { "id": "1@lid", "role": "superadmin" }, { "id": LID, "role": "participant" },
        ]);
        let mut body = scene.event("group.v2.join", |time| {
            json!({ "timestamp": time, "_data": {},
                "group": { "id": group_id, "subject": "Team", "participants": people } })
        });
        // WAHA does not say until it is linked, and some events come without it.
        body["me"] = Value::Null;
        scene.tell(&body).await;
        assert_eq!(scene.group(group_id).await.my_role(), pb::Role::Unspecified);
    }
    assert!(scene.session().await.account.is_none());
    let mut by_number = scene.event("session.status", |_| status("WORKING"));
    by_number["me"].as_object_mut().expect("an object").remove("lid");
    scene.tell(&by_number).await;
    let account = scene.session().await.account.expect("an account");
    assert_eq!((account.id.as_str(), account.lid.as_str()), ("4915100000001@c.us", ""));
    // The hidden id, by which the groups know us, comes later still.
    scene.tell_new("session.status", |_| status("WORKING")).await;
    assert_eq!(scene.session().await.account.expect("an account").id, "1@lid");
    for group_id in groups {
        eventually("our role shows", || async {
            (scene.group(group_id).await.my_role() == pb::Role::Superadmin).then_some(())
        })
        .await;
    }
    let log = scene.service.log(SESSION).await;
    let moves = log.iter().filter(|event| event.r#type() == pb::EventType::ParticipantsChanged);
    assert_eq!(moves.count(), 0, "nobody came or went");
}
