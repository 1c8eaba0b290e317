"""SessionsService in detail."""

from __future__ import annotations

import grpc
from google.rpc import error_details_pb2
from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import sessions_pb2

from harness import PATIENCE, Api, Session, phone_number, refused


def test_a_session_gets_an_account_of_the_world(api: Api) -> None:
    number = phone_number()
    name = f"numbered-{number}"
    config = sessions_pb2.SimulatorConfig(phone_number=f"+{number}")
    request = sessions_pb2.CreateSessionRequest(
        session=name, engine=sessions_pb2.ENGINE_SIMULATOR, simulator=config, metadata={"a": "1", "b": ""}
    )
    created = api.sessions.CreateSession(request, timeout=PATIENCE).session
    assert created.create_time.seconds > 1_700_000_000
    session = Session(api, name).wait_until_working().get()
    assert session.account.phone_number_id == f"{number}@c.us"
    assert session.account.lid.endswith("@lid")
    assert session.account.id == session.account.lid
    assert session.metadata == {"a": "1", "b": ""}
    assert session.sequence == 0


def test_a_name_is_given_once(api: Api, session: Session) -> None:
    failure = refused(api.sessions.CreateSession, sessions_pb2.CreateSessionRequest(session=session.name))
    assert (failure.code, failure.reason) == (grpc.StatusCode.ALREADY_EXISTS, "SESSION_ALREADY_EXISTS")
    assert failure.metadata == {"session": session.name}
    resource = failure.details[error_details_pb2.ResourceInfo]
    assert (resource.resource_type, resource.resource_name) == ("session", session.name)


def test_a_session_may_be_made_without_starting_it(api: Api) -> None:
    name = f"stopped-{phone_number()}"
    request = sessions_pb2.CreateSessionRequest(session=name, stopped=True)
    created = api.sessions.CreateSession(request, timeout=PATIENCE).session
    assert created.status == sessions_pb2.SESSION_STATUS_STOPPED
    assert not created.desired_running
    mutation = pb.CreateGroupRequest(session=name, subject="Too early")
    failure = refused(api.groups.CreateGroup, mutation)
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SESSION_NOT_WORKING")
    assert failure.metadata == {"session": name, "status": "STOPPED"}
    violation = failure.details[error_details_pb2.PreconditionFailure].violations[0]
    assert violation.type == "SESSION_STATUS"
    started = api.sessions.StartSession(sessions_pb2.StartSessionRequest(session=name), timeout=PATIENCE)
    assert started.changed
    Session(api, name).wait_until_working()


def test_starting_and_stopping_may_be_repeated(api: Api, session: Session) -> None:
    start = sessions_pb2.StartSessionRequest(session=session.name)
    stop = sessions_pb2.StopSessionRequest(session=session.name)
    assert not api.sessions.StartSession(start, timeout=PATIENCE).changed
    group = session.create_group("Stays readable").group
    assert api.sessions.StopSession(stop, timeout=PATIENCE).changed
    again = api.sessions.StopSession(stop, timeout=PATIENCE)
    assert not again.changed and not again.session.desired_running
    assert session.get_group(group.id) == group


def test_what_happens_while_a_session_is_stopped_is_found_afterwards(api: Api, session: Session) -> None:
    other = api.new_session()
    group_id = other.create_group("Before", session.account.phone_number_id).group.id
    session.wait_for_events(1)
    api.sessions.StopSession(sessions_pb2.StopSessionRequest(session=session.name), timeout=PATIENCE)
    other.set_subject(group_id, "Meanwhile")
    api.sessions.StartSession(sessions_pb2.StartSessionRequest(session=session.name), timeout=PATIENCE)
    session.wait_until_working()
    log = session.wait_for_events(2)
    assert log[1].updated.changes[0].subject.current.text == "Meanwhile"
    assert log[1].updated.changes[0].subject.previous.text == "Before"
    assert log[1].origin in (pb.ORIGIN_RECONCILED, pb.ORIGIN_ENGINE)
    assert session.get_group(group_id).subject == "Meanwhile"


def test_sessions_come_in_pages_by_name(api: Api) -> None:
    marker = phone_number()
    # Case counts, and capitals come first in byte order.
    names = [f"{letter}{marker}" for letter in "CAbaB"]
    for name in names:
        api.sessions.CreateSession(sessions_pb2.CreateSessionRequest(session=name, stopped=True), timeout=PATIENCE)
    found = []
    request = sessions_pb2.ListSessionsRequest(
        page_size=2,
        statuses=[sessions_pb2.SESSION_STATUS_STOPPED],
        engines=[sessions_pb2.ENGINE_SIMULATOR],
    )
    while True:
        page = api.sessions.ListSessions(request, timeout=PATIENCE)
        assert 1 <= len(page.sessions) <= 2
        found.extend(session.name for session in page.sessions)
        if not page.next_page_token:
            break
        token = request.page_token = page.next_page_token
    assert [name for name in found if name.endswith(marker)] == sorted(names)
    assert found == sorted(found)

    other = sessions_pb2.ListSessionsRequest(page_size=2, page_token=token)
    failure = refused(api.sessions.ListSessions, other)
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH")
    assert set(failure.violations) == {"page_token"}
    failure = refused(api.sessions.ListSessions, sessions_pb2.ListSessionsRequest(page_token="nonsense"))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")
    assert set(failure.violations) == {"page_token"}


