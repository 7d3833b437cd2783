"""The read op: every form of every kind of file, each call for itself, windows like plain slices."""

import base64
import json
import os
import threading
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pdf_file import pdf_file, pdf_of_streams

from fourfold_config.settings import Settings
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import Image, ReadOutput, split_lines
from fourfold_tools.model.request import GrepStep, ReadStep, Reference
from fourfold_tools.model.result import Failure, Outcome
from fourfold_tools.ops.base import Call
from fourfold_tools.ops.mounts import all_local
from fourfold_tools.ops.read import ReadOp
from fourfold_tools.ops.workspace import Workspace

pytestmark = pytest.mark.anyio

EMPTY = "<system-reminder>Warning: the file exists but the contents are empty.</system-reminder>"
GIF = b"GIF89a\x1f\0\x07\0\0\0\0;"
MIB = 1 << 20


def beyond(offset: int, lines: int) -> str:
    return (
        f"<system-reminder>Warning: the file exists but is shorter than the provided offset ({offset})."
        f" The file has {lines} lines.</system-reminder>"
    )


def call(path: str, *, timeout_s: float = 60, **arguments: Any) -> Call:
    step = ReadStep(op="read", path=path, **arguments)
    return Call("s1", step, timeout_s, time.monotonic() + timeout_s, Path("never-written"))


@pytest.fixture(params=["inline", "threads"])
def op(request: pytest.FixtureRequest, settings: Settings, workspace: Workspace) -> ReadOp:
    """The op as it runs on Linux, and as it runs where the page cache cannot be asked."""
    made = ReadOp(settings.read, workspace)
    if request.param == "threads":
        made._inline = False  # pyright: ignore[reportPrivateUsage]  (the platform decides it otherwise)
    return made


def small(settings: Settings, workspace: Workspace, **bounds: int) -> ReadOp:
    return ReadOp(settings.read.model_copy(update=bounds), workspace)


async def run(op: ReadOp, *calls: Call) -> list[ReadOutput | Failure]:
    results: list[ReadOutput | Failure] = []
    for outcome in await op.run(calls):
        assert isinstance(outcome.result, ReadOutput | Failure)
        results.append(outcome.result)
    assert len(results) == len(calls)
    return results


async def shown(op: ReadOp, workspace: Workspace, data: bytes, name: str = "f.txt", **arguments: Any) -> ReadOutput:
    Path(workspace.cwd, name).write_bytes(data)
    (result,) = await run(op, call(name, **arguments))
    assert isinstance(result, ReadOutput), result
    if result.has_numbers:  # the answer numbers and cuts by this count
        assert result.line_count == len(split_lines(result.text))
    return result


async def refused(op: ReadOp, *calls: Call) -> tuple[str, str]:
    (result,) = await run(op, *calls)
    assert isinstance(result, Failure)
    return result.code, result.message


@pytest.mark.parametrize(
    ("data", "arguments", "body", "counts"),
    [
        (b"a\nb\n", {}, "1\ta\n2\tb", (1, 2, 2)),
        (b"a\nb", {}, "1\ta\n2\tb", (1, 2, 2)),
        (b"a\r\nb\r\n", {}, "1\ta\n2\tb", (1, 2, 2)),
        (b"a\rb\n", {}, "1\ta\rb", (1, 1, 1)),
        (b"\n", {}, "1\t", (1, 1, 1)),
        (b"a\n\n\n", {}, "1\ta\n2\t\n3\t", (1, 3, 3)),
        ("a\u2028b\x85c\x0cd\n".encode(), {}, "1\ta\u2028b\x85c\x0cd", (1, 1, 1)),
        (b"a\nb\nc\n", {"offset": 2}, "2\tb\n3\tc", (2, 2, 3)),
        (b"a\nb\nc\n", {"offset": 2, "limit": 1}, "2\tb", (2, 1, 3)),
        (b"a\nb\nc\n", {"limit": 2}, "1\ta\n2\tb", (1, 2, 3)),
        (b"a\nb\nc\n", {"offset": 0, "limit": 1}, "1\ta", (1, 1, 3)),
        (b"a\nb\nc", {"offset": 3, "limit": 10**30}, "3\tc", (3, 1, 3)),
        (b"a\n" * 12, {"offset": 12}, "12\ta", (12, 1, 12)),
        (b"a\n" * 12, {"offset": 13}, beyond(13, 12), (13, 0, 12)),
        (b"a\n" * 12, {"offset": 100}, beyond(100, 12), (100, 0, 12)),
        (b"a", {"offset": 10**30}, beyond(10**30, 1), (10**30, 0, 1)),
        (b"", {}, EMPTY, (1, 0, 0)),
        (b"", {"offset": 5}, EMPTY, (5, 0, 0)),
        (b"\xef\xbb\xbfa\n", {}, "1\ta", (1, 1, 1)),
        (b"\xef\xbb\xbfa\nb\n", {"offset": 2}, "2\tb", (2, 1, 2)),
        (b"\xef\xbb\xbf", {}, EMPTY, (1, 0, 0)),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", {}, "1\t<svg xmlns='http://www.w3.org/2000/svg'/>", (1, 1, 1)),
    ],
)
async def test_utf8_text_is_shown_as_numbered_lines_of_its_file(
    op: ReadOp, workspace: Workspace, data: bytes, arguments: dict[str, int], body: str, counts: tuple[int, int, int]
) -> None:
    output = await shown(op, workspace, data, **arguments)
    assert output.body() == body
    assert (output.start_line, output.line_count, output.total_lines) == counts
    assert output.source == str(Path(workspace.cwd, "f.txt"))
    assert output.path == "f.txt"


