"""API keys in a browser: asked for, kept in the tab, sent as a header."""

from __future__ import annotations

from typing import Callable

from playwright.sync_api import Page, expect

from conftest import Watched
from program import Program

Open = Callable[..., Page]

REFUSED = "401 (Unauthorized)"


def give(page: Page, key: str) -> None:
    page.get_by_label("API key", exact=True).fill(key)
    page.get_by_role("button", name="Use it").click()


def test_a_key_is_asked_for_and_kept_in_the_tab(locked: Program, open_page: Open, watched: Watched) -> None:
    watched.expected = REFUSED
    locked.new_group("default", "Secret garden")
    page = open_page(locked.url)
    dialog = page.get_by_role("dialog", name="An API key is needed")
    expect(dialog).to_be_visible()
    assert "Secret garden" not in page.content()
    give(page, "wag_wrong")
    expect(dialog).to_contain_text("This key is not known")
    give(page, locked.keys["all"])
    expect(dialog).to_be_hidden()
    expect(page.locator(".group b")).to_have_text("Secret garden")
    expect(page.locator("#link")).to_have_text("on")
    page.reload()
    expect(page.locator(".group b")).to_have_text("Secret garden")
    # Another tab knows nothing of it.
    other = page.context.new_page()
    other.goto(locked.url)
    expect(other.get_by_role("dialog", name="An API key is needed")).to_be_visible()
    # And it can be forgotten.
    page.get_by_role("button", name="API key").click()
    page.get_by_role("button", name="Forget the key").click()
    expect(dialog).to_be_visible()
    expect(page.locator(".group")).to_have_count(0)
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0
    watched.is_clean(locked)


def test_a_key_shows_its_sessions_and_no_others(locked: Program, open_page: Open, watched: Watched) -> None:
    watched.expected = REFUSED
    page = open_page(f"{locked.url}/#/default")
    give(page, locked.keys["shop"])
    expect(page.locator(".session b")).to_have_text(["shop-1"])
    expect(page.locator("#list")).to_contain_text("This session is in no group.")
    watched.is_clean(locked)
