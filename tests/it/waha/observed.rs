//! What WAHA was observed to do otherwise than it says.

use wagroups::domain::setting::Setting;
use wagroups::engine::simulator::world::Operation;
use wagroups::engine::waha::webhook::WahaEngine;
use wagroups::pb;
use wagroups::pb::group_event::Body;

use super::scene::Scene;
use super::stream::subjects;
use crate::harness::service::{eventually, reason};
use crate::waha_server::Options;

const ANNA: &str = "4915120000001@c.us";

async fn scene(engine: WahaEngine, version: &'static str) -> Scene {
    let scene = Scene::with(vec![Options { engine, version, ..Options::default() }], |_| ()).await;
    scene.working("shop").await;
    scene
}

impl Scene {
    async fn current_invite(&self, group_id: &str) -> String {
        let get = pb::GetInviteCodeRequest {
            session: "shop".into(),
            group_id: group_id.into(),
            refresh: true,
            ..Default::default()
        };
        self.service.groups().get_invite_code(get).await.expect("a code").into_inner().invite_code
    }

    async fn revoked_codes(&self) -> usize {
        let is_revoked =
            |event: &&pb::GroupEvent| matches!(event.body, Some(Body::InviteRevoked(_)));
        self.service.log("shop").await.iter().filter(is_revoked).count()
    }
}

fn revoke(group_id: &str) -> pb::RevokeInviteCodeRequest {
    pb::RevokeInviteCodeRequest {
        session: "shop".into(),
        group_id: group_id.into(),
        ..Default::default()
    }
}

/// GOWS answers 2xx, and the code that goes on being valid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_that_was_not_revoked_is_not_told_as_void() {
    let scene = scene(WahaEngine::Gows, "2026.8.2").await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    let code = scene.current_invite(&group_id).await;
    let refused = scene.service.groups().revoke_invite_code(revoke(&group_id)).await;
    let refused = refused.expect_err("it was not revoked");
    assert_eq!(reason(&refused), "UNSUPPORTED_BY_ENGINE");
    assert!(refused.message().contains("as valid as before"), "{refused}");
    assert_eq!(scene.current_invite(&group_id).await, code);
    // Whatever was on its way is here.
    scene.others_rename(ANNA, &group_id, "Later").await;
    scene.until_subject("shop", &group_id, "Later").await;
    assert_eq!(scene.revoked_codes().await, 0);
    // Who takes the group apart does without it.
    let delete = pb::DeleteGroupRequest {
        session: "shop".into(),
        group_id: group_id.clone(),
        ..Default::default()
    };
    scene.service.groups().delete_group(delete).await.expect("taken apart");
    eventually("we are out", || async {
        scene.truth("shop", &group_id).await.is_none().then_some(())
    })
    .await;
    scene.server().assert_polite();
}

/// Those of the year before do it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_that_was_revoked_is_told_as_void() {
    let scene = scene(WahaEngine::Gows, "2025.12.3").await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    let code = scene.current_invite(&group_id).await;
    let revoked = scene.service.groups().revoke_invite_code(revoke(&group_id)).await;
    let revoked = revoked.expect("revoked").into_inner();
    assert_ne!(revoked.invite_code, code);
    assert_eq!(scene.current_invite(&group_id).await, revoked.invite_code);
    assert!(scene.revoked_codes().await >= 1);
}

/// Some builds take an empty description, some hang at it, and some refuse it in words of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_a_description_can_be_removed_is_said_by_the_answer() {
    let scene = scene(WahaEngine::Gows, "2026.8.2").await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    let describe = |text: &str| {
        let request = pb::SetGroupDescriptionRequest {
            session: "shop".into(),
            group_id: group_id.clone(),
            description: Some(text.into()),
            ..Default::default()
        };
        let mut groups = scene.service.groups();
        async move { groups.set_group_description(request).await }
    };
    describe("Sundays").await.expect("described");
    scene.server().refuse_to_clear();
    let refused = describe("").await.expect_err("not taken");
    assert_eq!(reason(&refused), "UNSUPPORTED_BY_ENGINE", "{refused}");
    assert_eq!(scene.group("shop", &group_id).await.expect("a group").description, "Sundays");
}