@pytest.mark.parametrize(
    ("data", "text", "note"),
    [
        (b"caf\xe9\n", "café\n", "decoded as cp1252"),
        ("日本語のテキスト\n".encode("cp932"), "日本語のテキスト\n", "decoded as cp932"),
        (b"\xff\xfe" + "añ\r\nb".encode("utf-16-le"), "añ\nb", "decoded as utf-16-le"),
        ("plain\nbig endian\n".encode("utf-16-be"), "plain\nbig endian\n", "decoded as utf-16-be"),
        ("\ufeffa\n".encode("utf-32-le"), "a\n", "decoded as utf-32-le"),
        (
            "größer\nü".encode() + b"\xff\n",
            "größer\nü\\xff\n",
            "decoded as utf-8; lines with invalid bytes, shown as \\xNN: 1",
        ),
    ],
)
async def test_other_encodings_are_decoded_and_named_beside_the_numbered_lines(
    op: ReadOp, workspace: Workspace, data: bytes, text: str, note: str
) -> None:
    output = await shown(op, workspace, data)
    assert (output.text, output.note, output.source) == (text, note, None)
    assert output.data()["note"] == note
    assert output.body().startswith("1\t")


async def test_only_the_window_decides_the_encoding(op: ReadOp, workspace: Workspace) -> None:
    output = await shown(op, workspace, "ä\n".encode() + b"\xff\n", limit=1)
    assert (output.body(), output.note, output.total_lines) == ("1\tä", "", 2)


