"""The law of the combined search: a call in a group ends as the same call alone, whatever the files hold."""

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from search_calls import grep_call, write_tree

from fourfold_config.settings import Settings, load_settings
from fourfold_tools.ops.combined import Bounds, Combined, can_join, is_literal
from fourfold_tools.ops.grep import GrepOp
from fourfold_tools.ops.hits import FileHits, Line
from fourfold_tools.ops.process import Spawner
from fourfold_tools.ops.ripgrep import Ripgrep, Scope
from fourfold_tools.ops.roots import Roots
from fourfold_tools.ops.workspace import Workspace

pytestmark = pytest.mark.anyio

_HERE = Scope(roots=Roots(("./",), lone_file=False))


@pytest.fixture(scope="module")
async def spawner() -> AsyncIterator[Spawner]:
    spawner = Spawner()
    yield spawner
    await spawner.aclose()


_TOKENS = (
    [b"foo"] * 6
    + [b"foo_bar", b"foo_bar", b"Foo", b"bar", b"k", b"s", b"7", b" ", b"\t", b"\r", b":", b"-", b"--"]
    + [text.encode() for text in ("é", "É", "ſ", "\u212a", "日")]
    + [b"\xff", b"\xff\xfe", b"\xe2\x84", b"x" * 500, b"x" * 501, b"y" * 2500]
)
# So long that a NUL behind it lies in a later block of ripgrep's than the lines before it.
_FILLER = b"~~~~~~~~\n" * 20_000
_LINE = st.lists(st.sampled_from(_TOKENS), max_size=4).map(b"".join)
_TEXT = st.tuples(st.lists(_LINE, max_size=9).map(b"\n".join), st.sampled_from([b"", b"\n"])).map(b"".join)
_CONTENT = st.one_of(
    _TEXT,
    _TEXT,
    _TEXT.map(lambda text: b"\xef\xbb\xbf" + text),
    _TEXT.map(lambda text: text.decode("utf-8", "replace").encode("utf-16")),
    st.tuples(_TEXT, _TEXT).map(b"\0".join),
    st.tuples(_TEXT, _TEXT).map((b"\n" + _FILLER + b"\0\n").join),
    _TEXT.map(lambda text: text + b"\nfoo" * 40),
)
_NAMES = [
    b"a.txt",
    b"a/b.py",
    b"a/c d.txt",
    b"a+.txt",
    b"a/b/c",
    b".hidden",
    b"bad\xff.txt",
    b"new\nline.txt",
    b"bin.dat",
]
_PATTERNS = [
    *["foo", "foo_bar", "oo", "bar", "k", "s", "K", "S", "é", "ſ", "\u212a", ":", "-", "--", " ", "#", "a,b"],
    *["bar$", "^foo", "^$", r"\bfoo\b", "fo+", r"[[:alpha:]]+_", "a|b", "x*", "(?i)FOO", "(?i:K)", r"\w+$", r"\S\r"],
    *[r"\d", ".", "foo.*bar", "[^a]$", r"\p{Lu}", r"\B", "x{501}", r"[a-z&&[^f]]oo", r"a{,2}", r"\x{e9}", "(foo)(_)"],
    *[r"f\w*b\w*", "fo+_b", "(foo)+b?", "o|_", r"foo\b.*k", "[a-f]o+", r"\.|k", r"ba[rk]\s*"],
    *["(?-u:\\xff)", r"\Afoo", r"foo\z", "(?-m)^foo", "(?m:^foo$)", "(?s)f.o", "(?x)f oo # c", "(?P<n>fo)", r"\Qf"],
    *["(", "[f", "b]", "a)(b", "f)|(k", "*", "\\", r"a\nb", "a\nb", "a{2,1}", "(?=f)", "--pre=x", "-f", "a\0b"],
]
_PATHS: list[str | list[str] | None] = [None, "a", "a.txt", "bin.dat", ["a.txt", "a"], ["bin.dat", "a", "a+.txt"]]