def test_the_log_outlives_the_session_and_goes_on_with_its_name(api: Api, session: Session) -> None:
    group_id = session.create_group("Gone with the session").group.id
    with session.watch(earliest=pb.Earliest()) as watch:
        deleted = api.sessions.DeleteSession(
            sessions_pb2.DeleteSessionRequest(session=session.name), timeout=PATIENCE
        )
        assert deleted.sequence == 2
        last = watch.events(2)[1]
        assert (last.type, last.sequence, last.group_id) == (pb.EVENT_TYPE_SESSION_DELETED, 2, "")
        assert last.WhichOneof("body") == "session_deleted"

        for method, request in [
            (api.sessions.GetSession, sessions_pb2.GetSessionRequest(session=session.name)),
            (api.sessions.DeleteSession, sessions_pb2.DeleteSessionRequest(session=session.name)),
            (api.groups.GetGroup, pb.GetGroupRequest(session=session.name, group_id=group_id)),
            (api.groups.ListGroups, pb.ListGroupsRequest(session=session.name)),
        ]:
            assert refused(method, request).reason == "SESSION_NOT_FOUND"
        assert session.events()[-1] == last, "its log stays readable"

        api.new_session(session.name)
        assert session.get().sequence >= 2
        assert session.create_group("A new life").sequence >= 3
        # The watch goes on with the name. The account of the name may be in its old groups again.
        subjects = set()
        sequence = 2
        while "A new life" not in subjects:
            for event in watch.next().events:
                sequence += 1
                assert event.sequence == sequence
                subjects.add(event.joined.group.subject)


def test_bad_fields_are_named_all_at_once(api: Api) -> None:
    request = sessions_pb2.CreateSessionRequest(
        session="-no-",
        engine=99,
        metadata={"x" * 65: "a", "fine": "y" * 513},
        simulator=sessions_pb2.SimulatorConfig(phone_number="none"),
    )
    failure = refused(api.sessions.CreateSession, request)
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert {"session", "engine", "simulator.phone_number"} <= set(failure.violations)
    assert sum(field.startswith("metadata") for field in failure.violations) == 2

    mixed = sessions_pb2.CreateSessionRequest(
        session="fine", engine=sessions_pb2.ENGINE_SIMULATOR, waha=sessions_pb2.WahaConfig()
    )
    assert refused(api.sessions.CreateSession, mixed).reason == "INVALID_REQUEST"
    crowded = sessions_pb2.CreateSessionRequest(session="fine", metadata={str(n): "" for n in range(33)})
    assert set(refused(api.sessions.CreateSession, crowded).violations) == {"metadata"}
    listing = sessions_pb2.ListSessionsRequest(page_size=-1, statuses=[0, 77], engines=[sessions_pb2.ENGINE_WAHA, 0])
    assert set(refused(api.sessions.ListSessions, listing).violations) == {
        "page_size",
        "statuses[0]",
        "statuses[1]",
        "engines[1]",
    }
    assert "fine" not in [
        session.name
        for session in api.sessions.ListSessions(sessions_pb2.ListSessionsRequest(), timeout=PATIENCE).sessions
    ]


def test_an_engine_that_this_build_lacks(api: Api) -> None:
    request = sessions_pb2.CreateSessionRequest(session="x", engine=sessions_pb2.ENGINE_NATIVE)
    failure = refused(api.sessions.CreateSession, request)
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNIMPLEMENTED, "UNSUPPORTED_BY_ENGINE")


def test_a_server_that_the_settings_lack(api: Api) -> None:
    request = sessions_pb2.CreateSessionRequest(session="x", waha=sessions_pb2.WahaConfig(server="x"))
    failure = refused(api.sessions.CreateSession, request)
    assert (failure.code, set(failure.violations)) == (grpc.StatusCode.INVALID_ARGUMENT, {"waha.server"})


def test_unknown_sessions_are_not_found(api: Api) -> None:
    this = {"session": "nobody"}
    for method, request in [
        (api.sessions.GetSession, sessions_pb2.GetSessionRequest(**this)),
        (api.sessions.StartSession, sessions_pb2.StartSessionRequest(**this)),
        (api.sessions.StopSession, sessions_pb2.StopSessionRequest(**this)),
        (api.sessions.DeleteSession, sessions_pb2.DeleteSessionRequest(**this)),
    ]:
        failure = refused(method, request)
        assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
        assert failure.metadata == this
        resource = failure.details[error_details_pb2.ResourceInfo]
        assert (resource.resource_type, resource.resource_name) == ("session", "nobody")
