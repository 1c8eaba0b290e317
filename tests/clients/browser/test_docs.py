"""The page of the API: every call, and a way to make it."""

from __future__ import annotations

import json
from typing import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from conftest import Watched
from program import Program

Open = Callable[..., Page]


@pytest.fixture
def page(program: Program, open_page: Open, watched: Watched) -> Iterator[Page]:
    yield open_page(f"{program.url}/docs")
    watched.is_clean(program)


def test_every_call_of_the_document_is_there(program: Program, page: Page) -> None:
    document = program.ok("GET", "/openapi.json")
    calls = [operation for item in document["paths"].values() for operation in item.values()]
    answers = {operation["summary"]: len(operation["responses"]) for operation in calls}
    links = page.locator("#calls a")
    expect(links).to_have_count(len(calls))
    for link in links.all():
        link.click()
        summary = link.locator("span").last.text_content() or ""
        expect(page.locator("#call h1")).to_have_text(summary)
        assert page.locator("#call details").count() >= answers[summary], summary
    page.get_by_label("Find a call").fill("promote")
    expect(page.locator("#calls a:visible")).to_have_count(1)


def test_a_call_can_be_made(program: Program, page: Page, watched: Watched) -> None:
    watched.expected = "400 (Bad Request)"
    page.goto(f"{program.url}/docs#/createGroup")
    expect(page.locator("#call h1")).to_have_text("Make a group")
    body = {"name": "From the page", "participants": [{"id": "4915120000404"}]}
    page.locator("textarea").fill(json.dumps(body))
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answer .code")).to_have_text("201 Created")
    expect(page.locator(".answer")).to_contain_text("x-wagroups-sequence: 1")
    made = json.loads(page.locator(".answer pre").text_content() or "")
    assert made["subject"] == "From the page"
    page.goto(f"{program.url}/docs#/getGroup")
    page.locator("input[name=id]").fill(made["id"])
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answer .code")).to_have_text("200 OK")
    expect(page.locator(".answer pre")).to_contain_text("From the page")
    # What is refused shows as it is refused.
    page.locator("input[name=id]").fill("x")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answer .code")).to_have_text("400 Bad Request")
    expect(page.locator(".answer")).to_contain_text("must be a group id")


def test_a_stream_shows_as_it_comes(program: Program, page: Page) -> None:
    page.goto(f"{program.url}/docs#/followEvents")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answer .code")).to_have_text("200 OK")
    program.new_group("default", "Streamed")
    expect(page.locator(".answer pre")).to_contain_text("Streamed")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()


def test_a_key_is_asked_for(locked: Program, open_page: Open, watched: Watched) -> None:
    watched.expected = "401 (Unauthorized)"
    page = open_page(f"{locked.url}/docs#/listSessions")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answer .code")).to_have_text("401 Unauthorized")
    page.get_by_label("API key", exact=True).fill(locked.keys["shop"])
    page.get_by_role("button", name="Use it").click()
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answer .code")).to_have_text("200 OK")
    expect(page.locator(".answer pre")).to_contain_text("shop-1")
    watched.is_clean(locked)
