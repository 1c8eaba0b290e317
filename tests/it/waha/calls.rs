//! Calls that go to a WAHA server, on each of its engines.

use wagroups::engine::waha::webhook::WahaEngine;
use wagroups::pb;
use wagroups::pb::group_event::Body;

use super::scene::{Scene, is_dense};
use crate::harness::service::{eventually, reason};
use crate::waha_server::Options;

const ANNA: &str = "4915120000001@c.us";
const BERT: &str = "4915120000002@c.us";

/// A group's life by gRPC, and the log of it: one event for each change, though the server tells of each
/// change as well.
async fn a_groups_life_is_told_once(engine: WahaEngine) {
    let scene = Scene::with(vec![Options { engine, ..Default::default() }], |_| ()).await;
    scene.working("shop").await;
    let created = scene.create_group("shop", &[ANNA, BERT]).await.expect("a group");
    let group_id = created.group.expect("a group").id;
    scene.rename("shop", &group_id, "Crew").await.expect("renamed");
    scene.others_rename(ANNA, &group_id, "Ours").await;
    scene.until_subject("shop", &group_id, "Ours").await;
    let remove = pb::RemoveParticipantsRequest {
        session: "shop".into(),
        group_id: group_id.clone(),
        participant_ids: vec![BERT.into()],
        ..Default::default()
    };
    let removed = scene.service.groups().remove_participants(remove).await.expect("removed");
    assert_eq!(removed.into_inner().results[0].status(), pb::ParticipantStatus::Ok);
    // Whatever is still on its way arrives before this does.
    scene.others_rename(ANNA, &group_id, "Last").await;
    scene.until_subject("shop", &group_id, "Last").await;

    let log = scene.service.log("shop").await;
    is_dense(&log);
    let told: Vec<String> = log.iter().filter_map(said).collect();
    let expected = ["joined", "Crew", "Ours", "1 LEAVE", "Last"];
    assert_eq!(told, expected, "on {}: {log:#?}", engine.as_str());
    scene.server().assert_polite();
}

/// What an event says, in a word; `None` for who goes by which name, who made the group and when, which come
/// with the server's event or with its answer, whichever is first.
fn said(event: &pb::GroupEvent) -> Option<String> {
    use pb::group_change::Change;
    Some(match event.body.as_ref().expect("a body") {
        Body::Joined(_) => "joined".to_owned(),
        Body::Updated(updated) => {
            updated.changes.iter().find_map(|change| match change.change.as_ref()? {
                Change::Subject(subject) => Some(subject.current.as_ref()?.text.clone()),
                Change::Alias(_) | Change::Owner(_) | Change::Completed(_) => None,
                other => Some(format!("{other:?}")),
            })?
        }
        Body::ParticipantsChanged(changed) => {
            let action = changed.action().as_str_name().trim_start_matches("PARTICIPANT_ACTION_");
            format!("{} {action}", changed.participants.len())
        }
        other => format!("{other:?}"),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_groups_life_is_told_once_on_gows() {
    a_groups_life_is_told_once(WahaEngine::Gows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_groups_life_is_told_once_on_noweb() {
    a_groups_life_is_told_once(WahaEngine::Noweb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_groups_life_is_told_once_on_webjs() {
    a_groups_life_is_told_once(WahaEngine::Webjs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_groups_life_is_told_once_on_wpp() {
    a_groups_life_is_told_once(WahaEngine::Wpp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_taken_apart_and_wahas_delete_is_never_called() {
    let scene = Scene::usual().await;
    scene.working("shop").await;
    let group_id = scene.group_id("shop", &[ANNA, BERT]).await;
    let request = pb::DeleteGroupRequest {
        session: "shop".into(),
        group_id: group_id.clone(),
        ..Default::default()
    };
    scene.service.groups().delete_group(request).await.expect("on its way");
    eventually("the group is gone", || async {
        scene.group("shop", &group_id).await.is_none().then_some(())
    })
    .await;
    assert!(scene.truth("shop", &group_id).await.is_none(), "we are not in it any more");
    scene.server().assert_never_deleted();
    scene.server().assert_polite();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_cannot_do_is_unimplemented_and_nothing_is_sent() {
    let old = Options { engine: WahaEngine::Webjs, version: "2025.12.3", ..Default::default() };
    let scene = Scene::with(vec![old], |_| ()).await;
    scene.working("shop").await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    let (session, group) = (|| "shop".to_owned(), || group_id.clone());
    let mut groups = scene.service.groups();
    let timer = pb::SetDisappearingTimerRequest {
        session: session(),
        group_id: group(),
        disappearing_timer: Some(prost_types::Duration { seconds: 86_400, nanos: 0 }),
        ..Default::default()
    };
    let approval = pb::SetMembershipApprovalRequest {
        session: session(),
        group_id: group(),
        membership_approval: Some(true),
        ..Default::default()
    };
    let history = pb::SetMemberShareHistoryRequest {
        session: session(),
        group_id: group(),
        member_share_history: Some(true),
        ..Default::default()
    };
    let requests =
        pb::ListJoinRequestsRequest { session: session(), group_id: group(), ..Default::default() };
    for refused in [
        groups.set_disappearing_timer(timer).await.expect_err("no timer"),
        groups.set_membership_approval(approval).await.expect_err("no approval"),
        groups.set_member_share_history(history).await.expect_err("no history"),
        groups.list_join_requests(requests).await.expect_err("no requests"),
    ] {
        assert_eq!(reason(&refused), "UNSUPPORTED_BY_ENGINE", "{refused}");
    }
    // The group may be read meanwhile, by the service itself.
    let requests = scene.server().requests();
    let sent = |part: &str| requests.iter().filter(|r| r.path.contains(part)).count();
    assert_eq!(sent("/settings/") + sent("join-requests"), 0, "nothing was sent");
}
