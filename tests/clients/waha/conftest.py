"""A gateway for each shape, and sessions of it under either of the SDK's clients."""

from __future__ import annotations

import itertools
from typing import Callable, Iterator, List, Optional

import pytest

from gateway import Account, Gateway
from words import SHAPES, Normalized

_numbers = itertools.count(1)


def pytest_runtest_setup() -> None:
    for gateway in Gateway.known:
        gateway.mark_log()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Shows with a failed test what the services have logged meanwhile."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for gateway in Gateway.known:
            text = gateway.log_since_mark()
            if text:
                report.sections.append((f"log of the service with the shape {gateway.shape}", text))


@pytest.fixture(scope="session", params=list(SHAPES))
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp(request.param), request.param)
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture
def words(gateway: Gateway) -> Normalized:
    return SHAPES[gateway.shape]


@pytest.fixture(params=["sync", "async"])
def style(request: pytest.FixtureRequest) -> str:
    """Which of the SDK's two clients; each has all calls."""
    return request.param


@pytest.fixture
def client_of(gateway: Gateway, style: str) -> Iterator[Callable[..., Account]]:
    """The SDK for a session that there is, or not, with a key that is right, or not."""
    opened: List[Account] = []

    def client(session: str, key: Optional[str], phone: str = "") -> Account:
        opened.append(Account(gateway, session, phone, style, key))
        return opened[-1]

    yield client
    for account in opened:
        account.close()


@pytest.fixture
def new_account(gateway: Gateway, client_of: Callable[..., Account]) -> Callable[[], Account]:
    """Makes a session of its own, with its SDK."""

    def account() -> Account:
        number = next(_numbers)
        phone = f"49151{number:07}"
        gateway.simulate_session(f"sdk-{number}", phone)
        return client_of(f"sdk-{number}", gateway.key, phone)

    return account


@pytest.fixture
def account(new_account: Callable[[], Account]) -> Account:
    return new_account()


@pytest.fixture
def phone() -> Callable[..., str]:
    """Makes a number that no test has used. The simulator gives the endings 0401, 0403, 0404 and 0408 a
    meaning; all others belong to people who may be added by everyone."""

    def number(ending: str = "5") -> str:
        return f"49160{next(_numbers):06}{ending}"

    return number
