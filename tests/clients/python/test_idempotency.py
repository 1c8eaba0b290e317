"""request_id: at most once towards WhatsApp, and the first answer for every repeat."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
from google.rpc import error_details_pb2
from wagroups.v1 import groups_pb2 as pb

from harness import PATIENCE, Api, Service, Session, new_request_id, phone_number, refused


def test_a_repeat_gets_the_first_answer(session: Session) -> None:
    request_id = new_request_id()
    people = [phone_number(), phone_number("0404"), phone_number("0403")]
    first = session.create_group("Once", *people, request_id=request_id)
    assert session.create_group("Once", *people, request_id=request_id) == first
    assert session.create_group("Once", *people, request_id=request_id.upper()) == first
    events = session.events()
    assert len(events) == 1
    assert events[0].request_id == request_id
    assert len(session.groups()) == 1


def test_verdicts_stay_and_the_group_is_as_it_is_by_then(session: Session) -> None:
    group_id = session.create_group("First").group.id
    request_id = new_request_id()
    first = session.set_subject(group_id, "Second", request_id=request_id)
    session.set_subject(group_id, "Third")
    again = session.set_subject(group_id, "Second", request_id=request_id)
    assert (again.changed, again.sequence) == (first.changed, first.sequence) == (True, 2)
    assert again.group.subject == "Third"
    assert len(session.events()) == 3


def test_repeats_of_all_mutations(api: Api, session: Session) -> None:
    ann, ben = phone_number(), phone_number()
    group_id = session.create_group("All", ann).group.id
    this = {"session": session.name, "group_id": group_id}
    for method, request in [
        (api.groups.SetGroupSubject, pb.SetGroupSubjectRequest(**this, subject="New")),
        (api.groups.SetGroupDescription, pb.SetGroupDescriptionRequest(**this, description="New")),
        (api.groups.AddParticipants, pb.AddParticipantsRequest(**this, participant_ids=[ben])),
        (api.groups.PromoteParticipants, pb.PromoteParticipantsRequest(**this, participant_ids=[ann])),
        (api.groups.DemoteParticipants, pb.DemoteParticipantsRequest(**this, participant_ids=[ann])),
        (api.groups.RemoveParticipants, pb.RemoveParticipantsRequest(**this, participant_ids=[ann])),
        (api.groups.LeaveGroup, pb.LeaveGroupRequest(**this)),
    ]:
        request.request_id = new_request_id()
        first = method(request, timeout=PATIENCE)
        assert first.changed
        assert method(request, timeout=PATIENCE) == first
    events = session.events()
    assert len(events) == 8
    assert len({event.request_id for event in events[1:]}) == 7


def test_repeats_at_the_same_time_act_once(session: Session) -> None:
    request_id = new_request_id()
    with ThreadPoolExecutor(16) as threads:
        calls = [threads.submit(session.create_group, "Racing", request_id=request_id) for _ in range(16)]
        answers = [call.result() for call in calls]
    assert all(answer == answers[0] for answer in answers)
    assert len(session.events()) == 1


def test_another_body_under_the_same_id_is_refused(api: Api, session: Session) -> None:
    request_id = new_request_id()
    session.create_group("One", request_id=request_id)
    other = pb.CreateGroupRequest(session=session.name, subject="Other", request_id=request_id)
    failure = refused(api.groups.CreateGroup, other)
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert failure.metadata == {"request_id": request_id}
    assert set(failure.violations) == {"request_id"}
    assert len(session.events()) == 1


def test_an_id_counts_within_its_session_and_rpc(api: Api, session: Session) -> None:
    request_id = new_request_id()
    group_id = session.create_group("Same id", request_id=request_id).group.id
    assert session.set_subject(group_id, "Another RPC", request_id=request_id).changed
    other = api.new_session()
    assert other.create_group("Another session", request_id=request_id).changed


def test_a_refusal_is_repeated_too(api: Api, session: Session) -> None:
    other = api.new_session()
    ann = phone_number()
    group_id = session.create_group("Refused", other.account.phone_number_id, ann).group.id
    other.wait_for_events(1)
    kick = pb.RemoveParticipantsRequest(
        session=other.name, group_id=group_id, request_id=new_request_id(), participant_ids=[ann]
    )
    first = refused(api.groups.RemoveParticipants, kick)
    assert first.reason == "NOT_GROUP_ADMIN"
    promote = pb.PromoteParticipantsRequest(
        session=session.name, group_id=group_id, participant_ids=[other.account.lid]
    )
    api.groups.PromoteParticipants(promote, timeout=PATIENCE)
    other.wait_for_events(2)
    # The cause is gone, but the id stands for its first answer.
    again = refused(api.groups.RemoveParticipants, kick)
    assert (again.code, again.reason, again.metadata) == (first.code, first.reason, first.metadata)
    assert error_details_pb2.PreconditionFailure in again.details
    kick.request_id = new_request_id()
    assert api.groups.RemoveParticipants(kick, timeout=PATIENCE).changed


def test_a_repeat_after_a_kill_gets_the_first_answer(own_service: Service) -> None:
    with own_service.channel() as channel:
        session = Api(channel).new_session("durable")
        person, request_id = phone_number(), new_request_id()
        first = session.create_group("Durable", person, request_id=request_id)
        own_service.kill()
        own_service.start()
        session.wait_until_working()
        assert session.create_group("Durable", person, request_id=request_id) == first
        assert len(session.events()) == 1
