"""Refusals as WAHA's SDK meets them: it raises what httpx makes of the status, with WAHA's body."""

from __future__ import annotations

from typing import Any, Callable, Optional

import httpx
import pytest

from gateway import Account, Gateway
from test_groups import new_group
from words import Normalized

NO_GROUP = "120363000000000001@g.us"


def refusal(call: Callable[..., Any], **arguments: Any) -> httpx.Response:
    with pytest.raises(httpx.HTTPStatusError) as refused:
        call(**arguments)
    return refused.value.response


@pytest.mark.parametrize("key", ["wrong", "", None])
def test_a_wrong_key_is_unauthorized(account: Account, client_of: Callable[..., Account], key: Optional[str]) -> None:
    answer = refusal(client_of(account.session, key).get_groups)

    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized", "statusCode": 401})


def test_a_key_of_other_sessions_is_forbidden(
    account: Account, gateway: Gateway, client_of: Callable[..., Account]
) -> None:
    for session in (account.session, "no-such-session"):
        stranger = client_of(session, gateway.narrow_key)
        for call, arguments in (
            (stranger.get_groups, {}),
            (stranger.create_group, {"payload": {"name": "Bees", "participants": []}}),
        ):
            answer = refusal(call, **arguments)
            assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden", "statusCode": 403})

    assert account.get_groups_count() == {"count": 0}


def test_a_session_that_is_not_there_or_does_not_work_is_unprocessable(
    account: Account, gateway: Gateway, client_of: Callable[..., Account]
) -> None:
    answer = refusal(client_of("nobody", gateway.key).get_groups)
    assert (answer.status_code, answer.json()) == (
        422,
        {"error": 'Session "nobody" does not exist', "session": "nobody"},
    )

    gateway.stop_session(account.session)
    answer = refusal(account.create_group, payload={"name": "Bees", "participants": []})
    assert answer.status_code == 422
    body = answer.json()
    assert body["error"].startswith("Session status is not as expected")
    assert (body["session"], body["status"], body["expected"]) == (account.session, "STOPPED", ["WORKING"])


def test_a_group_that_is_not_there_is_an_exception(account: Account) -> None:
    for call in (account.get_group, account.get_group_participants, account.get_info_admin_only, account.leave_group):
        answer = refusal(call, id=NO_GROUP)
        body = answer.json()
        assert (answer.status_code, body["statusCode"]) == (500, 500)
        assert NO_GROUP in body["exception"]["message"]
        assert body["request"]["path"].startswith(f"/api/{account.session}/groups/{NO_GROUP}")
        assert {"version", "engine", "tier"} <= set(body["version"])


def test_whatsapps_refusal_has_its_code(new_account: Callable[[], Account], words: Normalized) -> None:
    owner, member = new_account(), new_account()
    group_id = new_group(owner, words, "Bees", member.phone)
    member.knows(group_id)
    people = {"participants": [{"id": f"{owner.phone}@c.us"}]}

    answer = refusal(member.remove_participants, id=group_id, payload=people)

    assert answer.status_code == 500
    assert words.refusal(answer.json()["exception"]) == 403


def test_a_bad_field_is_named(account: Account, words: Normalized) -> None:
    group_id = new_group(account, words, "Bees")
    cases = [
        (account.create_group, {"payload": {"participants": []}}, "name"),
        (account.create_group, {"payload": {"name": "Ants"}}, "participants"),
        (account.get_groups, {"params": {"sortBy": "size"}}, "sortBy"),
        (account.get_groups, {"params": {"limit": "many"}}, "limit"),
        (account.get_groups, {"params": {"exclude": "subject"}}, "exclude"),
        (account.get_chat_picture, {"id": group_id, "params": {"refresh": "perhaps"}}, "refresh"),
        (account.set_subject, {"id": group_id, "payload": {"subject": 7}}, "subject"),
        (account.add_participants, {"id": group_id, "payload": {"participants": [{"id": "x@y"}]}}, "participants.0.id"),
        (account.join_group, {"payload": {}}, "code"),
        (account.join_info_group, {}, "code"),
        (account.get_group, {"id": "4915100000001@c.us"}, "id"),
    ]
    for call, arguments, field in cases:
        answer = refusal(call, **arguments)
        body = answer.json()
        assert (answer.status_code, body["statusCode"], body["error"]) == (400, 400, "Bad Request"), arguments
        assert any(field in message for message in body["message"]), body

    assert account.get_groups_count() == {"count": 1}
