"""Wildcards: every pattern takes exactly what a plain matcher takes, in time that no pattern can blow up."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.errors import Denied, InvalidRequest
from fourfold_tools.ops.wildcards import Entries, compile_wildcards, expand_braces, has_magic, split_base

_MATCHES = [
    ("*.py", "a.py b/c.py b/.py .a.py", "a.pyc b.py/c"),
    ("src/*.py", "src/a.py", "a.py src/b/a.py x/src/a.py"),
    ("./a.py", "a.py", "b/a.py"),
    ("**/a.py", "a.py b/a.py b/c/a.py", "ba.py"),
    ("src/**", "src/a src/b/c", "src a/src/b"),
    ("src/**/a", "src/a src/b/a src/b/c/a", "src/ba a"),
    ("**/x/**/y", "x/y a/x/y x/b/y a/x/b/c/y", "x y/x ax/y"),
    ("a/**/**/b", "a/b a/c/b a/c/d/b", "b"),
    ("**", "a b/c .d/.e", ""),
    ("a**b", "ab axxb c/ab", "a/b"),
    ("a/**b", "a/b a/xb", "a/x/b"),
    ("?.py", "a.py é.py x/b.py", ".py ab.py"),
    ("*", "a b/c", ""),
    ("*.{ts,tsx}", "a.ts b/a.tsx", "a.js a.{ts,tsx}"),
    ("{src,tests}/**/*.py", "src/a.py tests/b/c.py", "a.py lib/a.py"),
    ("{a,b/{c,d}}.x", "a.x q/a.x b/c.x b/d.x", "c.x q/b/c.x"),
    ("x{,y}", "x xy", "xyy"),
    ("{a}", "a", "{a}"),
    ("{a,b", "{a,b", "a b"),
    ("a}", "a}", "a"),
    ("[ab].py", "a.py b.py", "c.py ab.py"),
    ("[!ab]", "c x/-", "a b"),
    ("[^ab]", "c", "a b"),
    ("[a-c]1", "b1", "d1 -1"),
    ("[a-]", "a -", "b"),
    ("[]x]", "] x", "a"),
    ("[!]x]", "a", "] x"),
    ("[a&&b]", "a b &", "&& c"),
    ("[+--]", "+ -", "a"),
    ("[[:]", "[ :", "a"),
    ("[", "[", "a"),
    ("a[b", "a[b", "ab"),
    (r"\*.py", "*.py", "a.py"),
    (r"\{a,b\}", "{a,b}", "a"),
    (r"[\]]", "]", "\\"),
    (r"{a\,b,c}", "a,b c", "b"),
    ("a.b", "a.b", "axb"),
    ("new\n*", "new\nline", "new"),
]


@pytest.mark.parametrize(("pattern", "taken", "left"), _MATCHES)
def test_a_pattern_takes_these_paths_and_not_those(pattern: str, taken: str, left: str) -> None:
    wildcards = compile_wildcards(pattern)

    split = [taken] if "\n" in taken else taken.split()
    assert [path for path in split if not wildcards.matches(path)] == []
    assert [path for path in left.split() if wildcards.matches(path)] == []


def test_an_anchored_pattern_without_a_slash_takes_the_top_only() -> None:
    assert compile_wildcards("*.py", anchored=True).matches("a.py")
    assert not compile_wildcards("*.py", anchored=True).matches("b/a.py")


def _plain(parts: list[str], path: list[str]) -> bool:
    """A matcher that is slow and plain: part by part, `**` tries every length."""
    if not parts:
        return not path
    if parts[0] == "**":
        return _plain(parts[1:], path) or (bool(path) and _plain(parts, path[1:]))
    return bool(path) and fnmatchcase(path[0], parts[0]) and _plain(parts[1:], path[1:])


_PART = st.text("ab.*?", min_size=1, max_size=4).filter(lambda part: part not in {".", "..", "**"})
_PARTS = st.lists(st.one_of(_PART, st.just("**"), st.just("[ab]"), st.just("[!a]x")), min_size=1, max_size=4)
_PATH = st.lists(st.text("abx.", min_size=1, max_size=3), min_size=1, max_size=4)


@given(_PARTS, st.lists(_PATH, max_size=8))
def test_matches_are_those_of_a_plain_matcher(parts: list[str], paths: list[list[str]]) -> None:
    wildcards = compile_wildcards("/".join(parts))
    plain = ["**", *parts] if len(parts) == 1 else [*parts]
    if plain[-1] == "**":
        plain.append("*")

    for path in paths:
        assert wildcards.matches("/".join(path)) == _plain(plain, path)


@given(_PART, st.lists(st.text("abx.\n*", min_size=1, max_size=4), unique=True, max_size=12))
def test_the_names_of_a_folder_are_picked_as_each_is_alone(pattern: str, names: list[str]) -> None:
    wildcards = compile_wildcards(pattern)

    assert wildcards.pick("x/", Entries(names)) == [name for name in names if fnmatchcase(name, pattern)]


@given(_PARTS, _PATH)
def test_every_folder_above_a_match_is_on_the_way(parts: list[str], path: list[str]) -> None:
    wildcards = compile_wildcards("/".join(parts))

    if wildcards.matches("/".join(path)):
        assert all(wildcards.leads_through("".join(f"{part}/" for part in path[:n])) for n in range(len(path)))


@pytest.mark.parametrize(
    ("pattern", "on_the_way", "off_it"),
    [
        ("src/*.py", "src/", "src/a/ node_modules/"),
        ("src/*/x", "src/ src/a/", "lib/ src/a/b/"),
        ("src/**/x", "src/ src/a/b/", "lib/"),
        ("*.py", "a/ a/b/c/", ""),
        ("{a/b,c}/x", "a/ a/b/ c/", "b/ a/c/ c/d/"),
    ],
)
def test_folders_that_hold_no_match_are_off_the_way(pattern: str, on_the_way: str, off_it: str) -> None:
    wildcards = compile_wildcards(pattern)

    assert [wildcards.leads_through(folder) for folder in on_the_way.split()] == [True] * len(on_the_way.split())
    assert [wildcards.leads_through(folder) for folder in off_it.split()] == [False] * len(off_it.split())


@pytest.mark.parametrize("pattern", ["*a" * 40 + "b", "**/" + "**/a/" * 20 + "b", "a*" * 60 + "/x/**/y"])
def test_no_pattern_takes_more_than_a_moment(pattern: str) -> None:
    wildcards = compile_wildcards(pattern)

    assert not wildcards.matches("a" * 255)
    assert not wildcards.matches("a/" * 100 + "a")
    assert wildcards.leads_through("") is True


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("../x", Denied),
        ("a/../b", Denied),
        ("{a,..}/b", Denied),
        ("a/..", Denied),
        ("{a,b}" * 10, InvalidRequest),
        ("[z-a]", InvalidRequest),
        ("src/", InvalidRequest),
        ("/", InvalidRequest),
        (".", InvalidRequest),
    ],
)
def test_a_pattern_that_leaves_or_names_nothing_is_refused(pattern: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        compile_wildcards(pattern)


def test_dots_that_are_part_of_a_name_leave_nothing() -> None:
    assert compile_wildcards("..a/b..").matches("..a/b..")


def test_braces_spread_in_the_order_written() -> None:
    assert expand_braces("{a,b{1,2}}-{x,y}") == ["a-x", "a-y", "b1-x", "b1-y", "b2-x", "b2-y"]
    assert expand_braces("[{a,b}]") == ["[{a,b}]"]


@pytest.mark.parametrize(
    ("pattern", "base", "rest"),
    [
        ("/w/src/*.py", "/w/src", "*.py"),
        ("/w/a.py", "/w", "a.py"),
        ("/*.py", "/", "*.py"),
        ("/w/{a,b}/x", "/w", "{a,b}/x"),
        (r"/w/a\*/x", "/w", r"a\*/x"),
    ],
)
def test_an_absolute_pattern_is_split_before_its_first_wildcard(pattern: str, base: str, rest: str) -> None:
    assert split_base(pattern) == (base, rest)


def test_wildcards_are_seen_in_a_path() -> None:
    assert [has_magic(path) for path in ("a/b.py", "a*", "a?", "[id]", "{a,b}")] == [False, True, True, True, True]
