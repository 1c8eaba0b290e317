//! Each operation once as it should go.

use futures::FutureExt;
use futures::future::BoxFuture;
use wagroups::domain::Reason;
use wagroups::domain::event::MemberAction;
use wagroups::domain::group::{DescriptionText, Group, MemberAddMode, SubjectText};
use wagroups::domain::invite::{Invite, JoinOutcome};
use wagroups::domain::operation::{
    AnswerJoinRequests, ChangeParticipants, ChangeSetting, DeleteGroupPicture, FetchAll,
    FetchGroup, GetGroupPicture, GetInviteCode, GetJoinInfo, JoinGroup, LeaveGroup,
    ListJoinRequests, OperationName as Op, Outcome, RequestAnswer, RevokeInviteCode,
    SetGroupDescription, SetGroupPicture, SetGroupSubject,
};
use wagroups::domain::participant::{ParticipantStatus, Role};
use wagroups::domain::port::engine::{ConnectionEvent, RequestedAccount, Started};
use wagroups::domain::port::picture::Picture;
use wagroups::domain::setting::Setting;

use super::Case;
use super::stage::{Outside, Scene, person};
use crate::harness::service::eventually;

pub const CASES: &[Case] = &[
    Case { operation: Op::CreateGroup, run: creates },
    Case { operation: Op::SetGroupSubject, run: renames },
    Case { operation: Op::SetGroupDescription, run: describes },
    Case { operation: Op::SetInfoAdminOnly, run: sets },
    Case { operation: Op::SetMessagesAdminOnly, run: sets },
    Case { operation: Op::SetMemberAddMode, run: sets },
    Case { operation: Op::SetMembershipApproval, run: sets },
    Case { operation: Op::SetMemberShareHistory, run: sets },
    Case { operation: Op::SetDisappearingTimer, run: sets },
    Case { operation: Op::SetGroupPicture, run: pictures },
    Case { operation: Op::GetGroupPicture, run: pictures },
    Case { operation: Op::DeleteGroupPicture, run: pictures },
    Case { operation: Op::AddParticipants, run: members },
    Case { operation: Op::PromoteParticipants, run: members },
    Case { operation: Op::DemoteParticipants, run: members },
    Case { operation: Op::RemoveParticipants, run: members },
    Case { operation: Op::GetInviteCode, run: invites },
    Case { operation: Op::RevokeInviteCode, run: invites },
    Case { operation: Op::GetJoinInfo, run: invites },
    Case { operation: Op::JoinGroup, run: joins },
    Case { operation: Op::ListJoinRequests, run: requests },
    Case { operation: Op::ApproveJoinRequests, run: requests },
    Case { operation: Op::RejectJoinRequests, run: requests },
    Case { operation: Op::LeaveGroup, run: leaves },
    Case { operation: Op::FetchGroup, run: looks },
    Case { operation: Op::FetchAll, run: looks },
    Case { operation: Op::LogoutSession, run: links },
    Case { operation: Op::RequestPairingCode, run: links },
];

fn creates(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let people = vec![scene.bob.account.id(), person(1)];
        let made = scene.create(people.clone(), "create-1").await;
        let results = &made.value.results;
        assert_eq!(results.iter().map(|r| r.requested).collect::<Vec<_>>(), people);
        assert!(results.iter().all(|result| result.status == ParticipantStatus::Ok));
        scene.converges(None, &made, "create-1").await;
        let group = scene.seen(&scene.alice, &made.value.group_id).await.expect("a group");
        assert_eq!((group.subject.text.as_str(), group.participants().len()), ("Team", 3));
        assert_eq!(group.role_of(&scene.alice.account), Some(Role::Superadmin));
        scene.was_applied(&scene.alice, "create-1", 1).await;
    }
    .boxed()
}

fn renames(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        let before = scene.seen(&scene.alice, &group).await;
        let subject: SubjectText = "Crew".parse().expect("a subject");
        let answer = scene
            .perform(
                &scene.alice.session,
                "rename-1",
                SetGroupSubject { group_id: group.clone(), subject: subject.clone() },
            )
            .await;
        scene.converges(before, &answer.expect("renamed"), "rename-1").await;
        // What someone else does is heard of too.
        scene.stage.act(person(1), Outside::Rename(group.clone(), "Ours".into())).await;
        scene.is_followed_by_bob(&group).await;
        let now = scene.seen(&scene.bob, &group).await.expect("the group");
        assert_eq!(now.subject.text, "Ours");
    }
    .boxed()
}

