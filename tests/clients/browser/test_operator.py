"""The operator's page: sessions, groups, members, history, and the log as it goes on."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Callable, Iterator, List
from urllib.parse import urlsplit

import pg8000.native
import pytest
from playwright.sync_api import Page, expect

from conftest import Watched
from program import Program, eventually, free_ports

ONE, TWO, THREE = "4915120000001", "4915120000002", "4915120000003"
EVIL = "<img src=x onerror=alert(1)><b>bold</b>"

Open = Callable[..., Page]


@pytest.fixture
def page(program: Program, open_page: Open, watched: Watched) -> Iterator[Page]:
    yield open_page(program.url)
    watched.is_clean(program)


def group(page: Page, subject: str) -> None:
    """Finds a group and opens it."""
    page.get_by_label("Search by subject").fill(subject)
    page.locator(".group", has_text=subject).first.click()
    expect(page.locator("#group h2")).to_have_text(subject)


def is_live(page: Page) -> None:
    expect(page.locator("#link")).to_have_text("on")


def test_sessions_are_shown_with_their_status(program: Program, page: Page) -> None:
    program.new_session("resting")
    program.run("sessions", "stop", "resting")
    page.reload()
    default = page.locator(".session[data-session=default]")
    expect(default).to_contain_text("working")
    expect(default).to_contain_text("+49")
    expect(default).to_contain_text("simulator")
    expect(default).to_have_attribute("aria-current", "true")
    expect(page.locator(".session[data-session=resting]")).to_contain_text("stopped")


def test_a_session_without_groups_says_so(program: Program, page: Page) -> None:
    program.new_session("empty")
    page.reload()
    page.locator(".session[data-session=empty]").click()
    expect(page.locator("#list")).to_contain_text("This session is in no group.")
    expect(page.locator("#total")).to_have_text("0 groups")
    expect(page.locator("#group")).to_contain_text("No group chosen")


def test_groups_are_searched_by_a_part_of_their_subject(program: Program, page: Page) -> None:
    for subject in ("Reading circle", "Rowing", "Reading club"):
        program.new_group("default", subject, ONE)
    page.reload()
    search = page.get_by_label("Search by subject")
    search.fill("READING")
    expect(page.locator(".group b")).to_have_text(["Reading circle", "Reading club"])
    expect(page.locator("#total")).to_have_text("2 groups")
    page.get_by_label("Order").select_option(label="Z–A")
    expect(page.locator(".group b")).to_have_text(["Reading club", "Reading circle"])
    search.fill("% nothing")
    expect(page.locator("#list")).to_contain_text("Nothing found")
    search.fill("")
    expect(page.locator(".group", has_text="Rowing")).to_have_count(1)


def test_more_groups_than_a_page_are_shown_on_demand(program: Program, page: Page) -> None:
    program.new_session("many")
    for number in range(60):
        program.new_group("many", f"Group {number:02}")
    page.reload()
    page.locator(".session[data-session=many]").click()
    expect(page.locator(".group")).to_have_count(50)
    page.get_by_role("button", name="Show more (10 left)").click()
    expect(page.locator(".group")).to_have_count(60)
    subjects = page.locator(".group b").all_text_contents()
    assert subjects == [f"Group {number:02}" for number in range(60)]
    # From row to row by the keyboard.
    page.locator(".group").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".group").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#group h2")).to_have_text("Group 01")


def test_a_group_shows_its_members_settings_and_history(program: Program, page: Page) -> None:
    made = program.new_group("default", "Kitchen", ONE, TWO)
    path = f"/api/default/groups/{made}"
    program.ok("PUT", f"{path}/settings/security/info-admin-only", {"adminsOnly": True})
    program.ok("PUT", f"{path}/description", {"description": "Who cooks,\nand when"})
    program.ok("POST", f"{path}/admin/promote", {"participants": [{"id": ONE}]})
    page.reload()
    group(page, "Kitchen")
    expect(page.locator("#group .about")).to_have_text("Who cooks,\nand when")
    expect(page.locator("#group .tags")).to_have_text("only admins edit")
    expect(page.locator(".member")).to_have_count(3)
    expect(page.locator(".member").nth(0)).to_contain_text("owner")
    expect(page.locator(".member").nth(1)).to_contain_text(f"+{ONE}")
    expect(page.locator(".member").nth(1)).to_contain_text("admin")
    expect(page.locator(".member").nth(2)).to_contain_text(f"+{TWO}")
    page.get_by_role("tab", name="History").click()
    what = page.locator("#panel-history .what")
    expect(what).to_have_count(4)
    expect(what.nth(0)).to_contain_text(f"+{ONE} became admin")
    expect(what.nth(1)).to_contain_text("description")
    expect(what.nth(2)).to_have_text("only admins edit: on")
    expect(what.nth(3)).to_contain_text("we are in Kitchen")
    # The address names what is shown.
    page.reload()
    expect(page.locator("#group h2")).to_have_text("Kitchen")


@pytest.mark.parametrize("shape", ["gows", "noweb"])
def test_the_page_shows_the_same_in_every_shape(
    shape: str, tmp_path: Path, open_page: Open, watched: Watched
) -> None:
    program = Program(tmp_path, shape)
    made = program.new_group("default", "Kitchen", ONE, TWO)
    program.ok("PUT", f"/api/default/groups/{made}/description", {"description": "Who cooks"})
    page = open_page(program.url)
    expect(page.locator(".group .tag")).to_have_text("3")
    group(page, "Kitchen")
    expect(page.locator("#group .about")).to_have_text("Who cooks")
    expect(page.locator(".member")).to_have_count(3)
    is_live(page)
    program.ok("POST", f"/api/default/groups/{made}/participants/remove", {"participants": [{"id": TWO}]})
    expect(page.locator("#log .event")).to_contain_text(f"+{TWO} left")
    expect(page.locator(".member")).to_have_count(2)
    page.close()
    assert program.stop() == 0
    watched.is_clean(program)


def test_older_history_is_shown_on_demand(program: Program, page: Page) -> None:
    made = program.new_group("default", "Long")
    for number in range(60):
        program.ok("PUT", f"/api/default/groups/{made}/subject", {"subject": f"Long {number:02}"})
    page.reload()
    group(page, "Long 59")
    page.get_by_role("tab", name="History").click()
    events = page.locator("#panel-history .event")
    expect(events).to_have_count(50)
    page.get_by_role("button", name="Show older events").click()
    expect(events).to_have_count(61)
    sequences = [int(event.get_attribute("data-sequence") or 0) for event in events.all()]
    assert sequences == sorted(set(sequences), reverse=True)


def test_an_event_appears_as_it_happens(program: Program, page: Page) -> None:
    is_live(page)
    expect(page.locator("#log")).to_contain_text("It is quiet")
    made = program.new_group("default", "Choir", ONE)
    events = page.locator("#log .event")
    expect(events).to_have_count(1)
    expect(events.first).to_contain_text("we are in Choir, 2 members")
    # The list has it, too, and the group that is open follows.
    group(page, "Choir")
    program.ok("POST", f"/api/default/groups/{made}/participants/add", {"participants": [{"id": TWO}]})
    expect(events.first).to_contain_text(f"+{TWO} joined")
    expect(events.first).to_contain_text("Choir")
    expect(page.locator(".member")).to_have_count(3)
    program.ok("PUT", f"/api/default/groups/{made}/subject", {"subject": "Great choir"})
    expect(events.first).to_contain_text("subject Choir → Great choir")
    expect(page.locator("#group h2")).to_have_text("Great choir")
    program.ok("PUT", f"/api/default/groups/{made}/settings/security/info-admin-only", {"adminsOnly": True})
    expect(events.first).to_contain_text("only admins edit: on")
    program.run("simulator", "act", "leave", f"+{TWO}", made)
    expect(events.first).to_contain_text(f"+{TWO} left")


def test_a_pause_holds_events_and_shows_them_afterwards(program: Program, page: Page) -> None:
    is_live(page)
    page.get_by_role("button", name="Pause").click()
    first = program.new_group("default", "Held one")
    program.ok("PUT", f"/api/default/groups/{first}/subject", {"subject": "Held two"})
    expect(page.locator("#held")).to_have_text("2 held: show")
    expect(page.locator("#log .event")).to_have_count(0)
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#log .event")).to_have_count(2)
    expect(page.locator("#log .event").first).to_contain_text("Held two")
    expect(page.locator("#held")).to_be_hidden()
    # By the keyboard the same.
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_filters_choose_among_events(program: Program, page: Page) -> None:
    is_live(page)
    one = program.new_group("default", "Filter one", ONE)
    other = program.new_group("default", "Filter other")
    program.ok("PUT", f"/api/default/groups/{other}/description", {"description": "x"})
    program.ok("POST", f"/api/default/groups/{one}/participants/remove", {"participants": [{"id": ONE}]})
    shown = page.locator("#log .event:visible")
    expect(shown).to_have_count(4)
    page.locator(".chip", has_text="Joined").click()
    expect(shown).to_have_count(2)
    page.locator(".chip", has_text="Members").click()
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("description")
    page.locator(".chip", has_text="Changes").click()
    expect(page.locator("#log")).to_contain_text("the filters hide them")
    for kind in ("Joined", "Members", "Changes"):
        page.locator(".chip", has_text=kind).click()
    expect(shown).to_have_count(4)
    group(page, "Filter one")
    page.locator(".chip", has_text="Only this group").click()
    expect(shown).to_have_count(2)
    # What comes is filtered the same.
    program.ok("PUT", f"/api/default/groups/{other}/description", {"description": "y"})
    program.ok("PUT", f"/api/default/groups/{one}/description", {"description": "z"})
    expect(shown).to_have_count(3)
    expect(shown.first).to_contain_text("z")


def test_what_people_write_stays_text(program: Program, page: Page) -> None:
    page.on("dialog", lambda dialog: pytest.fail(f"a script of a stranger ran: {dialog.message}"))
    is_live(page)
    made = program.new_group("default", EVIL, ONE)
    program.ok("PUT", f"/api/default/groups/{made}/description", {"description": f"{EVIL} again"})
    expect(page.locator("#log .event")).to_have_count(2)
    group(page, EVIL)
    expect(page.locator("#group .about")).to_have_text(f"{EVIL} again")
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#panel-history .event")).to_have_count(2)
    page.get_by_label("Search by subject").fill("<script>alert(1)</script>")
    expect(page.locator("#list")).to_contain_text("<script>alert(1)</script>")
    assert page.locator("main img, main b b, main script").count() == 0


def test_a_stream_that_is_cut_goes_on_where_it_was(tmp_path: Path, open_page: Open, watched: Watched) -> None:
    program = Program(tmp_path)
    watched.expected = "ERR_"
    page = open_page(program.url)
    is_live(page)
    made = program.new_group("default", "Before")
    expect(page.locator("#log .event")).to_have_count(1)
    program.kill()
    expect(page.locator("#link")).to_contain_text("lost")
    page.get_by_label("Search by subject").fill("x")
    expect(page.locator("#list")).to_contain_text("The service does not answer.")
    program.start()
    # Nothing has to be pressed: the list comes back with the stream, before anything new is told.
    expect(page.locator("#list")).to_contain_text("Nothing found", timeout=20_000)
    expect(page.locator(".session[data-session=default]")).to_be_visible()
    rename = ("PUT", f"/api/default/groups/{made}/subject", {"subject": "After"})
    # The session starts, too.
    eventually(lambda: program.call(*rename)[0], lambda status: status != 422)
    expect(page.locator("#log .event").first).to_contain_text("After", timeout=20_000)
    expect(page.locator("#log .event")).to_have_count(2)
    page.close()
    assert program.stop() == 0
    watched.is_clean(program)


def test_what_could_not_be_asked_is_asked_again_on_demand(page: Page, watched: Watched) -> None:
    watched.expected = "ERR_"
    is_live(page)
    page.route("**/api/default/groups?*", lambda route: route.abort())
    page.get_by_label("Search by subject").fill("no group is called this")
    expect(page.locator("#list")).to_contain_text("The service does not answer.")
    page.unroute("**/api/default/groups?*")
    page.locator("#list").get_by_role("button", name="Try again").click()
    expect(page.locator("#list")).to_contain_text("Nothing found")


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[List[Program]]:
    server = os.environ["WAGROUPS_TEST_POSTGRES_URL"]
    database = f"pages_{uuid.uuid4().hex}"
    url = urlsplit(server)
    connection = pg8000.native.Connection(
        url.username or "postgres",
        host=url.hostname or "127.0.0.1",
        port=url.port or 5432,
        password=url.password,
        database=url.path.lstrip("/") or "postgres",
    )
    connection.run(f"CREATE DATABASE {database}")
    connection.close()
    found = []
    for name in ("one", "two"):
        settings = {
            "DATABASE__URL": server.rpartition("/")[0] + "/" + database,
            "DATABASE__ALLOW_UNSAFE_FSYNC": "true",
            "CLUSTER__LISTEN": f"127.0.0.1:{free_ports(1)[0]}",
            "SIMULATOR__ENABLED": "true",
        }
        (tmp_path / name).mkdir()
        found.append(Program(tmp_path / name, settings=settings))
    yield found
    for program in found:
        program.kill()


@pytest.mark.skipif("WAGROUPS_TEST_POSTGRES_URL" not in os.environ, reason="several replicas need PostgreSQL")
def test_replicas_are_shown_with_their_roles(replicas: List[Program], open_page: Open) -> None:
    owner, follower = replicas
    page = open_page(follower.url)
    button = page.locator("#replicas")
    expect(button).to_have_text("2 replicas")
    button.click()
    rows = page.locator("#replica-rows tr")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="this one")).to_contain_text("reads, hands on")
    expect(rows.filter(has_not_text="this one")).to_contain_text("acts")
    owner.kill()
    # It takes 6 seconds until somebody is taken for dead; then this one acts, and removes the other's row.
    expect(rows).to_have_count(1, timeout=20_000)
    expect(rows).to_contain_text("acts", timeout=20_000)
    expect(button).to_have_text("1 replica")


def test_one_process_shows_no_replicas(page: Page) -> None:
    expect(page.locator("#link")).to_have_text("on")
    expect(page.locator("#replicas")).to_be_hidden()
