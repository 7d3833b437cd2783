"""git: its verbs, what each reads and writes, and the options under which a reading verb only reads.

A reading verb obeys the repository's own configuration (an external diff, a text filter, a file monitor): whoever
trusts the working tree to git trusts these. `git status` refreshes the file times kept in the index unless
GIT_OPTIONAL_LOCKS=0, `git diff` unless diff.autoRefreshIndex is false (measured with git 2.39): the content that git
knows stays the same, and the refresh is skipped while another process holds the lock.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.arguments import names
from fourfold_tools.ops.shell.git_options import READING
from fourfold_tools.ops.shell.place import Place, Uncertain, below, reading, writing
from fourfold_tools.ops.shell.syntax import Word

_GLOBAL = names(
    "--no-pager -P --no-optional-locks --literal-pathspecs --no-replace-objects --no-advice --no-lazy-fetch"
)
# Verbs that change the working tree, and verbs that change the repository alone.
_TREE_VERBS = names(
    "checkout switch restore merge rebase reset stash pull mv rm clean apply am cherry-pick revert submodule"
    " bisect sparse-checkout"
)
_REPOSITORY_VERBS = names(
    "add commit tag branch config remote fetch push gc prune notes reflog update-ref update-index symbolic-ref repack"
    " pack-refs rerere ls-remote maintenance write-tree commit-tree hash-object read-tree status"
)
# They run a program of the caller's choice.
_RUNNING = re.compile(r"--(exec|upl|rece|ext|tool|help|config|templ).*|run|foreach|ext::.*", re.DOTALL)
_RUNNING_SHORT = {"rebase": "-x", "clone": "-[cu]"}


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
        # O_NONBLOCK: a pipe of that name must not hold the server.
        with open(os.open(entry, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            text = file.read(4096).decode("utf-8", "replace")
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
    verb = rest.pop(0).literal if rest else "help"
    if verb is None:
        raise Uncertain("git with a variable verb")
    repository = Repository.around(place)
    if verb == "config" and _reads_config(rest):
        return reading([below(repository.top)], map(below, repository.stores))
    if verb in READING and READING[verb].allows(rest):
        return reading([below(repository.top)], map(below, repository.stores))
    return _writing(verb, rest, place, repository)


_CONFIG_GET = names("--get --get-all --get-regexp --get-urlmatch --list -l")
_CONFIG_WHERE = names("--global --local --system --worktree --show-origin --show-scope --includes --no-includes")
_CONFIG_FORM = names("--null -z --name-only --bool --int --path --type --default --show-names")


def _reads_config(words: Sequence[Word]) -> bool:
    """An option that gets, the verbs get and list, or a lone dotted name."""
    if any(w.text is None or w.glob for w in words):
        return False
    texts = [w.text or "" for w in words]
    given = {t.partition("=")[0] for t in texts if t.startswith("-")}
    operands = [t for t in texts if not t.startswith("-")]
    if given & _CONFIG_GET or operands[:1] in (["get"], ["list"]):
        return given <= _CONFIG_GET | _CONFIG_WHERE | _CONFIG_FORM
    return given <= _CONFIG_WHERE and len(operands) == 1 and "." in operands[0]


def _writing(verb: str, words: Sequence[Word], place: Place, repository: Repository) -> Effects:
    """A verb that writes, or reaches another machine."""
    short = _RUNNING_SHORT.get(verb)
    for word in words:
        if _RUNNING.fullmatch(word.prefix) or (short and re.match(short, word.prefix)):
            raise Uncertain(f"git {verb} {word.raw}")
    stores = [below(s) for s in repository.stores]
    everything = [below(repository.top), *stores]
    match verb:
        case "clone":
            return _clone(words, place)
        case "init":
            return writing(place.trees(_operands(words)) or [place.tree])
        case "worktree":
            return writing([*stores, *place.trees(_operands(words)[1:])], everything)
        case _ if verb in _TREE_VERBS:
            return writing(everything, everything)
        case _ if verb in _REPOSITORY_VERBS:
            return writing(stores, everything)
        case _:
            raise Uncertain(f"git {verb}")


def _operands(words: Sequence[Word]) -> list[Word]:
    """The words that are no options; the value of an option may be among them."""
    return [w for w in words if not w.prefix.startswith("-")]


def _clone(words: Sequence[Word], place: Place) -> Effects:
    """Every operand may be the folder; the last part of the address is it when none is named."""
    operands = _operands(words)
    addresses = [w.text for w in operands if w.text and re.search(r"://|@.*:", w.text)]
    if len(addresses) != 1:
        raise Uncertain("address of git clone")
    folders = [w for w in operands if w.text != addresses[0]]
    name = addresses[0].rstrip("/").rpartition("/")[2].removesuffix(".git")
    host = urlsplit(addresses[0]).hostname or addresses[0].partition(":")[0].rpartition("@")[2]
    return writing([*place.trees(folders), os.path.join(place.path, name, "**")], hosts=[host])
