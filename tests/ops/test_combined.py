"""The law of the combined search: a call in a group ends as the same call alone, whatever the files hold."""

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search_calls import grep_call, write_tree

from fourfold_config.settings import Grep, load_settings
from fourfold_tools.ops.combined import Bounds, Candidates, Combined, can_join, is_literal
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
    [b"foo", b"foo_bar", b"Foo", b"bar", b"k", b"s", b"7", b" ", b"\t", b"\r", b":", b"-", b"--"]
    + [text.encode() for text in ("é", "É", "ſ", "\u212a", "日")]
    + [b"\xff", b"\xe2\x84", b"x" * 500, b"x" * 501, b"y" * 2500]
)
_LINE = st.lists(st.sampled_from(_TOKENS), max_size=4).map(b"".join)
_TEXT = st.tuples(st.lists(_LINE, max_size=6).map(b"\n".join), st.sampled_from([b"", b"\n"])).map(b"".join)
_CONTENT = st.one_of(
    _TEXT,
    _TEXT,
    _TEXT.map(lambda text: b"\xef\xbb\xbf" + text),
    _TEXT.map(lambda text: text.decode("utf-8", "replace").encode("utf-16")),
    st.tuples(_TEXT, _TEXT).map(b"\0".join),
    st.tuples(_TEXT, _TEXT).map((b"\n" + b"foo k filler\n" * 9000 + b"\0\n").join),  # the NUL lies in a later block
    _TEXT.map(lambda text: text + b"\nfoo" * 40),
)
_NAMES = [b"a.txt", b"a/b.py", b"a/c d.txt", b"a+.txt", b"a/b/c", b".hidden", b"bad\xff.txt", b"new\nline.txt", b"bin.dat"]
_PATTERNS = (
    ["foo", "foo_bar", "oo", "bar", "k", "s", "K", "S", "é", "ſ", "\u212a", ":", "-", "--", " ", "#", "a,b"]
    + ["bar$", "^foo", "^$", r"\bfoo\b", "fo+", r"[[:alpha:]]+_", "a|b", "x*", "(?i)FOO", "(?i:K)", r"\w+$", r"\S\r"]
    + [r"\d", ".", "foo.*bar", "[^a]$", r"\p{Lu}", r"\B", "x{501}", r"[a-z&&[^f]]oo", r"a{,2}", r"\x{e9}", "(foo)(_)"]
    + ["(?-u:\\xff)", r"\Afoo", r"foo\z", "(?-m)^foo", "(?m:^foo$)", "(?s)f.o", "(?x)f oo # c", "(?P<n>fo)", r"\Qf"]
    + ["(", "[f", "b]", "a)(b", "f)|(k", "*", "\\", r"a\nb", "a\nb", "a{2,1}", "(?=f)", "--pre=x", "-f", "a\0b"]
)
_PATHS: list[str | list[str] | None] = [None, "a", "a.txt", "bin.dat", ["a.txt", "a"], ["bin.dat", "a", "a+.txt"]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    tree=st.dictionaries(st.sampled_from(_NAMES), _CONTENT, min_size=1, max_size=5),
    patterns=st.lists(st.sampled_from(_PATTERNS), min_size=2, max_size=6),
    fixed=st.booleans(),
    ignore_case=st.booleans(),
    hidden=st.booleans(),
    mode=st.sampled_from(["content", "files", "count"]),
    head_limit=st.sampled_from([None, 0, 1, 4]),
    offset=st.sampled_from([0, 0, 2]),
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