fn describes(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        let before = scene.seen(&scene.alice, &group).await;
        let known = before.as_ref().map(|group| group.description.id.clone());
        let text: DescriptionText = "Mondays".parse().expect("a text");
        let session = &scene.alice.session;
        let answer = scene
            .perform(
                session,
                "describe-1",
                SetGroupDescription {
                    group_id: group.clone(),
                    description: text.clone(),
                    expected_id: known,
                },
            )
            .await;
        scene.converges(before, &answer.expect("described"), "describe-1").await;
    }
    .boxed()
}

fn sets(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        let settings = [
            Setting::InfoAdminOnly(true),
            Setting::MessagesAdminOnly(true),
            Setting::MemberAddMode(MemberAddMode::AdminsOnly),
            Setting::MembershipApproval(true),
            Setting::MemberShareHistory(true),
            Setting::DisappearingTimer(86_400),
        ];
        for setting in settings {
            if !scene.engine.supports(&scene.alice.session, Op::of_setting(setting)) {
                continue;
            }
            let key = format!("set-{setting:?}-{group}");
            let before = scene.seen(&scene.alice, &group).await;
            let session = &scene.alice.session;
            let answer = scene
                .perform(session, &key, ChangeSetting { group_id: group.clone(), setting })
                .await;
            scene.converges(before, &answer.expect("set"), &key).await;
            let mut wanted = scene.seen(&scene.alice, &group).await.expect("the group").settings;
            let is = wanted;
            setting.set_on(&mut wanted);
            assert_eq!(is, wanted, "{setting:?}");
        }
    }
    .boxed()
}

fn pictures(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        let session = &scene.alice.session;
        assert_eq!(
            scene.ask(session, GetGroupPicture { group_id: group.clone() }).await.expect("none"),
            None
        );
        let jpeg = bytes::Bytes::from([&[0xff, 0xd8, 0xff][..], &[7; 100]].concat());
        for (jpeg, step) in [(Some(&jpeg), "picture-1"), (None, "picture-2")] {
            let key = format!("{step}-{group}");
            let before = scene.seen(&scene.alice, &group).await;
            let group_id = group.clone();
            let answer = match jpeg {
                Some(jpeg) => {
                    let picture = Picture::of_jpeg(jpeg.clone());
                    scene.perform(session, &key, SetGroupPicture { group_id, picture }).await
                }
                None => scene.perform(session, &key, DeleteGroupPicture { group_id }).await,
            };
            scene.converges(before, &answer.expect("set"), &key).await;
            let picture = scene
                .ask(session, GetGroupPicture { group_id: group.clone() })
                .await
                .expect("an answer");
            let now = scene.seen(&scene.bob, &group).await.expect("the group");
            if let Some(id) = scene.stage.as_read(now).picture_id {
                assert_eq!(picture.as_ref().map(|picture| picture.picture_id.clone()), Some(id));
            }
            assert_eq!(picture.is_some(), jpeg.is_some());
        }
    }
    .boxed()
}

fn members(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        let newcomer = person(2);
        let steps = [
            (MemberAction::Join, Some(Role::Participant)),
            (MemberAction::Promote, Some(Role::Admin)),
            (MemberAction::Demote, Some(Role::Participant)),
            (MemberAction::Leave, None),
        ];
        for (action, role) in steps {
            let key = format!("{action:?}-{group}");
            let before = scene.seen(&scene.alice, &group).await;
            let session = &scene.alice.session;
            let people = [newcomer, person(404)];
            let answer = scene
                .perform(
                    session,
                    &key,
                    ChangeParticipants {
                        group_id: group.clone(),
                        action,
                        participants: people.to_vec(),
                    },
                )
                .await;
            let answer = answer.expect("changed");
            assert_eq!(answer.value[0].status, ParticipantStatus::Ok, "{action:?}");
            assert_ne!(answer.value[1].status, ParticipantStatus::Ok, "nobody has that number");
            scene.converges(before, &answer, &key).await;
            let now = scene.seen(&scene.alice, &group).await.expect("the group");
            assert_eq!(now.role_of(&answer.value[0].account), role, "{action:?}");
        }
    }
    .boxed()
}