/// Of every change of it GOWS says that an admin has to approve who joins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approval_is_read_where_the_engine_always_says_that_it_is_on() {
    let scene = scene(WahaEngine::Gows, "2026.8.2").await;
    let group_id = scene.group_of_another("shop", ANNA).await;
    let set = |on: bool| {
        let group_id = group_id.parse().expect("an id");
        Operation::ChangeSettings(group_id, vec![Setting::MembershipApproval(on)])
    };
    for on in [true, false, true, false] {
        scene.act(ANNA, set(on)).await;
        eventually(&format!("approval is {on}"), || async {
            let settings = scene.group("shop", &group_id).await?.settings?;
            (settings.membership_approval == on).then_some(())
        })
        .await;
    }
    let told = scene.service.log("shop").await;
    let changes = told.iter().filter_map(|event| match event.body.as_ref()? {
        Body::Updated(updated) => Some(&updated.changes),
        _ => None,
    });
    let told: Vec<bool> = changes
        .flatten()
        .filter_map(|change| match change.change.as_ref()? {
            pb::group_change::Change::MembershipApproval(approval) => Some(approval.current),
            _ => None,
        })
        .collect();
    assert_eq!(told, [true, false, true, false]);
}

/// What the answer to our own call says is not undone by the event of the same change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approval_that_we_switch_off_stays_off() {
    let scene = scene(WahaEngine::Gows, "2026.8.2").await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    for on in [true, false] {
        let set = pb::SetMembershipApprovalRequest {
            session: "shop".into(),
            group_id: group_id.clone(),
            membership_approval: Some(on),
            ..Default::default()
        };
        scene.service.groups().set_membership_approval(set).await.expect("set");
    }
    scene.others_rename(ANNA, &group_id, "Later").await;
    scene.until_subject("shop", &group_id, "Later").await;
    let settings = scene.group("shop", &group_id).await.expect("a group").settings;
    assert!(!settings.expect("settings").membership_approval);
    let wrong = |event: &&pb::GroupEvent| match event.body.as_ref() {
        Some(Body::Updated(updated)) => updated.changes.iter().any(|change| {
            matches!(change.change, Some(pb::group_change::Change::MembershipApproval(_)))
        }),
        _ => false,
    };
    let log = scene.service.log("shop").await;
    assert_eq!(log.iter().filter(wrong).count(), 2, "on, and off again");
}

/// wa-js refuses all where one is no member, and whoever is no admin where one is to be demoted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wpp_acts_on_the_members_though_others_are_asked_for_too() {
    const BERT: &str = "4915120000002@c.us";
    const NOBODY: &str = "4915120000009@c.us";
    let scene = scene(WahaEngine::Wpp, "2026.9.2").await;
    let group_id = scene.group_id("shop", &[ANNA, BERT]).await;
    let request = |ids: &[&str]| {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        ("shop".to_owned(), group_id.clone(), ids)
    };
    let statuses = |results: &[pb::ParticipantResult]| -> Vec<&'static str> {
        results.iter().map(|result| result.status().as_str_name()).collect()
    };
    let (ok, nobody) = ("PARTICIPANT_STATUS_OK", "PARTICIPANT_STATUS_NOT_MEMBER");
    let mut groups = scene.service.groups();
    let (session, id, participant_ids) = request(&[NOBODY, ANNA]);
    let promote = pb::PromoteParticipantsRequest {
        session,
        group_id: id,
        participant_ids,
        ..Default::default()
    };
    let promoted = groups.promote_participants(promote).await.expect("promoted").into_inner();
    assert_eq!(statuses(&promoted.results), [nobody, ok]);
    let (session, id, participant_ids) = request(&[BERT, NOBODY, ANNA]);
    let demote = pb::DemoteParticipantsRequest {
        session,
        group_id: id,
        participant_ids,
        ..Default::default()
    };
    let demoted = groups.demote_participants(demote).await.expect("demoted").into_inner();
    assert_eq!(statuses(&demoted.results), [ok, nobody, ok]);
    let (session, id, participant_ids) = request(&[NOBODY, BERT]);
    let remove = pb::RemoveParticipantsRequest {
        session,
        group_id: id,
        participant_ids,
        ..Default::default()
    };
    let removed = groups.remove_participants(remove).await.expect("removed").into_inner();
    assert_eq!(statuses(&removed.results), [nobody, ok]);
    let truth = scene.truth("shop", &group_id).await.expect("a group");
    assert_eq!(truth.participants().len(), 2);
    scene.server().assert_polite();
}

