"""What is malformed is refused with all its faults at once, by field path, and changes nothing."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import simulator_pb2

from harness import Api, Session, refused

A = "4915100000001"
PEOPLE = [A, "abc", "+49 151 00000001", "12@g.us", "491@lid.example"]
BAD_PEOPLE = {"participant_ids[1]", "participant_ids[2]", "participant_ids[3]", "participant_ids[4]"}
BAD_GROUP = {"session": "no spaces!", "group_id": "123"}
BAD_MUTATION = {**BAD_GROUP, "request_id": "not-a-uuid"}
BAD_FILTER = pb.GroupFilter(
    subject_contains="x" * 101, member_id="?", my_roles=[pb.ROLE_LEFT, 88], changed_after_sequence_exclusive=-1
)
FILTER_PATHS = {
    "filter.subject_contains",
    "filter.member_id",
    "filter.my_roles[0]",
    "filter.my_roles[1]",
    "filter.changed_after_sequence_exclusive",
}

CASES = [
    (
        "CreateGroup",
        pb.CreateGroupRequest(
            session="no spaces!",
            request_id="not-a-uuid",
            subject=" \t ",
            description="x" * 2049,
            participant_ids=PEOPLE,
            settings=pb.GroupSettings(disappearing_timer=Duration(seconds=-1), member_add_mode=77),
        ),
        {"session", "request_id", "subject", "description", "settings.disappearing_timer", "settings.member_add_mode"}
        | BAD_PEOPLE,
    ),
    ("CreateGroup", pb.CreateGroupRequest(session="s", subject="x" * 101), {"subject"}),
    ("CreateGroup", pb.CreateGroupRequest(), {"session", "subject"}),
    (
        "CreateGroup",
        pb.CreateGroupRequest(session="s", subject="x", participant_ids=[f"4917{n:07}" for n in range(1_024)]),
        {"participant_ids"},
    ),
    ("SetGroupSubject", pb.SetGroupSubjectRequest(**BAD_MUTATION), {*BAD_MUTATION, "subject"}),
    (
        "SetGroupDescription",
        pb.SetGroupDescriptionRequest(**BAD_MUTATION, description="x" * 2049),
        {*BAD_MUTATION, "description"},
    ),
    ("LeaveGroup", pb.LeaveGroupRequest(**BAD_MUTATION), {*BAD_MUTATION}),
    *[
        (verb, request(**BAD_MUTATION, participant_ids=people), {*BAD_MUTATION} | paths)
        for verb, request in [
            ("AddParticipants", pb.AddParticipantsRequest),
            ("RemoveParticipants", pb.RemoveParticipantsRequest),
            ("PromoteParticipants", pb.PromoteParticipantsRequest),
            ("DemoteParticipants", pb.DemoteParticipantsRequest),
        ]
        for people, paths in [
            ([], {"participant_ids"}),
            (PEOPLE, BAD_PEOPLE),
            ([f"4917{n:07}" for n in range(1_025)], {"participant_ids"}),
        ]
    ],
    (
        "ListGroups",
        pb.ListGroupsRequest(
            session="-", page_size=-1, view=99, order_by=99, filter=BAD_FILTER, min_sequence=-1
        ),
        {"session", "page_size", "view", "order_by", "min_sequence"} | FILTER_PATHS,
    ),
    (
        "CountGroups",
        pb.CountGroupsRequest(session="x" * 65, filter=BAD_FILTER, min_sequence=-1),
        {"session", "min_sequence"} | FILTER_PATHS,
    ),
    (
        "GetGroup",
        pb.GetGroupRequest(**BAD_GROUP, view=99, min_sequence=-1),
        {*BAD_GROUP, "view", "min_sequence"},
    ),
    (
        "ListParticipants",
        pb.ListParticipantsRequest(**BAD_GROUP, page_size=-1, roles=[pb.ROLE_ADMIN, pb.ROLE_LEFT], min_sequence=-1),
        {*BAD_GROUP, "page_size", "roles[1]", "min_sequence"},
    ),
    (
        "ListGroupEvents",
        pb.ListGroupEventsRequest(
            session="no spaces!",
            group_ids=["1@g.us", "nothing"],
            types=[pb.EVENT_TYPE_LEFT, 0, 99],
            after_sequence_exclusive=-1,
            until_sequence_inclusive=-1,
            start_time=Timestamp(seconds=1, nanos=-1),
            end_time=Timestamp(seconds=1 << 60),
            order=99,
            page_size=-1,
            min_sequence=-1,
        ),
        {
            "session",
            "group_ids[1]",
            "types[1]",
            "types[2]",
            "after_sequence_exclusive",
            "until_sequence_inclusive",
            "start_time",
            "end_time",
            "order",
            "page_size",
            "min_sequence",
        },
    ),
    (
        "ListGroupEvents",
        pb.ListGroupEventsRequest(session="s", group_ids=[f"{n}@g.us" for n in range(1_001)]),
        {"group_ids"},
    ),
    (
        "WatchGroupEvents",
        pb.WatchGroupEventsRequest(
            sessions=["fine", "no spaces!"],
            group_ids=["nothing"],
            types=[0],
            start_time=Timestamp(seconds=1),
            send_initial_state=True,
            progress_interval=Duration(nanos=1),
        ),
        {"sessions[1]", "group_ids[0]", "types[0]", "send_initial_state", "progress_interval"},
    ),
    (
        "WatchGroupEvents",
        pb.WatchGroupEventsRequest(
            sessions=[f"s{n}" for n in range(1_001)],
            group_ids=[f"{n}@g.us" for n in range(1_001)],
            progress_interval=Duration(seconds=601),
        ),
        {"sessions", "group_ids", "progress_interval"},
    ),
]


@pytest.mark.parametrize(("rpc", "message", "paths"), CASES, ids=[case[0] for case in CASES])
def test_all_bad_fields_are_named_at_once(api: Api, rpc: str, message, paths: set) -> None:
    failure = refused(getattr(api.groups, rpc), message)
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert set(failure.violations) == paths
    assert all(failure.violations.values()), "each says what would be right"
    assert failure.metadata == {}


def test_bad_fields_of_the_simulator(api: Api) -> None:
    act = simulator_pb2.ActRequest(actor="?", group_id="?", add_participants=simulator_pb2.AddParticipantsAction())
    failure = refused(api.simulator.Act, act)
    assert failure.reason == "INVALID_REQUEST"
    assert {"actor", "group_id", "add_participants.participant_ids"} == set(failure.violations)
    assert set(refused(api.simulator.Act, simulator_pb2.ActRequest(actor=A)).violations) >= {"action"}
    assert refused(api.simulator.GetAccount, simulator_pb2.GetAccountRequest(id="?")).reason == "INVALID_REQUEST"
    fault = simulator_pb2.InjectFaultRequest(session="no spaces!", uses=-2)
    assert set(refused(api.simulator.InjectFault, fault).violations) == {"session", "uses", "fault"}
    replay = simulator_pb2.ReplayNotificationsRequest(session="no spaces!", count=1_001)
    assert set(refused(api.simulator.ReplayNotifications, replay).violations) == {"session", "count"}
    pages = simulator_pb2.ListWorldGroupsRequest(member_id="?", page_size=-1)
    assert set(refused(api.simulator.ListWorldGroups, pages).violations) == {"member_id", "page_size"}


def test_a_refused_call_changes_nothing(api: Api, session: Session) -> None:
    group_id = session.create_group("Unchanged").group.id
    before = session.get_group(group_id)
    this = {"session": session.name, "group_id": group_id}
    for method, request in [
        (api.groups.SetGroupSubject, pb.SetGroupSubjectRequest(**this, subject="x" * 101)),
        (api.groups.SetGroupDescription, pb.SetGroupDescriptionRequest(**this, description="x" * 2_049)),
        (api.groups.AddParticipants, pb.AddParticipantsRequest(**this, participant_ids=[A, "abc"])),
        (api.groups.LeaveGroup, pb.LeaveGroupRequest(**this, request_id="1")),
    ]:
        assert refused(method, request).reason == "INVALID_REQUEST"
    assert session.get_group(group_id) == before
    assert len(session.events()) == 1
