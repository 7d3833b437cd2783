"""A named file: what a word of a command may mean on this disk, for commands whose effects are not known."""

import os
import re
from collections.abc import Iterable, Sequence
from itertools import islice

from fourfold_tools.errors import InvalidRequest
from fourfold_tools.ops.permissions.segments import as_regex, is_wild
from fourfold_tools.ops.shell.parse import Word
from fourfold_tools.ops.wildcards import expand_braces
from fourfold_tools.ops.workspace import settled

# Folder entries that one wildcard is held against, some ten milliseconds; beyond them the files go unseen.
_MAX_ENTRIES = 10_000
_MAX_FOLDERS = 20  # from which the words of one command are looked up


def named_files(command: str, words: Iterable[Word], given: Sequence[str], cwd: str) -> set[str]:
    """The absolute paths of the files there are that a command names.

    command: its text, cut at whatever may end a word: all there is of a text that cannot be read, or of a loop's
    list. words: those that were read. given: what the step hands over. A name counts from `cwd` and from every folder
    that is named, too (`cd src && tool f`, `tar -C src f`).
    """
    cut = re.split(r"[\s;&|<>()`]+", re.sub(r"[\\'\"]", "", command))
    texts = [
        *given,
        *(t for word in cut for t in _spread(word, cwd)),
        *(t for word in words for t in _texts(word, cwd)),
    ]
    found: set[str] = set()
    folders = [cwd]
    for folder in folders:  # grows on the way
        new = _existing(texts, folder) - found
        found |= new
        folders += [path for path in sorted(new) if os.path.isdir(path)][: _MAX_FOLDERS - len(folders)]
    return found


def known_ends(words: Iterable[Word]) -> list[str]:
    """The literal `/rest/of/the/path` behind the last expansion of each word that has both."""
    raws = [re.sub(r"['\"]", "", word.raw) for word in words if word.text is None]
    found = [re.search(r"(?:\$\w+|[})`])(/[^$`{}()]*)$", raw) for raw in raws]
    return [match[1] for match in found if match]


def expanded(pattern: str) -> list[str]:
    """The absolute path itself, and for a name that holds wildcards and does not exist the files there are."""
    if not is_wild(pattern) or os.path.lexists(pattern):
        return [pattern]
    found = ["/"]
    left = _MAX_ENTRIES
    for segment in filter(None, pattern.split("/")):
        if not is_wild(segment):
            found = [os.path.join(folder, segment) for folder in found]
            continue
        names = re.compile(as_regex(segment), re.DOTALL)
        entries = list(islice((entry for folder in found for entry in _entries(folder)), left))
        left -= len(entries)
        found = [path for path, name in entries if names.fullmatch(name) and (name[0] != "." or segment[0] == ".")]
    return [pattern, *filter(os.path.lexists, found)]


def _entries(folder: str) -> list[tuple[str, str]]:
    """What lies in a folder, each as (path, name); nothing for what is none or cannot be listed."""
    try:
        return [(os.path.join(folder, name), name) for name in sorted(os.listdir(folder))]
    except (OSError, ValueError):  # ValueError: a name that the system cannot hold
        return []


def _texts(word: Word, cwd: str) -> list[str]:
    """What a word may come out as, `$HOME` and `$PWD` worked out; nothing where it cannot be known."""
    if word.text is not None:
        return _spread(word.text, cwd) if word.glob else [word.text]
    text = re.sub(r"['\"]", "", word.raw)
    text = re.sub(r"^\$(HOME\b|\{HOME\})", "~", text)
    text = re.sub(r"^\$(PWD\b|\{PWD\}|\(pwd\))", lambda _: cwd, text)
    return [] if "$" in text or "`" in text else _spread(text, cwd)


def _spread(text: str, cwd: str) -> list[str]:
    """A word's text with its braces and wildcards worked out."""
    if "\0" in text:
        return []
    try:
        forms = expand_braces(text)
    except InvalidRequest:  # more alternatives than anybody means
        forms = [text]
    wild = (expanded(os.path.join(cwd, os.path.expanduser(form))) if is_wild(form) else [form] for form in forms)
    return [path for paths in wild for path in paths]


def _existing(texts: Iterable[str], folder: str) -> set[str]:
    found: set[str] = set()
    for form in {form for text in texts for form in _forms(text)}:
        path = os.path.join(folder, os.path.expanduser(form))
        if os.path.lexists(path):
            found |= {os.path.normpath(path), settled(path)}  # they differ where `..` follows a link
    return found


def _forms(text: str) -> set[str]:
    """A text's parts that may be a path: behind an option, a key and `=`, around `host:`, behind curl's `@`."""
    parts = {
        text,
        text[2:] if text.startswith("-") else "",
        text.rpartition("=")[2],
        text.rpartition(":")[2],
        text.partition(":")[0],
        text.lstrip("@<"),
        text.removeprefix("file://"),
    }
    return {part for part in parts if part and "\0" not in part}
