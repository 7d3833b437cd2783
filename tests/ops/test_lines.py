"""The cursor and the sparse index find the same lines as a plain split, whatever the blocks and the history."""

import io
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fourfold_tools.errors import TimedOut, TooLarge
from fourfold_tools.ops.lines import LineIndex, Window, after_newline, window_in, window_of

MIB = 1 << 20
# Bytes that matter to lines: newlines, carriage returns, and the UTF-8 of U+2028 and U+0085, which end no line.
line_bytes = st.lists(st.sampled_from([b"\n", b"a", b"\r\n", b"\r", b"bb", b"\xe2\x80\xa8", b"\xc2\x85", b"\x0c"]))
texts = line_bytes.map(b"".join)


def unlimited() -> None: ...


def read(
    index: LineIndex,
    path: Path,
    first: int,
    limit: int | None = None,
    *,
    max_bytes: int = MIB,
    count_bytes: int = MIB,
    check: Callable[[], None] = unlimited,
) -> Window:
    with io.FileIO(path) as file:
        return index.window(file, first, limit, max_bytes=max_bytes, count_bytes=count_bytes, check=check)


def plain_lines(data: bytes) -> list[bytes]:
    return list(io.BytesIO(data))


def expected(data: bytes, first: int, limit: int | None) -> Window:
    lines = plain_lines(data)
    cut = list(islice(lines, first - 1, None if limit is None else first - 1 + limit))
    return Window(b"".join(cut), len(cut), len(lines), complete=True)


@given(texts, st.lists(st.integers(1, 8), min_size=1, max_size=8), st.integers(1, 30), st.none() | st.integers(1, 30))
@hypothesis_settings(max_examples=200)
def test_a_window_over_blocks_of_any_size_equals_a_slice_of_the_lines(
    data: bytes, sizes: Sequence[int], first: int, limit: int | None
) -> None:
    blocks: list[bytes] = []
    rest = data
    while rest:
        size = sizes[len(blocks) % len(sizes)]
        blocks += [rest[:size], b""]
        rest = rest[size:]
    assert window_of(iter(blocks), first, limit, max_bytes=MIB, count_bytes=MIB) == expected(data, first, limit)
    assert window_in(data, first, limit, max_bytes=MIB) == expected(data, first, limit)


@given(
    block_bytes=st.integers(1, 40),
    parts=st.lists(texts, min_size=1, max_size=4),
    windows=st.lists(st.tuples(st.integers(1, 40), st.none() | st.integers(1, 10)), min_size=1, max_size=5),
)
@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_windows_through_the_index_equal_slices_of_the_file_also_after_appends(
    tmp_path: Path, block_bytes: int, parts: list[bytes], windows: list[tuple[int, int | None]]
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"")
    index = LineIndex(block_bytes)
    data = b""
    for part in parts:
        data += part
        with path.open("ab") as file:
            file.write(part)
        for first, limit in windows:
            assert read(index, path, first, limit) == expected(data, first, limit)


@given(texts.filter(lambda data: b"\n" in data), st.data())
def test_after_newline_stands_behind_the_nth_newline(data: bytes, draw: st.DataObject) -> None:
    data *= draw.draw(st.sampled_from([1, 700]))  # many newlines take the halving path
    nth = draw.draw(st.integers(1, data.count(b"\n")))
    end = after_newline(data, 0, nth)
    assert data[:end].count(b"\n") == nth
    assert data[end - 1 : end] == b"\n"


def test_known_blocks_are_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"line\n" * 10_000)
    index = LineIndex(1000)
    blocks: list[None] = []
    read(index, path, 9_990, 1, check=lambda: blocks.append(None))
    first_time = len(blocks)
    blocks.clear()
    assert read(index, path, 9_990, 1, check=lambda: blocks.append(None)).data == b"line\n"
    assert (first_time, len(blocks)) == (51, 1)  # the last block of the count was read again for its open line


def test_a_file_that_grew_is_counted_from_where_its_index_ended(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"line\n" * 10_000)
    index = LineIndex(1000)
    read(index, path, 1)
    with path.open("ab") as file:
        file.write(b"more\n" * 400)
    blocks: list[None] = []
    window = read(index, path, 10_400, 1, check=lambda: blocks.append(None))
    assert (window.data, window.known_lines) == (b"more\n", 10_400)
    assert len(blocks) == 3


def test_a_file_rewritten_with_other_lines_and_more_bytes_loses_its_index(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"line\n" * 1000)
    index = LineIndex(100)
    read(index, path, 1)
    path.write_bytes(b"longer line\n" * 1000)
    assert read(index, path, 500, 1) == Window(b"longer line\n", 1, 1000, complete=True)


def test_a_scan_that_was_stopped_leaves_its_counts_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"line\n" * 1000)
    index = LineIndex(100)
    seen: list[None] = []

    def stop_after_ten() -> None:
        seen.append(None)
        if len(seen) > 10:
            raise TimedOut("enough")

    with pytest.raises(TimedOut):
        read(index, path, 900, 1, check=stop_after_ten)
    blocks: list[None] = []
    read(index, path, 220, 1, count_bytes=0, check=lambda: blocks.append(None))
    assert len(blocks) == 1  # the first uncounted one: the ten before it hold 200 lines


def test_the_index_forgets_the_least_recently_used_file_beyond_its_bound(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_bytes(b"line\n" * 100)  # 5 blocks each
    index = LineIndex(100, max_counts=10)
    a, b, c = paths
    for path in (a, b, a, c):
        read(index, path, 1)
    blocks: dict[Path, list[None]] = {path: [] for path in paths}
    for path in (a, c, b):
        read(index, path, 100, 1, check=lambda path=path: blocks[path].append(None))
    assert [len(blocks[path]) for path in paths] == [1, 5 + 1, 1]


def test_a_file_that_shrank_while_it_was_read_ends_where_it_ends_now(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"line\n" * 1000)
    index = LineIndex(100)
    seen: list[None] = []

    def cut_at_fifth_block() -> None:
        seen.append(None)
        if len(seen) == 5:
            with path.open("r+b") as file:
                file.truncate(452)

    assert read(index, path, 1, check=cut_at_fifth_block) == Window(b"line\n" * 90 + b"li", 91, 91, complete=True)
    assert read(index, path, 91).data == b"li"


def test_lines_behind_the_bound_are_not_counted_and_the_window_says_so(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"line\n" * 1000)
    window = read(LineIndex(100), path, 3, 2, count_bytes=4000)
    assert window == Window(b"line\n" * 2, 2, 20, complete=False)  # the one block that was read
    assert read(LineIndex(100), path, 3, 2, count_bytes=5000).known_lines == 1000


def test_a_window_that_is_too_large_says_how_many_lines_fit(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"line\n" * 1000)
    with pytest.raises(TooLarge, match=r"from line 11 on holds more than 52 bytes\. Its first 10 lines fit"):
        read(LineIndex(100), path, 11, max_bytes=52)
    assert read(LineIndex(100), path, 11, 10, max_bytes=50).line_count == 10


def test_one_endless_line_is_refused_within_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(b"first\n")
        file.truncate(2 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match="Line 2 alone is longer than 8MB"):
            read(LineIndex(), path, 2, max_bytes=8 * MIB)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * MIB * 2 + 4 * MIB  # the window, once in parts and once joined, and the block
