"""Where the user wants it, fetch leaves alone what a site closes to automatic visitors."""

import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from runtimes import entries, opened, run

pytestmark = pytest.mark.anyio
ON = {"FOURFOLD_FETCH__ROBOTS": "true", "FOURFOLD_FETCH__ALLOW_PRIVATE": "true", "FOURFOLD_RETRY__RETRIES": "0"}
RULES = "User-agent: *\nDisallow: /\n\nUser-agent: fourfold\nDisallow: /closed\nAllow: /closed/but-this$\n"


@contextmanager
def site(robots: str | int, redirects: dict[str, str] | None = None) -> Generator[tuple[str, Counter[str]]]:
    """A site with these rules, or this status for them; its address and how often each path was asked for."""
    asked: Counter[str] = Counter()

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked[self.path] += 1
            location = (redirects or {}).get(self.path)
            status = robots if self.path == "/robots.txt" and isinstance(robots, int) else 302 if location else 200
            text = robots if self.path == "/robots.txt" and isinstance(robots, str) else "a page"
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


async def fetched(home: Path, *urls: str, **settings: str) -> list[tuple[str, str]]:
    """The code (or ok) and the message of each page, fetched in one run."""
    async with opened(home, **settings) as runtime:
        reply = await run(runtime, *({"op": "fetch", "url": url} for url in urls))
    return [(e["code"] or e["state"], (e["error"] or {}).get("message", "")) for e in entries(reply).values()]


async def test_closed_pages_are_left_alone_and_the_rules_are_asked_for_once(tmp_path: Path) -> None:
    with site(RULES) as (url, asked):
        paths = ["/open", "/closed", "/closed/below?q=1", "/closed/but-this", "/robots.txt"]
        found = await fetched(tmp_path, *(url + path for path in paths), **ON)
    assert [code for code, _ in found] == ["ok", "denied", "denied", "ok", "ok"]
    assert "closed to automatic visitors" in found[1][1]
    assert asked["/closed"] == asked["/closed/below?q=1"] == 0
    assert asked["/robots.txt"] == 2  # for the rules, and as a page


async def test_without_the_setting_nobody_asks(tmp_path: Path) -> None:
    with site(RULES) as (url, asked):
        assert [
            code for code, _ in await fetched(tmp_path, f"{url}/closed", **{**ON, "FOURFOLD_FETCH__ROBOTS": "false"})
        ] == ["ok"]
    assert asked["/robots.txt"] == 0


async def test_a_redirect_into_a_closed_part_ends_there(tmp_path: Path) -> None:
    with site(RULES, {"/open": "/closed"}) as (url, asked):
        assert [code for code, _ in await fetched(tmp_path, f"{url}/open", **ON)] == ["denied"]
    assert (asked["/open"], asked["/closed"]) == (1, 0)


@pytest.mark.parametrize(("status", "code"), [(404, "ok"), (403, "ok"), (500, "network"), (503, "network")])
async def test_no_rules_open_a_site_and_a_site_that_cannot_say_is_closed(
    tmp_path: Path, status: int, code: str
) -> None:
    with site(status) as (url, asked):
        assert [found for found, _ in await fetched(tmp_path, f"{url}/x", **ON)] == [code]
    assert asked["/x"] == (code == "ok")


async def test_rules_are_fetched_by_the_same_rules_of_addresses(tmp_path: Path) -> None:
    with site(RULES, {"/robots.txt": "http://169.254.169.254/robots.txt"}) as (url, asked):
        [(code, message)] = await fetched(tmp_path, f"{url}/x", **ON)
    assert code == "denied"
    assert "169.254.169.254 is not reached" in message
    assert asked["/x"] == 0


async def test_a_file_of_rules_that_never_ends_is_read_up_to_its_bound(tmp_path: Path) -> None:
    late = "User-agent: *\n" + "Allow: /a*a*a*a*a*a*b\n" * 40_000 + "Disallow: /x\n"
    with site(late) as (url, asked):
        assert [code for code, _ in await fetched(tmp_path, f"{url}/x{'a' * 2_000}", **ON)] == ["ok"]
    assert len(late) > 524_288
    assert asked["/robots.txt"] == 1
