"""Members through WAHA's SDK: added, removed, promoted and demoted, with a verdict for each."""

from __future__ import annotations

from typing import Callable

from waha.generated.models import Participant, ParticipantsRequest

from gateway import Account
from test_groups import new_group, status_of
from words import Normalized


def people(*phones: str) -> ParticipantsRequest:
    return ParticipantsRequest(participants=[Participant(id=f"{phone}@c.us") for phone in phones])


def test_members_come_and_go(account: Account, words: Normalized, phone: Callable[..., str]) -> None:
    first, second = phone(), phone()
    group_id = new_group(account, words, "Bees")

    added = account.add_participants(id=group_id, payload=people(first, second))
    assert words.codes(added) == [200, 200]
    both = {account.phone: "superadmin", first: "participant", second: "participant"}
    assert account.members(group_id) == both

    removed = account.remove_participants(id=group_id, payload=people(first))
    assert words.codes(removed) == [200]
    assert account.members(group_id) == {account.phone: "superadmin", second: "participant"}


def test_each_who_cannot_be_added_has_whatsapps_code(
    account: Account, words: Normalized, phone: Callable[..., str]
) -> None:
    friend, blocked, private, nobody, left = phone(), phone("0401"), phone("0403"), phone("0404"), phone("0408")
    group_id = new_group(account, words, "Bees")

    verdicts = account.add_participants(id=group_id, payload=people(friend, blocked, private, nobody, left))

    assert words.codes(verdicts) == [200, 401, 403, 404, 408]
    assert words.invited_privately(verdicts[2])
    assert account.members(group_id) == {account.phone: "superadmin", friend: "participant"}
    # Once more: who is there already is told apart from who was added.
    assert words.codes(account.add_participants(id=group_id, payload=people(friend))) == [409]


def test_admins_are_made_and_unmade(account: Account, words: Normalized, phone: Callable[..., str]) -> None:
    friend, stranger = phone(), phone()
    group_id = new_group(account, words, "Bees", friend)

    assert words.codes(account.promote_to_admin(id=group_id, payload=people(friend))) == [200]
    assert account.members(group_id)[friend] == "admin"
    # In the words of the shape too.
    assert words.people(account.get_participants(id=group_id))[friend] == "admin"

    assert words.codes(account.demote_to_admin(id=group_id, payload=people(friend))) == [200]
    assert account.members(group_id)[friend] == "participant"

    assert words.codes(account.promote_to_admin(id=group_id, payload=people(friend, stranger))) == [200, 404]


def test_a_member_goes_by_the_id_that_the_list_shows(
    account: Account, words: Normalized, phone: Callable[..., str]
) -> None:
    friend = phone()
    group_id = new_group(account, words, "Bees", friend)
    listed = account.get_group_participants(id=group_id)
    hidden = next(member["id"] for member in listed if member["pn"] == f"{friend}@c.us")
    assert hidden.endswith("@lid")

    removed = account.remove_participants(id=group_id, payload={"participants": [{"id": hidden}]})

    assert words.codes(removed) == [200]
    assert account.members(group_id) == {account.phone: "superadmin"}


def test_who_is_no_admin_changes_nothing(
    new_account: Callable[[], Account], words: Normalized, phone: Callable[..., str]
) -> None:
    owner, member = new_account(), new_account()
    friend = phone()
    group_id = new_group(owner, words, "Bees", member.phone, friend)
    member.knows(group_id)
    before = owner.members(group_id)

    for change in (member.remove_participants, member.promote_to_admin, member.demote_to_admin):
        assert status_of(change, id=group_id, payload=people(friend)) == 500

    assert owner.members(group_id) == before
