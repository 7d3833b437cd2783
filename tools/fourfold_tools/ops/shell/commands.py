"""The table of programs: from a command's words to what it reads and writes."""

import os
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
_MODULES = names("pytest unittest mypy ruff black isort flake8 pylint bandit coverage tox nox pyright pip yapf autopep8")
# Programs that run a project's tool, with the words that have to stand between.
_LAUNCHERS: dict[str, tuple[str, ...]] = {
    "npx": (), "bunx": (), "pnpm exec": (), "yarn exec": (), "npm exec": (), "npm exec --": (), "uv run": (),
    "uvx": (), "poetry run": (), "pdm run": (), "hatch run": (), "pipenv run": (), "bundle exec": (),
}  # fmt: skip


def command_effects(words: Sequence[Word], place: Place) -> Effects:
    """What a command does, its wrappers taken off.

    Raises:
        Uncertain: that cannot be told from its words.
    """
    name, rest = _name(words[0]), words[1:]
    launched = _launched(name, rest)
    if launched is not None:
        return _project_tool(launched, place)
    rule = _PROGRAMS.get(name)
    if rule is None:
        raise Uncertain(f"script {name}" if "/" in name else f"program {name}")
    return rule(rest, place)
