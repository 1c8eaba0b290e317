"""Every RPC that this version serves, called once, in the order in which an application might."""

from __future__ import annotations

from typing import Iterator

import grpc
import pytest
from google.protobuf import descriptor
from google.rpc import error_details_pb2
from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import sessions_pb2, simulator_pb2

from harness import PATIENCE, Api, Service, eventually, new_request_id, phone_number, phone_of, refused
from wagroups_client import explain

# In the contract, and answered NOT_IMPLEMENTED until a later version serves them.
LATER = {
    "GroupsService": {
        "RefreshGroups",
        "DeleteGroup",
        "JoinGroup",
        "GetJoinInfo",
        "GetGroupPicture",
        "SetGroupPicture",
        "DeleteGroupPicture",
        "GetInfoAdminOnly",
        "SetInfoAdminOnly",
        "GetMessagesAdminOnly",
        "SetMessagesAdminOnly",
        "GetMemberAddMode",
        "SetMemberAddMode",
        "GetMembershipApproval",
        "SetMembershipApproval",
        "GetMemberShareHistory",
        "SetMemberShareHistory",
        "GetDisappearingTimer",
        "SetDisappearingTimer",
        "ListJoinRequests",
        "ApproveJoinRequests",
        "RejectJoinRequests",
        "GetInviteCode",
        "RevokeInviteCode",
    },
    "SessionsService": {"UpdateSession", "LogoutSession", "RequestPairingCode", "WatchSession"},
    "SimulatorService": {"ListCalls", "GetStatistics"},
}
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
    walk_simulator(walking_api)
    served = {
        f"/{service.full_name}/{method.name}"
        for service in SERVICES.values()
        for method in service.methods
        if method.name not in LATER[service.name]
    }
    assert recorder.methods == served


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

    stopped = sessions.StopSession(sessions_pb2.StopSessionRequest(session=name), timeout=PATIENCE)
    assert stopped.changed and not stopped.session.desired_running
    eventually("the session stops", lambda: status() == sessions_pb2.SESSION_STATUS_STOPPED)
    started = sessions.StartSession(sessions_pb2.StartSessionRequest(session=name), timeout=PATIENCE)
    assert started.changed and started.session.desired_running
    eventually("the session works again", lambda: status() == sessions_pb2.SESSION_STATUS_WORKING)

    deleted = sessions.DeleteSession(sessions_pb2.DeleteSessionRequest(session=name), timeout=PATIENCE)
    assert deleted.sequence == 1
    try:
        status()
    except grpc.RpcError as error:
        assert explain(error).reason == "SESSION_NOT_FOUND"
    else:
        raise AssertionError("the session is still there")


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
    assert session.wait_for_events(2)[1].updated.changes[0].subject.new.text == "Ann's"
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


@pytest.mark.parametrize(
    ("service_name", "method"),
    [(service, method) for service, methods in LATER.items() for method in sorted(methods)],
)
def test_rpcs_of_later_versions_say_so(api: Api, service_name: str, method: str) -> None:
    rpc: descriptor.MethodDescriptor = SERVICES[service_name].methods_by_name[method]
    stub = {"GroupsService": api.groups, "SessionsService": api.sessions, "SimulatorService": api.simulator}
    failure = refused(getattr(stub[service_name], method), rpc.input_type._concrete_class())
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED")
    assert set(failure.metadata) == {"method"}
    assert list(failure.details) == [error_details_pb2.ErrorInfo]
