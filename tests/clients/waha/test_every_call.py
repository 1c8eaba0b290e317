"""That no call of the SDK is left out, also after it was updated."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from waha.generated.api import GroupsApi


def test_each_group_call_of_the_sdk_is_made_here() -> None:
    calls = {name for name, _ in inspect.getmembers(GroupsApi, inspect.isfunction) if not name.startswith("_")}
    awaited = {name for name in calls if name.startswith("a_")}
    plain = calls - awaited
    # `Account` makes the one or the other of each.
    assert awaited == {f"a_{name}" for name in plain}
    # WAHA has that many routes for groups.
    assert len(plain) == 35

    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    # As a call, or in the table of settings.
    left_out = [name for name in plain if not re.search(rf"\w\.{name}\b|\"{name}\"", tests)]
    assert left_out == []
