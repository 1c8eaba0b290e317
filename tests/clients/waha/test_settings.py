"""A group's settings through WAHA's SDK, each by itself."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from pydantic import BaseModel
from waha.generated.models import (
    SettingsMemberAddMode,
    SettingsMembershipApproval,
    SettingsMemberShareHistoryMode,
    SettingsSecurityChangeInfo,
)

from gateway import Account, eventually
from test_groups import new_group, status_of
from words import Normalized

# The SDK's calls, its model of what they take and answer, and what a new group has.
SETTINGS = [
    ("set_info_admin_only", "get_info_admin_only", SettingsSecurityChangeInfo, False),
    ("set_messages_admin_only", "get_messages_admin_only", SettingsSecurityChangeInfo, False),
    ("set_member_add_mode", "get_member_add_mode", SettingsMemberAddMode, True),
    ("set_member_share_history_mode", "get_member_share_history_mode", SettingsMemberShareHistoryMode, None),
    ("set_membership_approval_mode", "get_membership_approval_mode", SettingsMembershipApproval, False),
]
each_setting = pytest.mark.parametrize("put, get, model, initially", SETTINGS)


@each_setting
def test_a_setting_reads_as_it_was_set(
    account: Account, words: Normalized, put: str, get: str, model: Any, initially: Any
) -> None:
    (field,) = model.model_fields
    group_id = new_group(account, words, "Bees")

    def read() -> bool:
        parsed: BaseModel = model.model_validate(getattr(account, get)(id=group_id))
        return getattr(parsed, field)

    first = read()
    assert initially in (first, None)
    for value in (not first, not first, first):
        answer = getattr(account, put)(id=group_id, payload=model(**{field: value}))
        # WAHA answers `true` or nothing, by setting and engine; never a failure in words.
        always_true = field in ("newMembersApprovalRequired", "membersCanShareHistory")
        assert answer in ((True,) if always_true else (True, "")), answer
        assert read() is value
        # The group shows it where the shape has a word for it, and nothing else has changed.
        shown = words.settings(account.get_group(id=group_id))
        name = put[len("set_") :]
        assert shown.get(name, value) is value


@each_setting
def test_a_setting_is_never_taken_from_a_missing_field(
    account: Account, words: Normalized, put: str, get: str, model: Any, initially: Any
) -> None:
    group_id = new_group(account, words, "Bees")
    before = getattr(account, get)(id=group_id)

    assert status_of(getattr(account, put), id=group_id, payload={}) == 400
    assert status_of(getattr(account, put), id=group_id) == 400

    assert getattr(account, get)(id=group_id) == before


def test_settings_bind_the_members(new_account: Callable[[], Account], words: Normalized) -> None:
    owner, member = new_account(), new_account()
    group_id = new_group(owner, words, "Bees", member.phone)
    member.knows(group_id)

    assert member.set_subject(id=group_id, payload={"subject": "Wasps"}) == words.DONE
    owner.set_info_admin_only(id=group_id, payload={"adminsOnly": True})
    assert status_of(member.set_subject, id=group_id, payload={"subject": "Ants"}) == 500

    eventually(lambda: owner.get_group(id=group_id)[words.SUBJECT], "Wasps")
    assert status_of(member.set_info_admin_only, id=group_id, payload={"adminsOnly": False}) == 500
    assert owner.get_info_admin_only(id=group_id) == {"adminsOnly": True}
