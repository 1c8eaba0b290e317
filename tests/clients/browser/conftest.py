"""A browser, pages of it that are watched, and a service behind them."""

from __future__ import annotations

import os
from typing import Callable, Iterator, List

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from program import Program


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # As root Chromium refuses to begin with its sandbox; the pages are ours.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM_BIN"], args=arguments)
        yield browser
        browser.close()


class Watched:
    """What pages do beside what they show."""

    def __init__(self) -> None:
        self.urls: List[str] = []
        self.complaints: List[str] = []
        # What a test brings about by itself.
        self.expected = "no complaint is expected"

    def of(self, context: BrowserContext) -> None:
        context.on("request", lambda request: self.urls.append(request.url))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("console", self._note)

    def _note(self, message: object) -> None:
        if message.type in ("error", "warning"):  # type: ignore[attr-defined]
            self.complaints.append(message.text)  # type: ignore[attr-defined]

    def is_clean(self, program: Program) -> None:
        """Nothing was asked of another host, no key stood in an address, nothing went wrong."""
        foreign = [url for url in self.urls if not url.startswith((program.url + "/", "data:"))]
        assert not foreign
        with_key = [url for url in self.urls if any(key in url for key in program.keys.values())]
        assert not with_key
        assert not [text for text in self.complaints if self.expected not in text]


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def open_page(browser: Browser, watched: Watched) -> Iterator[Callable[..., Page]]:
    """Opens a page in a context of its own, so that it knows of no other."""
    contexts: List[BrowserContext] = []

    def open_page(url: str, **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        watched.of(context)
        page = context.new_page()
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One that is open to this machine."""
    program = Program(tmp_path_factory.mktemp("open"))
    yield program
    assert program.stop() == 0


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One with keys: one that sees all sessions, and one that sees some."""
    program = Program(tmp_path_factory.mktemp("locked"), keys={"all": "*", "shop": "shop-*"})
    program.new_session("shop-1")
    yield program
    assert program.stop() == 0
