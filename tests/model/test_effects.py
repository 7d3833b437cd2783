"""Effects: conflicts are symmetric and never overlooked, widening only widens."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.model.effects import Effects, conflict, overlap

NAMES = st.text("ab", min_size=1, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
PIECES = st.one_of(NAMES, st.sampled_from(["*", "?", "a*", "*b", "**", "[ab]", "{a,b}", "?b"]))
PATTERNS = st.lists(PIECES, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
SETS = st.frozensets(PATTERNS, max_size=3)
EFFECTS = st.builds(Effects, reads=SETS, writes=SETS, known=st.booleans(), read_only=st.booleans())


def matches(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """The plain way: `**` takes any number of names, the rest as fnmatch says."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(matches(path[i:], pattern[1:]) for i in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and matches(path[1:], pattern[1:])


def parts(path: str) -> tuple[str, ...]:
    return tuple(path[1:].split("/"))


@given(PATHS, PATTERNS, PATTERNS)
def test_two_patterns_that_one_path_matches_overlap(path: str, p: str, q: str) -> None:
    if matches(parts(path), parts(p)) and matches(parts(path), parts(q)):
        assert overlap(p, q)


@given(PATHS, PATTERNS)
def test_a_path_overlaps_the_patterns_that_match_it(path: str, pattern: str) -> None:
    if matches(parts(path), parts(pattern)):
        assert overlap(path, pattern)
    elif not set("[{") & set(pattern):
        assert not overlap(path, pattern)


@pytest.mark.parametrize(
    ("pattern", "path", "meets"),
    [
        ("/w/{d/a,e/b}.md", "/w/d/a.md", True),
        ("/w/{a,{b/c,d}}/x.md", "/w/b/c/x.md", True),
        ("/w/{a,{b/c,d}}/x.md", "/w/b/c/y.md", False),
        ("/w/{a/b", "/w/{a/b", True),
        ("/w/{a/b", "/w/a/b", False),
    ],
)
def test_braces_over_several_folders_overlap_what_any_of_them_names(pattern: str, path: str, meets: bool) -> None:
    assert overlap(pattern, path) == meets


@given(PATTERNS, PATTERNS)
def test_overlap_has_no_direction(p: str, q: str) -> None:
    assert overlap(p, q) == overlap(q, p)


@given(EFFECTS, EFFECTS)
def test_a_conflict_has_no_direction_but_a_side(a: Effects, b: Effects) -> None:
    one, other = conflict(a, b), conflict(b, a)
    assert (one is None) == (other is None)
    if one is not None:
        kind, p, q = one
        left, right = {"write-write": (a.writes, b.writes), "write-read": (a.writes, b.reads)}.get(
            kind, (a.reads, b.writes)
        )
        assert p in left
        assert q in right
        assert overlap(p, q)


@given(SETS, SETS)
def test_steps_that_only_read_never_conflict(a: frozenset[str], b: frozenset[str]) -> None:
    assert conflict(Effects(reads=a), Effects(reads=b)) is None


@given(EFFECTS, SETS, SETS, EFFECTS)
def test_declared_paths_only_widen(
    effects: Effects, reads: frozenset[str], writes: frozenset[str], other: Effects
) -> None:
    wide = effects.widened(reads, writes)
    assert wide.reads >= effects.reads
    assert wide.writes >= effects.writes
    assert wide.known == effects.known
    assert wide.read_only == (effects.read_only and not writes)
    if conflict(effects, other):
        assert conflict(wide, other)
