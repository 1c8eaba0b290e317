//! NOWEB fetches all groups where one is asked for, and then tells of every one of them: what a read provokes must
//! never provoke a read.

use std::time::Duration;

use serde_json::json;
use tonic_types::StatusExt as _;
use wagroups::engine::waha::webhook::WahaEngine;
use wagroups::pb;

use super::scene::Scene;
use crate::harness::service::{eventually, reason};
use crate::waha_server::{Fault, Options};

const ANNA: &str = "4915120000001@c.us";

async fn scene(noweb_store: bool, per_hour: u32) -> Scene {
    scene_of(Options { noweb_store, ..Options::default() }, per_hour).await
}

async fn scene_of(options: Options, per_hour: u32) -> Scene {
    let options = Options { engine: WahaEngine::Noweb, ..options };
    let scene = Scene::with(vec![options], |settings| {
        settings.waha.full_fetches_per_hour = per_hour;
        // Other comparisons are not what is counted here.
        settings.reconcile.interval = Duration::from_secs(86_400);
        settings.reconcile.min_interval = Duration::from_secs(3600);
    })
    .await;
    scene.working("shop").await;
    // Groups that are told of whenever one is read.
    for _ in 0..5 {
        scene.group_of_another("shop", ANNA).await;
    }
    scene
}

/// How often all groups are fetched for this, and for what follows of it.
async fn fetches(scene: &Scene, what: &str, act: impl Future<Output = ()>) -> usize {
    let before = scene.server().full_fetches();
    act.await;
    // What it has provoked is behind us once nothing more was fetched while something that came later was told of.
    let mut fetches = scene.server().full_fetches();
    for round in 0.. {
        let group_id = scene.group_of_another("shop", ANNA).await;
        let subject = format!("{round} after {what}");
        scene.others_rename(ANNA, &group_id, &subject).await;
        scene.until_subject("shop", &group_id, &subject).await;
        let now = scene.server().full_fetches();
        assert!(now - before < 50, "{what} leads to fetches without an end");
        if round > 2 && now == fetches {
            break;
        }
        fetches = now;
    }
    fetches - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_a_refresh_twenty_changes_and_another_reader_fetch_three_times_at_most() {
    // Without a budget there is no distance either, so that a read that provokes a read would do so at once.
    for per_hour in [0, 3600] {
        few_fetches(per_hour).await;
    }
}

async fn few_fetches(per_hour: u32) {
    let scene = scene(false, per_hour).await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    let change = async {
        scene.rename("shop", &group_id, "One").await.expect("renamed");
    };
    assert!(fetches(&scene, "a change", change).await <= 3);
    let refresh = async {
        let refresh = pb::RefreshGroupsRequest {
            session: "shop".into(),
            group_ids: vec![group_id.clone()],
            ..Default::default()
        };
        scene.service.groups().refresh_groups(refresh).await.expect("refreshed");
    };
    assert!(fetches(&scene, "a refresh", refresh).await <= 3);
    let changes = async {
        for number in 0..20 {
            scene.rename("shop", &group_id, &format!("Number {number}")).await.expect("renamed");
        }
    };
    assert!(fetches(&scene, "twenty changes", changes).await <= 3);
    // Another client of WAHA reads at the same time; each of its reads tells of all groups.
    let others = async {
        for number in 0..5 {
            scene.rename("shop", &group_id, &format!("Again {number}")).await.expect("renamed");
            scene.server().be_read_by_another("shop").await;
            // What it tells of is to come before the next change: else it is of a state that this one has left behind,
            // and each time a reason to read.
            let later = scene.group_of_another("shop", ANNA).await;
            let subject = format!("after reading {number}");
            scene.others_rename(ANNA, &later, &subject).await;
            scene.until_subject("shop", &later, &subject).await;
        }
    };
    let fetched = fetches(&scene, "another reader", others).await;
    assert!(fetched <= 3 + 5, "{fetched}");
    let create = async {
        scene.group_id("shop", &[ANNA]).await;
    };
    assert!(fetches(&scene, "a creation", create).await <= 3);
    scene.server().assert_polite();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_that_is_removed_is_found_by_a_read_with_and_without_the_store() {
    for noweb_store in [false, true] {
        let scene = scene(noweb_store, 3600).await;
        let group_id = scene.group_of_another("shop", ANNA).await;
        let describe = |text: &str| wagroups::engine::simulator::world::Operation::SetDescription {
            group_id: group_id.parse().expect("an id"),
            text: text.to_owned(),
            expected_id: None,
        };
        scene.act(ANNA, describe("Rules")).await;
        let described = |wanted: &'static str| {
            let (scene, group_id) = (&scene, &group_id);
            eventually(wanted, move || async move {
                let group = scene.group("shop", group_id).await?;
                (group.description == wanted).then_some(())
            })
        };
        described("Rules").await;
        scene.act(ANNA, describe("")).await;
        described("").await;
    }
}

/// What became of people of whom the answer says nothing is told by the event of the change, and needs no read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_that_the_answer_leaves_open_comes_from_its_echo() {
    let scene = scene(false, 3600).await;
    let group_id = scene.group_id("shop", &[ANNA]).await;
    let (groups, path) = (scene.service.groups(), format!("/groups/{group_id}"));
    for (at, nobody) in
        [json!([]), json!([{"status": "200"}, {"status": "200"}])].into_iter().enumerate()
    {
        // Another person each time: the report of what a call did a moment ago says nothing of the next one.
        let change = pb::AddParticipantsRequest {
            session: "shop".into(),
            group_id: group_id.clone(),
            participant_ids: vec![format!("491512000001{at}@c.us")],
            ..Default::default()
        };
        let fault = || Fault::JsonAfterApplying(nobody.clone());
        let before = scene.server().full_fetches();
        scene.server().fail_next(("POST", format!("{path}/participants/add").as_str()), fault());
        let added =
            groups.clone().add_participants(change.clone()).await.expect("added").into_inner();
        assert_eq!(added.results[0].status(), pb::ParticipantStatus::Ok, "{at}");
        scene.server().fail_next(("POST", format!("{path}/participants/remove").as_str()), fault());
        let remove = pb::RemoveParticipantsRequest {
            session: change.session.clone(),
            group_id: change.group_id.clone(),
            participant_ids: change.participant_ids.clone(),
            ..Default::default()
        };
        let removed =
            groups.clone().remove_participants(remove).await.expect("removed").into_inner();
        assert_eq!(removed.results[0].status(), pb::ParticipantStatus::Ok, "{at}");
        assert_eq!(scene.server().full_fetches(), before, "{at}: nothing was read for it");
        assert_eq!(scene.server().faults_left(), 0);
    }
}

