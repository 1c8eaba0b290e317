"""ListGroupEvents: the log as a query."""

from __future__ import annotations

import grpc
import pytest
from wagroups.v1 import groups_pb2 as pb

from harness import PATIENCE, Api, Session, new_request_id, phone_number, refused, sequences


@pytest.fixture
def log(session: Session) -> Session:
    """A session with nine events: three groups, each renamed twice."""
    ids = [session.create_group(f"Group {n}").group.id for n in range(3)]
    for round in range(2):
        for group_id in ids:
            session.set_subject(group_id, f"Round {round}", request_id=new_request_id())
    return session


def test_events_come_in_pages_in_both_directions(api: Api, log: Session) -> None:
    everything = log.events()
    assert sequences(everything) == list(range(1, 10))
    for page_size in (1, 4, 9, 5_000):
        assert log.events(page_size=page_size) == everything
        for order in (pb.EVENT_ORDER_UNSPECIFIED, pb.EVENT_ORDER_NEWEST_FIRST):
            assert log.events(page_size=page_size, order=order) == everything[::-1]
    page = api.groups.ListGroupEvents(pb.ListGroupEventsRequest(session=log.name, page_size=2), timeout=PATIENCE)
    assert sequences(page.events) == [9, 8]
    assert (page.as_of_sequence, page.oldest_sequence) == (9, 1)


def test_an_event_tells_who_what_and_when(log: Session) -> None:
    events = log.events()
    account = log.account
    assert len({event.id for event in events}) == 9
    for event in events:
        assert event.id.startswith("evt_") and event.id == event.id.lower() and len(event.id) == 30
        assert event.session == log.name
        assert event.engine == log.get().engine
        assert (event.origin, event.actor) == (pb.ORIGIN_API, account.id)
        assert abs(event.record_time.ToNanoseconds() - event.occur_time.ToNanoseconds()) < 60 * 10**9
        assert event.engine_data == b""
    assert [event.request_id == "" for event in events] == [True] * 3 + [False] * 6
    times = [event.record_time.ToNanoseconds() for event in events]
    assert times == sorted(times)
    assert [event.WhichOneof("body") for event in events] == ["joined"] * 3 + ["updated"] * 6


def test_an_event_has_the_trace_of_the_call_that_caused_it(api: Api, session: Session) -> None:
    parent, state = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "rojo=00f067aa0ba902b7"
    request = pb.CreateGroupRequest(session=session.name, subject="Team", request_id=new_request_id())
    metadata = [("traceparent", parent), ("tracestate", state)]
    group_id = api.groups.CreateGroup(request, timeout=PATIENCE, metadata=metadata).group.id
    session.set_subject(group_id, "Crew", request_id=new_request_id())
    traces = [(event.traceparent, event.tracestate) for event in session.events()]
    assert traces == [(parent, state), ("", "")]


def test_events_are_filtered(log: Session) -> None:
    everything = log.events()
    ids = [event.group_id for event in everything[:3]]

    def found(**fields) -> list:
        filtered = log.events(**fields)
        assert filtered == [everything[event.sequence - 1] for event in filtered]
        return sequences(filtered)

    assert found(group_ids=[ids[1]]) == [2, 5, 8]
    assert found(group_ids=[ids[0], ids[2]], page_size=1) == [1, 3, 4, 6, 7, 9]
    assert found(group_ids=["120363999999999999@g.us"]) == []
    assert found(types=[pb.EVENT_TYPE_JOINED]) == [1, 2, 3]
    assert found(types=[pb.EVENT_TYPE_LEFT]) == []
    assert found(types=[pb.EVENT_TYPE_UPDATED, pb.EVENT_TYPE_LEFT], group_ids=[ids[0]]) == [4, 7]
    assert found(after_sequence_exclusive=4) == [5, 6, 7, 8, 9]
    assert found(until_sequence_inclusive=4) == [1, 2, 3, 4]
    assert found(after_sequence_exclusive=2, until_sequence_inclusive=4, page_size=1) == [3, 4]
    assert found(after_sequence_exclusive=9) == []
    fifth = everything[4].record_time
    before = [event.sequence for event in everything if event.record_time.ToNanoseconds() < fifth.ToNanoseconds()]
    assert found(end_time=fifth) == before
    assert found(start_time=fifth) == list(range(len(before) + 1, 10))


def test_a_page_token_belongs_to_its_arguments(api: Api, log: Session) -> None:
    request = pb.ListGroupEventsRequest(session=log.name, page_size=1)
    token = api.groups.ListGroupEvents(request, timeout=PATIENCE).next_page_token
    for difference in [
        {"order": pb.EVENT_ORDER_OLDEST_FIRST},
        {"types": [pb.EVENT_TYPE_LEFT]},
        {"after_sequence_exclusive": 1},
        {"session": api.new_session().name},
    ]:
        other = pb.ListGroupEventsRequest(**{"session": log.name, "page_token": token, **difference})
        failure = refused(api.groups.ListGroupEvents, other)
        assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH"), difference
        assert set(failure.violations) == {"page_token"}
    nonsense = pb.ListGroupEventsRequest(session=log.name, page_token="nonsense")
    assert refused(api.groups.ListGroupEvents, nonsense).reason == "INVALID_PAGE_TOKEN"


def test_new_events_do_not_disturb_pages(api: Api, log: Session) -> None:
    request = pb.ListGroupEventsRequest(session=log.name, page_size=4)
    found = []
    while True:
        page = api.groups.ListGroupEvents(request, timeout=PATIENCE)
        found.extend(sequences(page.events))
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
        log.create_group("Another", phone_number())
    assert found == list(range(9, 0, -1))


def test_the_log_of_an_unknown_session(api: Api) -> None:
    failure = refused(api.groups.ListGroupEvents, pb.ListGroupEventsRequest(session="nobody"))
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
