//! What the accounts and the strangers do, and what goes wrong meanwhile.

use tonic::{Code, Status};
use wagroups::pb;
use wagroups::pb::act_request::Action;
use wagroups::pb::inject_fault_request::Fault;

use super::chance::Chance;
use crate::harness::service::{Service, eventually, reason};

pub const SESSIONS: [&str; 3] = ["default", "bob", "carol"];
const STRANGERS: [&str; 6] = [
    "+491511000001",
    "+491511000002",
    "+491511000003",
    "+491511000004",
    "+491511000403",
    "+491511000404",
];
/// A community that nobody here is in.
const COMMUNITY: &str = "120363999999999999@g.us";
const TEXTS: [&str; 4] = ["Reading circle", "Chess", "Ελληνικά", "🎉 party"];

/// Who is there, and what they have made so far.
pub struct People {
    /// The sessions' numbers, in the order of [`SESSIONS`].
    numbers: Vec<String>,
    groups: Vec<String>,
    /// Requests that may be sent again under the id that they had.
    renames: Vec<pb::SetGroupSubjectRequest>,
}

/// Any end of a call is fine but a fault of ours.
fn survived<T>(answer: Result<tonic::Response<T>, Status>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer.into_inner()),
        Err(status) => {
            let reason = reason(&status);
            assert_ne!(reason, "INTERNAL", "{status:?}");
            assert_ne!(reason, "NOT_IMPLEMENTED", "{status:?}");
            assert_ne!(reason, "INVALID_REQUEST", "{status:?}");
            assert_ne!(status.code(), Code::Internal, "{status:?}");
            None
        }
    }
}

impl People {
    pub async fn begin(service: &Service) -> Self {
        let mut numbers = Vec::new();
        for session in SESSIONS {
            service.create_session(session).await;
            let request = pb::GetSessionRequest { session: session.into() };
            let session = service.sessions().get_session(request).await.expect("a session");
            let account = session.into_inner().session.and_then(|session| session.account);
            numbers.push(account.expect("an account").phone_number_id);
        }
        Self { numbers, groups: Vec::new(), renames: Vec::new() }
    }

    pub async fn act(&mut self, service: &Service, chance: &mut Chance) {
        if self.groups.is_empty() || (self.groups.len() < 6 && chance.one_in(12)) {
            self.make_a_group(service, chance).await;
            return;
        }
        match chance.below(20) {
            0..=8 => self.call(service, chance).await,
            9..=15 => self.script(service, chance).await,
            16..=18 => self.go_wrong(service, chance).await,
            _ => self.look(service, chance).await,
        }
    }

    fn someone(&self, chance: &mut Chance) -> Vec<String> {
        let strangers = STRANGERS.iter().map(|number| (*number).to_owned());
        let all: Vec<String> = self.numbers.iter().cloned().chain(strangers).collect();
        chance.some(&all, 3)
    }

    async fn make_a_group(&mut self, service: &Service, chance: &mut Chance) {
        let session = (*chance.of(&SESSIONS)).to_owned();
        let made = if chance.one_in(3) {
            let create = pb::CreateGroupAction {
                subject: (*chance.of(&TEXTS)).into(),
                participant_ids: self.someone(chance),
                addressing_mode: if chance.one_in(2) {
                    pb::AddressingMode::PhoneNumber.into()
                } else {
                    pb::AddressingMode::Lid.into()
                },
            };
            let actor = (*chance.of(&STRANGERS[..4])).to_owned();
            act(service, actor, "", Action::CreateGroup(create), false).await.map(|a| a.group_id)
        } else {
            let participant_ids = self.someone(chance);
            let request = pb::CreateGroupRequest {
                session,
                subject: (*chance.of(&TEXTS)).into(),
                participant_ids,
                ..Default::default()
            };
            let made = survived(service.groups().create_group(request).await);
            made.and_then(|made| made.group).map(|group| group.id)
        };
        self.groups.extend(made);
    }

