"""What is kept of a command's output: bounds, marks, order, the file beside it, and text from any bytes."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourfold_tools.ops.capture import SPILL_FROM, Capture, HeadTail, decode
from fourfold_tools.ops.spill import Spill

pytestmark = pytest.mark.anyio

MARK = "bytes not kept …\n"


async def captured(capture: Capture, pieces: list[tuple[str, bytes]]) -> None:
    async with capture.spill:
        for stream, data in pieces:
            await capture.add("stderr" if stream == "stderr" else "stdout", data)


def capture_of(tmp_path: Path, bound: int = 1 << 20, max_spill: int = 1 << 30) -> Capture:
    return Capture(bound, Spill(tmp_path / "runs" / "r" / "s1.txt", max_spill))


@given(st.lists(st.text("ab\n", max_size=40).map(str.encode), max_size=30), st.integers(2, 200))
@settings(max_examples=100, deadline=None)
def test_head_and_tail_are_the_ends_of_what_came_and_the_rest_is_counted(pieces: list[bytes], bound: int) -> None:
    kept = HeadTail(bound)
    for piece in pieces:
        kept.add(piece)
    data = b"".join(pieces).decode()
    text, dropped = kept.text()
    if len(data) <= bound // 2 * 2:
        assert (text, dropped) == (data, 0)
        return
    head, mark, tail = text.partition(f"… {dropped:,} {MARK}")
    if len(head) + len(tail) + dropped > len(data):
        head = head.removesuffix("\n")  # added, where no line ends at the cut
    assert mark
    assert len(head) + dropped + len(tail) == len(data)
    assert data.startswith(head)
    assert data.endswith(tail)
    assert max(len(head), len(tail)) <= bound // 2


@given(st.lists(st.integers(1, 60_000), max_size=12), st.integers(2, 90_000))
@settings(max_examples=60, deadline=None)
def test_pieces_of_any_size_leave_the_same_as_all_of_them_at_once(sizes: list[int], bound: int) -> None:
    pieces = [b"%05d\n" % n * (size // 6 + 1) for n, size in enumerate(sizes)]
    kept, whole = HeadTail(bound), HeadTail(bound)
    for piece in pieces:
        kept.add(piece)
    whole.add(b"".join(pieces))
    assert kept.text() == whole.text()


def test_cuts_stand_between_lines_and_never_inside_a_character() -> None:
    lines = HeadTail(1000)
    lines.add(b"".join(b"line %d\n" % n for n in range(1000)))
    text, dropped = lines.text()
    shown = [line for line in text.splitlines() if not line.startswith("… ")]
    assert shown[0] == "line 0"
    assert shown[-1] == "line 999"
    assert all(line.removeprefix("line ").isdecimal() for line in shown)
    assert dropped == sum(len(f"line {n}\n") for n in range(1000)) - sum(len(line) + 1 for line in shown)
    for width in range(11):
        one_line = HeadTail(1000 + width)
        one_line.add("a€😀é".encode() * 500)
        text, _ = one_line.text()
        head, mark, tail = text.partition("\n… ")
        assert "\\x" not in text
        assert head.startswith("a€😀é")
        assert tail.endswith("a€😀é")
        assert mark


async def test_texts_come_merged_in_order_and_apart(tmp_path: Path) -> None:
    capture = capture_of(tmp_path)
    await captured(capture, [("stdout", b"a\n"), ("stderr", b"b\n"), ("stdout", b"c\n\n")])
    assert (capture.merged(), capture.stdout(), capture.stderr()) == (("a\nb\nc", 0), "a\nc\n\n", "b\n")
    assert not capture.spill.opened
    assert not (tmp_path / "runs").exists()


async def test_a_large_output_goes_to_the_file_whole_and_in_order(tmp_path: Path) -> None:
    pieces = [("stderr" if n % 3 == 0 else "stdout", b"%d " % n * 500) for n in range(1000)]
    capture = capture_of(tmp_path, bound=SPILL_FROM)
    await captured(capture, pieces)
    whole = b"".join(data for _, data in pieces)
    assert capture.spill.path.read_bytes() == whole
    assert capture.spill.path.stat().st_mode & 0o077 == 0
    text, dropped = capture.merged()
    assert f"\n… {dropped:,} bytes not kept …\n" in text
    assert len(whole) - SPILL_FROM <= dropped < len(whole) - SPILL_FROM + 3 * 4096
    assert capture.stderr().startswith("0 0 ")


async def test_the_file_ends_at_its_bound_and_the_text_says_so(tmp_path: Path) -> None:
    capture = capture_of(tmp_path, max_spill=300_000)
    await captured(capture, [("stdout", b"x" * 65_536)] * 10)
    assert capture.spill.path.stat().st_size == 300_000
    assert capture.merged()[0].endswith(
        f"\n… {capture.spill.path} is not complete: it holds the first 300,000 bytes …"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
async def test_a_full_disk_stops_nothing_and_is_said(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    capture = Capture(1 << 20, Spill(full, 1 << 30))
    await captured(capture, [("stdout", b"x" * 65_536)] * 100)
    text, dropped = capture.merged()
    assert text.endswith(f"\n… {full} is not complete: No space left on device …")
    assert dropped == 100 * 65_536 - (1 << 20)


async def test_a_file_that_cannot_be_made_is_not_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    capture = Capture(1 << 20, Spill(tmp_path / "file" / "s1.txt", 1 << 30))
    await captured(capture, [("stdout", b"x" * 65_536)] * 10)
    assert not capture.spill.opened
    assert "s1.txt could not be written: File exists …" in capture.merged()[0]


async def test_a_discarded_capture_leaves_no_file(tmp_path: Path) -> None:
    capture = capture_of(tmp_path)
    await captured(capture, [("stdout", b"x" * 65_536)] * 10)
    capture.spill.discard()
    assert list((tmp_path / "runs" / "r").iterdir()) == []


async def test_memory_stays_within_bounds_whatever_is_printed(tmp_path: Path) -> None:
    capture = capture_of(tmp_path, bound=1 << 20)
    piece = b"y\n" * 32_768
    tracemalloc.start()
    try:
        await captured(capture, [("stdout", piece), ("stderr", b"e")] * 800)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 << 20


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        ("größe 😀\n".encode(), "größe 😀\n"),
        (b"gr\xf6\xdfe\n", "gr\\xf6\\xdfe\n"),
        (b"x" * 4095 + "ö".encode() + b"\xff", "x" * 4095 + "ö\\xff"),
        (b"\x80" * 5, "\\x80" * 5),
    ],
)
def test_bytes_that_are_no_text_are_shown(data: bytes, text: str) -> None:
    assert decode(data) == text


@given(st.text(), st.integers(0, 5000))
@settings(max_examples=60, deadline=None)
def test_text_survives_beside_a_damaged_byte_wherever_that_stands(text: str, before: int) -> None:
    assert decode(text.encode()) == text
    assert decode(b"-" * before + b"\xff" + text.encode()) == "-" * before + "\\xff" + text


def test_much_that_is_no_text_is_replaced_and_characters_between_it_stay() -> None:
    text = decode((b"\xff" * 50 + "€".encode()) * 10_000)
    assert text.count("€") == 10_000
    assert "\\xff" in text
    assert text.endswith("\ufffd€")
