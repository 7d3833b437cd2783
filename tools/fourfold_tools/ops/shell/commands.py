"""The table of programs: from a command's words to what it reads and writes."""

import re
from collections.abc import Sequence

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.arguments import names
from fourfold_tools.ops.shell.builds import BUILDS
from fourfold_tools.ops.shell.git import git
from fourfold_tools.ops.shell.network import NETWORK
from fourfold_tools.ops.shell.place import EVERYTHING, Place, Uncertain, joined, reading
from fourfold_tools.ops.shell.readers import HARMLESS, READERS, Rule
from fourfold_tools.ops.shell.scripts import awk, sed
from fourfold_tools.ops.shell.syntax import Word
from fourfold_tools.ops.shell.tools import TOOLS
from fourfold_tools.ops.shell.writers import WRITERS

_PROJECT: dict[str, Rule] = {**TOOLS, **BUILDS}
_PROGRAMS: dict[str, Rule] = {
    **_PROJECT,
    **NETWORK,
    **WRITERS,
    **READERS,
    "git": git,
    "sed": sed,
    **dict.fromkeys(("awk", "gawk", "mawk", "nawk"), awk),
}
# Folders whose programs are the system's, and folders where a project keeps its tools.
_SYSTEM = re.compile(r"(/usr)?/s?bin|/usr/local/bin|/opt/homebrew/bin")
_PROJECT_BIN = re.compile(r"(.*/)?(\.?v?env(-[\w.]+)?/bin|node_modules/\.bin|vendor/bin)")
_PYTHON = re.compile(r"python(3(\.[0-9]+)?)?")
_MODULES = names(
    "pytest unittest mypy ruff black isort flake8 pylint bandit coverage tox nox pyright pip yapf autopep8"
)
_PYTHON_FLAGS = names("-I -B -u -s -O -E")
# Programs that run a project's tool, and the options that may stand before it.
_LAUNCHERS = frozenset(
    {"npx", "bunx", "uvx", "npm exec", "pnpm exec", "yarn exec", "uv run", "bundle exec"}
    | {"poetry run", "pdm run", "hatch run", "pipenv run"}
)
_LAUNCHER_FLAGS = names("-y --yes --no --no-install --")


def system_name(name: str) -> str | None:
    """The bare name of a program that the system's search path finds; None for a file of the project's own."""
    folder, slash, base = name.rpartition("/")
    return name if not slash else base if _SYSTEM.fullmatch(folder) else None


def command_effects(words: Sequence[Word], place: Place) -> Effects:
    """What a command does, its wrappers taken off.

    Raises:
        Uncertain: that cannot be told from its words.
    """
    name = words[0].literal
    if name is None:
        raise Uncertain("variable as a program")
    tool = _tool(words)
    if tool is not None:
        rule, rest = tool
        return rule(rest, place)
    bare = system_name(name)
    if bare is None or bare not in _PROGRAMS:
        raise Uncertain(f"program {name}" if bare else f"script {name}")
    return _PROGRAMS[bare](words[1:], place)


def fed_effects(words: Sequence[Word], place: Place) -> Effects:
    """What a command does that xargs completes with words nobody knows: they may name any file.

    Raises:
        Uncertain: the command is not harmless with any words.
    """
    name = system_name(words[0].literal or "")
    if name not in HARMLESS:
        raise Uncertain(f"xargs {words[0].raw}")
    known = [w for w in words[1:] if w.text is not None]
    return joined([_PROGRAMS[name](known, place), reading([EVERYTHING])])


def _tool(words: Sequence[Word]) -> tuple[Rule, Sequence[Word]] | None:
    """The tool of the project that a command runs, straight or through launchers, with the tool's own words."""
    for _ in range(4):
        name = words[0].literal or ""
        folder, slash, base = name.rpartition("/")
        if slash and _PROJECT_BIN.fullmatch(folder):
            name = base
        if name in _PROJECT and not _launched(name, words[1:]):
            return _PROJECT[name], words[1:]
        rest = _launched(system_name(name) or "", words[1:])
        if not rest:
            return None
        words = rest
    return None


def _launched(name: str, words: Sequence[Word]) -> Sequence[Word] | None:
    """The words of the command that a launcher runs; None when it is none."""
    if _PYTHON.fullmatch(name):
        at = next((i for i, w in enumerate(words) if w.literal not in _PYTHON_FLAGS), len(words))
        module = words[at + 1].literal if at + 1 < len(words) and words[at].literal == "-m" else None
        return words[at + 1 :] if module in _MODULES else None
    for i in (0, 1):
        if " ".join([name, *(w.literal or "" for w in words[:i])]) in _LAUNCHERS:
            rest = words[i:]
            while rest and rest[0].literal in _LAUNCHER_FLAGS:
                rest = rest[1:]
            return rest or None
    return None
