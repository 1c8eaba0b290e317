"""Members: listed, added, removed, promoted and demoted, with a verdict for each person."""

from __future__ import annotations

import grpc
from google.rpc import error_details_pb2
from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import simulator_pb2

from harness import PATIENCE, Api, Session, phone_number, phone_of, refused, sequences


def change(session: Session, verb: str, group_id: str, *people: str, **fields):
    """Calls AddParticipants and its like."""
    request = getattr(pb, f"{verb}ParticipantsRequest")(
        session=session.name, group_id=group_id, participant_ids=people, **fields
    )
    return getattr(session.api.groups, f"{verb}Participants")(request, timeout=PATIENCE)


def refused_change(session: Session, verb: str, group_id: str, *people: str):
    request = getattr(pb, f"{verb}ParticipantsRequest")(
        session=session.name, group_id=group_id, participant_ids=people
    )
    return refused(getattr(session.api.groups, f"{verb}Participants"), request)


def statuses(answer) -> list:
    return [pb.ParticipantStatus.Name(result.status)[len("PARTICIPANT_STATUS_") :] for result in answer.results]


def test_adding_tells_what_became_of_each(session: Session) -> None:
    ann, ben = phone_number(), phone_number()
    group = session.create_group("Added", ann).group
    nobody, private = phone_number("0404"), phone_number("0403")
    blocked, left = phone_number("0401"), phone_number("0408")
    answer = change(session, "Add", group.id, ben, ann, nobody, private, blocked, left)
    assert statuses(answer) == [
        "OK",
        "ALREADY_MEMBER",
        "NOT_ON_WHATSAPP",
        "PRIVACY_INVITE_NEEDED",
        "BLOCKED",
        "RECENTLY_LEFT",
    ]
    assert [result.code for result in answer.results] == [200, 409, 404, 403, 401, 408]
    requested = [ben, ann, nobody, private, blocked, left]
    assert [result.requested_id for result in answer.results] == [f"{number}@c.us" for number in requested]
    assert answer.changed and answer.sequence == 2
    assert answer.group.member_count == 3 and not answer.group.participants
    added = answer.results[0].participant
    assert (phone_of(added), added.role) == (ben, pb.ROLE_PARTICIPANT)
    assert answer.results[1].participant.role == pb.ROLE_PARTICIPANT
    assert answer.results[2].participant.role == pb.ROLE_UNSPECIFIED

    invite = answer.results[3].private_invite
    assert invite.group_id == group.id and invite.code
    assert invite.inviter == session.account.id
    assert 0 < invite.expire_time.seconds - group.create_time.seconds <= 4 * 86_400
    for index in (0, 1, 2, 4, 5):
        assert not answer.results[index].HasField("private_invite")

    event = session.events()[-1]
    assert event.participants_changed.action == pb.PARTICIPANT_ACTION_JOIN
    assert list(event.participants_changed.participants) == [added], "only whom it happened to"


def test_members_go_up_and_down_and_away(session: Session) -> None:
    ann, ben = phone_number(), phone_number()
    group_id = session.create_group("Ranks", ann, ben).group.id
    stranger = phone_number()

    promoted = change(session, "Promote", group_id, ann, ben, stranger)
    assert statuses(promoted) == ["OK", "OK", "NOT_MEMBER"]
    assert [result.participant.role for result in promoted.results[:2]] == [pb.ROLE_ADMIN] * 2
    assert (promoted.changed, promoted.sequence) == (True, 2)
    again = change(session, "Promote", group_id, ann)
    assert (again.changed, again.sequence, statuses(again)) == (False, 2, ["OK"])

    demoted = change(session, "Demote", group_id, ann, session.account.phone_number_id)
    assert statuses(demoted) == ["OK", "NOT_ALLOWED"], "the superadmin stays"
    assert (demoted.changed, demoted.sequence) == (True, 3)

    removed = change(session, "Remove", group_id, ann, stranger)
    assert statuses(removed) == ["OK", "NOT_MEMBER"]
    assert removed.results[0].participant.role == pb.ROLE_LEFT
    assert removed.group.member_count == 2
    again = change(session, "Remove", group_id, ann)
    assert (again.changed, again.sequence, statuses(again)) == (False, 4, ["NOT_MEMBER"])

    story = [
        (event.participants_changed.action, [member.role for member in event.participants_changed.participants])
        for event in session.events()[1:]
    ]
    assert story == [
        (pb.PARTICIPANT_ACTION_PROMOTE, [pb.ROLE_ADMIN] * 2),
        (pb.PARTICIPANT_ACTION_DEMOTE, [pb.ROLE_PARTICIPANT]),
        (pb.PARTICIPANT_ACTION_LEAVE, [pb.ROLE_LEFT]),
    ]
    roles = {phone_of(member): member.role for member in session.get_group(group_id).participants}
    assert roles[ben] == pb.ROLE_ADMIN and ann not in roles


def test_someone_is_named_by_any_name(session: Session) -> None:
    ann = phone_number()
    group = session.create_group("Names", ann).group
    hidden = next(member.id for member in group.participants if phone_of(member) == ann)
    assert statuses(change(session, "Promote", group.id, hidden)) == ["OK"]
    demoted = change(session, "Demote", group.id, f"+{ann}")
    assert demoted.results[0].requested_id == f"{ann}@c.us"
    assert demoted.results[0].participant.id == hidden
    removed = change(session, "Remove", group.id, f"{ann}@s.whatsapp.net")
    assert statuses(removed) == ["OK"]


