"""WatchGroupEvents: its starts, tokens, filters and ends."""

from __future__ import annotations

import base64
import threading
import time

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from wagroups.v1 import groups_pb2 as pb

from harness import Api, Service, Session, Watch, phone_number, refused, sequences
from wagroups_client import explain


def refused_watch(api: Api, **fields):
    return refused(api.groups.WatchGroupEvents, pb.WatchGroupEventsRequest(**fields))


def test_a_watch_begins_with_a_token_and_gets_what_follows(session: Session) -> None:
    session.create_group("Before")
    with session.watch() as watch:
        first = watch.next()
        assert first.progress.caught_up and first.resume_token
        assert abs(first.progress.time.ToSeconds() - time.time()) < 60
        assert not first.events and not first.HasField("initial_state_end")
        session.create_group("After", phone_number())
        live = watch.next()
        assert len(live.events) == 1 and live.resume_token
        assert not live.HasField("progress")
        assert list(live.events) == session.events()[1:]


def test_every_response_holds_a_token_from_which_to_go_on(session: Session) -> None:
    tokens = []
    with session.watch().started() as watch:
        tokens.append(watch.token)
        for n in range(5):
            session.create_group(f"Group {n}")
            assert sequences(watch.events(1)) == [n + 1]
            tokens.append(watch.token)
    assert len(set(tokens)) == 6
    for seen, token in enumerate(tokens):
        # Twice: a token is not used up.
        for _ in range(2):
            with session.watch(resume_token=token) as watch:
                assert sequences(watch.started().events(5 - seen)) == list(range(seen + 1, 6))


def test_a_token_is_bound_to_no_filter(api: Api, session: Session) -> None:
    with session.watch(types=[pb.EVENT_TYPE_LEFT]).started() as watch:
        token = watch.token
    group_id = session.create_group("Joined").group.id
    session.set_subject(group_id, "Updated")
    with session.watch(resume_token=token, types=[pb.EVENT_TYPE_UPDATED]) as watch:
        assert sequences(watch.started().events(1)) == [2]
    with Watch(api, resume_token=token) as watch:
        watch.started()
        seen = []
        while len(seen) < 2:
            seen += [event for event in watch.next().events if event.session == session.name]
        assert sequences(seen) == [1, 2]


def test_earliest_and_start_time_begin_where_they_say(session: Session) -> None:
    for n in range(4):
        session.create_group(f"Group {n}")
    log = session.events()
    with session.watch(earliest=pb.Earliest()) as watch:
        assert watch.started().events(4) == log
    third = log[2].record_time
    expected = [event for event in log if event.record_time.ToNanoseconds() >= third.ToNanoseconds()]
    with session.watch(start_time=third) as watch:
        assert watch.started().events(len(expected)) == expected
    with session.watch(start_time=Timestamp(seconds=log[0].record_time.seconds - 60)) as watch:
        assert watch.started().events(4) == log


def test_filters_leave_out_and_never_reorder(api: Api, session: Session) -> None:
    other = api.new_session()
    first = session.create_group("First").group.id
    second = session.create_group("Second").group.id
    other.create_group("Elsewhere")
    for n in range(3):
        session.set_subject(first, f"First {n}")
        session.set_subject(second, f"Second {n}")
    earliest = {"earliest": pb.Earliest()}
    with session.watch(**earliest, group_ids=[first]) as watch:
        assert sequences(watch.started().events(4)) == [1, 3, 5, 7]
    with session.watch(**earliest, types=[pb.EVENT_TYPE_JOINED]) as watch:
        assert sequences(watch.started().events(2)) == [1, 2]
    with session.watch(**earliest, types=[pb.EVENT_TYPE_UPDATED], group_ids=[second]) as watch:
        assert sequences(watch.started().events(3)) == [4, 6, 8]
    # Across sessions: in the order of the commits, the same for every watcher.
    sessions = [session.name, other.name]
    with Watch(api, sessions=sessions, **earliest) as one, Watch(api, sessions=sessions, **earliest) as two:
        order = [(event.session, event.sequence) for event in one.started().events(9)]
        assert order == [(event.session, event.sequence) for event in two.started().events(9)]
        assert order.index((other.name, 1)) == 2


def test_a_watch_of_all_sessions_follows_new_ones(api: Api) -> None:
    with Watch(api) as watch:
        watch.started()
        new = api.new_session()
        new.create_group("In a new session")
        seen = []
        while not seen:
            seen = [event for event in watch.next().events if event.session == new.name]
        assert sequences(seen) == [1]


def test_progress_is_told_in_silence(api: Api, session: Session) -> None:
    other = api.new_session()
    with session.watch(progress_interval=Duration(seconds=1)).started() as watch:
        before = watch.token
        other.create_group("Not watched")
        began = time.monotonic()
        response = watch.next()
        assert response.HasField("progress") and response.progress.caught_up and not response.events
        assert 0.5 < time.monotonic() - began < 10
        assert response.resume_token != before, "the token goes past what the filter leaves out"
        token = watch.token
    session.create_group("Later")
    with session.watch(resume_token=token) as watch:
        assert sequences(watch.started().events(1)) == [1]


def test_catching_up_comes_in_batches(session: Session) -> None:
    for n in range(60):
        session.create_group(f"Group {n}")
    with session.watch(earliest=pb.Earliest()) as watch:
        watch.started()
        responses = 0
        seen = []
        while len(seen) < 60:
            seen += watch.next().events
            responses += 1
        assert sequences(seen) == list(range(1, 61))
        assert responses < 60


