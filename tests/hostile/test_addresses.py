"""Addresses that a page or a model could send a fetch to, in every disguise: each is refused."""

import gzip
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from fourfold_tools.runtime import Runtime
from hostile import Answered, Case, answer_all

FS = "modelcontextprotocol/servers"
IP = "CVE-2024-29415"
EMBEDDED = "CVE-2026-44430"
UNREACHED = "is not reached"
REBINDING = "sbf-pages.pages.dev/dns-rebinding-in-2026"


def fetch(source: str, does: str, url: str, code: str = "denied", says: str = UNREACHED) -> Case:
    return Case(source, does, {"op": "fetch", "url": url, "retries": 0}, code, says)


def bad(source: str, does: str, url: str, says: str) -> Case:
    return fetch(source, does, url, "invalid_request", says)


PLAIN = [
    fetch(f"{FS}#4838", "loopback", "http://127.0.0.1/"),
    fetch(f"{FS}#4838", "loopback far from its first address", "http://127.255.255.254/"),
    fetch("jae-jae/fetcher-mcp#37", "a private network of size A", "http://10.0.0.1/latest/meta-data/"),
    fetch("jae-jae/fetcher-mcp#38", "the metadata service", "http://169.254.169.254/latest/meta-data/iam/"),
    fetch("jae-jae/fetcher-mcp#38", "the metadata service of containers", "http://169.254.170.2/v2/credentials"),
    fetch(f"{FS}#4492", "the address that means this machine", "http://0.0.0.0:8080/"),
    fetch(f"{FS}#3741", "a private network of size B", "http://172.16.0.1/"),
    fetch(f"{FS}#3741", "the end of that network", "https://172.31.255.255/"),
    fetch(f"{FS}#3741", "a private network of size C", "http://192.168.1.1/admin"),
    fetch("Aventerica89/vaporforge#70", "the metadata of another cloud", "http://100.100.100.200/latest/meta-data/"),
    fetch("Aventerica89/vaporforge#70", "the network of a carrier", "http://100.64.0.1/"),
    fetch(
        "CVE-2026-26118", "the metadata of Azure under a public number", "http://168.63.129.16/machine?comp=goalstate"
    ),
    fetch("CVE-2024-4032", "a network for protocols", "http://192.0.0.8/"),
    fetch("CVE-2025-8020", "many at once", "http://224.0.0.1/"),
    fetch("CVE-2025-8267", "the neighbours that listen for it", "http://239.255.255.250:1900/"),
    fetch("egoist/fetch-mcp#3", "loopback by name", "http://localhost:9999/ssrf/proof"),
    fetch("egoist/fetch-mcp#3", "that name in capitals", "http://LOCALHOST/"),
    fetch("librefang/librefang#4019", "a point behind the address", "http://127.0.0.1./"),
    fetch(f"{FS}#4838", "the metadata service by name", "http://metadata.google.internal/", says="metadata"),
    fetch(f"{FS}#4838", "that name with a point and capitals", "http://Metadata.Google.Internal./", says="metadata"),
]

SPELLED = [
    fetch("CVE-2023-42282", "hexadecimal and short", "http://0x7f.1/"),
    fetch(IP, "short", "http://127.1/"),
    fetch(IP, "octal in one number", "http://01200034567/"),
    fetch(IP, "octal at the start", "http://012.1.2.3/"),
    fetch("CVE-2021-29921", "octal in the first part", "http://0177.0.0.1/"),
    fetch("CVE-2021-28918", "octal in every part", "http://0177.0000.0000.0001/"),
    fetch("CVE-2025-59437", "nothing but a zero", "http://0/"),
    fetch("CVE-2025-59436", "octal with leading zeros", "http://017700000001/"),
    fetch(IP, "decimal in one number", "http://2130706433/"),
    fetch(IP, "hexadecimal in one number", "http://0x7f000001/"),
    fetch(IP, "the metadata service in decimal", "http://2852039166/"),
    fetch(IP, "the metadata service part by part in hexadecimal", "http://0xA9.0xFE.0xA9.0xFE/"),
    bad("GHSA-56c3-vfp2-5qqj", "digits in circles", "http://①②⑦.⓪.⓪.①/", "not a"),
    fetch("GHSA-56c3-vfp2-5qqj", "points of another script", "http://127。0。0。1/"),
    bad("GHSA-56c3-vfp2-5qqj", "wide letters", "http://ｌｏｃａｌｈｏｓｔ/", "not a"),
]