    /// One of our sessions calls.
    async fn call(&mut self, service: &Service, chance: &mut Chance) {
        let session = (*chance.of(&SESSIONS)).to_owned();
        let group_id = chance.of(&self.groups).clone();
        let request_id = chance.request_id();
        let participant_ids = self.someone(chance);
        let mut groups = service.groups();
        macro_rules! send {
            ($rpc:ident, $request:ident { $($field:ident $(: $value:expr)?),* $(,)? }) => {{
                let request = pb::$request { session, group_id, request_id, $($field $(: $value)?),* };
                survived(groups.$rpc(request).await).map(drop)
            }};
        }
        match chance.below(17) {
            0 => send!(leave_group, LeaveGroupRequest {}),
            1 | 2 => {
                let subject = (*chance.of(&TEXTS)).to_owned();
                let request = pb::SetGroupSubjectRequest { session, group_id, request_id, subject };
                self.renames.push(request.clone());
                survived(groups.set_group_subject(request).await).map(drop)
            }
            3 if !self.renames.is_empty() => {
                let request = chance.of(&self.renames).clone();
                survived(groups.set_group_subject(request).await).map(drop)
            }
            3 | 4 => {
                let description = (*chance.of(&TEXTS)).to_owned();
                let expected_description_id = String::new();
                send!(
                    set_group_description,
                    SetGroupDescriptionRequest {
                        description: Some(description),
                        expected_description_id
                    }
                )
            }
            5 | 6 => send!(add_participants, AddParticipantsRequest { participant_ids }),
            7 => send!(remove_participants, RemoveParticipantsRequest { participant_ids }),
            8 => send!(promote_participants, PromoteParticipantsRequest { participant_ids }),
            9 => send!(demote_participants, DemoteParticipantsRequest { participant_ids }),
            10 => send!(
                set_info_admin_only,
                SetInfoAdminOnlyRequest { info_admin_only: Some(chance.one_in(2)) }
            ),
            11 => send!(
                set_membership_approval,
                SetMembershipApprovalRequest { membership_approval: Some(chance.one_in(2)) }
            ),
            12 => {
                let seconds = *chance.of(&[0, 86_400]);
                let disappearing_timer = Some(prost_types::Duration { seconds, nanos: 0 });
                send!(set_disappearing_timer, SetDisappearingTimerRequest { disappearing_timer })
            }
            13 => {
                let invite_code = code_of(service, &group_id).await;
                let invite = Some(pb::join_group_request::Invite::InviteCode(invite_code));
                let request = pb::JoinGroupRequest { session, request_id, invite };
                survived(groups.join_group(request).await).map(drop)
            }
            14 => send!(approve_join_requests, ApproveJoinRequestsRequest { participant_ids }),
            15 => send!(reject_join_requests, RejectJoinRequestsRequest { participant_ids }),
            _ => send!(revoke_invite_code, RevokeInviteCodeRequest {}),
        };
    }

    /// Someone else does something.
    async fn script(&mut self, service: &Service, chance: &mut Chance) {
        let group_id = chance.of(&self.groups).clone();
        let force = chance.one_in(3);
        let everyone: Vec<String> = self
            .numbers
            .iter()
            .cloned()
            .chain(STRANGERS[..4].iter().map(|n| (*n).into()))
            .collect();
        let actor = chance.of(&everyone).clone();
        let participant_ids = self.someone(chance);
        let action = match chance.below(19) {
            17 if self.numbers.contains(&actor) => Action::WalkIn(pb::WalkInAction {}),
            17 => Action::ChangeNumber(pb::ChangeNumberAction {
                new_phone_number: format!("+49152{:07}", chance.below(10_000_000)),
            }),
            0 => Action::WalkIn(pb::WalkInAction {}),
            1 => Action::Leave(pb::LeaveAction {}),
            2 | 3 => Action::AddParticipants(pb::AddParticipantsAction { participant_ids }),
            4 => Action::RemoveParticipants(pb::RemoveParticipantsAction { participant_ids }),
            5 => Action::PromoteParticipants(pb::PromoteParticipantsAction { participant_ids }),
            6 => Action::DemoteParticipants(pb::DemoteParticipantsAction { participant_ids }),
            7 => Action::ChangeSubject(pb::ChangeSubjectAction {
                subject: (*chance.of(&TEXTS)).into(),
            }),
            8 => Action::ChangeDescription(pb::ChangeDescriptionAction {
                description: Some((*chance.of(&["", "a", "b"])).into()),
            }),
            9 => Action::ChangeSettings(pb::ChangeSettingsAction {
                messages_admin_only: Some(chance.one_in(2)),
                member_share_history: Some(chance.one_in(2)),
                ..Default::default()
            }),
            10 => Action::JoinByInvite(pb::JoinByInviteAction {
                invite_code: code_of(service, &group_id).await,
            }),
            11 => Action::RequestToJoin(pb::RequestToJoinAction {}),
            12 => Action::CancelJoinRequest(pb::CancelJoinRequestAction {}),
            13 => Action::ApproveJoinRequests(pb::ApproveJoinRequestsAction { participant_ids }),
            14 => {
                let jpeg = [&[0xff, 0xd8, 0xff][..], &[0; 20]].concat();
                let data = if chance.one_in(3) { Vec::new() } else { jpeg };
                Action::ChangePicture(pb::ChangePictureAction { data: Some(data.into()) })
            }
            15 => Action::MigrateToLid(pb::MigrateToLidAction {}),
            16 => Action::PlaceInCommunity(pb::PlaceInCommunityAction {
                kind: 1 + i32::try_from(chance.below(3)).expect("small"),
                parent_group_id: if chance.one_in(2) {
                    Some(COMMUNITY.into())
                } else {
                    Some(String::new())
                },
            }),
            _ => Action::Suspend(pb::SuspendAction { suspended: Some(chance.one_in(3)) }),
        };
        act(service, actor, &group_id, action, force).await;
    }