@given(
    data=st.lists(st.sampled_from(["\n", "a", "\r\n", "\r", "ü", "\u2028", "\x0c", "\x1d", "\u0085"])).map("".join),
    offset=st.integers(0, 12),
    limit=st.none() | st.integers(1, 12),
)
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_window_equals_a_slice_of_the_text_split_at_newlines(
    op: ReadOp, workspace: Workspace, data: str, offset: int, limit: int | None
) -> None:
    output = anyio.run(lambda: shown(op, workspace, data.encode(), offset=offset, limit=limit))
    lines = data.replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    first = max(1, offset)
    cut = lines[first - 1 :][:limit]
    assert output.field("lines") == cut or (not cut and output.text == "")
    assert (output.start_line, output.line_count, output.total_lines) == (first, len(cut), len(lines))
    if cut:
        assert output.body() == "\n".join(f"{n}\t{line}" for n, line in enumerate(cut, first))


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("config.yaml", "not_found", "Did you mean config.toml?"),
        ("mian.py", "not_found", "Did you mean main.py?"),
        ("sub/inner.txt", "not_found", "Did you mean sub/inner.md?"),
        ("nothing-like-it", "not_found", "(asked for nothing-like-it)"),
        ("no/such/folder.txt", "not_found", "(asked for no/such/folder.txt)"),
        ("a\0b", "not_found", "NUL"),
        (".", "unsupported", "EISDIR: . is a folder"),
        ("sub", "unsupported", "EISDIR: sub is a folder"),
        ("../outside.txt", "denied", "../outside.txt is outside the workspace"),
        ("link-out", "denied", "link-out is outside the workspace"),
        ("dangling", "not_found", "File does not exist."),
        ("pipe", "unsupported", "pipe is not a regular file"),
        ("program", "unsupported", "program is binary (ELF, 1.2KB); read shows text"),
        ("noise", "unsupported", "noise is binary (no known encoding, 4KB)"),
        (
            "long.txt",
            "too_large",
            "File content (445.6KB) exceeds maximum allowed size (256KB). Use offset and limit",
        ),
    ],
)
async def test_what_cannot_be_shown_fails_with_its_reason(
    op: ReadOp, workspace: Workspace, path: str, code: str, message: str
) -> None:
    root = Path(workspace.cwd)
    (root / "sub").mkdir()
    for name in ("config.toml", "main.py", "sub/inner.md", "../outside.txt"):
        (root / name).write_text("x\n", encoding="utf-8")
    (root / "link-out").symlink_to(root.parent / "outside.txt")
    (root / "dangling").symlink_to("gone")
    os.mkfifo(root / "pipe")
    (root / "program").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(1222))
    (root / "noise").write_bytes(bytes(range(1, 255)) * 16 + b"\x01" * 32)
    (root / "long.txt").write_bytes(b"x" * 99 + b"\n" + b"y" * (456_294 - 100))
    found = await refused(op, call(path))
    assert found[0] == code
    assert message in found[1]


async def test_a_missing_file_is_reported_in_the_clients_words(op: ReadOp, workspace: Workspace) -> None:
    _, message = await refused(op, call("absent"))
    assert message.startswith(f"File does not exist. Note: your current working directory is {workspace.cwd}.")


async def test_a_file_as_large_as_allowed_is_shown_whole_and_a_larger_one_by_window(
    op: ReadOp, workspace: Workspace
) -> None:
    assert (await shown(op, workspace, b"x" * 63 + b"\n" * 1, limit=1)).line_count == 1
    assert (await shown(op, workspace, (b"x" * 63 + b"\n") * 4096)).line_count == 4096
    larger = (b"x" * 63 + b"\n") * 5000
    assert (await shown(op, workspace, larger, offset=1)).line_count == 5000
    assert (await shown(op, workspace, larger, offset=4999)).body() == f"4999\t{'x' * 63}\n5000\t{'x' * 63}"


async def test_a_window_that_is_too_large_says_what_fits(settings: Settings, workspace: Workspace) -> None:
    Path(workspace.cwd, "f").write_bytes(b"12345\n" * 100_000)
    found = await refused(small(settings, workspace, max_window_bytes=3000), call("f", offset=10, limit=50_000))
    assert found == (
        "too_large",
        "The window from line 10 on holds more than 2.9KB. Its first 500 lines fit: use limit 500 or less,"
        " or grep for what you need.",
    )