fn invites(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        let session = &scene.alice.session;
        let code =
            scene.ask(session, GetInviteCode { group_id: group.clone() }).await.expect("a code");
        let invite = Invite::Code(code.clone());
        let preview = scene.ask(&scene.bob.session, GetJoinInfo { invite: invite.clone() }).await;
        let preview = preview.expect("a preview");
        assert_eq!((&preview.group_id, preview.member_count), (&group, 3));
        let before = scene.seen(&scene.alice, &group).await;
        let key = format!("revoke-{group}");
        if !scene.stage.revokes() {
            let answer =
                scene.perform(session, &key, RevokeInviteCode { group_id: group.clone() }).await;
            scene.refused(answer, Outcome::Rejected, Reason::UnsupportedByEngine);
            let still = scene
                .ask(session, GetInviteCode { group_id: group.clone() })
                .await
                .expect("a code");
            assert_eq!(still, code);
            return;
        }
        let answer = scene
            .perform(session, &key, RevokeInviteCode { group_id: group.clone() })
            .await
            .expect("a code");
        assert_ne!(answer.value, code);
        scene.converges(before, &answer, &key).await;
        let now =
            scene.ask(session, GetInviteCode { group_id: group.clone() }).await.expect("a code");
        assert_eq!(now, answer.value);
    }
    .boxed()
}

fn joins(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let made = scene.create(vec![person(1)], "join-0").await;
        let group = made.value.group_id;
        let code = scene.ask(&scene.alice.session, GetInviteCode { group_id: group.clone() }).await;
        let invite = Invite::Code(code.expect("a code"));
        let joined =
            scene.perform(&scene.bob.session, "join-1", JoinGroup { invite: invite.clone() }).await;
        let joined = joined.expect("joined");
        assert_eq!((&joined.value.group_id, joined.value.outcome), (&group, JoinOutcome::Joined));
        scene.is_followed_by_bob(&group).await;
        assert!(scene.seen(&scene.bob, &group).await.is_some());
    }
    .boxed()
}

fn requests(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let made = scene.create(vec![person(1)], "request-0").await;
        let group = made.value.group_id;
        let session = &scene.alice.session;
        let on = Setting::MembershipApproval(true);
        scene
            .perform(session, "request-1", ChangeSetting { group_id: group.clone(), setting: on })
            .await
            .expect("set");
        let code =
            scene.ask(session, GetInviteCode { group_id: group.clone() }).await.expect("a code");
        let invite = Invite::Code(code.clone());
        let asked = scene
            .perform(&scene.bob.session, "request-2", JoinGroup { invite: invite.clone() })
            .await;
        assert_eq!(asked.expect("asked").value.outcome, JoinOutcome::PendingApproval);
        scene.stage.act(person(3), Outside::JoinByInvite(code)).await;
        scene.stage.act(person(4), Outside::AskToJoin(group.clone())).await;
        let open = scene
            .ask(session, ListJoinRequests { group_id: group.clone() })
            .await
            .expect("requests");
        assert_eq!(open.len(), 3);
        let people = [scene.bob.account.id(), person(5)];
        let approve = RequestAnswer::Approve;
        let answer = scene
            .perform(
                session,
                "request-3",
                AnswerJoinRequests {
                    group_id: group.clone(),
                    answer: approve,
                    participants: people.to_vec(),
                },
            )
            .await;
        let answer = answer.expect("approved");
        let statuses: Vec<_> = answer.value.iter().map(|result| result.status).collect();
        assert_eq!(statuses, [ParticipantStatus::Ok, ParticipantStatus::RequestNotFound]);
        scene.is_followed_by_bob(&group).await;
        let reject = RequestAnswer::Reject;
        let answer = scene
            .perform(
                session,
                "request-4",
                AnswerJoinRequests {
                    group_id: group.clone(),
                    answer: reject,
                    participants: vec![person(3)],
                },
            )
            .await;
        assert_eq!(answer.expect("rejected").value[0].status, ParticipantStatus::Ok);
        let open = scene
            .ask(session, ListJoinRequests { group_id: group.clone() })
            .await
            .expect("requests");
        assert_eq!(open.len(), 1);
    }
    .boxed()
}

