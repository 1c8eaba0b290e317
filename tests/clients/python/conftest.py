"""A running service for the tests, on SQLite, and on PostgreSQL too where WAGROUPS_TEST_POSTGRES_URL names one."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator

import pytest

import wagroups_resume
from harness import DATABASES, Api, Service, Session, make_database


def pytest_report_header() -> str:
    left_out = "" if "postgres" in DATABASES else " (left out: postgres, WAGROUPS_TEST_POSTGRES_URL is not set)"
    return f"databases: {', '.join(DATABASES)}{left_out}"


def pytest_runtest_setup() -> None:
    for service in Service.known:
        service.mark_log()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Shows with a failed test what the services have logged meanwhile."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for service in Service.known:
            text = service.log_since_mark()
            if text:
                report.sections.append((f"log of the service at {service.address}", text))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A follower may wait for half a minute before it tries again; no test has the time."""
    monkeypatch.setattr(wagroups_resume, "LONGEST_DELAY", 0.5)


@pytest.fixture(scope="session", params=DATABASES)
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that all tests share; each test has sessions of its own there."""
    directory = tmp_path_factory.mktemp(request.param)
    service = Service(directory, make_database(request.param, directory)).start()
    yield service
    assert service.stop() == 0


@pytest.fixture
def api(service: Service) -> Iterator[Api]:
    with service.channel() as channel:
        yield Api(channel)


@pytest.fixture
def session(api: Api) -> Session:
    return api.new_session()


@pytest.fixture(params=DATABASES)
def own_service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A service of the test's own, which it may kill."""
    service = Service(tmp_path, make_database(request.param, tmp_path)).start()
    yield service
    service.kill()


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts a service of the test's own on SQLite, with settings of its own."""
    started = []

    def start(**settings: str) -> Service:
        directory = tmp_path / f"service-{len(started)}"
        directory.mkdir()
        started.append(Service(directory, make_database("sqlite", directory), **settings))
        return started[-1].start()

    yield start
    for service in started:
        service.kill()