    async fn go_wrong(&mut self, service: &Service, chance: &mut Chance) {
        let milliseconds =
            |count: i32| prost_types::Duration { seconds: 0, nanos: count * 1_000_000 };
        let point = *chance.of(&[pb::FaultPoint::BeforeApply, pb::FaultPoint::AfterApply]);
        let fault = match chance.below(9) {
            0 => Fault::DuplicateNotifications(pb::DuplicateNotificationsFault { count: 2 }),
            1 | 2 => Fault::ReorderNotifications(pb::ReorderNotificationsFault { window: 3 }),
            3 => Fault::LoseNotifications(pb::LoseNotificationsFault {}),
            4 => Fault::DelayNotifications(pb::DelayNotificationsFault {
                duration: Some(milliseconds(20)),
            }),
            5 => Fault::DropConnection(pb::DropConnectionFault { point: point.into() }),
            6 => Fault::RateLimit(pb::RateLimitFault { backoff: Some(milliseconds(1)) }),
            7 => Fault::Disconnect(pb::DisconnectFault { duration: Some(milliseconds(5)) }),
            _ => Fault::Snapshot(pb::SnapshotFault {
                defect: (*chance.of(&[
                    pb::SnapshotDefect::MissingGroups,
                    pb::SnapshotDefect::MissingMembers,
                    pb::SnapshotDefect::BlankGroups,
                    pb::SnapshotDefect::Empty,
                    pb::SnapshotDefect::Stale,
                ]))
                .into(),
                ..Default::default()
            }),
        };
        let session = (*chance.of(&SESSIONS)).to_owned();
        let request = pb::InjectFaultRequest { session, fault: Some(fault), ..Default::default() };
        service.simulator().inject_fault(request).await.expect("a fault");
    }

    /// Reads go out too, and change what is known.
    async fn look(&mut self, service: &Service, chance: &mut Chance) {
        let session = (*chance.of(&SESSIONS)).to_owned();
        let group_id = chance.of(&self.groups).clone();
        let mut groups = service.groups();
        match chance.below(4) {
            0 => {
                let request =
                    pb::GetGroupRequest { session, group_id, refresh: true, ..Default::default() };
                survived(groups.get_group(request).await);
            }
            1 => {
                let request =
                    pb::ListJoinRequestsRequest { session, group_id, ..Default::default() };
                survived(groups.list_join_requests(request).await);
            }
            2 => {
                let request = pb::RefreshGroupsRequest { session, ..Default::default() };
                survived(groups.refresh_groups(request).await);
            }
            _ => {
                let (count, reverse) = (10, chance.one_in(2));
                let request = pb::ReplayNotificationsRequest { session, count, reverse };
                survived(service.simulator().replay_notifications(request).await);
            }
        }
    }

    /// Nothing goes wrong any more, and everyone is connected.
    pub async fn come_to_rest(&self, service: &Service) {
        let all = pb::ClearFaultsRequest { all: true, ..Default::default() };
        service.simulator().clear_faults(all).await.expect("no faults");
        for session in SESSIONS {
            eventually("the session works", || async {
                let request = pb::GetSessionRequest { session: session.into() };
                let got = service.sessions().get_session(request).await.ok()?.into_inner();
                (got.session?.status() == pb::SessionStatus::Working).then_some(())
            })
            .await;
        }
    }
}

async fn act(
    service: &Service,
    actor: String,
    group_id: &str,
    action: Action,
    force: bool,
) -> Option<pb::ActResponse> {
    let (group_id, action) = (group_id.to_owned(), Some(action));
    let request = pb::ActRequest { actor, group_id, force, action };
    survived(service.simulator().act(request).await)
}

/// The invite code of a group, or some other where the group is gone.
async fn code_of(service: &Service, group_id: &str) -> String {
    let request = pb::GetWorldGroupRequest { group_id: group_id.into(), ..Default::default() };
    let group = survived(service.simulator().get_world_group(request).await);
    group.map_or_else(|| "AAAAAAAAAAAAAAAAAAAAAA".to_owned(), |group| group.invite_code)
}