fn leaves(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        let key = format!("leave-{group}");
        let before = scene.seen(&scene.alice, &group).await;
        let left =
            scene.perform(&scene.alice.session, &key, LeaveGroup { group_id: group.clone() }).await;
        scene.converges(before, &left.expect("left"), &key).await;
        assert_eq!(scene.seen(&scene.alice, &group).await, None);
        assert!(scene.seen(&scene.bob, &group).await.is_some());
    }
    .boxed()
}

fn looks(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let group = scene.group().await;
        let all = scene.ask(&scene.bob.session, FetchAll {}).await.expect("a list");
        let now = scene.seen(&scene.bob, &group).await.expect("the group");
        let fetched = scene
            .ask(&scene.bob.session, FetchGroup { group_id: group.clone() })
            .await
            .expect("a look");
        let fetched = fetched.group.expect("the group");
        let read = |group: &Group| scene.stage.as_read(group.clone());
        if fetched.partial {
            assert!(!scene.stage.lists_live(), "only a cache can be older than a group");
            assert_eq!(read(&fetched).participants(), read(&now).participants());
        } else {
            assert_eq!(read(&fetched), read(&now));
        }
        assert_eq!(all.max_age.is_zero(), scene.stage.lists_live());
        // A cached list may be older than the group.
        if scene.stage.lists_live() {
            let listed = all.groups.iter().find(|listed| listed.id == group).expect("the group");
            assert_eq!(read(listed), read(&now));
        }
    }
    .boxed()
}

/// A device is unlinked, and linked again; what was told meanwhile comes, and nothing comes twice.
fn links(scene: &Scene) -> BoxFuture<'_, ()> {
    async move {
        let session = "dora".parse().expect("a name");
        let wish = RequestedAccount::default();
        scene.engine.configure(&session, &scene.config);
        let login = scene.engine.log_in(&session, &wish).await.expect("a login");
        let login = login.expect("an account");
        assert_eq!(scene.engine.start(&session).await.expect("a start"), Started::Online);
        eventually("it is online", || async {
            scene.inbox.heard(&session, &ConnectionEvent::Online).then_some(())
        })
        .await;
        scene.engine.log_out(&session).await.expect("unlinked");
        // A server of others knows nobody once the device is unlinked.
        let again = scene.engine.log_in(&session, &wish).await.expect("known");
        assert!(again.is_none_or(|again| again.account == login.account));
        eventually("there is a code to scan", || async {
            match scene.engine.start(&session).await.expect("a start") {
                Started::Pairing(code) => Some(code),
                Started::Online => panic!("nobody has linked it"),
                Started::Connecting => None,
            }
        })
        .await;
        let phone = login.account.phone().expect("a number");
        let code = scene.engine.request_pairing_code(&session, phone).await.expect("a code");
        assert_eq!(code.code.len(), 8);
        let heard = scene.inbox.connection_news(&session);
        scene.stage.link(&session).await;
        // That it is linked, or that it is online: either makes the service log in again.
        eventually("it is linked", || async {
            (scene.inbox.connection_news(&session) > heard).then_some(())
        })
        .await;
        scene.engine.log_in(&session, &wish).await.expect("a login").expect("an account");
        assert_eq!(scene.engine.start(&session).await.expect("a start"), Started::Online);

        scene.engine.stop(&session).await.expect("stopped");
        let made = scene.create(vec![login.account.id()], "link-1").await;
        let connected = scene.inbox.connection_news(&session);
        scene.engine.start(&session).await.expect("a start");
        if !scene.stage.keeps_news() {
            eventually("it is online", || async {
                (scene.inbox.connection_news(&session) > connected).then_some(())
            })
            .await;
            return scene.engine.forget(&session).await.expect("forgotten");
        }
        let heard = || async {
            let told = scene.inbox.told(&session);
            let of_group = told.iter().flat_map(|n| &n.observations);
            let count = of_group.filter(|o| o.group_id == made.value.group_id).count();
            (count > 0).then_some(count)
        };
        assert_eq!(eventually("what it missed", heard).await, 1);
        scene.engine.forget(&session).await.expect("forgotten");
    }
    .boxed()
}
