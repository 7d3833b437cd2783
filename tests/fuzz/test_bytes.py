"""Mutated bytes of pages and transcripts: no crash, no hang, no memory without bound, and always an answer."""

import json
import random
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fuzzed_calls import Draw, jsonable
from processes import linux
from recorded import Recorded, bash, edit, fetch, grep, read

from fourfold_tools.audit.audited import audit_file
from fourfold_tools.audit.entries import Entries
from fourfold_tools.audit.report import AuditReport
from fourfold_tools.context.transcript import open_transcript, read_tail, speaker, weigh
from fourfold_tools.errors import Unsupported
from fourfold_tools.ops.effects import classify
from fourfold_tools.ops.page import Body, page_of

pytestmark = [pytest.mark.slow, linux]
ONE_S = 20.0  # for one page or transcript of a few KB, on a machine under load; they take milliseconds
MEMORY_BYTES = 3 << 30
PAGE = b"""<!doctype html><html><head><meta charset="utf-8"><title>T &amp; x</title><style>p{}</style>
<script>var a = "<p>";</script></head><body><nav><a href="/a?b=c&d#e">link</a></nav><main><h1 id=x>Head</h1>
<p>Some <b>bold <i>both</b> text</i> &#x1F469;&zwj; <code>x < y</code></p><pre><code class="language-py">def f():
    return "&lt;"</code></pre><table><tr><th>a<td>b<tr><td colspan=3>c</table><ul><li>one<ol><li>two</ol></ul>
<img src="data:image/png;base64,AAAA" alt="a ] b"><svg><path d="M0"/></svg><iframe srcdoc="<p>x"></iframe>
<details><summary>s</summary>text</details><blockquote>q<br>r</blockquote><a href="javascript:x">bad</a>
<form><input value="v"><textarea></p></textarea></form></main></body></html>"""
PIECES = (b"<", b">", b"</", b"<!--", b"-->", b"<![CDATA[", b"&#", b"\x00", b"\xff", b"<div>" * 200, b"<table><tr>")
PIECES += (
    b"<b><i>" * 100,
    b'<p title="',
    b"<svg>",
    b"<template>",
    b"<!doctype",
    b"\xc3",
    b"&" * 200,
    b"<pre>\n" * 50,
)


def mutated(data: bytes, chance: random.Random, pieces: tuple[bytes, ...]) -> bytes:
    found = bytearray(data)
    for _ in range(chance.choice((1, 4, 20, 100))):
        place = chance.randrange(len(found) + 1)
        match chance.randrange(5):
            case 0:
                found[place:place] = chance.choice(pieces)
            case 1:
                del found[place : place + chance.randrange(60)]
            case 2 if place < len(found):
                found[place] = chance.randrange(256)
            case 3:
                other = chance.randrange(len(found) + 1)
                found[place:place] = found[other : other + chance.randrange(300)]
            case _:
                found += chance.choice(pieces)
    return bytes(found)


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = MEMORY_BYTES if before[1] == resource.RLIM_INFINITY else min(MEMORY_BYTES, before[1])
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


class Clock:
    """Fails where one turn took longer than it may."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def turn(self, seed: int) -> None:
        now = time.monotonic()
        assert now - self._start < ONE_S, f"seed {seed} took {now - self._start:.0f} s"
        self._start = now


def test_mutated_pages_become_text_in_every_form() -> None:
    clock = Clock()
    for seed in range(500):
        chance = random.Random(seed)
        body = Body(mutated(PAGE, chance, PIECES), "text/html", "https://example.com/a/", seed % 7 == 0)
        for form in ("markdown", "text"):
            with suppress(Unsupported):  # what has NUL bytes in it is no text
                page = page_of(body, form, max_image_bytes=1 << 20, max_links=500)
                assert isinstance(page.text, str)
                assert len(page.links) <= 500
        clock.turn(seed)


@pytest.fixture
def transcript(tmp_path: Path) -> bytes:
    """A conversation with something of every kind in it."""
    session = Recorded(tmp_path / "good.jsonl").say()
    session.turn(read("a", "/w/a.py"), grep("g", "x", "a.py:1:x")).turn(bash("b", "cd x && make 2>&1 | head", "out"))
    session.turn(fetch("f", "http://x/")).turn(edit("e", "/w/a.py")).say().turn(read("c", "/w/c.py", offset=3))
    return session.path.read_bytes()


def bent(data: bytes, seed: int, chance: random.Random) -> bytes:
    """Lines with one value in them changed, lines in another order, twice or left out, and bytes that are no JSON."""
    draw = Draw(seed, {"runs": [], "plans": [], "handoffs": []}, wire=True)
    lines = data.splitlines()
    for _ in range(chance.choice((1, 3, 8))):
        place = chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                lines.insert(place, chance.choice(lines))
            case 1:
                lines[place], lines[0] = lines[0], lines[place]
            case _:
                lines[place] = json.dumps(jsonable(draw.bent(json.loads(chance.choice(data.splitlines()))))).encode()
    text = b"\n".join(lines) + b"\n"
    return mutated(text, chance, (b"{", b"}", b'"', b"\n", b"null", b"\xff", b"[" * 3000)) if seed % 3 == 0 else text


def test_mutated_transcripts_are_read_and_audited(transcript: bytes, tmp_path: Path) -> None:
    path, clock = tmp_path / "bent.jsonl", Clock()
    for seed in range(400):
        path.write_bytes(bent(transcript, seed, random.Random(seed)))
        with open_transcript(str(path)) as file:
            voice, _ = speaker(file, "c", 0, 1 << 20)
            read_tail(file, voice, 1 << 20)
            read_tail(file, None, 1 << 20)
            weigh(file, 1 << 20)
        entries = Entries(path)
        report = AuditReport(tuple(audit_file(entries, classify)), 1, entries.broken, ())
        json.dumps(report.data())
        assert report.text()
        clock.turn(seed)
