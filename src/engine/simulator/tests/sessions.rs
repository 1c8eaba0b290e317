use super::{Scene, aim, new_group, person, session};
use crate::domain::event::MemberAction;
use crate::domain::group::{AddressingMode, GroupSettings};
use crate::domain::operation::{
    ChangeParticipants, EngineCall, FetchGroup, LeaveGroup, Outcome, Perform,
};
use crate::domain::participant::{ParticipantStatus, Role};
use crate::domain::port::engine::{GroupEngine, RequestedAccount};
use crate::domain::reason::Reason;
use crate::domain::reducer::{Change, GroupState, reduce};
use crate::engine::simulator::world::{AccountChange, AddPrivacy, Operation};
use crate::engine::simulator::{CallFault, Point, Uses};

#[tokio::test(start_paused = true)]
async fn two_sessions_see_each_others_changes() {
    let scene = Scene::with_sessions().await;
    let group = scene.group().await;
    scene.subject(&group, "renamed").await;
    scene.settle("bob").await;
    let received = scene.inbox.of(&session("bob"));
    assert!(
        received.iter().all(|n| n.call_key.is_none()),
        "only the caller's own echo bears the key"
    );
    assert!(matches!(received[0].observations[0].change, Change::Full(_)));
    assert!(matches!(received[1].observations[0].change, Change::Fields(_)));
    let as_bob_sees_it = scene
        .perform("bob", "", FetchGroup { group_id: group.clone() })
        .await
        .unwrap()
        .group
        .unwrap();
    assert_eq!(as_bob_sees_it.subject.text, "renamed");

    scene.perform("bob", "leave", LeaveGroup { group_id: group.clone() }).await.unwrap();
    assert_eq!(
        scene.perform("bob", "", FetchGroup { group_id: group.clone() }).await.unwrap().group,
        None
    );
    scene.settle("alice").await;
    let received = scene.inbox.of(&session("alice"));
    assert!(matches!(
        &received[2].observations[0].change,
        Change::Members { action: MemberAction::Leave, members } if members.len() == 1
    ));
}

#[tokio::test(start_paused = true)]
async fn the_answer_and_the_echo_are_one_change() {
    let scene = Scene::with_sessions().await;
    let alice = session("alice");
    let made = scene.perform("alice", "made", new_group(&[person(4_915_100_000_009)])).await;
    let made = made.unwrap();
    let group = made.value.group_id;
    let renamed = scene.rename(&group, "renamed", "rename").await.unwrap();
    let people = [person(4_915_100_000_010), person(4_915_100_010_404)];
    let added = scene
        .perform(
            "alice",
            "add",
            ChangeParticipants {
                group_id: group.clone(),
                action: MemberAction::Join,
                participants: people.to_vec(),
            },
        )
        .await
        .unwrap();
    assert_eq!(added.value[1].status, ParticipantStatus::NotOnWhatsapp);
    let left =
        scene.perform("alice", "leave", LeaveGroup { group_id: group.clone() }).await.unwrap();
    scene.settle("alice").await;

    let echoes = scene.inbox.of(&alice);
    let echoed: Vec<_> = echoes.iter().flat_map(|echo| echo.observations.clone()).collect();
    let keys: Vec<_> = echoes.iter().map(|echo| echo.call_key.as_deref().unwrap()).collect();
    assert_eq!(keys, ["made", "rename", "add", "leave"]);
    let answered: Vec<_> =
        [made.observations, renamed.observations, added.observations, left.observations].concat();
    assert_eq!(answered, echoed);
    let ids = [made.source_ids, renamed.source_ids, added.source_ids, left.source_ids].concat();
    assert_eq!(ids, scene.inbox.ids(&alice));

    let account = scene.account("alice").await;
    let mut state = GroupState::default();
    let mut events = 0;
    for report in answered.iter().chain(&echoed) {
        events += reduce(&mut state, report, Some(&account)).events.len();
    }
    assert_eq!(events, 4, "joined, renamed, a member came, left; and no echo counts");
    assert_eq!(state.group, None);
}

