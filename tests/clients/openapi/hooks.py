"""What schemathesis has to know of this service.

WAHA answers 500 to whatever WhatsApp refuses, and its clients know that. So a 5xx alone is no defect here: one is,
where it says that something is wrong with the service itself, or is not in the document.
"""

from __future__ import annotations

import random
import uuid

import schemathesis

# Reasons that no request of one healthy service may bring about.
DEFECTS = {"", "INTERNAL", "DATABASE_UNAVAILABLE", "ENGINE_UNAVAILABLE", "OUTCOME_UNKNOWN", "OVERLOADED", "DRAINING"}


_chance = random.Random(1)


@schemathesis.hook
def before_call(context, case, kwargs) -> None:  # type: ignore[no-untyped-def]
    """One key stands for one change. The same one for another would be refused, and rightly so. And where an answer says
    that a hidden id is not known, schemathesis asks for the id `null`, which no schema allows."""
    parameters = case.path_parameters or {}
    if "lid" in parameters and parameters["lid"] in (None, "null"):
        parameters["lid"] = "222@lid"
    headers = case.headers or {}
    for name in [name for name in headers if name.lower() == "idempotency-key"]:
        if _is_uuid(headers[name]):
            headers[name] = str(uuid.UUID(int=_chance.getrandbits(128), version=4))


def _is_uuid(text: object) -> bool:
    try:
        return uuid.UUID(str(text)).int != 0
    except ValueError:
        return False


@schemathesis.check
def only_refusals(ctx, response, case) -> None:  # type: ignore[no-untyped-def]
    reason = (response.headers.get("x-wagroups-reason") or [""])[0]
    if response.status_code >= 500 and reason in DEFECTS:
        raise AssertionError(f"{response.status_code} with the reason {reason!r}: {response.text[:500]}")


@schemathesis.check
def refusals_have_a_reason(ctx, response, case) -> None:  # type: ignore[no-untyped-def]
    if response.status_code >= 400 and not response.headers.get("x-wagroups-reason"):
        raise AssertionError(f"{response.status_code} without a reason: {response.text[:500]}")