async def test_lines_behind_the_counted_ones_are_announced(settings: Settings, workspace: Workspace) -> None:
    op = small(settings, workspace, count_bytes=0)
    output = await shown(op, workspace, b"0123456\n" * (MIB // 2), offset=2, limit=1)
    assert (output.body(), output.total_lines) == ("2\t0123456", MIB // 32)  # one block of 256 KiB
    assert output.note == "more lines follow; total_lines is what was counted so far"


async def test_wide_text_of_any_size_is_cut_by_lines(settings: Settings, workspace: Workspace) -> None:
    data = "\ufeff" + "".join(f"Ċ line {n}\n" for n in range(1, 200_001))  # U+010A holds the byte of a newline
    output = await shown(small(settings, workspace), workspace, data.encode("utf-16-le"), offset=150_000, limit=2)
    assert output.text == "Ċ line 150000\nĊ line 150001\n"
    assert output.total_lines == 200_000


async def test_a_picture_becomes_an_image_block_whatever_its_name(op: ReadOp, workspace: Workspace) -> None:
    output = await shown(op, workspace, GIF, name="chart.txt", offset=3)
    assert output.image == Image(base64.b64encode(GIF).decode(), "image/gif")
    assert (output.body(), output.source) == ("[Image: chart.txt, 31x7, 14 bytes]", None)


async def test_a_picture_that_is_too_large_is_refused(settings: Settings, workspace: Workspace) -> None:
    Path(workspace.cwd, "a.gif").write_bytes(GIF + bytes(3000))
    assert await refused(small(settings, workspace, max_image_bytes=2048), call("a.gif")) == (
        "too_large",
        "Image (2.9KB) exceeds maximum allowed size (2KB). Scale it down first.",
    )


async def test_a_notebook_is_shown_without_line_numbers_and_by_window(op: ReadOp, workspace: Workspace) -> None:
    cell = {"cell_type": "code", "id": "c1", "source": "a\nb\nc", "outputs": []}
    data = json.dumps({"cells": [cell]}).encode()
    output = await shown(op, workspace, data, name="n.ipynb")
    assert (output.body(), output.source) == ('<cell id="c1">a\nb\nc</cell id="c1">', None)
    output = await shown(op, workspace, data, name="n.ipynb", offset=2, limit=1)
    assert (output.body(), output.start_line, output.total_lines) == ("b\n", 2, 3)


async def test_a_broken_notebook_is_plain_text_with_a_note(op: ReadOp, workspace: Workspace) -> None:
    output = await shown(op, workspace, b"{oops\n", name="n.ipynb")
    assert (output.body(), output.note) == ("1\t{oops", "not a notebook; shown as plain text")
    assert (await shown(op, workspace, b"", name="e.ipynb")).body() == EMPTY


@pytest.mark.parametrize("bound", ["max_bytes", "max_window_bytes"])
async def test_a_notebook_that_is_too_large_is_refused(settings: Settings, workspace: Workspace, bound: str) -> None:
    cell = {"cell_type": "code", "source": "x" * 5000}
    Path(workspace.cwd, "n.ipynb").write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
    code, message = await refused(small(settings, workspace, **{bound: 4096}), call("n.ipynb"))
    assert code == "too_large"
    assert "exceeds maximum allowed size (4KB)" in message


async def test_pdf_text_is_shown_by_pages_and_by_window(op: ReadOp, workspace: Workspace) -> None:
    data = pdf_file([["alpha"], ["beta"], ["gamma"]])
    whole = await shown(op, workspace, data, name="a.pdf")
    assert whole.body() == "Page 1\nalpha\n\nPage 2\nbeta\n\nPage 3\ngamma\n"
    assert (whole.line_count, whole.total_lines, whole.note, whole.source) == (8, 8, "", None)
    part = await shown(op, workspace, data, name="a.pdf", offset=4, limit=2)
    assert (part.body(), part.start_line, part.line_count) == ("Page 2\nbeta\n", 4, 2)
    assert part.note == "2 of 3 pages read; more lines follow; total_lines is what was counted so far"
    assert (await shown(op, workspace, data, name="a.pdf", offset=9)).body() == beyond(9, 8)


async def test_a_pdf_without_text_fails_alone_and_says_why(op: ReadOp, workspace: Workspace) -> None:
    root = Path(workspace.cwd)
    (root / "scan.pdf").write_bytes(pdf_file([[]]))
    (root / "a.txt").write_text("x\n", encoding="utf-8")
    scan, text = await run(op, call("scan.pdf"), call("a.txt"))
    assert isinstance(scan, Failure)
    assert (scan.code, scan.message) == (
        "unsupported",
        "the PDF cannot be read: it holds no text (1 pages, perhaps scanned)",
    )
    assert isinstance(text, ReadOutput)
    assert text.body() == "1\tx"


async def test_a_pdf_past_its_deadline_is_timed_out(op: ReadOp, workspace: Workspace) -> None:
    Path(workspace.cwd, "a.pdf").write_bytes(pdf_of_streams([b"BT /F1 12 Tf (a) Tj ET\n" * 2_000_000]))
    assert await refused(op, call("a.pdf", timeout_s=0.3)) == ("timed_out", "not read within 0.3 s")


async def test_a_call_past_its_deadline_is_timed_out_and_its_neighbour_is_not(
    settings: Settings, workspace: Workspace
) -> None:
    large = Path(workspace.cwd, "large")
    with large.open("wb") as file:
        file.write(b"line\n" * 2000)
        file.truncate(8 << 30)
    late, text = await run(
        small(settings, workspace), call("large", offset=2002, timeout_s=0.05), call("large", offset=1, limit=1)
    )
    assert isinstance(late, Failure)
    assert (late.code, late.message) == ("timed_out", "not read within 0.05 s")
    assert isinstance(text, ReadOutput)
    assert text.body() == "1\tline"


async def test_a_huge_file_is_handled_within_bounded_memory(settings: Settings, workspace: Workspace) -> None:
    root = Path(workspace.cwd)
    for name, head in (("zeros", b""), ("text", b"line\n" * 2000)):
        with (root / name).open("wb") as file:
            file.write(head)
            file.truncate(2 << 30)
    calls = [call("zeros"), call("text"), call("text", offset=1999, limit=2), call("text", offset=2001, limit=1)]
    op = small(settings, workspace)
    tracemalloc.start()
    try:
        zeros, whole, window, endless = await run(op, *calls)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(zeros, Failure)
    assert zeros.message.startswith("zeros is binary (NUL bytes, 2GB)")
    assert isinstance(whole, Failure)
    assert whole.message.startswith("File content (2GB) exceeds maximum allowed size (256KB).")
    assert isinstance(window, ReadOutput)
    assert window.body() == "1999\tline\n2000\tline"
    assert isinstance(endless, Failure)
    assert endless.message.startswith("Line 2001 alone is longer than 8MB.")
    assert peak < 32 * MIB


async def test_two_hundred_files_in_one_run_give_the_same_as_one_by_one(op: ReadOp, workspace: Workspace) -> None:
    root = Path(workspace.cwd)
    kinds: Sequence[bytes] = (
        b"line %d\r\n",
        b"",
        b"caf\xe9 %d\n",
        b"\0 %d",
        b"\xff\xfe%d\n\0",
        b"GIF89a %d",
        b"no end %d",
    )
    calls: list[Call] = []
    for n in range(200):
        kind = kinds[n % len(kinds)]
        (root / f"{n}.txt").write_bytes(kind % n * (n % 5) if b"%d" in kind else kind)
        calls.append(call(f"{n}.txt", offset=n % 3, limit=1 + n % 4) if n % 2 else call(f"{n}.txt"))
    calls += [call("absent"), call("/etc/hostname"), call(".")]
    together = await run(op, *calls)
    assert together == [(await run(op, c))[0] for c in calls]
    assert sum(isinstance(result, Failure) for result in together) > 20


_PIECES = [
    b"\n",
    b"\r\n",
    b"a",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xfe\xff",
    "ü\u2028".encode(),
    b"GIF89a",
    b"{}",
    b"%PDF-",
]
_WINDOWS = st.tuples(st.integers(0, 4), st.none() | st.integers(1, 4))
_FILES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(_PIECES), max_size=12).map(b"".join),
        st.sampled_from(["txt", "ipynb", "png"]),
        _WINDOWS,
    ),
    max_size=8,
)