#[tokio::test(start_paused = true)]
async fn what_nothing_changes_has_no_echo() {
    let scene = Scene::with_sessions().await;
    let group = scene.group().await;
    let same = scene.rename(&group, "Team", "rename").await.unwrap();
    assert!(same.observations.is_empty() && same.source_ids.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_number_is_one_sessions() {
    let scene = Scene::with_sessions().await;
    let wish = RequestedAccount {
        phone_number: "+49 151 0000777".parse().ok(),
        push_name: Some("Eve".into()),
    };
    let eve = scene.engine.log_in(&session("eve"), &wish).await.unwrap().unwrap();
    assert_eq!(eve.account.phone(), wish.phone_number);
    assert_eq!(eve.push_name, "Eve");
    let refused = scene.engine.log_in(&session("mallory"), &wish).await.unwrap_err();
    assert_eq!(
        (refused.outcome, refused.error.reason()),
        (Outcome::Rejected, Reason::InvalidRequest)
    );
    scene.engine.forget(&session("eve")).await.unwrap();
    scene.engine.log_in(&session("mallory"), &wish).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_started_sends_nothing() {
    let scene = Scene::with_sessions().await;
    let group = scene.group().await;
    scene.engine.stop(&session("alice")).await.unwrap();
    let refused = scene.rename(&group, "x", "rename").await.unwrap_err();
    assert_eq!(
        (refused.outcome, refused.error.reason()),
        (Outcome::NotSent, Reason::SessionNotWorking)
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_change_nothing_and_say_why() {
    let scene = Scene::with_sessions().await;
    let group = scene.group().await;
    let saves = scene.store.rows();
    let refused = scene
        .engine
        .perform(
            EngineCall::of_command(&session("bob"), "r"),
            &ChangeParticipants {
                group_id: group.clone(),
                action: MemberAction::Promote,
                participants: vec![person(77_777)],
            },
        )
        .await
        .unwrap_err();
    assert_eq!(
        (refused.outcome, refused.error.reason()),
        (Outcome::Rejected, Reason::NotGroupAdmin)
    );
    let nowhere = "120363999999999999@g.us".parse().unwrap();
    let refused =
        scene.perform("bob", "leave", LeaveGroup { group_id: nowhere }).await.unwrap_err();
    assert_eq!(refused.error.reason(), Reason::GroupNotFound);
    assert_eq!(scene.engine.applied(&session("bob"), "r").await.unwrap(), 0);
    scene.settle("bob").await;
    let groups = |rows: &std::collections::BTreeMap<String, bytes::Bytes>| {
        rows.iter()
            .filter(|(key, _)| key.starts_with("g/"))
            .map(|(_, row)| row.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(groups(&saves), groups(&scene.store.rows()));
}

#[tokio::test(start_paused = true)]
async fn other_people_act() {
    let scene = Scene::with_sessions().await;
    let group = scene.group().await;
    let code = scene.engine.world_group(&group).await.unwrap().unwrap().invite_code;
    let dave = person(4_915_100_000_009);
    let joined = scene.engine.act(dave, Operation::JoinByInvite(code), false).await.unwrap();
    assert!(joined.changed);
    assert_eq!(joined.notification_count, 2, "alice and bob");
    let refused =
        scene.engine.act(dave, Operation::SetSubject("1@g.us".parse().unwrap(), "x".into()), false);
    assert_eq!(refused.await.unwrap_err().reason(), Reason::GroupNotFound);

    let change = AccountChange { add_privacy: Some(AddPrivacy::Nobody), ..Default::default() };
    let shy = person(4_915_100_000_010);
    scene.engine.change_account(shy, change).await.unwrap();
    let added = scene
        .engine
        .perform(
            EngineCall::of_command(&session("alice"), "add"),
            &ChangeParticipants {
                group_id: group.clone(),
                action: MemberAction::Join,
                participants: vec![shy],
            },
        )
        .await
        .unwrap();
    let result = &added.value[0];
    assert_eq!(result.status, ParticipantStatus::PrivacyInviteNeeded);
    assert!(result.private_invite.is_some() && added.observations.is_empty());

    let theirs = Operation::Create {
        subject: "Dave's".into(),
        description: String::new(),
        participants: vec![scene.start("alice").await],
        settings: GroupSettings::default(),
        addressing_mode: AddressingMode::Lid,
    };
    let made = scene.engine.act(dave, theirs, false).await.unwrap().group_id.unwrap();
    let seen = scene
        .perform("alice", "", FetchGroup { group_id: made.clone() })
        .await
        .unwrap()
        .group
        .unwrap();
    let alice = scene.account("alice").await;
    assert_eq!(seen.role_of(&alice), Some(Role::Participant));
}

#[tokio::test(start_paused = true)]
async fn calls_go_wrong_as_scripted() {
    let scene = Scene::with_sessions().await;
    let group = scene.group().await;
    let alice = session("alice");
    let faults = scene.engine.faults();
    let limit = CallFault::RateLimit { backoff: Some(std::time::Duration::from_secs(7)) };
    faults.inject_call(aim(Some(&alice), Uses::Times(1)), limit).unwrap();
    let refused = scene.rename(&group, "a", "1").await.unwrap_err();
    assert_eq!((refused.outcome, refused.error.reason()), (Outcome::Rejected, Reason::RateLimited));
    assert_eq!(refused.error.retry_delay(), Some(std::time::Duration::from_secs(7)));

    for (point, applied, request) in [(Point::BeforeApply, 0, "2"), (Point::AfterApply, 1, "3")] {
        let once = aim(None, Uses::Times(1));
        faults.inject_call(once, CallFault::DropConnection(point)).unwrap();
        let lost = scene.rename(&group, request, request).await.unwrap_err();
        assert_eq!(lost.outcome, Outcome::Unknown);
        assert_eq!(scene.engine.applied(&alice, request).await.unwrap(), applied);
    }
    scene.rename(&group, "b", "4").await.unwrap();
}
