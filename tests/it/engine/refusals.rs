//! What WhatsApp refuses, and how that is told.

use futures::FutureExt;
use futures::future::BoxFuture;
use wagroups::domain::Reason;
use wagroups::domain::event::MemberAction;
use wagroups::domain::id::GroupId;
use wagroups::domain::invite::Invite;
use wagroups::domain::participant::ParticipantStatus;
use wagroups::domain::port::engine::{EngineOperation as Op, Outcome, RequestAnswer};
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
        let subject = "Crew".parse().expect("a subject");
        let cases = [(unknown, Reason::GroupNotFound), (others, Reason::NotGroupMember)];
        for (group, reason) in cases {
            let session = &scene.bob.session;
            let answer = scene.engine.set_subject(session, &group, &subject, "refused-1").await;
            scene.refused(answer, Outcome::Rejected, reason);
            assert_eq!(scene.seen(&scene.bob, &group).await, None);
            let code = scene.engine.fetch_invite_code(session, &group).await;
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
        let set = scene.engine.change_setting(bob, &group, lock, "admin-1").await;
        scene.refused(set, Outcome::Rejected, not_admin);
        let revoked = scene.engine.revoke_invite_code(bob, &group, "admin-2").await;
        scene.refused(revoked, Outcome::Rejected, not_admin);
        let asked = scene.engine.fetch_join_requests(bob, &group).await;
        scene.refused(asked, Outcome::Rejected, not_admin);
        let people = [person(1)];
        for action in [MemberAction::Leave, MemberAction::Promote, MemberAction::Demote] {
            let answer =
                scene.engine.change_participants(bob, &group, action, &people, "admin-3").await;
            scene.refused(answer, Outcome::Rejected, not_admin);
        }
        assert_eq!(scene.seen(&scene.bob, &group).await, before, "nothing changed");
    }
    .boxed()
}

fn a_stale_description(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        let (session, text) = (&scene.alice.session, "x".parse().expect("a text"));
        let stale = Some("of another time");
        let answer = scene.engine.set_description(session, &group, &text, stale, "stale-1").await;
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
            .engine
            .change_participants(session, &group, promote, &[bob], "super-1")
            .await
            .expect("promoted");
        for action in [MemberAction::Leave, MemberAction::Demote] {
            let answer = scene
                .engine
                .change_participants(&scene.bob.session, &group, action, &[alice], "super-2")
                .await
                .expect("an answer");
            assert_eq!(answer.value[0].status, ParticipantStatus::NotAllowed, "{action:?}");
        }
        let answer = scene
            .engine
            .change_participants(session, &group, MemberAction::Leave, &[person(9)], "super-3")
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
        let old = scene.engine.fetch_invite_code(session, &group).await.expect("a code");
        if scene.stage.revokes() {
            scene.engine.revoke_invite_code(session, &group, "nowhere-1").await.expect("revoked");
        }
        let now = scene.engine.fetch_invite_code(session, &group).await.expect("a code");
        let unknown = "AAAAAAAAAAAAAAAAAAAAAA".parse().expect("a code");
        let if_void = if old == now { Reason::AlreadyMember } else { Reason::InviteRevoked };
        let cases =
            [(unknown, Reason::InviteInvalid), (old, if_void), (now, Reason::AlreadyMember)];
        for (code, reason) in cases {
            let invite = Invite::Code(code);
            let answer = scene.engine.join_group(&scene.bob.session, &invite, "nowhere-2").await;
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
            let answered =
                scene.engine.answer_join_requests(session, &group, answer, &people, "nobody").await;
            scene.refused(answered, Outcome::Rejected, Reason::JoinRequestNotFound);
        }
    }
    .boxed()
}

fn sessions_that_are_offline(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let nobody = "nobody".parse().expect("a name");
        let listed = scene.engine.fetch_all(&nobody).await;
        scene.refused(listed, Outcome::NotSent, Reason::SessionNotWorking);
        let group = scene.group().await;
        let left = scene.engine.leave_group(&nobody, &group, "offline-1").await;
        scene.refused(left, Outcome::NotSent, Reason::SessionNotWorking);
    }
    .boxed()
}
