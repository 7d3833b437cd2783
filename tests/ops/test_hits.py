"""Hits: parsing is the inverse of what ripgrep prints, and a page shows exactly its part in the client's form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.model.output import Match
from fourfold_tools.ops.hits import (
    FileHits,
    Line,
    Page,
    content_page,
    counts_page,
    files_page,
    parse_counts,
    parse_lines,
    parse_names,
    path_order,
    shown_path,
)

_ALL = Page(offset=0, limit=0, max_line_chars=500)
_NAME = st.binary(min_size=1, max_size=8).map(lambda name: b"./" + name.replace(b"\0", b"").replace(b"/", b"x"))
_TEXT = st.binary(max_size=12).map(lambda text: text.replace(b"\0", b"").replace(b"\n", b"-"))
_LINES = st.lists(st.tuples(st.sampled_from(["match", "context"]), _TEXT), min_size=1, max_size=4).map(
    lambda lines: [Line(n, kind, text) for n, (kind, text) in enumerate(lines, 1)]
)


def _printed(files: list[FileHits]) -> bytes:
    marks = {"match": b":", "context": b"-"}
    return b"".join(
        b"%b\0%d%b%b\n" % (file.path, line.number, marks[line.kind], line.text)
        for file in files
        for line in file.lines
    )


@given(st.dictionaries(_NAME, _LINES, max_size=4))
def test_what_is_printed_is_parsed_whatever_names_and_lines_hold(tree: dict[bytes, list[Line]]) -> None:
    files = [FileHits(name, lines) for name, lines in tree.items()]

    assert parse_lines(_printed(files)) == files


@given(st.dictionaries(_NAME, _LINES, min_size=1, max_size=3), st.data())
def test_output_that_stops_anywhere_gives_every_finished_line(
    tree: dict[bytes, list[Line]], data: st.DataObject
) -> None:
    files = [FileHits(name, lines) for name, lines in tree.items()]
    whole = [(file.path, line) for file in files for line in file.lines]
    ends = [len(_printed([FileHits(path, [line])])) for path, line in whole]
    stop = data.draw(st.integers(0, sum(ends)))

    found = [(file.path, line) for file in parse_lines(_printed(files)[:stop]) for line in file.lines]

    assert found == whole[: sum(sum(ends[: i + 1]) <= stop for i in range(len(ends)))]


def test_gaps_and_messages_stand_with_their_file() -> None:
    output = (
        b"./a\x001:x\n--\n./a\x009:x\n--\n./b\x002-y\n"
        b'./b: WARNING: stopped searching binary file after match (found "\\0" byte around offset 7)\n'
        b'./c: binary file matches (found "\\0" byte around offset 4)\n'
    )

    a, b, c = parse_lines(output)

    assert [line.kind for line in a.lines] == ["match", "gap", "match"]
    assert [line.kind for line in b.lines] == ["context", "note"]
    assert (a.note, b.named_binary, c.named_binary) == (None, False, True)
    assert c.path == b"./c"


def test_names_and_counts_are_split_at_their_ends() -> None:
    assert parse_names(b"./a\nb\0./c\0./unfin") == [b"./a\nb", b"./c"]
    assert parse_counts(b"./a\x003\n./b\nc\x0012\n./d\x001") == [(b"./a", 3), (b"./b\nc", 12)]
    assert parse_lines(b"") == parse_names(b"") == parse_counts(b"") == []


def test_paths_are_ordered_part_by_part_and_shown_with_escapes() -> None:
    assert sorted([b"./a+", b"./a/b", b"./a"], key=path_order) == [b"./a", b"./a/b", b"./a+"]
    assert shown_path(b"./caf\xc3\xa9/\xff.txt") == "café/\\xff.txt"
    assert shown_path(b"/elsewhere/x") == "/elsewhere/x"


def test_content_shows_matches_context_gaps_and_messages() -> None:
    files = [
        FileHits(
            b"./a.py",
            [
                Line(1, "context", b"top\r"),
                Line(2, "match", b"hit: 1\r"),
                Line(0, "gap", b"--"),
                Line(9, "match", b"x"),
            ],
        ),
        FileHits(b"./b.py", [Line(7, "match", b"\xff"), Line(0, "note", b"WARNING: stopped")]),
    ]

    page = content_page(files, _ALL, complete=True, gaps=True)

    assert page.text.split("\n") == [
        "a.py-1-top",
        "a.py:2:hit: 1",
        "--",
        "a.py:9:x",
        "--",
        "b.py:7:\\xff",
        "b.py: WARNING: stopped",
    ]
    assert page.matches == (Match("a.py", 2, "hit: 1"), Match("a.py", 9, "x"), Match("b.py", 7, "\\xff"))
    assert (page.paths, page.count) == (("a.py", "b.py"), 3)


_ODD_NAMES = st.sampled_from([b"./a", b"./-", b"./--", b"./--\nb", b"./a:1:b", b"./a-3-", b"./ ", b"./a: b"])
_ODD_LINES = st.builds(
    Line,
    st.integers(1, 20),
    st.sampled_from(["match", "context", "gap", "note"]),
    st.sampled_from([b"", b"x", b"--", b":1:", b" ", b"a:1:x", b"x\r"]),
)


@given(st.dictionaries(_ODD_NAMES, st.lists(_ODD_LINES, min_size=1, max_size=6), max_size=4), st.booleans())
def test_the_matches_taken_out_of_the_body_are_those_that_were_put_in(
    tree: dict[bytes, list[Line]], gaps: bool
) -> None:
    files = [FileHits(name, lines) for name, lines in tree.items()]
    page = content_page(files, _ALL, complete=True, gaps=gaps)

    assert list(page.matches) == [
        Match(shown_path(file.path), line.number, line.text.removesuffix(b"\r").decode())
        for file in files
        for line in file.lines
        if line.kind == "match"
    ]


@pytest.mark.parametrize(
    ("kind", "length", "shown"),
    [
        ("match", 500, "m" * 500),
        ("match", 501, "[Omitted long matching line]"),
        ("context", 501, "[Omitted long context line]"),
    ],
)
@pytest.mark.parametrize("letter", ["m", "日"])
def test_a_long_line_is_named_not_shown(kind: str, length: int, shown: str, letter: str) -> None:
    line = Line(3, "match" if kind == "match" else "context", (letter * length).encode())

    text = content_page([FileHits(b"./f", [line])], _ALL, complete=True, gaps=False).text

    mark = ":" if kind == "match" else "-"
    assert text == f"f{mark}3{mark}{shown.replace('m' * 500, letter * 500)}"


def _ten_lines() -> list[FileHits]:
    return [FileHits(b"./f", [Line(n, "match", b"x") for n in range(1, 11)])]


@pytest.mark.parametrize(
    ("offset", "limit", "complete", "numbers", "footer", "count"),
    [
        (0, 0, True, range(1, 11), None, 10),
        (0, 10, True, range(1, 11), None, 10),
        (0, 3, True, range(1, 4), "limit: 3", 10),
        (0, 3, False, range(1, 4), "limit: 3", 3),
        (2, 3, False, range(3, 6), "limit: 3, offset: 2", 5),
        (2, 8, True, range(3, 11), "offset: 2", 10),
        (0, 10, False, range(1, 11), "limit: 10", 10),
        (0, 11, False, range(1, 11), None, 10),
    ],
)
def test_a_page_of_lines_says_what_it_leaves_out(
    offset: int, limit: int, complete: bool, numbers: range, footer: str | None, count: int
) -> None:
    page = content_page(_ten_lines(), Page(offset, limit, 500), complete=complete, gaps=False)

    body = "\n".join(f"f:{n}:x" for n in numbers)
    assert page.text == (f"{body}\n\n[Showing results with pagination = {footer}]" if footer else body)
    assert page.count == count


def test_nothing_and_nothing_more_are_told_apart() -> None:
    beyond = Page(10, 5, 500)

    assert content_page([], beyond, complete=True, gaps=False).text.startswith("No matches found")
    assert content_page(_ten_lines(), beyond, complete=True, gaps=False).text == (
        "No entries at this offset\n\n[Showing results with pagination = offset: 10]"
    )
    assert files_page([], _ALL).text == "No files found"
    assert files_page(["a"], beyond).text.startswith("No entries at this offset")


@pytest.mark.parametrize(
    ("offset", "limit", "text"),
    [
        (0, 0, "c\nb\na"),
        (0, 3, "c\nb\na"),
        (0, 1, "c\n\n[Showing results with pagination = limit: 1]"),
        (1, 1, "b\n\n[Showing results with pagination = limit: 1, offset: 1]"),
        (1, 2, "b\na\n\n[Showing results with pagination = offset: 1]"),
    ],
)
def test_a_page_of_files_holds_their_names_and_says_what_was_cut(offset: int, limit: int, text: str) -> None:
    page = files_page(["c", "b", "a"], Page(offset, limit, 500))

    assert page.text == text
    assert (page.paths, page.count) == (tuple(text.split("\n\n")[0].split("\n")), 3)


@pytest.mark.parametrize(
    ("counts", "limit", "text"),
    [
        ([], 0, "No matches found\n\nFound 0 total occurrences across 0 files."),
        ([("a", 1)], 0, "a:1\n\nFound 1 total occurrence across 1 file."),
        ([("a", 4), ("b", 12)], 2, "a:4\nb:12\n\nFound 16 total occurrences across 2 files."),
        (
            [("a", 4), ("b", 12)],
            1,
            "a:4\n\nFound 16 total occurrences across 2 files. with pagination = limit: 1",
        ),
    ],
)
def test_a_page_of_counts_sums_over_all_files(counts: list[tuple[str, int]], limit: int, text: str) -> None:
    page = counts_page(counts, Page(0, limit, 500))

    assert (page.text, page.count) == (text, sum(n for _, n in counts))