def test_only_admins_may(api: Api, session: Session) -> None:
    other = api.new_session()
    ann = phone_number()
    group_id = session.create_group("Theirs", other.account.phone_number_id, ann).group.id
    other.wait_for_events(1)
    for verb in ("Remove", "Promote", "Demote"):
        failure = refused_change(other, verb, group_id, ann)
        assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_GROUP_ADMIN")
        assert failure.metadata["group_id"] == group_id
        violation = failure.details[error_details_pb2.PreconditionFailure].violations[0]
        assert violation.type == "ROLE"
    # By default every member may add and rename.
    assert statuses(change(other, "Add", group_id, phone_number())) == ["OK"]
    settings = simulator_pb2.ChangeSettingsAction(
        member_add_mode=pb.MEMBER_ADD_MODE_ADMINS, info_admin_only=True
    )
    act = simulator_pb2.ActRequest(
        actor=session.account.phone_number_id, group_id=group_id, change_settings=settings
    )
    api.simulator.Act(act, timeout=PATIENCE)
    assert refused_change(other, "Add", group_id, phone_number()).reason == "NOT_GROUP_ADMIN"
    rename = pb.SetGroupSubjectRequest(session=other.name, group_id=group_id, subject="Mine")
    assert refused(api.groups.SetGroupSubject, rename).reason == "NOT_GROUP_ADMIN"
    describe = pb.SetGroupDescriptionRequest(session=other.name, group_id=group_id, description="Mine")
    assert refused(api.groups.SetGroupDescription, describe).reason == "NOT_GROUP_ADMIN"
    assert [event.sequence for event in other.events() if event.origin == pb.ORIGIN_API] == [2]


def test_only_members_may(api: Api, session: Session) -> None:
    """The service believes itself in the group until WhatsApp says no."""
    other = api.new_session()
    group_id = session.create_group("Kicked", other.account.phone_number_id).group.id
    other.wait_for_events(1)
    lose = simulator_pb2.InjectFaultRequest(
        session=other.name, uses=-1, lose_notifications=simulator_pb2.LoseNotificationsFault()
    )
    api.simulator.InjectFault(lose, timeout=PATIENCE)
    assert change(session, "Remove", group_id, other.account.lid).changed
    failure = refused_change(other, "Add", group_id, phone_number())
    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_GROUP_MEMBER")
    assert failure.metadata["group_id"] == group_id
    violation = failure.details[error_details_pb2.PreconditionFailure].violations[0]
    assert violation.type == "MEMBERSHIP"
    api.simulator.ClearFaults(simulator_pb2.ClearFaultsRequest(session=other.name), timeout=PATIENCE)


def test_adding_nobody_is_no_event(session: Session) -> None:
    group_id = session.create_group("Empty").group.id
    answer = change(session, "Add", group_id, phone_number("0404"), phone_number("0403"))
    assert statuses(answer) == ["NOT_ON_WHATSAPP", "PRIVACY_INVITE_NEEDED"]
    assert (answer.changed, answer.sequence) == (False, 1)
    assert sequences(session.events()) == [1]


def test_a_group_that_is_full(session: Session) -> None:
    group = session.create_group("Full", *[phone_number() for _ in range(1_023)]).group
    assert group.member_count == len(group.participants) == 1_024
    late = phone_number()
    refusal = change(session, "Add", group.id, late)
    assert (refusal.changed, statuses(refusal)) == (False, ["GROUP_FULL"])
    leaver = next(member.id for member in group.participants if member.role == pb.ROLE_PARTICIPANT)
    change(session, "Remove", group.id, leaver)
    answer = change(session, "Add", group.id, late, phone_number())
    assert statuses(answer) == ["OK", "GROUP_FULL"]


def test_members_come_in_pages(api: Api, session: Session) -> None:
    people = [phone_number() for _ in range(9)]
    group = session.create_group("Pages", *people).group
    change(session, "Promote", group.id, people[0])

    def listed(**fields) -> list:
        found = []
        request = pb.ListParticipantsRequest(session=session.name, group_id=group.id, **fields)
        while True:
            page = api.groups.ListParticipants(request, timeout=PATIENCE)
            assert page.member_count == 10
            assert page.as_of_sequence == 2 and page.HasField("synced_time")
            found.extend(page.participants)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    everyone = list(session.get_group(group.id).participants)
    for page_size in (0, 1, 4, 10, 100_000):
        assert listed(page_size=page_size) == everyone
    assert [phone_of(member) for member in listed(roles=[pb.ROLE_ADMIN])] == [people[0]]
    assert len(listed(roles=[pb.ROLE_ADMIN, pb.ROLE_SUPERADMIN], page_size=1)) == 2
    assert len(listed(roles=[pb.ROLE_PARTICIPANT], page_size=3)) == 8

    this = {"session": session.name, "group_id": group.id}
    first = api.groups.ListParticipants(pb.ListParticipantsRequest(**this, page_size=2), timeout=PATIENCE)
    other = pb.ListParticipantsRequest(**this, page_token=first.next_page_token, roles=[pb.ROLE_ADMIN])
    assert refused(api.groups.ListParticipants, other).reason == "PAGE_TOKEN_MISMATCH"
    nonsense = pb.ListParticipantsRequest(**this, page_token="nonsense")
    assert refused(api.groups.ListParticipants, nonsense).reason == "INVALID_PAGE_TOKEN"