/// Its store may list a group that we have left, so that the members are asked for as well: both belong together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_of_an_older_server_is_one_read() {
    let options = Options { version: "2026.4.1", noweb_store: true, ..Options::default() };
    let scene = scene_of(options, 3600).await;
    let group_id = scene.group_of_another("shop", ANNA).await;
    for _ in 0..2 {
        let refresh = pb::RefreshGroupsRequest {
            session: "shop".into(),
            group_ids: vec![group_id.clone()],
            ..Default::default()
        };
        scene.service.groups().refresh_groups(refresh).await.expect("refreshed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_beyond_the_budget_says_when_there_is_more_also_after_a_restart() {
    // One for the comparison at the start, and one more.
    let mut scene = scene(false, 2).await;
    let group_id = scene.group_of_another("shop", ANNA).await;
    let refresh = |scene: &Scene| {
        let mut groups = scene.service.groups();
        let refresh = pb::RefreshGroupsRequest {
            session: "shop".into(),
            group_ids: vec![group_id.clone()],
            ..Default::default()
        };
        async move { groups.refresh_groups(refresh).await }
    };
    let _ = refresh(&scene).await;
    let refused = refresh(&scene).await.expect_err("a budget ends");
    assert_eq!(reason(&refused), "RATE_LIMITED");
    let wait = refused.get_details_retry_info().and_then(|info| info.retry_delay);
    assert!(wait.is_some_and(|wait| wait > Duration::from_secs(600)), "{wait:?}");
    let before = scene.server().full_fetches();
    assert_eq!(before, 2);
    scene.service.restart().await;
    scene.until("shop", pb::SessionStatus::Working).await;
    let refused = refresh(&scene).await.expect_err("a restart refills nothing");
    assert_eq!(reason(&refused), "RATE_LIMITED");
    // What events tell goes on.
    scene.others_rename(ANNA, &group_id, "Told").await;
    scene.until_subject("shop", &group_id, "Told").await;
    assert_eq!(scene.server().full_fetches(), before);
}