@bounds(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    tree=st.dictionaries(st.sampled_from(_NAMES), _CONTENT, min_size=1, max_size=5),
    patterns=st.lists(st.sampled_from(_PATTERNS), min_size=2, max_size=6),
    fixed=st.sampled_from([False, False, False, True]),
    ignore_case=st.booleans(),
    hidden=st.booleans(),
    mode=st.sampled_from(["content", "files", "count"]),
    head_limit=st.sampled_from([None, 0, 1, 4]),
    offset=st.sampled_from([0, 0, 0, 2]),
    path=st.sampled_from(_PATHS),
    counted_lines=st.sampled_from([2, 40, 1000]),
    max_combined_bytes=st.sampled_from([300, 100_000, 33_554_432]),
)
async def test_a_call_in_a_group_ends_as_the_same_call_alone(
    spawner: Spawner,
    tree: dict[bytes, bytes],
    patterns: list[str],
    fixed: bool,
    ignore_case: bool,
    hidden: bool,
    mode: str,
    head_limit: int | None,
    offset: int,
    path: str | list[str] | None,
    counted_lines: int,
    max_combined_bytes: int,
) -> None:
    limits = load_settings(env={}).grep.model_copy(
        update={"counted_lines": counted_lines, "max_combined_bytes": max_combined_bytes}
    )
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), tree)
        op = GrepOp(limits, Workspace(Path(folder)), spawner)
        options = {"fixed": fixed, "ignore_case": ignore_case, "hidden": hidden, "mode": mode}
        page = {"head_limit": head_limit, "offset": offset, "path": path}
        calls = [grep_call(pattern, **options, **page) for pattern in patterns]

        together = [outcome.result for outcome in await op.run(calls)]

        assert together == [(await op.run([call]))[0].result for call in calls]


