"""Plain hits: the page made file by file is the very page that is made line by line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourfold_tools.ops.hits import Page, content_page, parse_lines, path_order
from fourfold_tools.ops.plain_hits import plain_page

_NAMES = st.one_of(
    st.sampled_from([b"./a", b"./a/b", b"./a+", b"/b/a", b"./a:1:x", b"./--", b"./caf\xc3\xa9", b"./\xff"]),
    st.binary(min_size=1, max_size=6).map(lambda name: b"./" + name.replace(b"\0", b"").replace(b"\n", b"") + b"x"),
)
_TEXTS = st.one_of(
    st.binary(max_size=12).map(lambda text: text.replace(b"\0", b"").replace(b"\n", b"-")),
    st.sampled_from(
        [b"", b"x\r", b"\r\r", b"x" * 20, "日".encode() * 9, "日".encode() * 8, b"\xff" * 3, b":1:", b"./a"]
    ),
)
_FILES = st.dictionaries(_NAMES, st.lists(_TEXTS, min_size=1, max_size=60), max_size=6)


def _printed(files: dict[bytes, list[bytes]]) -> list[bytes]:
    """The records of each file."""
    return [b"%b\0%d:%b\n" % (path, n, text) for path, texts in files.items() for n, text in enumerate(texts, 1)]


@settings(max_examples=300)
@given(
    files=_FILES,
    offset=st.sampled_from([0, 0, 1, 5, 70]),
    limit=st.sampled_from([0, 0, 1, 2, 9, 100]),
    complete=st.booleans(),
    cut=st.integers(0, 40),
)
def test_a_page_by_files_is_the_page_by_lines(
    files: dict[bytes, list[bytes]], offset: int, limit: int, complete: bool, cut: int
) -> None:
    ordered = files if complete else dict(sorted(files.items(), key=lambda file: path_order(file[0])))
    output = b"".join(_printed(ordered))
    output = output if complete else output[: max(0, len(output) - cut)]
    page = Page(offset, limit, max_line_chars=8)
    by_lines = sorted(parse_lines(output), key=lambda file: path_order(file.path))

    assert plain_page(output, page, complete=complete) == content_page(by_lines, page, complete=complete, gaps=False)


@settings(max_examples=300)
@given(st.lists(st.sampled_from([b"./a\x001:x\n", b"./a\x002:y\n", b"./b\x001:x\n", b"--\n", b"./n\nl\x003:z\n"])))
def test_whatever_is_printed_is_paged_alike_or_left_to_the_page_by_lines(records: list[bytes]) -> None:
    start = next((i for i, record in enumerate(records) if record != b"--\n"), len(records))
    output, page = b"".join(records[start:]), Page(0, 0, max_line_chars=500)
    by_lines = sorted(parse_lines(output), key=lambda file: path_order(file.path))

    found = plain_page(output, page, complete=True)

    assert found in (None, content_page(by_lines, page, complete=True, gaps=False))


@pytest.mark.parametrize(
    "odd",
    [
        b"./a\x001:x\n./a: WARNING: stopped searching binary file after match (found \"\\0\" byte around offset 7)\n",
        b"./a: binary file matches (found \"\\0\" byte around offset 4)\n",
        b"./a\nb\x001:x\n./a\nb\x002:x\n",
        b"./a\x001:x\n--\n./a\x009:x\n",
        b"./a\x001:x\n./b\x002:y\n./a\x003:z\0\n",
    ],
)  # fmt: skip
def test_messages_gaps_and_names_with_line_ends_are_left_to_the_page_by_lines(odd: bytes) -> None:
    assert plain_page(odd, Page(0, 0, 500), complete=True) is None


def test_files_of_many_lines_end_where_they_end() -> None:
    files = {b"./%d" % n: [b"line"] * n for n in (1, 2, 63, 64, 65, 5_000, 1, 40_000)}
    output = b"".join(_printed(files))
    page = plain_page(output, Page(0, 0, 500), complete=True)

    assert page is not None
    assert sorted(page.files) == sorted((path[2:].decode(), len(texts)) for path, texts in files.items())
    assert page.count == sum(map(len, files.values()))