/// Up to 2026.8.0 the store of NOWEB lists on what was left, by a call of ours or by a removal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_was_left_does_not_come_back_by_a_list() {
    let options = Options {
        engine: WahaEngine::Noweb,
        version: "2026.8.0",
        noweb_store: true,
        ..Options::default()
    };
    let scene = Scene::with(vec![options], |_| ()).await;
    scene.working("shop").await;
    let own = scene.group_id("shop", &[ANNA]).await;
    let theirs = scene.group_of_another("shop", ANNA).await;
    let leave = pb::LeaveGroupRequest {
        session: "shop".into(),
        group_id: own.clone(),
        ..Default::default()
    };
    scene.service.groups().leave_group(leave).await.expect("left");
    let me = scene.server().session_account("shop");
    scene.act(ANNA, Operation::Remove(theirs.parse().expect("an id"), vec![me.id()])).await;
    eventually("both are left", || async {
        let is_in = scene.group("shop", &own).await.is_some()
            || scene.group("shop", &theirs).await.is_some();
        (!is_in).then_some(())
    })
    .await;
    let refresh = pb::RefreshGroupsRequest { session: "shop".into(), ..Default::default() };
    let refreshed = scene.service.groups().refresh_groups(refresh).await.expect("compared");
    assert_eq!(refreshed.into_inner().group_count, 2, "the list has both");
    for group_id in [&own, &theirs] {
        assert!(scene.group("shop", group_id).await.is_none(), "{group_id} came back");
    }
    let joined = |event: &&pb::GroupEvent| matches!(event.body, Some(Body::Joined(_)));
    assert_eq!(scene.service.log("shop").await.iter().filter(joined).count(), 2);
}

/// News of an own change may arrive after the next one was answered, and would turn the group back and forth.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_of_own_changes_that_come_late_turn_nothing_back() {
    for (engine, version) in [(WahaEngine::Gows, "2025.12.3"), (WahaEngine::Noweb, "2026.8.2")] {
        let scene = scene(engine, version).await;
        let group_id = scene.group_id("shop", &[ANNA]).await;
        let other_id = scene.group_id("shop", &[ANNA]).await;
        let rename = |number: usize| pb::SetGroupSubjectRequest {
            session: "shop".into(),
            group_id: group_id.clone(),
            subject: format!("Subject {number}"),
            ..Default::default()
        };
        for number in 0..20 {
            scene.service.groups().set_group_subject(rename(number)).await.expect("renamed");
        }
        for _ in 0..3 {
            scene.service.groups().revoke_invite_code(revoke(&group_id)).await.expect("revoked");
        }
        // Whatever was on its way is here.
        scene.others_rename(ANNA, &other_id, "Later").await;
        scene.until_subject("shop", &other_id, "Later").await;
        let own = (0..20).map(|number| format!("Subject {number}"));
        let expected: Vec<String> = own.chain(["Later".to_owned()]).collect();
        assert_eq!(subjects(&scene).await, expected, "{engine:?}");
        assert_eq!(scene.revoked_codes().await, 3, "{engine:?}");
    }
}
