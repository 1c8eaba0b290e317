//! What WhatsApp refuses, and how that is told.

use futures::FutureExt;
use futures::future::BoxFuture;
use wagroups::domain::Reason;
use wagroups::domain::event::MemberAction;
use wagroups::domain::group::{DescriptionText, SubjectText};
use wagroups::domain::id::GroupId;
use wagroups::domain::invite::Invite;
use wagroups::domain::operation::{
    AnswerJoinRequests, ChangeParticipants, ChangeSetting, FetchAll, GetInviteCode, JoinGroup,
    LeaveGroup, ListJoinRequests, OperationName as Op, Outcome, RequestAnswer, RevokeInviteCode,
    SetGroupDescription, SetGroupSubject,
};
use wagroups::domain::participant::ParticipantStatus;
use wagroups::domain::setting::Setting;

use super::Case;
use super::stage::{Scene, person};

pub const CASES: &[Case] = &[
    Case { operation: Op::SetGroupSubject, run: groups_that_are_not_ours },
    Case { operation: Op::SetInfoAdminOnly, run: what_only_admins_may_do },
    Case { operation: Op::SetGroupDescription, run: a_stale_description },
    Case { operation: Op::RemoveParticipants, run: the_superadmin },
    Case { operation: Op::JoinGroup, run: invites_that_lead_nowhere },
    Case { operation: Op::ApproveJoinRequests, run: requests_that_nobody_made },
    Case { operation: Op::FetchAll, run: sessions_that_are_offline },
];

fn groups_that_are_not_ours(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let unknown: GroupId = "120363999999999999@g.us".parse().expect("an id");
        let others = scene.create(vec![person(1)], "refused-0").await.value.group_id;
        let subject: SubjectText = "Crew".parse().expect("a subject");
        let cases = [(unknown, Reason::GroupNotFound), (others, Reason::NotGroupMember)];
        for (group, reason) in cases {
            let session = &scene.bob.session;
            let answer = scene
                .perform(
                    session,
                    "refused-1",
                    SetGroupSubject { group_id: group.clone(), subject: subject.clone() },
                )
                .await;
            scene.refused(answer, Outcome::Rejected, reason);
            assert_eq!(scene.seen(&scene.bob, &group).await, None);
            let code = scene.ask(session, GetInviteCode { group_id: group.clone() }).await;
            scene.refused(code, Outcome::Rejected, reason);
        }
        scene.was_applied(&scene.bob, "refused-1", 0).await;
    }
    .boxed()
}

fn what_only_admins_may_do(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        let before = scene.seen(&scene.bob, &group).await;
        let (bob, lock) = (&scene.bob.session, Setting::InfoAdminOnly(true));
        let not_admin = Reason::NotGroupAdmin;
        let set = scene
            .perform(bob, "admin-1", ChangeSetting { group_id: group.clone(), setting: lock })
            .await;
        scene.refused(set, Outcome::Rejected, not_admin);
        let revoked =
            scene.perform(bob, "admin-2", RevokeInviteCode { group_id: group.clone() }).await;
        scene.refused(revoked, Outcome::Rejected, not_admin);
        let asked = scene.ask(bob, ListJoinRequests { group_id: group.clone() }).await;
        scene.refused(asked, Outcome::Rejected, not_admin);
        let people = [person(1)];
        for action in [MemberAction::Leave, MemberAction::Promote, MemberAction::Demote] {
            let answer = scene
                .perform(
                    bob,
                    "admin-3",
                    ChangeParticipants {
                        group_id: group.clone(),
                        action,
                        participants: people.to_vec(),
                    },
                )
                .await;
            scene.refused(answer, Outcome::Rejected, not_admin);
        }
        assert_eq!(scene.seen(&scene.bob, &group).await, before, "nothing changed");
    }
    .boxed()
}

fn a_stale_description(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        let (session, text) =
            (&scene.alice.session, "x".parse::<DescriptionText>().expect("a text"));
        let stale = Some("of another time");
        let answer = scene
            .perform(
                session,
                "stale-1",
                SetGroupDescription {
                    group_id: group.clone(),
                    description: text.clone(),
                    expected_id: stale.map(str::to_owned),
                },
            )
            .await;
        scene.refused(answer, Outcome::Rejected, Reason::DescriptionConflict);
    }
    .boxed()
}

fn the_superadmin(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        let (alice, bob) = (scene.alice.account.id(), scene.bob.account.id());
        let session = &scene.alice.session;
        let promote = MemberAction::Promote;
        scene
            .perform(
                session,
                "super-1",
                ChangeParticipants {
                    group_id: group.clone(),
                    action: promote,
                    participants: vec![bob],
                },
            )
            .await
            .expect("promoted");
        for action in [MemberAction::Leave, MemberAction::Demote] {
            let answer = scene
                .perform(
                    &scene.bob.session,
                    "super-2",
                    ChangeParticipants {
                        group_id: group.clone(),
                        action,
                        participants: vec![alice],
                    },
                )
                .await
                .expect("an answer");
            assert_eq!(answer.value[0].status, ParticipantStatus::NotAllowed, "{action:?}");
        }
        let answer = scene
            .perform(
                session,
                "super-3",
                ChangeParticipants {
                    group_id: group.clone(),
                    action: MemberAction::Leave,
                    participants: vec![person(9)],
                },
            )
            .await
            .expect("an answer");
        assert_eq!(answer.value[0].status, ParticipantStatus::NotMember);
    }
    .boxed()
}

fn invites_that_lead_nowhere(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        let session = &scene.alice.session;
        let old =
            scene.ask(session, GetInviteCode { group_id: group.clone() }).await.expect("a code");
        if scene.stage.revokes() {
            scene
                .perform(session, "nowhere-1", RevokeInviteCode { group_id: group.clone() })
                .await
                .expect("revoked");
        }
        let now =
            scene.ask(session, GetInviteCode { group_id: group.clone() }).await.expect("a code");
        let unknown = "AAAAAAAAAAAAAAAAAAAAAA".parse().expect("a code");
        let if_void = if old == now { Reason::AlreadyMember } else { Reason::InviteRevoked };
        let cases =
            [(unknown, Reason::InviteInvalid), (old, if_void), (now, Reason::AlreadyMember)];
        for (code, reason) in cases {
            let invite = Invite::Code(code);
            let answer = scene
                .perform(&scene.bob.session, "nowhere-2", JoinGroup { invite: invite.clone() })
                .await;
            scene.refused(answer, Outcome::Rejected, reason);
        }
    }
    .boxed()
}

fn requests_that_nobody_made(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        for answer in [RequestAnswer::Approve, RequestAnswer::Reject] {
            let (session, people) = (&scene.alice.session, [person(7)]);
            let answered = scene
                .perform(
                    session,
                    "nobody",
                    AnswerJoinRequests {
                        group_id: group.clone(),
                        answer,
                        participants: people.to_vec(),
                    },
                )
                .await;
            scene.refused(answered, Outcome::Rejected, Reason::JoinRequestNotFound);
        }
    }
    .boxed()
}

fn sessions_that_are_offline(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let nobody = "nobody".parse().expect("a name");
        let listed = scene.ask(&nobody, FetchAll {}).await;
        scene.refused(listed, Outcome::NotSent, Reason::SessionNotWorking);
        let group = scene.group().await;
        let left =
            scene.perform(&nobody, "offline-1", LeaveGroup { group_id: group.clone() }).await;
        scene.refused(left, Outcome::NotSent, Reason::SessionNotWorking);
    }
    .boxed()
}
