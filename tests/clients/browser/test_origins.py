"""Pages of other sites: one whose origin is allowed lists and changes groups, any other is kept out by its browser."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from program import Program

# Puts an answer, or that there was none, where the test sees it.
PAGE = b"""<!doctype html><title>Elsewhere</title><output></output><script>
async function ask(url, key, options) {
  const output = document.querySelector("output");
  try {
    const headers = { "X-Api-Key": key, "Content-Type": "application/json" };
    const answer = await fetch(url, { ...options, headers });
    output.textContent = `${answer.status} ${await answer.text()}`;
  } catch (error) {
    output.textContent = String(error);
  }
}
</script>"""


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def new_site() -> Iterator[Callable[[], str]]:
    """Opens a site, each with an origin of its own."""
    servers = []

    def site() -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield site
    for server in servers:
        server.shutdown()
        server.server_close()


def ask(page: Page, program: Program, path: str, options: object = None) -> None:
    key = program.keys["shop"]
    page.evaluate("([url, key, options]) => ask(url, key, options)", [program.url + path, key, options])


def test_a_page_of_another_origin_uses_the_groups_where_it_is_allowed_and_only_there(
    new_site: Callable[[], str],
    open_page: Callable[..., Page],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    allowed, other = new_site(), new_site()
    settings = {"INBOUND__ALLOWED_ORIGINS": allowed}
    program = Program(tmp_path_factory.mktemp("origins"), keys={"all": "*", "shop": "shop"}, settings=settings)
    program.new_session("shop")
    group_id = program.new_group("shop", "Bees", "4915110000002")
    page = open_page(allowed)

    ask(page, program, "/api/shop/groups")
    expect(page.locator("output")).to_contain_text("200 [")
    expect(page.locator("output")).to_contain_text(group_id)
    subject = {"method": "PUT", "body": '{"subject": "Wasps"}'}
    ask(page, program, f"/api/shop/groups/{group_id}/subject", subject)
    expect(page.locator("output")).to_have_text("200 true")
    # What went wrong is told to the page, too, and not hidden by its browser.
    ask(page, program, "/api/elsewhere/groups")
    expect(page.locator("output")).to_contain_text("403")

    page = open_page(other)
    ask(page, program, "/api/shop/groups")
    expect(page.locator("output")).to_contain_text("TypeError")
    ask(page, program, f"/api/shop/groups/{group_id}/subject", {"method": "PUT", "body": '{"subject": "Flies"}'})
    expect(page.locator("output")).to_contain_text("TypeError")
    assert program.ok("GET", f"/api/shop/groups/{group_id}")["subject"] == "Wasps"
    assert program.stop() == 0
