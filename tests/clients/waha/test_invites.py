"""Invites and requests to join through WAHA's SDK, between two sessions."""

from __future__ import annotations

import time
from typing import Callable, List, Tuple

import pytest
from waha.generated.models import (
    GroupJoinRequestResult,
    JoinGroupRequest,
    JoinGroupResponse,
    Participant,
    ParticipantsRequest,
    SettingsMembershipApproval,
)

from gateway import Account, eventually
from test_groups import new_group, status_of
from words import Normalized

Sessions = Tuple[Account, Account]


@pytest.fixture
def sessions(new_account: Callable[[], Account]) -> Sessions:
    """Who has a group, and who wants to get in."""
    return new_account(), new_account()


def requesters(*ids: str) -> ParticipantsRequest:
    return ParticipantsRequest(participants=[Participant(id=each) for each in ids])


def bare(code: str) -> str:
    return code.rpartition("/")[2]


def test_the_code_of_a_group_leads_into_it(sessions: Sessions, words: Normalized) -> None:
    owner, guest = sessions
    group_id = new_group(owner, words, "Bees")

    code = owner.get_invite_code(id=group_id)
    assert isinstance(code, str) and words.is_invite(code) and len(bare(code)) >= 16
    assert owner.get_invite_code(id=group_id) == code

    shown = guest.join_info_group(params={"code": code})
    assert (shown[words.ID], shown[words.SUBJECT]) == (group_id, "Bees")
    assert guest.get_groups_count() == {"count": 0}

    joined = JoinGroupResponse.model_validate(guest.join_group(payload=JoinGroupRequest(code=code)))
    assert joined.id == group_id
    eventually(lambda: owner.members(group_id), {owner.phone: "superadmin", guest.phone: "participant"})
    assert guest.get_group(id=group_id)[words.SUBJECT] == "Bees"


@pytest.mark.parametrize(
    "form", ["{}", "chat.whatsapp.com/{}", "https://chat.whatsapp.com/{}", "https://chat.whatsapp.com/{}?mode=gi_t"]
)
def test_an_invite_is_taken_in_each_form_that_people_paste(sessions: Sessions, words: Normalized, form: str) -> None:
    owner, guest = sessions
    group_id = new_group(owner, words, "Bees")
    pasted = form.format(bare(owner.get_invite_code(id=group_id)))

    assert guest.join_info_group(params={"code": pasted})[words.ID] == group_id
    assert guest.join_group(payload={"code": pasted}) == {"id": group_id}


def test_a_code_that_was_revoked_leads_nowhere(sessions: Sessions, words: Normalized) -> None:
    owner, guest = sessions
    group_id = new_group(owner, words, "Bees")
    old = owner.get_invite_code(id=group_id)

    new = owner.revoke_invite_code(id=group_id)

    assert words.is_invite(new) and new != old
    assert owner.get_invite_code(id=group_id) == new
    assert status_of(guest.join_group, payload={"code": old}) == 500
    assert status_of(guest.join_info_group, params={"code": old}) == 500
    assert guest.join_group(payload={"code": new}) == {"id": group_id}


def ask_to_join(sessions: Sessions, words: Normalized) -> Tuple[str, List[dict]]:
    """A group that takes nobody unseen, and who waits before it."""
    owner, guest = sessions
    group_id = new_group(owner, words, "Bees")
    approval = SettingsMembershipApproval(newMembersApprovalRequired=True)
    owner.set_membership_approval_mode(id=group_id, payload=approval)
    assert owner.get_group_join_requests(id=group_id) == []

    code = owner.get_invite_code(id=group_id)
    assert guest.join_group(payload=JoinGroupRequest(code=code)) == {"id": group_id}
    assert guest.get_groups_count() == {"count": 0}
    eventually(lambda: len(owner.get_group_join_requests(id=group_id)), 1)
    return group_id, owner.get_group_join_requests(id=group_id)


def test_who_asks_to_join_is_listed_and_let_in(sessions: Sessions, words: Normalized) -> None:
    owner, guest = sessions
    group_id, (request,) = ask_to_join(sessions, words)

    # Not by the SDK's GroupJoinRequest: its `addedById` and `parentGroupId` cannot be null, as in WAHA they are.
    assert request["requesterId"].endswith("@lid")
    assert request["requesterPn"] == f"{guest.phone}@c.us"
    assert (request["addedById"], request["parentGroupId"]) == (None, None)
    assert request["requestMethod"] in ("invite_link", None)
    assert 0 <= time.time() - request["timestamp"] < 600, "seconds"

    answer = owner.approve_group_join_requests(id=group_id, payload=requesters(request["requesterId"]))

    (result,) = [GroupJoinRequestResult.model_validate(each) for each in answer]
    assert (result.requesterId, result.success, result.error) == (request["requesterId"], True, None)
    assert owner.get_group_join_requests(id=group_id) == []
    assert owner.members(group_id) == {owner.phone: "superadmin", guest.phone: "participant"}
    guest.knows(group_id)


def test_who_is_rejected_stays_out(sessions: Sessions, words: Normalized) -> None:
    owner, guest = sessions
    group_id, (request,) = ask_to_join(sessions, words)

    answer = owner.reject_group_join_requests(id=group_id, payload=requesters(request["requesterId"]))

    assert answer == [{"requesterId": request["requesterId"], "success": True}]
    assert owner.get_group_join_requests(id=group_id) == []
    assert owner.members(group_id) == {owner.phone: "superadmin"}
    assert guest.get_groups_count() == {"count": 0}


def test_who_has_not_asked_has_an_error_beside_who_has(
    sessions: Sessions, words: Normalized, phone: Callable[..., str]
) -> None:
    owner, _ = sessions
    group_id, (request,) = ask_to_join(sessions, words)
    asked, stranger = request["requesterId"], f"{phone()}@c.us"

    answer = owner.approve_group_join_requests(id=group_id, payload=requesters(asked, stranger))

    results = [GroupJoinRequestResult.model_validate(each) for each in answer]
    assert [(each.requesterId, each.success, each.error) for each in results] == [
        (asked, True, None),
        (stranger, False, 404),
    ]


def test_nobody_at_all_is_not_everybody(sessions: Sessions, words: Normalized) -> None:
    owner, _ = sessions
    group_id, requests = ask_to_join(sessions, words)

    for answer in (owner.approve_group_join_requests, owner.reject_group_join_requests):
        assert status_of(answer, id=group_id, payload=requesters()) == 400

    assert owner.get_group_join_requests(id=group_id) == requests
