"""Groups: created, read, listed, changed and left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from wagroups.v1 import groups_pb2 as pb
from wagroups.v1 import simulator_pb2

from harness import PATIENCE, Api, Session, phone_number, phone_of, refused, sequences


def without_members(group: pb.Group) -> pb.Group:
    basic = pb.Group()
    basic.CopyFrom(group)
    basic.ClearField("participants")
    return basic


def test_a_new_group_is_answered_whole(session: Session) -> None:
    ann, ben = phone_number(), phone_number()
    settings = pb.GroupSettings(
        info_admin_only=True,
        messages_admin_only=True,
        member_add_mode=pb.MEMBER_ADD_MODE_ADMINS,
        membership_approval=True,
        disappearing_timer=Duration(seconds=86_400),
    )
    # Numbers are accepted in every usual form.
    answer = session.create_group(
        "Überraschung 🎉",
        f"+{ann[:2]} {ann[2:5]} {ann[5:]}",
        f"{ben}@s.whatsapp.net",
        description="Psst",
        settings=settings,
    )
    group = answer.group
    assert answer.changed and answer.sequence == 1
    assert [result.requested_id for result in answer.results] == [f"{ann}@c.us", f"{ben}@c.us"]
    assert [result.code for result in answer.results] == [200, 200]
    assert group.id.endswith("@g.us")
    assert group.subject == "Überraschung 🎉"
    assert group.description == "Psst" and group.description_id
    assert group.settings == settings
    assert group.my_role == pb.ROLE_SUPERADMIN
    assert group.addressing_mode == pb.ADDRESSING_MODE_LID
    assert not group.partial and not group.suspended
    account = session.account
    assert group.owner == group.subject_owner == group.description_owner == account.id
    assert group.create_time == group.subject_time == group.description_time

    assert group.member_count == len(group.participants) == 3
    members = {phone_of(member): member for member in group.participants}
    assert set(members) == {ann, ben, account.phone_number_id.partition("@")[0]}
    for member in members.values():
        # The hidden id is the key, so `lid` would only repeat it.
        assert member.id.endswith("@lid") and member.lid == ""
    assert members[ann].role == pb.ROLE_PARTICIPANT

    joined = session.events()
    assert len(joined) == 1
    assert joined[0].joined.group == group
    assert (joined[0].origin, joined[0].actor) == (pb.ORIGIN_API, account.id)


def test_a_group_is_read_in_both_views(api: Api, session: Session) -> None:
    group = session.create_group("Views", phone_number()).group
    assert group.settings == pb.GroupSettings(member_add_mode=pb.MEMBER_ADD_MODE_ALL_MEMBERS)
    assert session.get_group(group.id) == group, "the default is FULL"
    assert session.get_group(group.id, view=pb.GROUP_VIEW_FULL) == group
    assert session.get_group(group.id, view=pb.GROUP_VIEW_BASIC) == without_members(group)
    request = pb.GetGroupRequest(session=session.name, group_id=group.id)
    answer = api.groups.GetGroup(request, timeout=PATIENCE)
    assert answer.as_of_sequence == 1
    assert answer.synced_time.seconds >= group.create_time.seconds > 1_700_000_000


def test_a_read_waits_for_the_sequence_it_asks_for(session: Session) -> None:
    group_id = session.create_group("Sequences").group.id
    renamed = session.set_subject(group_id, "Renamed")
    assert session.get_group(group_id, min_sequence=renamed.sequence).subject == "Renamed"
    this = {"session": session.name, "min_sequence": renamed.sequence + 1}
    groups = session.api.groups
    reads = [
        (groups.GetGroup, pb.GetGroupRequest(**this, group_id=group_id)),
        (groups.ListGroups, pb.ListGroupsRequest(**this)),
        (groups.CountGroups, pb.CountGroupsRequest(**this)),
        (groups.ListParticipants, pb.ListParticipantsRequest(**this, group_id=group_id)),
        (groups.ListGroupEvents, pb.ListGroupEventsRequest(**this)),
    ]
    # Each waits for two seconds, so all at once.
    with ThreadPoolExecutor(len(reads)) as threads:
        failures = list(threads.map(refused, *zip(*reads)))
    for failure in failures:
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "SEQUENCE_NOT_REACHED")
        assert failure.metadata == {
            "session": session.name,
            "sequence": str(renamed.sequence),
            "min_sequence": str(renamed.sequence + 1),
        }
        assert failure.retry_delay is not None


def test_refresh_finds_what_nobody_told(api: Api, session: Session) -> None:
    ann = phone_number()
    group_id = session.create_group("Told", ann).group.id
    lose = simulator_pb2.InjectFaultRequest(
        session=session.name, uses=-1, lose_notifications=simulator_pb2.LoseNotificationsFault()
    )
    api.simulator.InjectFault(lose, timeout=PATIENCE)
    act = simulator_pb2.ActRequest(
        actor=ann, group_id=group_id, change_subject=simulator_pb2.ChangeSubjectAction(subject="Untold")
    )
    assert api.simulator.Act(act, timeout=PATIENCE).notification_count == 1
    assert session.get_group(group_id).subject == "Told"

    request = pb.GetGroupRequest(session=session.name, group_id=group_id, refresh=True)
    answer = api.groups.GetGroup(request, timeout=PATIENCE)
    assert answer.group.subject == "Untold"
    event = session.events()[-1]
    assert (event.origin, event.sequence) == (pb.ORIGIN_RECONCILED, answer.as_of_sequence)
    assert event.updated.changes[0].subject.current.text == "Untold"
    api.simulator.ClearFaults(simulator_pb2.ClearFaultsRequest(session=session.name), timeout=PATIENCE)


@pytest.fixture
def many(session: Session) -> Session:
    """A session with seven groups of different sizes."""
    for n, subject in enumerate(["Zoo", "group 5", "Äsche", "Group 2", "ärger", "éclair", "zebra"]):
        session.create_group(subject, *[phone_number() for _ in range(n % 3)])
    return session


ORDERS = {
    pb.GROUP_ORDER_UNSPECIFIED: lambda group: group.id.encode(),
    pb.GROUP_ORDER_ID: lambda group: group.id.encode(),
    pb.GROUP_ORDER_SUBJECT: lambda group: (group.subject.casefold(), group.id.encode()),
    pb.GROUP_ORDER_CREATE_TIME: lambda group: (group.create_time.ToNanoseconds(), group.id.encode()),
    pb.GROUP_ORDER_MEMBER_COUNT: lambda group: (group.member_count, group.id.encode()),
}


@pytest.mark.parametrize("order", ORDERS, ids=pb.GroupOrder.Name)
def test_groups_come_in_pages_in_every_order(many: Session, order: int) -> None:
    everything = many.groups(view=pb.GROUP_VIEW_FULL)
    assert len(everything) == 7
    for descending in (False, True):
        expected = sorted(everything, key=ORDERS[order], reverse=descending)
        for page_size in (1, 3, 7):
            found = many.groups(
                order_by=order, descending=descending, page_size=page_size, view=pb.GROUP_VIEW_FULL
            )
            assert found == expected
    assert many.groups(page_size=5000) == [
        without_members(group) for group in sorted(everything, key=ORDERS[pb.GROUP_ORDER_ID])
    ], "the default view is BASIC, by id, and large pages are cut"


def test_groups_are_filtered(api: Api, session: Session) -> None:
    ann = phone_number()
    one = session.create_group("Überfahrt One", ann).group
    two = session.create_group("Two", ann).group
    other = api.new_session()
    three = other.create_group("Three ONE", session.account.phone_number_id).group
    session.wait_for_events(3)
    session.set_subject(two.id, "Two, changed")
    hidden = next(member.id for member in one.participants if phone_of(member) == ann)

    def found(**fields) -> set:
        filter = pb.GroupFilter(**fields)
        count = api.groups.CountGroups(
            pb.CountGroupsRequest(session=session.name, filter=filter), timeout=PATIENCE
        )
        ids = [group.id for group in session.groups(filter=filter, page_size=1)]
        assert count.count == len(ids) == len(set(ids))
        assert count.as_of_sequence == 4
        return set(ids)

    assert found() == {one.id, two.id, three.id}
    assert found(subject_contains="one") == {one.id, three.id}
    assert found(subject_contains="ÜBERF") == {one.id}, "case does not count beyond ASCII either"
    assert found(subject_contains="%") == set(), "no wildcards"
    assert found(subject_contains="_wo") == set()
    for name in (ann, f"+{ann}", f"{ann}@c.us", hidden):
        assert found(member_id=name) == {one.id, two.id}
    assert found(member_id=phone_number()) == set()
    assert found(my_roles=[pb.ROLE_SUPERADMIN]) == {one.id, two.id}
    assert found(my_roles=[pb.ROLE_PARTICIPANT]) == {three.id}
    assert found(my_roles=[pb.ROLE_PARTICIPANT, pb.ROLE_SUPERADMIN]) == {one.id, two.id, three.id}
    assert found(changed_after_sequence_exclusive=1) == {two.id, three.id}
    assert found(changed_after_sequence_exclusive=3) == {two.id}
    assert found(changed_after_sequence_exclusive=4) == set()
    assert found(subject_contains="one", my_roles=[pb.ROLE_PARTICIPANT]) == {three.id}


def test_counting_says_how_fresh_it_is(api: Api, session: Session) -> None:
    session.create_group("Counted")
    count = api.groups.CountGroups(pb.CountGroupsRequest(session=session.name), timeout=PATIENCE)
    listed = api.groups.ListGroups(pb.ListGroupsRequest(session=session.name), timeout=PATIENCE)
    assert count.count == 1
    assert count.HasField("synced_time") and listed.HasField("synced_time")


def test_a_page_token_belongs_to_its_arguments(api: Api, many: Session) -> None:
    first = api.groups.ListGroups(pb.ListGroupsRequest(session=many.name, page_size=2), timeout=PATIENCE)
    token = first.next_page_token
    same = pb.ListGroupsRequest(session=many.name, page_size=3, page_token=token, min_sequence=7)
    assert len(api.groups.ListGroups(same, timeout=PATIENCE).groups) == 3
    for difference in [
        {"descending": True},
        {"order_by": pb.GROUP_ORDER_SUBJECT},
        {"filter": pb.GroupFilter(subject_contains="g")},
        {"session": api.new_session().name},
        {"view": pb.GROUP_VIEW_FULL},
    ]:
        request = pb.ListGroupsRequest(**{"session": many.name, "page_token": token, **difference})
        failure = refused(api.groups.ListGroups, request)
        assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH"), difference
        assert set(failure.violations) == {"page_token"}
    for nonsense in ("%%%", "abc", token[:-2], token + "AAAA"):
        failure = refused(api.groups.ListGroups, pb.ListGroupsRequest(session=many.name, page_token=nonsense))
        assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN"), nonsense
        assert set(failure.violations) == {"page_token"}


def test_pages_by_id_miss_nothing_while_groups_come_and_go(api: Api, many: Session) -> None:
    before = {group.id for group in many.groups()}
    found = []
    request = pb.ListGroupsRequest(session=many.name, page_size=1, order_by=pb.GROUP_ORDER_CREATE_TIME)
    gone = set()
    while True:
        page = api.groups.ListGroups(request, timeout=PATIENCE)
        found.extend(group.id for group in page.groups)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
        # One that was answered goes, another one comes.
        if len(gone) < 3:
            gone.add(found[-1])
            leave = pb.LeaveGroupRequest(session=many.name, group_id=found[-1])
            api.groups.LeaveGroup(leave, timeout=PATIENCE)
            many.create_group("Another")
    assert len(found) == len(set(found))
    assert before <= set(found)


def test_the_subject(api: Api, session: Session) -> None:
    group = session.create_group("Old").group
    first = session.set_subject(group.id, "New")
    assert (first.changed, first.sequence) == (True, 2)
    assert first.group == without_members(session.get_group(group.id))
    assert first.group.subject == "New"
    again = session.set_subject(group.id, "New")
    assert (again.changed, again.sequence) == (False, 2)
    events = session.events()
    assert sequences(events) == [1, 2]
    change = events[1].updated.changes[0].subject
    assert (change.previous.text, change.current.text) == ("Old", "New")
    assert change.current.time == first.group.subject_time
    assert change.current.owner == first.group.subject_owner == session.account.id
    # 100 characters, not bytes.
    assert session.set_subject(group.id, "ü" * 100).group.subject == "ü" * 100


def test_the_description(api: Api, session: Session) -> None:
    group = session.create_group("Described").group

    def describe(text: str, **fields) -> pb.SetGroupDescriptionResponse:
        request = pb.SetGroupDescriptionRequest(session=session.name, group_id=group.id, description=text, **fields)
        return api.groups.SetGroupDescription(request, timeout=PATIENCE)

    first = describe("What we do\nand when")
    assert (first.changed, first.sequence) == (True, 2)
    assert first.group.description == "What we do\nand when"
    assert first.group.description_id and first.group.HasField("description_time")
    assert first.group.description_owner == session.account.id
    again = describe("What we do\nand when")
    assert (again.changed, again.sequence) == (False, 2)

    conflict = pb.SetGroupDescriptionRequest(
        session=session.name, group_id=group.id, description="x", expected_description_id="another"
    )
    failure = refused(api.groups.SetGroupDescription, conflict)
    assert (failure.code, failure.reason) == (grpc.StatusCode.ABORTED, "DESCRIPTION_CONFLICT")
    assert failure.metadata["group_id"] == group.id
    assert failure.metadata["description_id"] == first.group.description_id

    second = describe("Später", expected_description_id=first.group.description_id)
    assert second.changed and second.group.description_id != first.group.description_id
    removed = describe("")
    assert removed.changed
    assert (removed.group.description, removed.group.description_id) == ("", "")
    assert len(describe("ü" * 2048).group.description) == 2048
    texts = [
        (event.updated.changes[0].description.previous.text, event.updated.changes[0].description.current.text)
        for event in session.events()[1:]
    ]
    assert texts == [
        ("", "What we do\nand when"),
        ("What we do\nand when", "Später"),
        ("Später", ""),
        ("", "ü" * 2048),
    ]


def test_leaving(api: Api, session: Session) -> None:
    ann = phone_number()
    group_id = session.create_group("Left", ann).group.id
    leave = pb.LeaveGroupRequest(session=session.name, group_id=group_id)
    left = api.groups.LeaveGroup(leave, timeout=PATIENCE)
    assert (left.changed, left.sequence) == (True, 2)
    event = session.events()[-1]
    assert (event.type, event.group_id, event.actor) == (pb.EVENT_TYPE_LEFT, group_id, session.account.id)
    assert session.groups() == []
    for method, request in [
        (api.groups.GetGroup, pb.GetGroupRequest(session=session.name, group_id=group_id)),
        (api.groups.ListParticipants, pb.ListParticipantsRequest(session=session.name, group_id=group_id)),
    ]:
        failure = refused(method, request)
        assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "GROUP_NOT_FOUND")
    again = refused(api.groups.LeaveGroup, leave)
    assert (again.code, again.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_GROUP_MEMBER")
    assert again.metadata["group_id"] == group_id
    # The world goes on without us: someone else inherits the group.
    world = api.simulator.GetWorldGroup(simulator_pb2.GetWorldGroupRequest(group_id=group_id), timeout=PATIENCE)
    assert [(phone_of(member), member.role) for member in world.group.participants] == [(ann, pb.ROLE_SUPERADMIN)]


def test_two_sessions_see_each_others_changes(api: Api, session: Session) -> None:
    other = api.new_session()
    group = session.create_group("Ours", other.account.phone_number_id).group
    seen = other.wait_for_events(1)[0]
    assert (seen.type, seen.origin, seen.actor) == (pb.EVENT_TYPE_JOINED, pb.ORIGIN_ENGINE, session.account.id)
    theirs = other.get_group(group.id)
    assert theirs.my_role == pb.ROLE_PARTICIPANT
    assert theirs.participants == group.participants
    session.set_subject(group.id, "Still ours")
    assert other.wait_for_events(2)[1].updated.changes[0].subject.current.text == "Still ours"
    remove = pb.RemoveParticipantsRequest(
        session=session.name, group_id=group.id, participant_ids=[other.account.lid]
    )
    assert api.groups.RemoveParticipants(remove, timeout=PATIENCE).changed
    gone = other.wait_for_events(3)[2]
    assert (gone.type, gone.actor) == (pb.EVENT_TYPE_LEFT, session.account.id)
    assert other.groups() == []


def test_unknown_groups_are_not_found(api: Api, session: Session) -> None:
    this = {"session": session.name, "group_id": "120363999999999999@g.us"}
    people = {"participant_ids": [phone_number()]}
    groups = api.groups
    for method, request in [
        (groups.GetGroup, pb.GetGroupRequest(**this)),
        (groups.GetGroup, pb.GetGroupRequest(**this, refresh=True)),
        (groups.ListParticipants, pb.ListParticipantsRequest(**this)),
        (groups.LeaveGroup, pb.LeaveGroupRequest(**this)),
        (groups.SetGroupSubject, pb.SetGroupSubjectRequest(**this, subject="x")),
        (groups.SetGroupDescription, pb.SetGroupDescriptionRequest(**this, description="x")),
        (groups.AddParticipants, pb.AddParticipantsRequest(**this, **people)),
        (groups.RemoveParticipants, pb.RemoveParticipantsRequest(**this, **people)),
        (groups.PromoteParticipants, pb.PromoteParticipantsRequest(**this, **people)),
        (groups.DemoteParticipants, pb.DemoteParticipantsRequest(**this, **people)),
    ]:
        failure = refused(method, request)
        assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "GROUP_NOT_FOUND"), request
        assert this.items() <= failure.metadata.items()
        resource = failure.details[error_details_pb2.ResourceInfo]
        assert (resource.resource_type, resource.resource_name) == ("group", this["group_id"])
    assert session.events() == []