IPV6 = [
    fetch(f"{FS}#3741", "loopback", "http://[::1]/"),
    fetch(f"{FS}#4492", "the address that means this machine", "http://[::]:80/"),
    fetch(IP, "loopback written at length", "http://[000:0:0000::01]/"),
    fetch(IP, "mapped, in mixed letters", "http://[::fFFf:127.0.0.1]/"),
    fetch("CVE-2026-43929", "mapped, in hexadecimal", "http://[::ffff:7f00:1]/"),
    fetch("GHSA-w5r7-4f94-vp4c", "mapped metadata, in hexadecimal", "http://[::ffff:a9fe:a9fe]/"),
    fetch("GHSA-w5r7-4f94-vp4c", "mapped metadata, at length", "http://[0:0:0:0:0:ffff:a9fe:a9fe]/"),
    fetch("CVE-2026-33480", "mapped private network", "http://[::ffff:10.0.0.1]/"),
    fetch("CVE-2024-24790", "mapped metadata with points", "http://[::ffff:169.254.169.254]/"),
    fetch("CVE-2024-24790", "compatible, an old form", "http://[::127.0.0.1]/"),
    fetch(EMBEDDED, "6to4 around loopback", "http://[2002:7f00:1::]/"),
    fetch(EMBEDDED, "6to4 around the metadata service", "http://[2002:a9fe:a9fe::]/"),
    fetch(EMBEDDED, "NAT64 around loopback", "http://[64:ff9b::7f00:1]/"),
    fetch(EMBEDDED, "NAT64 of an operator", "http://[64:ff9b:1::a9fe:a9fe]/"),
    fetch(EMBEDDED, "Teredo from a client on loopback", "http://[2001:0:808:808::80ff:fffe]/"),
    fetch(EMBEDDED, "a site of old", "http://[fec0::1]/"),
    fetch(f"{FS}#3741", "a private network", "http://[fc00::1]/"),
    fetch(f"{FS}#3741", "the metadata service of AWS", "http://[fd00:ec2::254]/latest/"),
    fetch(f"{FS}#3741", "the same link", "http://[fe80::1]/"),
    fetch("CVE-2025-8020", "many at once", "http://[ff02::1]/"),
]

FORMS = [
    bad("jae-jae/fetcher-mcp#38", "a file", "file:///etc/passwd", "only http and https"),
    bad("CVE-2026-32871", "an old protocol that can speak any other", "gopher://127.0.0.1:6379/_INFO", "only http"),
    bad("CVE-2026-32871", "a transfer", "ftp://127.0.0.1/", "only http and https"),
    bad("CVE-2026-32871", "a dictionary", "dict://127.0.0.1:11211/stat", "only http and https"),
    bad("CVE-2026-32871", "a page in the address", "data:text/html,<b>x</b>", "only http and https"),
    bad("CVE-2026-32871", "a program in the address", "javascript:alert(1)", "only http and https"),
    bad("CVE-2026-32871", "no protocol", "//127.0.0.1/", "only http and https"),
    bad("CVE-2026-24052", "a trusted name as the user", "http://docs.python.org@127.0.0.1/", "user and password"),
    bad(
        "CVE-2026-24052",
        "a trusted name as user and password",
        "http://docs.python.org:80@127.0.0.1/",
        "user and password",
    ),
    fetch("CVE-2026-24052", "a trusted name as the fragment", "http://127.0.0.1#@docs.python.org/"),
    fetch("CVE-2026-24052", "a trusted name as the query", "http://127.0.0.1?@docs.python.org/"),
    bad("CVE-2026-24052", "a backslash before it", "http://127.0.0.1\\@docs.python.org/", ""),
    bad("penligent.ai/hackinglabs", "a NUL inside the name", "http://localhost\0.docs.python.org/", ""),
    bad("penligent.ai/hackinglabs", "a NUL written as %00", "http://localhost%00.docs.python.org/", ""),
    bad("penligent.ai/hackinglabs", "a line's end inside the name", "http://localhost\r\nHost: x/", ""),
    bad(f"{FS}#4838", "a port that there is not", "http://127.0.0.1:99999/", ""),
]