def _write(root: Path, tree: dict[bytes, bytes]) -> None:
    base = os.fsencode(root)
    for name, content in tree.items():
        path = os.path.join(base, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    for name in (b"a", b"a.txt", b"bin.dat", b"a+.txt"):  # what the paths of the test name
        if not os.path.lexists(os.path.join(base, name)):
            write_tree(root, {os.fsdecode(name) + ("/x" if name == b"a" else ""): "foo k\n"})
    os.symlink("a.txt", base + b"/link.txt")
    os.symlink("a", base + b"/linked")


_HAZARDS = {
    "an anchor at the start of the text": ({"a.txt": "bar\nfoo 1\n"}, [r"\Afoo", "foo"], {}),
    "an anchor that is one only with other flags": ({"a.txt": "bar\nfoo 1\n"}, ["(?-m)^foo", "foo"], {}),
    "an anchor at the end of the text": ({"a.txt": "foo\nbar\n"}, [r"foo\z", "foo", "bar"], {}),
    "a line that begins like UTF-16": ({"a.txt": b"bar\n\xff\xfefoo 7\n"}, ["fo+", r"\d"], {}),
    "two halves of one class": ({"a.txt": "f\n)\nb]\n"}, ["[f", "b]", "f"], {}),
    "groups of one name": ({"a.txt": "foo\nbar\n"}, ["(?P<n>foo)", "(?P<n>bar)", "o"], {}),
    "a comment without an end": ({"a.txt": "foo\nbar\n"}, ["(?x)f oo # c", "bar"], {}),
    "flags that leak": ({"a.txt": "a\nB\nb\n"}, ["a)(?i)(c", "b"], {}),
    "patterns of which one holds the other": ({"a.txt": "foo\nfoo_bar\n"}, ["foo", "foo_bar", r"foo\b"], {}),
    "a binary file, seen late": ({"a.txt": b"foo 1\n" + _FILLER + b"\0foo\n"}, ["foo", "1", "none"], {}),
    "a binary file, seen late, counted": ({"a.txt": b"f1\n" + _FILLER + b"\0f\n"}, ["f1", "1"], {"mode": "count"}),
    "a binary file, named": ({"a.bin": b"foo\nbar\0\nfoo bar\n"}, ["foo", "bar", "b.r"], {"path": "a.bin"}),
    "letters that fold to ASCII": (
        {"a.txt": "\u212aey\nkey\nmaſt\nMAST\n"},
        ["key", "mast", "KEY"],
        {"ignore_case": True},
    ),
    "letters beyond ASCII": ({"a.txt": "é\nÉ\nſ\ns\n"}, ["é", "ſ", "s"], {"ignore_case": True}),
    "regex letters taken literally": ({"a.txt": "a.c\nabc\n(\n"}, ["a.c", "(", "b"], {"fixed": True}),
    "an unknown type": ({"a.txt": "foo\n"}, ["foo", "bar"], {"type": "nosuch"}),
    "a broken glob": ({"a.txt": "foo\n"}, ["foo", "bar"], {"glob": "["}),
    "no such folder": ({"a.txt": "foo\n"}, ["foo", "bar"], {"path": "missing"}),
    "a folder outside": ({"a.txt": "foo\n"}, ["foo", "bar"], {"path": "/"}),
    "one pattern of very many lines": ({"a.txt": "foo\n" * 9_000, "b.txt": "bar\n"}, ["foo", "bar", "ba."], {}),
    "very many lines for all": ({"a.txt": "foo bar\n" * 9_000}, ["foo", "bar", "o b"], {"head_limit": 0}),
    "more regexes than one run can hold": (
        {"a.txt": "foo\n"},
        [f"fo{{1,{n}}}" + "o?" * 3000 for n in range(1, 12)],
        {},
    ),
    "lines that one, two or all patterns may match": (
        {"a.txt": "foo bar\nfoo 7 bar\nbar foo\nfoo\nbarfoo7\n"},
        [r"foo\s+bar", r"bar\s*foo", "foo", r"\w+7", "nowhere.*"],
        {},
    ),
    "needles of other letters": (
        {"a.txt": "\u212aey 1\nkey 2\nſo 3\n"},
        [r"key\s", r"so\s", r"ké?y"],
        {"ignore_case": True},
    ),
    "the empty line": ({"a.txt": "\n\nfoo\n\n"}, ["^$", "foo", "x*"], {}),
}


@pytest.mark.parametrize("name", _HAZARDS)
async def test_what_reads_otherwise_in_company_is_searched_exactly(
    name: str, spawner: Spawner, workspace: Workspace, settings: Settings
) -> None:
    tree, patterns, options = _HAZARDS[name]
    write_tree(Path(workspace.cwd), tree)
    op = GrepOp(settings.grep, workspace, spawner)
    calls = [grep_call(pattern, **options) for pattern in patterns]

    together = [outcome.result for outcome in await op.run(calls)]

    assert together == [(await op.run([call]))[0].result for call in calls]


async def test_one_pass_serves_every_pattern_that_can_be_joined(spawner: Spawner, workspace: Workspace) -> None:
    write_tree(Path(workspace.cwd), {"b.txt": "foo\nbar\n", "a.txt": "foo_bar\n"})
    combined = Combined(Ripgrep(spawner, workspace.cwd), anyio.CapacityLimiter(1))

    shares = await combined.search(_HERE, ["foo", "ba.", "(", r"\Afoo", "none"], Bounds(10_000, None))

    assert shares.files == {
        0: [
            FileHits(b"./a.txt", [Line(1, "match", b"foo_bar")]),
            FileHits(b"./b.txt", [Line(1, "match", b"foo")]),
        ],
        1: [
            FileHits(b"./a.txt", [Line(1, "match", b"foo_bar")]),
            FileHits(b"./b.txt", [Line(2, "match", b"bar")]),
        ],
        4: [],
    }


async def test_patterns_of_many_lines_are_left_alone_and_the_others_still_share(
    spawner: Spawner, workspace: Workspace
) -> None:
    write_tree(Path(workspace.cwd), {"a.txt": "foo bar\n" + "foo\n" * 5_000, "b.txt": "bar\nbaz\n"})
    combined = Combined(Ripgrep(spawner, workspace.cwd), anyio.CapacityLimiter(1))

    shares = await combined.search(_HERE, ["foo", "bar", "ba[z]"], Bounds(50_000, 1000))

    assert {i: [line.text for file in files for line in file.lines] for i, files in shares.files.items()} == {
        1: [b"foo bar", b"bar"],
        2: [b"baz"],
    }


@pytest.mark.parametrize("common_lines", [None, 1000])
async def test_where_every_pattern_has_many_lines_each_is_left_alone(
    spawner: Spawner, workspace: Workspace, common_lines: int | None
) -> None:
    write_tree(Path(workspace.cwd), {"a.txt": "foo bar\n" * 5_000})
    combined = Combined(Ripgrep(spawner, workspace.cwd), anyio.CapacityLimiter(1))

    shares = await combined.search(_HERE, ["fo+", "b.r"], Bounds(50_000, common_lines))

    assert shares.files == {}


@pytest.mark.parametrize(
    ("pattern", "fixed", "literal", "joins"),
    [
        ("foo bar", False, True, True),
        ("a-b/c#d,e&f~g:h", False, True, True),
        ("a.b", False, False, True),
        ("a.b", True, True, True),
        (r"\d+", False, False, True),
        ("(?i)x", False, False, True),
        ("(?:x)", False, False, True),
        ("(?s)x", False, False, False),
        (r"\n", False, False, False),
        (r"\n", True, True, True),
        ("a\nb", True, True, False),
    ],
)
def test_a_pattern_is_joined_only_where_company_cannot_change_it(
    pattern: str, fixed: bool, literal: bool, joins: bool
) -> None:
    assert (is_literal(pattern, fixed), can_join(pattern, fixed)) == (literal, joins)
