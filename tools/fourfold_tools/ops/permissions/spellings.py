"""Spellings: every way to write the commands that a shell text runs, so that a rule knows them under any disguise."""

import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fourfold_tools.ops.shell.parse import SimpleCommand, Word, inline_script, simple_commands
from fourfold_tools.ops.shell.wrappers import peel, program

UNKNOWN = "\0"  # stands for text that is only known when the command runs; no command holds a NUL

# Programs that run their words as a command, with the number of operands before it, beside what `peel` takes off.
# A word of theirs that looks like a shell text is read as one (`watch 'rm x'`, `ssh host 'rm x'`).
_CARRIERS = {
    "bunx": 0, "busybox": 0, "caffeinate": 0, "chroot": 1, "chrt": 1, "doas": 0, "flock": 1, "ionice": 0, "ltrace": 0,
    "noglob": 0, "npx": 0, "nsenter": 0, "parallel": 0, "script": 0, "setarch": 1, "setsid": 0, "ssh": 1, "strace": 0,
    "su": 1, "sudo": 0, "taskset": 1, "toybox": 0, "unbuffer": 0, "unshare": 0, "watch": 0, "xvfb-run": 0,
}  # fmt: skip
_FINDERS = {"find", "fd", "fdfind"}
_RUNS_REST = re.compile(r"-(exec|execdir|ok|okdir|x|X|-exec|-exec-batch)")
_SHELLS = {"ash", "bash", "dash", "ksh", "mksh", "sh", "zsh"}
_STREAM = re.compile(r"/dev/(stdin|fd/)|/proc/")
_SHELL_TEXT = re.compile(r"[\s;&|<>()$`]")
# Words of all commands inside commands together; a text of 10,000 characters holds 5,000 of its own.
_MAX_WORDS = 20_000


@dataclass(frozen=True, slots=True)
class Spellings:
    """plain: each command as written, None where one has a value, an assignment or an expansion that hides something.

    every: all spellings, with UNKNOWN for what is only known at run time; UNKNOWN alone is a command that cannot be
        read at all. past_options: those without options (and their values) between the program and its subcommand.
    words: every word and redirect target of the text, for finding the files it names.
    """

    plain: tuple[str | None, ...]
    every: tuple[str, ...]
    past_options: tuple[str, ...]
    words: tuple[Word, ...]


def spellings(text: str, shell: str | None = None) -> Spellings:
    """The spellings of a text for bash, or for the named shell; a shell of another family leaves all unknown."""
    whole = (text.strip(), " ".join(text.split()))
    commands = simple_commands(text) if shell is None or os.path.basename(shell) in _SHELLS else None
    if commands is None:
        return Spellings((None,), (*whole, UNKNOWN), (), ())
    carried = _carried(commands)
    forms = [form for command in carried for form in _forms(command)]
    return Spellings(
        tuple(_plain(command) for command in commands if command.words),
        tuple(dict.fromkeys((*whole, *forms))),
        tuple(dict.fromkeys(form for command in carried for form in _past_options(command))),
        tuple(word for command in carried for word in _all_words(command)),
    )


_NOTHING_KNOWN = SimpleCommand((Word(UNKNOWN, None),))


def _carried(commands: Sequence[SimpleCommand]) -> list[SimpleCommand]:
    """The commands and every command that they run in turn, each once.

    Behind wrappers, in `-c` texts, after `find -exec`: what is found is looked into again, up to a bound; what cannot
    be read or lies beyond it stands as a command of which nothing is known.
    """
    found: dict[SimpleCommand, None] = {}
    todo = deque(commands)
    words = 0
    while todo:
        command = todo.popleft()
        if command in found:
            continue
        found[command] = None
        for inner in _run_by(command):
            words += len(inner.words)
            if words > _MAX_WORDS:
                return [*found, _NOTHING_KNOWN]
            todo.append(inner)
    return list(found)


def _run_by(command: SimpleCommand) -> Iterator[SimpleCommand]:
    """What one command runs itself: the commands that it takes as its words or as a text."""
    if command.words:
        yield from _behind(command)
        for script in _scripts(command):
            yield from _read(script)
        if _reads_unknown_script(command):
            yield _NOTHING_KNOWN


