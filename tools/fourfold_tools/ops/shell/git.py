"""git: its verbs, what each reads and writes, and the options under which a reading verb only reads.

A reading verb obeys the repository's own configuration (an external diff, a text filter, a file monitor): whoever
trusts the working tree to git trusts these. It may refresh the index unless GIT_OPTIONAL_LOCKS=0.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.arguments import may_be_option, names
from fourfold_tools.ops.shell.git_options import READING, Reading
from fourfold_tools.ops.shell.place import Place, Uncertain, below, reading, writing
from fourfold_tools.ops.shell.syntax import Word

_GLOBAL = names("--no-pager -P --no-optional-locks --literal-pathspecs --no-replace-objects --no-advice --no-lazy-fetch")
# Verbs that change the working tree, and verbs that change the repository alone.
_TREE_VERBS = names(
    "checkout switch restore merge rebase reset stash pull mv rm clean apply am cherry-pick revert worktree submodule"
    " bisect sparse-checkout"
)
_REPOSITORY_VERBS = names(
    "add commit tag branch config remote fetch push gc prune notes reflog update-ref update-index symbolic-ref repack"
    " pack-refs rerere ls-remote maintenance write-tree commit-tree hash-object read-tree status"
)
# They run a program of the caller's choice, or open an editor or a viewer.
_RUNNING = re.compile(r"--(exec|upl|rec|ext|textc|edit|run|help|open|tool)|-x.*|run|foreach|ext::.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Repository:
    """The working tree around a place, and the folders that hold its repository (two for a linked tree)."""

    top: str
    stores: tuple[str, ...]

    @classmethod
    def around(cls, place: Place) -> "Repository":
        """The nearest ancestor with a `.git`, else the place itself."""
        folder = place.path
        while not os.path.lexists(os.path.join(folder, ".git")):
            parent = os.path.dirname(folder)
            if parent == folder:
                return cls(place.path, (os.path.join(place.path, ".git"),))
            folder = parent
        return cls(folder, _stores(os.path.join(folder, ".git")))


def _stores(entry: str) -> tuple[str, ...]:
    """`.git` itself, and where it is a file (worktree, submodule) the folder it names with all it shares."""
    try:
        with open(entry, encoding="utf-8", errors="replace") as file:
            text = file.read(4096)
    except OSError:
        return (entry,)
    found = re.match(r"gitdir: ([^\n]+)", text)
    if not found:
        return (entry,)
    store = os.path.normpath(os.path.join(os.path.dirname(entry), found[1].strip()))
    return entry, store.partition("/worktrees/")[0]


def git(words: Sequence[Word], place: Place) -> Effects:
    """The verb with its own words, in the repository around the place or around the folder of `-C`."""
    rest = list(words)
    while rest and rest[0].prefix.startswith("-"):
        option = rest.pop(0).literal
        if option == "-C" and rest and not rest[0].many:
            place = Place(place.file(rest.pop(0)))
        elif option in ("--version", "-v") and not rest:
            return reading()
        elif option not in _GLOBAL:
            raise Uncertain(f"option {option} of git")
    verb = rest.pop(0).literal if rest else "version"
    if verb is None:
        raise Uncertain("git with a variable verb")
    repository = Repository.around(place)
    if verb in READING and READING[verb].allows(rest):
        return reading([below(repository.top)], map(below, repository.stores))
    return _writing(verb, rest, place, repository)


def _writing(verb: str, words: Sequence[Word], place: Place, repository: Repository) -> Effects:
    """A verb that writes, or reaches another machine."""
    if any(_RUNNING.match(w.prefix) for w in words):
        raise Uncertain(f"git {verb} that runs a program")
    stores = [below(s) for s in repository.stores]
    everything = [below(repository.top), *stores]
    if verb == "clone":
        return _clone(words, place)
    if verb == "init":
        return writing([below(_folder(words, place) or place.path)])
    if verb in _TREE_VERBS:
        return writing(_extra_tree(verb, words, place, everything), everything)
    if verb in _REPOSITORY_VERBS:
        return writing(stores, everything)
    raise Uncertain(f"git {verb}")
