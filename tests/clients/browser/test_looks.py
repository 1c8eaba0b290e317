"""How the pages look, as pictures to look at; and what axe finds that keeps people out."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Callable, Iterator
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from conftest import Watched
from program import Program

Open = Callable[..., Page]

_numbers = itertools.count()

DESKTOP = {"width": 1440, "height": 900}
TABLET = {"width": 1000, "height": 760}
PHONE = {"width": 390, "height": 844}
SUBJECTS = [
    "Alumni 2009",
    "Book swap",
    "Choir – tenors",
    "Deliveries north",
    "Deliveries south",
    "Five-a-side",
    "Flat 4B",
    "Gardeners of plot 12",
    "Größe & Maß",
    "Incident 2026-11",
    "Night shift",
    "Reading circle, Tuesdays",
    "Returns desk",
    "Warehouse",
    "Weekend market",
    "بستان الحي",
    "料理クラブ",
]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A service with some life in it."""
    program = Program(tmp_path_factory.mktemp("scene"))
    program.new_session("shop-berlin")
    program.new_session("support")
    program.run("sessions", "stop", "support")
    for number, subject in enumerate(SUBJECTS):
        people = [f"49151{20_000_000 + 40 * number + each:08}" for each in range(2 + number * 7 % 23)]
        program.new_group("default", subject, *people)
    yield program
    assert program.stop() == 0


def happens(program: Program, group: str) -> None:
    """What a morning brings: six events of this group, and two of another one."""
    path = f"/api/default/groups/{group}"
    stays, leaves = (f"49151200{99_000 + next(_numbers)}" for _ in range(2))
    new = [{"id": stays}, {"id": leaves}]
    program.ok("POST", f"{path}/participants/add", {"participants": new})
    program.ok("POST", f"{path}/admin/promote", {"participants": new[:1]})
    incident = group_id(program, "Incident 2026-11")
    program.ok("PUT", f"/api/default/groups/{incident}/subject", {"subject": "Incident 2026-11, over"})
    program.ok("PUT", f"/api/default/groups/{incident}/subject", {"subject": "Incident 2026-11"})
    description = "Who is in, who is out.\nKeys are with the night shift."
    program.ok("PUT", f"{path}/description", {"description": description})
    program.ok("POST", f"{path}/invite-code/revoke")
    program.ok("PUT", f"{path}/settings/security/info-admin-only", {"adminsOnly": True})
    program.run("simulator", "act", "leave", f"+{leaves}", group)


def group_id(program: Program, subject: str) -> str:
    (group,) = program.ok("GET", f"/api/default/groups?search={quote(subject)}")
    return group["id"]


def is_told(page: Page) -> None:
    """All of it is shown, and the group as it is now."""
    expect(page.locator("#log .event")).to_have_count(8)
    expect(page.locator("#panel-history .event")).to_have_count(7)
    expect(page.locator("#group .tags")).to_have_text("only admins edit")


def keep(page: Page, name: str) -> None:
    # What has just come glows for a moment.
    page.screenshot(path=str(Path(os.environ["PAGES_PICTURES"]) / f"{name}.png"), animations="disabled")


def is_for_everyone(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], "it is wider than the screen"


@pytest.mark.parametrize(
    ("name", "screen", "scheme", "subject"),
    [
        ("desktop-light", DESKTOP, "light", "Warehouse"),
        ("desktop-dark", DESKTOP, "dark", "Night shift"),
        ("tablet-light", TABLET, "light", "Returns desk"),
        ("tablet-dark", TABLET, "dark", "Deliveries south"),
    ],
)
def test_the_operators_page(
    scene: Program, open_page: Open, watched: Watched, name: str, screen: dict, scheme: str, subject: str
) -> None:
    group = group_id(scene, subject)
    page = open_page(f"{scene.url}/#/default/{group}", viewport=screen, color_scheme=scheme)
    expect(page.locator("#link")).to_have_text("on")
    happens(scene, group)
    is_told(page)
    if scheme == "dark":
        page.get_by_role("tab", name="History").click()
    keep(page, f"operator-{name}")
    is_for_everyone(page)
    watched.is_clean(scene)


@pytest.mark.parametrize(("scheme", "subject"), [("light", "Deliveries north"), ("dark", "Flat 4B")])
def test_the_operators_page_on_a_phone(
    scene: Program, open_page: Open, watched: Watched, scheme: str, subject: str
) -> None:
    page = open_page(scene.url, viewport=PHONE, color_scheme=scheme, has_touch=True)
    expect(page.locator("#link")).to_have_text("on")
    expect(page.locator(".group")).to_have_count(len(SUBJECTS))
    keep(page, f"operator-phone-{scheme}-groups")
    is_for_everyone(page)
    page.locator(".group", has_text=subject).tap()
    expect(page.locator("#group h2")).to_be_visible()
    happens(scene, group_id(scene, subject))
    is_told(page)
    keep(page, f"operator-phone-{scheme}-group")
    is_for_everyone(page)
    page.get_by_role("button", name="Live", exact=True).tap()
    keep(page, f"operator-phone-{scheme}-live")
    is_for_everyone(page)
    watched.is_clean(scene)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_of_the_api(
    scene: Program, open_page: Open, watched: Watched, screen: dict, scheme: str, request: pytest.FixtureRequest
) -> None:
    page = open_page(f"{scene.url}/docs#/listSessions", viewport=screen, color_scheme=scheme)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answer .code")).to_have_text("200 OK")
    expect(page.locator(".answer pre")).to_contain_text("shop-berlin")
    keep(page, f"docs-{request.node.callspec.id}")
    is_for_everyone(page)
    watched.is_clean(scene)


def test_the_question_for_a_key(locked: Program, open_page: Open, watched: Watched) -> None:
    watched.expected = "401 (Unauthorized)"
    page = open_page(locked.url)
    expect(page.get_by_role("dialog")).to_be_visible()
    keep(page, "operator-key")
    is_for_everyone(page)
    watched.is_clean(locked)
