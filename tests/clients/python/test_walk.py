"""Every RPC that this version serves, called once, in the order in which an application might."""

from __future__ import annotations

import base64
from typing import Iterator

import grpc
import pytest
from google.protobuf import duration_pb2, field_mask_pb2
from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import sessions_pb2, simulator_pb2

from harness import PATIENCE, Api, Service, eventually, new_request_id, phone_number, phone_of
from wagroups_client import explain

SERVICES = {
    service.name: service
    for file in (pb.DESCRIPTOR, sessions_pb2.DESCRIPTOR, simulator_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
}


class Recorder(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Notes which methods were called."""

    def __init__(self) -> None:
        self.methods = set()

    def intercept_unary_unary(self, continuation, client_call_details, request):
        self.methods.add(client_call_details.method)
        return continuation(client_call_details, request)

    intercept_unary_stream = intercept_unary_unary


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def walking_api(service: Service, recorder: Recorder) -> Iterator[Api]:
    with service.channel() as channel:
        yield Api(grpc.intercept_channel(channel, recorder))


def test_every_rpc_is_walked(walking_api: Api, recorder: Recorder) -> None:
    walk_sessions(walking_api)
    walk_groups(walking_api)
    walk_settings(walking_api)
    walk_joining(walking_api)
    walk_join_requests(walking_api)
    walk_pictures(walking_api)
    walk_comparison_and_deletion(walking_api)
    walk_simulator(walking_api)
    contract = {
        f"/{service.full_name}/{method.name}"
        for service in SERVICES.values()
        for method in service.methods
    }
    assert recorder.methods == contract


def walk_sessions(api: Api) -> None:
    sessions = api.sessions
    name = f"walk-{new_request_id()[:8]}"
    created = sessions.CreateSession(
        sessions_pb2.CreateSessionRequest(session=name, metadata={"team": "sales"}), timeout=PATIENCE
    ).session
    assert (created.name, created.engine) == (name, sessions_pb2.ENGINE_SIMULATOR)
    assert created.desired_running
    assert created.metadata == {"team": "sales"}

    def status() -> int:
        return sessions.GetSession(sessions_pb2.GetSessionRequest(session=name), timeout=PATIENCE).session.status

    eventually("the session works", lambda: status() == sessions_pb2.SESSION_STATUS_WORKING)
    listed = sessions.ListSessions(sessions_pb2.ListSessionsRequest(page_size=1000), timeout=PATIENCE).sessions
    assert name in [session.name for session in listed]

    updated = sessions.UpdateSession(
        sessions_pb2.UpdateSessionRequest(
            session=name, update_mask=field_mask_pb2.FieldMask(paths=["metadata"]), metadata={"team": "support"}
        ),
        timeout=PATIENCE,
    )
    assert updated.changed and updated.session.metadata == {"team": "support"}

    stopped = sessions.StopSession(sessions_pb2.StopSessionRequest(session=name), timeout=PATIENCE)
    assert stopped.changed and not stopped.session.desired_running
    eventually("the session stops", lambda: status() == sessions_pb2.SESSION_STATUS_STOPPED)
    started = sessions.StartSession(sessions_pb2.StartSessionRequest(session=name), timeout=PATIENCE)
    assert started.changed and started.session.desired_running
    eventually("the session works again", lambda: status() == sessions_pb2.SESSION_STATUS_WORKING)

    walk_linking(api, name)
    deleted = sessions.DeleteSession(sessions_pb2.DeleteSessionRequest(session=name), timeout=PATIENCE)
    assert deleted.sequence == 1
    try:
        status()
    except grpc.RpcError as error:
        assert explain(error).reason == "SESSION_NOT_FOUND"
    else:
        raise AssertionError("the session is still there")


def walk_linking(api: Api, name: str) -> None:
    """Unlinks the device, and links it again with a code that somebody types into the phone."""
    sessions = api.sessions
    watch = sessions.WatchSession(sessions_pb2.WatchSessionRequest(session=name), timeout=PATIENCE)
    assert next(watch).session.name == name

    def wait_for(status: int) -> sessions_pb2.WatchSessionResponse:
        return next(state for state in watch if state.session.status == status)

    unlinked = sessions.LogoutSession(sessions_pb2.LogoutSessionRequest(session=name), timeout=PATIENCE)
    assert unlinked.changed and unlinked.session.status == sessions_pb2.SESSION_STATUS_LOGGED_OUT
    wait_for(sessions_pb2.SESSION_STATUS_LOGGED_OUT)
    sessions.StartSession(sessions_pb2.StartSessionRequest(session=name), timeout=PATIENCE)
    state = next(
        state
        for state in watch
        if state.session.status == sessions_pb2.SESSION_STATUS_SCAN_QR_CODE and state.qr_code.value
    )
    assert state.qr_code.value
    code = sessions.RequestPairingCode(
        sessions_pb2.RequestPairingCodeRequest(session=name, phone_number=state.session.account.phone_number_id),
        timeout=PATIENCE,
    ).pairing_code
    assert len(code.code) == 8
    assert next(state for state in watch if state.pairing_code.code).pairing_code == code
    api.simulator.LinkDevice(simulator_pb2.LinkDeviceRequest(session=name), timeout=PATIENCE)
    wait_for(sessions_pb2.SESSION_STATUS_WORKING)
    watch.cancel()


def walk_groups(api: Api) -> None:
    session = api.new_session()
    groups = api.groups
    ann, ben, eve = phone_number(), phone_number(), phone_number()

    # Follow what comes. The first response holds a token: nothing that follows is missed.
    watch = groups.WatchGroupEvents(pb.WatchGroupEventsRequest(sessions=[session.name]), timeout=PATIENCE)
    assert next(watch).resume_token

    created = groups.CreateGroup(
        pb.CreateGroupRequest(
            session=session.name,
            request_id=new_request_id(),
            subject="Walkers",
            description="Sundays at nine",
            participant_ids=[ann, f"+{ben}"],
        ),
        timeout=PATIENCE,
    )
    assert [result.status for result in created.results] == [pb.PARTICIPANT_STATUS_OK] * 2
    group_id = created.group.id
    this = {"session": session.name, "group_id": group_id}

    # A read with the sequence of a mutation shows what was written, on any replica.
    read = groups.GetGroup(pb.GetGroupRequest(**this, min_sequence=created.sequence), timeout=PATIENCE)
    assert read.group == created.group
    assert read.as_of_sequence >= created.sequence
    page = groups.ListGroups(pb.ListGroupsRequest(session=session.name, view=pb.GROUP_VIEW_FULL), timeout=PATIENCE)
    assert list(page.groups) == [created.group]
    assert groups.CountGroups(pb.CountGroupsRequest(session=session.name), timeout=PATIENCE).count == 1

    renamed = groups.SetGroupSubject(pb.SetGroupSubjectRequest(**this, subject="Hikers"), timeout=PATIENCE)
    assert renamed.changed and renamed.group.subject == "Hikers"
    described = groups.SetGroupDescription(
        pb.SetGroupDescriptionRequest(**this, description="Sundays at eight"), timeout=PATIENCE
    )
    assert described.changed and described.group.description == "Sundays at eight"

    added = groups.AddParticipants(pb.AddParticipantsRequest(**this, participant_ids=[eve]), timeout=PATIENCE)
    assert added.changed and added.group.member_count == 4
    promoted = groups.PromoteParticipants(
        pb.PromoteParticipantsRequest(**this, participant_ids=[ann]), timeout=PATIENCE
    )
    assert promoted.results[0].participant.role == pb.ROLE_ADMIN
    demoted = groups.DemoteParticipants(
        pb.DemoteParticipantsRequest(**this, participant_ids=[ann]), timeout=PATIENCE
    )
    assert demoted.results[0].participant.role == pb.ROLE_PARTICIPANT
    removed = groups.RemoveParticipants(
        pb.RemoveParticipantsRequest(**this, participant_ids=[eve]), timeout=PATIENCE
    )
    assert removed.results[0].participant.role == pb.ROLE_LEFT

    members = groups.ListParticipants(pb.ListParticipantsRequest(**this), timeout=PATIENCE).participants
    assert {ann, ben} < {phone_of(member) for member in members}

    left = groups.LeaveGroup(pb.LeaveGroupRequest(**this), timeout=PATIENCE)
    assert left.changed

    # The log and the watch tell the same story, an event for each change.
    log = groups.ListGroupEvents(
        pb.ListGroupEventsRequest(session=session.name, order=pb.EVENT_ORDER_OLDEST_FIRST), timeout=PATIENCE
    )
    assert [event.type for event in log.events] == [
        pb.EVENT_TYPE_JOINED,
        pb.EVENT_TYPE_UPDATED,
        pb.EVENT_TYPE_UPDATED,
        pb.EVENT_TYPE_PARTICIPANTS_CHANGED,
        pb.EVENT_TYPE_PARTICIPANTS_CHANGED,
        pb.EVENT_TYPE_PARTICIPANTS_CHANGED,
        pb.EVENT_TYPE_PARTICIPANTS_CHANGED,
        pb.EVENT_TYPE_LEFT,
    ]
    seen = []
    while len(seen) < len(log.events):
        seen.extend(next(watch).events)
    watch.cancel()
    assert seen == list(log.events)


def walk_settings(api: Api) -> None:
    session = api.new_session()
    groups = api.groups
    this = {"session": session.name, "group_id": session.create_group("Rules").group.id}
    day = duration_pb2.Duration(seconds=86_400)
    settings = [
        ("InfoAdminOnly", "info_admin_only", True),
        ("MessagesAdminOnly", "messages_admin_only", True),
        ("MemberAddMode", "member_add_mode", pb.MEMBER_ADD_MODE_ADMINS),
        ("MembershipApproval", "membership_approval", True),
        ("MemberShareHistory", "member_share_history", True),
        ("DisappearingTimer", "disappearing_timer", day),
    ]
    for name, field, value in settings:
        change = getattr(pb, f"Set{name}Request")(**this, **{field: value})
        changed = getattr(groups, f"Set{name}")(change, timeout=PATIENCE)
        assert changed.changed and getattr(changed.group.settings, field) == value
        again = getattr(groups, f"Set{name}")(change, timeout=PATIENCE)
        assert not again.changed and again.sequence == changed.sequence
        read = getattr(groups, f"Get{name}")(getattr(pb, f"Get{name}Request")(**this), timeout=PATIENCE)
        assert getattr(read, field) == value and read.as_of_sequence == changed.sequence


def walk_joining(api: Api) -> None:
    host, guest = api.new_session(), api.new_session()
    groups = api.groups
    this = {"session": host.name, "group_id": host.create_group("Open house").group.id}
    first = groups.GetInviteCode(pb.GetInviteCodeRequest(**this), timeout=PATIENCE)
    assert first.invite_url == f"https://chat.whatsapp.com/{first.invite_code}"

    link = f"{first.invite_url}?mode=gi_t"
    preview = groups.GetJoinInfo(
        pb.GetJoinInfoRequest(session=guest.name, invite_code=link), timeout=PATIENCE
    ).preview
    assert (preview.subject, preview.member_count) == ("Open house", 1)
    joined = groups.JoinGroup(
        pb.JoinGroupRequest(session=guest.name, request_id=new_request_id(), invite_code=link), timeout=PATIENCE
    )
    assert joined.outcome == pb.JOIN_OUTCOME_JOINED and joined.group.member_count == 2

    second = groups.RevokeInviteCode(pb.RevokeInviteCodeRequest(**this), timeout=PATIENCE)
    assert second.changed and second.invite_code != first.invite_code
    read = groups.GetInviteCode(pb.GetInviteCodeRequest(**this), timeout=PATIENCE)
    assert read.invite_code == second.invite_code


def walk_join_requests(api: Api) -> None:
    session = api.new_session()
    groups = api.groups
    group_id = session.create_group("By approval").group.id
    this = {"session": session.name, "group_id": group_id}
    groups.SetMembershipApproval(
        pb.SetMembershipApprovalRequest(**this, membership_approval=True), timeout=PATIENCE
    )
    ann, ben = phone_number(), phone_number()
    for person in (ann, ben):
        api.simulator.Act(
            simulator_pb2.ActRequest(
                actor=person, group_id=group_id, request_to_join=simulator_pb2.RequestToJoinAction()
            ),
            timeout=PATIENCE,
        )
    asked = groups.ListJoinRequests(pb.ListJoinRequestsRequest(**this), timeout=PATIENCE).join_requests
    assert [phone_of(request.requester) for request in asked] == [ann, ben]
    approved = groups.ApproveJoinRequests(
        pb.ApproveJoinRequestsRequest(**this, participant_ids=[ann]), timeout=PATIENCE
    )
    assert approved.results[0].status == pb.PARTICIPANT_STATUS_OK and approved.group.member_count == 2
    rejected = groups.RejectJoinRequests(
        pb.RejectJoinRequestsRequest(**this, participant_ids=[ben]), timeout=PATIENCE
    )
    assert rejected.results[0].status == pb.PARTICIPANT_STATUS_OK
    left = groups.ListJoinRequests(pb.ListJoinRequestsRequest(**this), timeout=PATIENCE).join_requests
    assert not left


# A PNG of two by two pixels.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGP8z8DAwMDAxMDAwMDAAAANHQEDasKb6QAAAABJRU5ErkJggg=="
)


def walk_pictures(api: Api) -> None:
    session = api.new_session()
    groups = api.groups
    this = {"session": session.name, "group_id": session.create_group("Pictures").group.id}
    changed = groups.SetGroupPicture(pb.SetGroupPictureRequest(**this, data=PNG), timeout=PATIENCE)
    assert changed.changed and changed.group.picture_id
    read = groups.GetGroupPicture(pb.GetGroupPictureRequest(**this), timeout=PATIENCE).picture
    assert read.picture_id == changed.group.picture_id and read.data.startswith(b"\xff\xd8\xff")
    removed = groups.DeleteGroupPicture(pb.DeleteGroupPictureRequest(**this), timeout=PATIENCE)
    assert removed.changed and not removed.group.picture_id


def walk_comparison_and_deletion(api: Api) -> None:
    session = api.new_session()
    groups = api.groups
    ann, ben = phone_number(), phone_number()
    group_id = session.create_group("Short lived", ann).group.id
    # WhatsApp forgets to tell us, and a comparison finds it.
    api.simulator.InjectFault(
        simulator_pb2.InjectFaultRequest(
            session=session.name, lose_notifications=simulator_pb2.LoseNotificationsFault()
        ),
        timeout=PATIENCE,
    )
    api.simulator.Act(
        simulator_pb2.ActRequest(actor=ben, group_id=group_id, walk_in=simulator_pb2.WalkInAction()),
        timeout=PATIENCE,
    )
    eventually(
        "the comparison finds the newcomer",
        lambda: groups.RefreshGroups(pb.RefreshGroupsRequest(session=session.name), timeout=PATIENCE).group_count == 1
        and session.get_group(group_id).member_count == 3,
    )
    assert session.events()[-1].origin == pb.ORIGIN_RECONCILED

    deleted = groups.DeleteGroup(
        pb.DeleteGroupRequest(session=session.name, group_id=group_id, request_id=new_request_id()),
        timeout=PATIENCE,
    )
    assert (deleted.state, deleted.removed_count) == (pb.DELETION_STATE_COMPLETED, 2)
    assert session.events()[-1].type == pb.EVENT_TYPE_LEFT


def walk_simulator(api: Api) -> None:
    session = api.new_session()
    simulator = api.simulator
    ann = phone_number()
    put = simulator.PutAccount(
        simulator_pb2.PutAccountRequest(
            account=simulator_pb2.SimulatorAccount(phone_number_id=ann, push_name="Ann")
        ),
        timeout=PATIENCE,
    ).account
    got = simulator.GetAccount(simulator_pb2.GetAccountRequest(id=put.lid), timeout=PATIENCE).account
    assert got == put and got.push_name == "Ann"

    group_id = session.create_group("Others act", ann).group.id
    fault = simulator.InjectFault(
        simulator_pb2.InjectFaultRequest(
            session=session.name,
            uses=-1,
            duplicate_notifications=simulator_pb2.DuplicateNotificationsFault(count=2),
        ),
        timeout=PATIENCE,
    )
    acted = simulator.Act(
        simulator_pb2.ActRequest(
            actor=ann, group_id=group_id, change_subject=simulator_pb2.ChangeSubjectAction(subject="Ann's")
        ),
        timeout=PATIENCE,
    )
    assert acted.changed
    # Told three times by WhatsApp, and then once more, it is one event.
    assert session.wait_for_events(2)[1].updated.changes[0].subject.current.text == "Ann's"
    cleared = simulator.ClearFaults(
        simulator_pb2.ClearFaultsRequest(fault_ids=[fault.fault_id]), timeout=PATIENCE
    )
    assert cleared.cleared_count == 1
    replayed = simulator.ReplayNotifications(
        simulator_pb2.ReplayNotificationsRequest(session=session.name), timeout=PATIENCE
    )
    assert replayed.replayed_count == 1
    assert len(session.events()) == 2

    world = simulator.GetWorldGroup(
        simulator_pb2.GetWorldGroupRequest(group_id=group_id, viewer_id=session.account.id), timeout=PATIENCE
    )
    assert world.group == session.get_group(group_id)
    listed = simulator.ListWorldGroups(simulator_pb2.ListWorldGroupsRequest(member_id=ann), timeout=PATIENCE)
    assert [group.id for group in listed.groups] == [group_id]

    calls = simulator.ListCalls(
        simulator_pb2.ListCallsRequest(session=session.name, applied_only=True), timeout=PATIENCE
    ).calls
    assert [call.operation for call in calls] == ["CreateGroup"]
    counted = simulator.GetStatistics(
        simulator_pb2.GetStatisticsRequest(session=session.name), timeout=PATIENCE
    )
    assert counted.notification_count == 2 and not counted.repeated_request_ids
