"""API keys: each sees its sessions and nothing else."""

from __future__ import annotations

import hashlib
from typing import Callable, Dict, Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import sessions_pb2, simulator_pb2

from harness import PATIENCE, Api, Service, Session, Watch, refused, sequences

# Name of the key, and the sessions it may see.
KEYS = {"admin": "*", "team": "team-*|shared"}


@pytest.fixture
def guarded(start_service: Callable[..., Service]) -> Service:
    keys = [f"{name}:{hashlib.sha256(name.encode()).hexdigest()}:{sessions}" for name, sessions in KEYS.items()]
    return start_service(AUTH__KEYS=",".join(keys))


@pytest.fixture
def apis(guarded: Service) -> Iterator[Dict[str, Api]]:
    """The stubs with each key, with none, and with a wrong one."""
    channels = {name: guarded.channel(api_key=name) for name in ("admin", "team", "wrong")}
    channels["none"] = guarded.channel()
    yield {name: Api(channel) for name, channel in channels.items()}
    for channel in channels.values():
        channel.close()


def test_without_a_key_there_is_only_health(apis: Dict[str, Api]) -> None:
    for name in ("none", "wrong"):
        api = apis[name]
        for method, request in [
            (api.sessions.ListSessions, sessions_pb2.ListSessionsRequest()),
            (api.groups.ListGroups, pb.ListGroupsRequest(session="shared")),
            (api.groups.GetInviteCode, pb.GetInviteCodeRequest()),
            (api.groups.WatchGroupEvents, pb.WatchGroupEventsRequest()),
            (api.simulator.GetAccount, simulator_pb2.GetAccountRequest(id="4915100000001")),
        ]:
            failure = refused(method, request)
            assert (failure.code, failure.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
            assert failure.metadata == {}
        reflect = api.channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        with pytest.raises(grpc.RpcError) as caught:
            next(reflect(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=PATIENCE))
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        health = health_pb2_grpc.HealthStub(api.channel)
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE).status == 1


def test_a_key_sees_its_sessions_and_nothing_else(apis: Dict[str, Api]) -> None:
    admin, team = apis["admin"], apis["team"]
    for name in ("team-a", "shared", "secret"):
        admin.new_session(name)
    listed = team.sessions.ListSessions(sessions_pb2.ListSessionsRequest(), timeout=PATIENCE).sessions
    assert [session.name for session in listed] == ["shared", "team-a"]

    group_id = Session(admin, "secret").create_group("Secret").group.id
    # Whether the session exists is not told.
    for name in ("secret", "no-such-session", "team"):
        for method, request in [
            (team.sessions.GetSession, sessions_pb2.GetSessionRequest(session=name)),
            (team.sessions.CreateSession, sessions_pb2.CreateSessionRequest(session=name)),
            (team.sessions.DeleteSession, sessions_pb2.DeleteSessionRequest(session=name)),
            (team.groups.GetGroup, pb.GetGroupRequest(session=name, group_id=group_id)),
            (team.groups.ListGroups, pb.ListGroupsRequest(session=name)),
            (team.groups.ListGroupEvents, pb.ListGroupEventsRequest(session=name)),
            (team.groups.CreateGroup, pb.CreateGroupRequest(session=name, subject="Mine")),
            (team.groups.WatchGroupEvents, pb.WatchGroupEventsRequest(sessions=["shared", name])),
        ]:
            failure = refused(method, request)
            assert (failure.code, failure.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
            assert failure.metadata == {"session": name}
    assert refused(team.sessions.GetSession, sessions_pb2.GetSessionRequest(session="team-b")).reason == (
        "SESSION_NOT_FOUND"
    )
    # The simulated world belongs to all sessions.
    act = simulator_pb2.GetWorldGroupRequest(group_id=group_id)
    assert refused(team.simulator.GetWorldGroup, act).reason == "PERMISSION_DENIED"
    assert admin.simulator.GetWorldGroup(act, timeout=PATIENCE).group.id == group_id


def test_a_watch_shows_what_its_key_may_see(apis: Dict[str, Api]) -> None:
    admin, team = apis["admin"], apis["team"]
    shared, secret = admin.new_session("shared"), admin.new_session("secret")
    with Watch(admin) as all_of_it, Watch(team) as ours:
        all_of_it.started()
        token = ours.started().token
        secret.create_group("Secret")
        shared.create_group("Shared")
        assert [event.session for event in all_of_it.events(2)] == ["secret", "shared"]
        everything = all_of_it.token
        assert [event.session for event in ours.events(1)] == ["shared"]
        # Sessions made later count too.
        admin.new_session("team-new").create_group("New")
        assert [event.session for event in ours.events(1)] == ["team-new"]
    # A token grants nothing: each start is authorised anew.
    with Watch(admin, resume_token=token) as watch:
        assert sequences(watch.started().events(3)) == [1, 1, 1]
    with Watch(team, resume_token=everything) as watch:
        assert [event.session for event in watch.started().events(1)] == ["team-new"]
    with Watch(team, send_initial_state=True) as watch:
        found = []
        while not (response := watch.next()).HasField("initial_state_end"):
            found += [initial.group.subject for initial in response.initial_groups]
        assert sorted(found) == ["New", "Shared"]