@given(files=_FILES)
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_read_on_the_event_loop_is_what_a_thread_reads(
    settings: Settings, workspace: Workspace, files: list[tuple[bytes, str, tuple[int, int | None]]]
) -> None:
    calls: list[Call] = [call("absent"), call(".")]
    for n, (data, ending, (offset, limit)) in enumerate(files):
        Path(workspace.cwd, f"{n}.{ending}").write_bytes(data)
        calls.append(call(f"{n}.{ending}", offset=offset, limit=limit))
    on_loop, in_threads = ReadOp(settings.read, workspace), ReadOp(settings.read, workspace)
    in_threads._inline = False  # pyright: ignore[reportPrivateUsage]
    assert anyio.run(lambda: run(on_loop, *calls)) == anyio.run(lambda: run(in_threads, *calls))


async def test_each_outcome_of_a_group_has_its_own_duration(op: ReadOp, workspace: Workspace) -> None:
    Path(workspace.cwd, "a").write_text("x\n", encoding="utf-8")
    outcomes: Sequence[Outcome] = await op.run([call("a"), call("a", offset=1), call("absent")])
    assert all(outcome.duration_s is not None and outcome.duration_s > 0 for outcome in outcomes)


async def test_a_file_that_grows_beyond_what_was_asked_of_it_is_read_again_in_a_thread(
    settings: Settings, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(workspace.cwd, "log")
    path.write_bytes(b"a\n")
    fstat = os.fstat

    def grow_after_first_look(fd: int) -> os.stat_result:
        status = fstat(fd)
        if threading.current_thread() is threading.main_thread() and path.stat().st_size == 2 == status.st_size:
            path.write_bytes(b"a\nb\n")
        return status

    monkeypatch.setattr("fourfold_tools.ops.read.os.fstat", grow_after_first_look)
    (output,) = await run(ReadOp(settings.read, workspace), call("log"))
    assert isinstance(output, ReadOutput)
    assert output.body() == "1\ta\n2\tb"


async def test_cancelling_ends_the_threads_of_a_run(
    settings: Settings, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(workspace.cwd, "large")
    with path.open("wb") as file:
        file.write(b"line\n" * 2000)
        file.truncate(1 << 36)
    started, ended = anyio.Event(), threading.Event()
    op = ReadOp(settings.read, workspace)
    drain = op._drain  # pyright: ignore[reportPrivateUsage]  (the end of a thread that was given up shows nowhere else)

    def watched(queue: Any) -> None:
        anyio.from_thread.run_sync(started.set)
        try:
            drain(queue)
        finally:
            ended.set()

    monkeypatch.setattr(op, "_drain", watched)
    async with anyio.create_task_group() as group:
        group.start_soon(op.run, [call("large", offset=2002)] * 3)
        await started.wait()
        group.cancel_scope.cancel()
    assert ended.wait(10)


async def test_descriptors_are_closed_on_every_way_out(op: ReadOp, workspace: Workspace) -> None:
    root = Path(workspace.cwd)
    for name, data in (("a", b"x\n"), ("b", b"\0"), ("c.gif", GIF), ("d.pdf", b"%PDF-"), ("e.ipynb", b"{}")):
        (root / name).write_bytes(data)
    calls = [call(name) for name in ("a", "b", "c.gif", "d.pdf", "e.ipynb", "absent", ".")]
    await op.run(calls)
    before = len(os.listdir("/dev/fd"))
    await op.run(calls * 5)
    assert len(os.listdir("/dev/fd")) == before


def test_a_read_touches_the_absolute_paths_that_are_known(settings: Settings, workspace: Workspace) -> None:
    op = ReadOp(settings.read, workspace)

    def effects(path: Any) -> Effects:
        return op.effects(ReadStep(op="read", path=path))

    root = workspace.cwd
    assert effects("a/../b.txt") == Effects(frozenset({f"{root}/b.txt"}), read_only=True)
    assert effects(["x", "/y"]).reads == {f"{root}/x", "/y"}
    assert effects("src/**/*.py").reads == {f"{root}/src/**/*.py"}
    assert effects(Reference.model_validate({"from": "g", "field": "paths"})).reads == frozenset()
    assert effects("nul\0") == Effects(read_only=True)
    assert op.host(ReadStep(op="read", path="a")) is None


def test_reads_go_together_except_pdf(settings: Settings, workspace: Workspace) -> None:
    op = ReadOp(settings.read, workspace)
    assert op.group_key(call("a.py")) == op.group_key(call("b.txt", offset=3)) is not None
    assert op.group_key(call("a.PDF")) is None
    assert (op.resource, op.group_size) == ("disk", 64)
    with pytest.raises(TypeError, match="a read step is needed, not grep"):
        op.effects(GrepStep(op="grep", pattern="x"))


@pytest.mark.parametrize(
    ("folder", "local"),
    [
        ("/work", True),
        ("/home/me", True),
        ("/home", False),  # it holds /home/net
        ("/home/net", False),
        ("/home/net/deep", False),
        ("/home/network", True),
        ("/mnt/with space/x", False),
        ("/", False),
    ],
)
def test_folders_on_or_above_remote_mounts_are_not_local(tmp_path: Path, folder: str, local: bool) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "23 22 0:5 / /home rw - btrfs /dev/sdb rw\n"
        "24 23 0:6 / /home/net rw shared:7 master:2 - nfs4 host:/x rw\n"
        "25 22 0:7 / /mnt/with\\040space rw - fuse.sshfs host rw\n",
        encoding="utf-8",
    )
    assert all_local([folder], str(table)) is local
    assert all_local(["/work", folder], str(table)) is local
    assert all_local([folder], str(tmp_path / "absent")) is False
