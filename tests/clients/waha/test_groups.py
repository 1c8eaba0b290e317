"""Groups through WAHA's SDK: made, listed, read, renamed, left and taken apart."""

from __future__ import annotations

from typing import Any, Callable

import httpx
import pytest
from waha.generated.models import (
    CountResponse,
    CreateGroupRequest,
    DescriptionRequest,
    GroupInfo,
    GroupParticipant,
    Participant,
    Result,
    SubjectRequest,
)

from gateway import Account, Gateway, eventually
from words import Normalized


def new_group(account: Account, words: Normalized, name: str, *phones: str) -> str:
    people = [Participant(id=f"{phone}@c.us") for phone in phones]
    created = account.create_group(payload=CreateGroupRequest(name=name, participants=people))
    return created[words.ID]


def status_of(call: Callable[..., Any], **arguments: Any) -> int:
    """The status of a call that must be refused."""
    with pytest.raises(httpx.HTTPStatusError) as refused:
        call(**arguments)
    return refused.value.response.status_code


def test_a_new_group_has_its_members_and_says_who_could_not_be_added(
    account: Account, words: Normalized, phone: Callable[..., str]
) -> None:
    friend, private = phone(), phone("0403")
    people = [Participant(id=f"{friend}@c.us"), Participant(id=f"{private}@c.us")]

    created = account.create_group(payload=CreateGroupRequest(name="Book club", participants=people))

    assert created[words.ID].endswith("@g.us")
    assert created[words.SUBJECT] == "Book club"
    members = {account.phone: "superadmin", friend: "participant"}
    assert words.members(created) == members
    assert words.uninvited(created) in ({private: 403}, {})
    assert account.members(created[words.ID]) == members


def test_a_group_can_be_made_alone(account: Account, words: Normalized) -> None:
    created = account.create_group(payload={"name": "Notes", "participants": []})

    assert words.members(created) == {account.phone: "superadmin"}


def test_a_group_reads_as_it_was_made_and_as_the_list_has_it(
    account: Account, words: Normalized, phone: Callable[..., str]
) -> None:
    friend = phone()
    group_id = new_group(account, words, "Choir 🎵 \"B\"", friend)

    group = account.get_group(id=group_id)

    assert group[words.ID] == group_id
    assert group[words.SUBJECT] == "Choir 🎵 \"B\""
    assert words.members(group) == {account.phone: "superadmin", friend: "participant"}
    assert words.listed(account.get_groups()) == [group]
    # The members alone, in the words of the shape, and in WAHA's own.
    assert account.get_participants(id=group_id) == group[words.MEMBERS]
    listed = [GroupParticipant.model_validate(member) for member in account.get_group_participants(id=group_id)]
    assert {member.pn: member.role.value for member in listed} == {
        f"{account.phone}@c.us": "superadmin",
        f"{friend}@c.us": "participant",
    }
    assert all(member.id.endswith("@lid") for member in listed)


def test_the_normalized_shape_is_what_the_sdk_calls_group_info(
    account: Account, gateway: Gateway, words: Normalized, phone: Callable[..., str]
) -> None:
    group_id = new_group(account, words, "Choir", phone())
    group = account.get_group(id=group_id)

    if gateway.shape == "normalized":
        parsed = GroupInfo.model_validate(group)
        assert (parsed.id, parsed.subject, len(parsed.participants)) == (group_id, "Choir", 2)
    else:
        # An engine's own: the SDK has no model of it.
        assert "membersCanSendMessages" not in group


def test_the_list_is_sorted_cut_and_stripped_as_asked(account: Account, words: Normalized) -> None:
    for name in ("Bees", "Ants", "Cats"):
        new_group(account, words, name)

    def subjects(**params: Any) -> list:
        return [group[words.SUBJECT] for group in words.listed(account.get_groups(params=params))]

    assert subjects(sortBy="subject") == ["Ants", "Bees", "Cats"]
    assert subjects(sortBy="subject", sortOrder="desc") == ["Cats", "Bees", "Ants"]
    assert subjects(sortBy="subject", limit=1, offset=1) == ["Bees"]
    assert subjects(sortBy="subject", limit=2, offset=2) == ["Cats"]
    assert subjects(sortBy="subject", limit=2, offset=3) == []
    by_id = [group[words.ID] for group in words.listed(account.get_groups(params={"sortBy": "id"}))]
    assert by_id == sorted(by_id) and len(by_id) == 3
    # The SDK drops what is None.
    assert len(subjects(limit=None)) == 3

    stripped = words.listed(account.get_groups(params={"exclude": ["participants"]}))
    assert len(stripped) == 3
    assert all(words.MEMBERS not in group for group in stripped)
    assert all(words.MEMBERS in group for group in words.listed(account.get_groups(params={"exclude": ""})))


def test_the_count_is_that_of_the_list(account: Account, words: Normalized) -> None:
    assert CountResponse.model_validate(account.get_groups_count()).count == 0
    assert words.listed(account.get_groups()) == []

    new_group(account, words, "Bees")
    new_group(account, words, "Ants")

    assert CountResponse.model_validate(account.get_groups_count()).count == 2


def test_a_refresh_succeeds_and_loses_nothing(account: Account, words: Normalized) -> None:
    group_id = new_group(account, words, "Bees")

    assert Result.model_validate(account.refresh_groups()).success
    assert [group[words.ID] for group in words.listed(account.get_groups())] == [group_id]


def test_texts_are_changed_and_cleared(account: Account, words: Normalized) -> None:
    group_id = new_group(account, words, "Bees")

    assert account.set_subject(id=group_id, payload=SubjectRequest(subject="Wasps")) == words.DONE
    text = "Every Sunday\nat “ten”"
    assert account.set_description(id=group_id, payload=DescriptionRequest(description=text)) == words.DONE

    group = account.get_group(id=group_id)
    assert (group[words.SUBJECT], group[words.DESCRIPTION]) == ("Wasps", text)

    assert account.set_description(id=group_id, payload={"description": ""}) == words.DONE
    # Baileys leaves out what is not there.
    assert account.get_group(id=group_id).get(words.DESCRIPTION, "") == ""


def test_who_leaves_a_group_no_longer_has_it_and_the_others_do(
    new_account: Callable[[], Account], words: Normalized
) -> None:
    stays, leaves = new_account(), new_account()
    group_id = new_group(stays, words, "Bees", leaves.phone)
    leaves.knows(group_id)

    assert leaves.leave_group(id=group_id) == ""

    assert status_of(leaves.get_group, id=group_id) == 500
    assert leaves.get_groups_count() == {"count": 0}
    eventually(lambda: stays.members(group_id), {stays.phone: "superadmin"})


def test_a_group_that_is_deleted_is_gone_for_all(new_account: Callable[[], Account], words: Normalized) -> None:
    owner, member = new_account(), new_account()
    group_id = new_group(owner, words, "Bees", member.phone)
    member.knows(group_id)

    assert owner.delete_group(id=group_id) is True

    assert owner.get_groups_count() == {"count": 0}
    eventually(member.get_groups_count, {"count": 0})