# The user opened private addresses: metadata and link-local stay closed, by name, by redirect and the second time.
OPENED = [
    fetch(REBINDING, "a name with a good and a bad address", "http://mixed.test:PORT/"),
    fetch(REBINDING, "a name that is the metadata service", "http://metadata.test:PORT/"),
    fetch(REBINDING, "a name that is it in IPv6", "http://mapped.test:PORT/"),
    fetch(REBINDING, "a name that moves between two hops", "http://moving.test:PORT/close"),
    fetch(f"{FS}#4838", "a redirect to the metadata service", "http://127.0.0.1:PORT/to-metadata"),
    fetch(f"{FS}#4838", "a redirect to it in decimal", "http://127.0.0.1:PORT/to-decimal"),
    fetch(f"{FS}#4838", "a redirect to it in IPv6", "http://127.0.0.1:PORT/to-mapped"),
    fetch(f"{FS}#4838", "a redirect behind a redirect", "http://127.0.0.1:PORT/twice"),
    fetch(f"{FS}#4838", "a redirect without a protocol", "http://127.0.0.1:PORT/to-bare"),
    fetch("CVE-2026-32871", "a redirect to a file", "http://127.0.0.1:PORT/to-file", says="only http and https"),
    fetch("CVE-2026-32871", "a redirect to another protocol", "http://127.0.0.1:PORT/to-gopher", says="only http"),
    fetch("CVE-2026-24052", "a redirect with a user", "http://127.0.0.1:PORT/to-user", says="user and password"),
    fetch("jae-jae/fetcher-mcp#37", "a redirect in a circle", "http://127.0.0.1:PORT/loop", "network", "loop"),
    fetch("jae-jae/fetcher-mcp#37", "redirects without end", "http://127.0.0.1:PORT/on/1", "network", "more than"),
]  # fmt: skip
CASES = [*PLAIN, *SPELLED, *IPV6, *FORMS]
LOCATIONS = {
    "/to-metadata": "http://169.254.169.254/latest/meta-data/", "/to-decimal": "http://2852039166/",
    "/to-mapped": "http://[::ffff:a9fe:a9fe]/", "/to-bare": "//169.254.169.254/", "/to-file": "file:///etc/passwd",
    "/to-gopher": "gopher://127.0.0.1:6379/", "/to-user": "http://a:b@127.0.0.1/", "/twice": "/to-metadata",
    "/loop": "/loop", "/close": "/next",
}  # fmt: skip


class Redirecting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        number = self.path.removeprefix("/on/")
        location = f"/on/{int(number) + 1}" if number.isdecimal() else LOCATIONS.get(self.path)
        if self.path == "/bomb":
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(gzip.compress(b"x" * 50_000_000))
            return
        self.send_response(302 if location else 200)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Generator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)  # HTTP/1.0: each answer ends its connection
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Answered:
    return answer_all(tmp_path_factory.mktemp("addresses"), CASES)


@pytest.fixture(scope="module")
def opened_up(tmp_path_factory: pytest.TempPathFactory, port: int) -> Answered:
    moved = iter(["127.0.0.1", *["169.254.169.254"] * 10])
    names = {"mixed.test": ["127.0.0.1", "169.254.169.254"], "mapped.test": ["::ffff:a9fe:a9fe"]}

    async def resolve(host: str, _: int) -> list[str]:
        return [next(moved)] if host == "moving.test" else names.get(host, ["169.254.169.254"])

    def prepare(runtime: Runtime) -> None:
        runtime.fetch._resolve = resolve

    cases = [
        Case(c.source, c.does, {**c.step, "url": c.step["url"].replace("PORT", str(port))}, c.code) for c in OPENED
    ]
    return answer_all(tmp_path_factory.mktemp("opened"), cases, prepare, FOURFOLD_FETCH__ALLOW_PRIVATE="true")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_hostile_address_is_refused(answered: Answered, case: Case) -> None:
    answered.check(case)


@pytest.mark.parametrize("case", OPENED, ids=str)
def test_it_is_refused_at_every_hop_and_every_lookup(opened_up: Answered, case: Case) -> None:
    opened_up.check(case)


def test_there_are_at_least_forty_of_them() -> None:
    assert len({f"{case} {case.step['url']}" for case in (*CASES, *OPENED)}) == len(CASES) + len(OPENED) >= 40


def test_a_compressed_page_is_cut_at_its_bound_not_unpacked_whole(
    tmp_path_factory: pytest.TempPathFactory, port: int
) -> None:
    case = Case(
        "gzip bomb",
        "fifty megabytes in fifty kilobytes",
        {"op": "fetch", "url": f"http://127.0.0.1:{port}/bomb", "format": "raw", "max_bytes": 1000},
        "",
    )
    home = tmp_path_factory.mktemp("bomb")
    found = answer_all(home, [case], FOURFOLD_FETCH__ALLOW_PRIVATE="true").check(case)
    assert len(found["output"]["text"]) < 2000
