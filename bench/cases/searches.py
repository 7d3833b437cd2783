"""Rows about searching: greps over trees of several sizes, and globs."""

import time

import floors
from case import Case, Probe
from cases.reads import batch
from world import World

_RARE_FUNCTIONS = ("wfile", "quopri", "chdir", "mktemp", "getsize", "nlargest", "insort", "shuffle", "dedent", "wrap")
_RARE_CLASSES = ("Queue", "Lock", "Parser", "Reader", "Error", "Proxy", "Socket", "Writer", "Loader", "Finder")
RARE = [*(f"def {name}" for name in _RARE_FUNCTIONS), *(rf"class \w*{name}\w*" for name in _RARE_CLASSES)]
# Words of which most have thousands of lines in the standard library.
COMMON = (
    "import", "return", "self", "class", "def ", "None", "True", "raise", "except", "while",
    "else:", "with", "yield", "lambda", "assert", "print", "isinstance", "len\\(", "for \\w+ in", "if not",
)  # fmt: skip


def hundred() -> list[str]:
    """100 different patterns with few hits: the twenty, and functions by the start of their name."""
    starts = [f"def {a}{b}_" for a in "abcdefghijklmnop" for b in "aeiou"]
    return [*RARE, *starts][:100]


def rows(world: World) -> list[Case | Probe]:
    small = world.root
    globs = [f"**/{letter}*.py" for letter in "abcdefghijklmnopqrst"]
    return [
        *_few_hits(world),
        Case(
            "100 greps, one list, few hits",
            "100 ripgrep runs",
            lambda: floors.ripgrep_each(world.rg, hundred(), world.usual_tree),
            lambda: _greps(world, hundred(), head_limit=20),
            0.08,
            rounds=3,
        ),
        Case(
            "20 greps, many hits (all counted, the answer shows what fits)",
            "20 ripgrep runs",
            lambda: floors.ripgrep_each(world.rg, COMMON, small),
            batch(world, [{"op": "grep", "pattern": list(COMMON), "path": str(small), "head_limit": 0}]),
            0.7,
            never=1.05,
        ),
        Case(
            "20 greps, many hits, as an agent asks (the first 250 of each)",
            "20 ripgrep runs",
            lambda: floors.ripgrep_each(world.rg, COMMON, small),
            batch(world, [{"op": "grep", "pattern": list(COMMON), "path": str(small)}]),
            0.7,
            never=1.05,
        ),
        Case(
            "one grep",
            "ripgrep",
            lambda: floors.ripgrep_each(world.rg, RARE[:1], small),
            batch(world, [{"op": "grep", "pattern": RARE[0], "path": str(small)}]),
            5.0,
            figure="extra ms",
        ),
        Probe("head limit of 20 on 600 MB", "", "ms", lambda: _head_limit_ms(world), 20.0),
        Case(
            "20 globs over 20,000 files",
            "20 x rg --files -g",
            lambda: floors.ripgrep_files_each(world.rg, globs, world.many_files),
            lambda: batch(world, [{"op": "glob", "pattern": globs, "path": str(world.many_files)}])(),
            0.25,
        ),
    ]


def _few_hits(world: World) -> list[Case | Probe]:
    """Twenty greps over a tree of usual size, and over the small one where the cost of each run weighs more."""
    usual = "20 greps, one list, few hits, 60 MB"
    return [
        Case(
            usual,
            "20 ripgrep runs",
            lambda: floors.ripgrep_each(world.rg, RARE, world.usual_tree),
            lambda: _greps(world, RARE),
            0.12,
        ),
        Case(
            usual.replace("one list", "20 steps"),
            "20 ripgrep runs",
            lambda: floors.ripgrep_each(world.rg, RARE, world.usual_tree),
            lambda: batch(world, [{"op": "grep", "pattern": p, "path": str(world.usual_tree)} for p in RARE])(),
            0.12,
        ),
        Case(
            "20 greps, one list, few hits, the standard library alone",
            "20 ripgrep runs",
            lambda: floors.ripgrep_each(world.rg, RARE, world.root),
            batch(world, [{"op": "grep", "pattern": RARE, "path": str(world.root)}]),
            0.12,
        ),
    ]


def _greps(world: World, patterns: list[str], **more: int) -> None:
    batch(world, [{"op": "grep", "pattern": patterns, "path": str(world.usual_tree), **more}])()


def _head_limit_ms(world: World) -> float:
    step = {"op": "grep", "pattern": "return", "path": str(world.large_tree), "head_limit": 20}
    start = time.perf_counter()
    world.ours.call("batch", {"steps": [step]})
    return 1000 * (time.perf_counter() - start)