def _read(text: str) -> list[SimpleCommand]:
    commands = simple_commands(text)
    return [_NOTHING_KNOWN] if commands is None else commands


def _behind(command: SimpleCommand) -> Iterator[SimpleCommand]:
    """The commands that this one takes as its words."""
    inner, words, name = peel(command), command.words, program(command)
    if inner is None:  # a wrapper with options that nobody knows: the command may begin at any word
        yield from (SimpleCommand(words[i:]) for i in range(1, len(words)))
    elif inner is not command:
        yield inner
    elif name in _CARRIERS:
        yield from (SimpleCommand(words[i:]) for i in _after_options(words, _CARRIERS[name]))
    elif name in _FINDERS:
        starts = [i + 1 for i, word in enumerate(words) if _RUNS_REST.fullmatch(word.text or "")]
        yield from (SimpleCommand(words[i:]) for i in starts if i < len(words))


def _scripts(command: SimpleCommand) -> Iterator[str]:
    """The shell texts that the command hands on as one word."""
    script, name = inline_script(command), program(command)
    if script is not None:
        yield script
    elif name in _CARRIERS or name in {"env", "trap"}:
        yield from (w.text for w in command.words[1:] if w.text and (name == "trap" or _SHELL_TEXT.search(w.text)))


def _reads_unknown_script(command: SimpleCommand) -> bool:
    """Whether a shell takes its text from a stream or from a value that only running it would tell."""
    name, rest = program(command), command.words[1:]
    if name == "eval":
        return bool(rest) and inline_script(command) is None
    if name in _SHELLS | {"source", "."} and any(w.stream or _STREAM.match(w.text or "") for w in rest):
        return True
    if name not in _SHELLS or any(word.text in {"--version", "--help"} for word in rest):
        return False
    options = [word.text or "" for word in rest if (word.text or "").startswith(("-", "+"))]
    letters = {letter for option in options if not option.startswith("--") for letter in option}
    if "c" in letters:
        return inline_script(command) is None
    return "s" in letters or len(options) == len(rest)


def _after_options(words: Sequence[Word], operands: int) -> set[int]:
    """Where a command may begin after the first word's options, each of which may take one value, and operands."""
    ends: set[int] = set()
    todo = {1}
    while todo:
        at = todo.pop()
        if at < len(words) and (words[at].text or "").startswith("-"):
            todo |= {at + 1, at + 2}
        elif at + operands < len(words):
            ends.add(at + operands)
    return ends


def _forms(command: SimpleCommand) -> Iterator[str]:
    """One command's spellings: words resolved, as written, with its assignments, under the program's bare name."""
    if not command.words:
        return
    values = [_value(word) for word in command.words]
    raw = " ".join(word.raw for word in command.words)
    yield " ".join(values)
    yield raw
    if command.assignments:
        before = " ".join(f"{a.name}={_value(a.value)}" for a in command.assignments)
        yield f"{before} {' '.join(values)}"
    for name in {os.path.basename(values[0]), values[0].lower()} - {values[0], ""}:
        yield " ".join([name, *values[1:]])


def _past_options(command: SimpleCommand) -> Iterator[str]:
    values = [_value(word) for word in command.words]
    if len(values) > 1 and values[1].startswith("-"):
        for at in _after_options(command.words, 0):
            yield " ".join([os.path.basename(values[0]), *values[at:]])


def _value(word: Word) -> str:
    """The word's text with UNKNOWN for what is decided when it runs."""
    if word.text is None:
        return word.prefix + UNKNOWN
    return re.sub(r"\*|\?|\[[^\]]*\]?", UNKNOWN, word.text) if word.glob else word.text


def _plain(command: SimpleCommand) -> str | None:
    if command.assignments or command.redirects or any(word.literal is None for word in command.words):
        return None
    return " ".join(word.text or "" for word in command.words)


def _all_words(command: SimpleCommand) -> Iterator[Word]:
    yield from command.words
    yield from (a.value for a in command.assignments)
    yield from (r.target for r in command.redirects if not r.op.startswith("<<"))