def test_initial_state_is_a_list_and_a_watch_in_one(session: Session) -> None:
    groups = [session.create_group(f"Group {n}", phone_number()).group for n in range(3)]
    with session.watch(send_initial_state=True) as watch:
        initial = {}
        while True:
            response = watch.next()
            if response.HasField("initial_state_end"):
                break
            assert response.resume_token == b"", "no token before the end"
            for found in response.initial_groups:
                assert found.session == session.name and found.group.id not in initial
                initial[found.group.id] = found
        assert response.initial_state_end.group_count == 3
        assert response.resume_token
        end = watch.token
        assert {id: found.group for id, found in initial.items()} == {group.id: group for group in groups}
        assert all(1 <= found.as_of_sequence <= 3 for found in initial.values())
        progress = watch.next()
        assert progress.HasField("progress") and progress.progress.caught_up
        session.set_subject(groups[0].id, "Live")
        assert watch.events(1) == session.events()[3:]
    with session.watch(resume_token=end) as watch:
        assert sequences(watch.started().events(1)) == [4]


def test_initial_state_of_a_filtered_watch(session: Session) -> None:
    wanted = session.create_group("Wanted").group
    other = session.create_group("Other").group
    filters = {"group_ids": [wanted.id], "types": [pb.EVENT_TYPE_LEFT]}
    with session.watch(send_initial_state=True, **filters) as watch:
        found = []
        while not (response := watch.next()).HasField("initial_state_end"):
            found += response.initial_groups
        assert [initial.group for initial in found] == [wanted], "types do not filter the groups"
        assert response.initial_state_end.group_count == 1
        session.set_subject(wanted.id, "Not a wanted type")
        leave = pb.LeaveGroupRequest(session=session.name, group_id=other.id)
        session.api.groups.LeaveGroup(leave)
        leave.group_id = wanted.id
        session.api.groups.LeaveGroup(leave)
        events = []
        while not events:
            events += watch.next().events
        assert sequences(events) == [5]


def test_initial_state_while_much_happens(session: Session) -> None:
    """Each change is either in the group as it was sent or comes as an event: no gap, no duplicate."""
    ids = [session.create_group(f"Group {n}").group.id for n in range(20)]
    started, total = threading.Event(), 140

    def write() -> None:
        for n in range(60):
            session.set_subject(ids[n % 20], f"Change {n}")
            session.create_group(f"New {n}")
            if n == 5:
                started.set()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        assert started.wait(30)
        with session.watch(send_initial_state=True) as watch:
            initial, events, ended = {}, [], False
            while not events or events[-1].sequence < total:
                response = watch.next()
                for found in response.initial_groups:
                    assert not ended and found.group.id not in initial
                    initial[found.group.id] = found.as_of_sequence
                events += response.events
                ended = ended or response.HasField("initial_state_end")
                assert bool(response.resume_token) == ended
            assert ended
    finally:
        writer.join()
    log = session.events()
    assert sequences(log) == list(range(1, total + 1))
    seen = sequences(events)
    assert seen == sorted(set(seen)), "in order, none twice"
    for event in log:
        in_state = event.sequence <= initial.get(event.group_id, 0)
        assert in_state != (event.sequence in seen), f"event {event.sequence}"
    assert events == [log[sequence - 1] for sequence in seen]


def test_tokens_that_are_none(api: Api, session: Session) -> None:
    with session.watch().started() as watch:
        token = watch.token
    for bad in (b"", b"x", token[:-1], token + b"\0", b"\xff" * len(token)):
        failure = refused_watch(api, resume_token=bad)
        assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_RESUME_TOKEN"), bad
        assert set(failure.violations) == {"resume_token"}


def test_a_token_of_another_log(api: Api, session: Session, start_service) -> None:
    elsewhere = start_service()
    with elsewhere.channel() as channel:
        with Watch(Api(channel)) as watch:
            token = watch.started().token
    failure = refused_watch(api, sessions=[session.name], resume_token=token)
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LOG_MISMATCH")
    assert failure.metadata["log_id"]
    assert failure.details[error_details_pb2.PreconditionFailure].violations[0].type == "LOG"


def test_start_times_that_cannot_be(api: Api) -> None:
    future = Timestamp(seconds=int(time.time()) + 3_600)
    failure = refused_watch(api, start_time=future)
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "START_TIME_IN_FUTURE")
    assert set(failure.violations) == {"start_time"}
    now = Timestamp()
    now.FromJsonString(failure.metadata["now"])
    assert abs(now.ToSeconds() - time.time()) < 60


def test_a_named_session_must_exist(api: Api, session: Session) -> None:
    failure = refused_watch(api, sessions=[session.name, "nobody"])
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
    assert failure.metadata == {"session": "nobody"}


def test_a_watch_ends_at_its_deadline(session: Session) -> None:
    with session.watch(patience=1.5).started() as watch:
        with pytest.raises(grpc.RpcError) as caught:
            while True:
                watch.next()
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_stopping_service_ends_watches_with_a_token(own_service: Service) -> None:
    with own_service.channel() as channel:
        session = Api(channel).new_session("watched")
        with session.watch().started() as watch:
            stopping = threading.Thread(target=own_service.stop, daemon=True)
            stopping.start()
            last = watch.next()
            assert last.resume_token and not last.events
            with pytest.raises(grpc.RpcError) as caught:
                watch.next()
            failure = explain(caught.value)
            assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
            assert failure.retry_delay is not None
            stopping.join()
        own_service.start()
        session.wait_until_working()
        session.create_group("Afterwards")
        with session.watch(resume_token=last.resume_token) as again:
            assert sequences(again.started().events(1)) == [1]
