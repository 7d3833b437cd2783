"""Wrappers: programs whose words are another command, and what is left when they are taken off."""

import os
import re
from collections.abc import Sequence
from dataclasses import replace

from fourfold_tools.ops.shell.syntax import Assignment, SimpleCommand, Word

# Options without a value, options with one, and how many words stand between them and the command.
_WRAPPERS: dict[str, tuple[str, str, int]] = {
    "builtin": ("", "", 0),
    "command": ("p", "", 0),
    "env": ("i ignore-environment", "u unset", 0),
    "exec": ("", "", 0),
    "nice": ("", "n adjustment", 0),
    "nohup": ("", "", 0),
    "stdbuf": ("", "i o e input output error", 0),
    "time": ("p", "", 0),
    "timeout": ("v foreground preserve-status verbose", "k s kill-after signal", 1),
    "xargs": ("0 r t x null no-run-if-empty verbose exit", "I L n P s d E max-lines max-args max-procs delimiter", 0),
}
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh"})
_MAX_LAYERS = 8
_APPENDED = Word("", None, many=True)


def unwrap(cmd: SimpleCommand) -> SimpleCommand | None:
    """The command without its wrappers: timeout, time, nice, nohup, stdbuf, command, builtin, env, exec, xargs.

    A command that is no wrapper comes back as it is, and so do a wrapper without a command and `command -v`.
    `NAME=value` words of env become assignments; what xargs adds becomes one dynamic word at the end. `bash -c TEXT`
    stays: see `inline_script`. None when the options of a wrapper are not understood.
    """
    for _ in range(_MAX_LAYERS):
        inner = peel(cmd)
        if inner is None or inner is cmd:
            return inner
        cmd = inner
    return None


def peel(cmd: SimpleCommand) -> SimpleCommand | None:
    """The command without its outermost wrapper; the same object where there is nothing to take off."""
    name = program(cmd)
    if name not in _WRAPPERS or len(cmd.words) == 1 or (name == "command" and cmd.words[1].raw in ("-v", "-V")):
        return cmd
    flags, values, operands = _WRAPPERS[name]
    found = _options(cmd.words, name, frozenset(flags.split()), frozenset(values.split()))
    if found is None:
        return None
    options, at = found
    assigned: list[Assignment] = []
    while name in ("env", "time") and at < len(cmd.words) and _ASSIGNMENT.match(cmd.words[at].prefix):
        if cmd.words[at].many:
            return None
        assigned.append(_assignment(cmd.words[at]))
        at += 1
    rest = cmd.words[at + operands :]
    if name == "xargs":
        rest = _with_input(rest, options)
    if not rest:
        return cmd if name == "env" else None
    return SimpleCommand(rest, (*cmd.assignments, *assigned), cmd.redirects)


def inline_script(cmd: SimpleCommand) -> str | None:
    """The literal TEXT of `bash -c TEXT` (any usual shell) or `eval TEXT`, for the caller to parse again.

    None when the command is no such call, or its text is only known when it runs.
    """
    texts = [w.literal for w in cmd.words[1:]]
    if program(cmd) == "eval":
        words = texts[1:] if texts[:1] == ["--"] else texts
        return " ".join(t for t in words if t is not None) if words and None not in words else None
    return _script(texts) if program(cmd) in _SHELLS else None


def program(cmd: SimpleCommand) -> str:
    """The literal first word without its folder, "" where it is not known."""
    return os.path.basename(cmd.name or "")


def _script(texts: Sequence[str | None]) -> str | None:
    """The first word of a shell that is no option, when `-c` was among them; `-o` would take it as its value."""
    called = False
    for text in texts:
        if text is None or text in ("-", "--") or text.startswith("--"):
            return None
        if not text.startswith(("-", "+")):
            return text if called else None
        if not re.fullmatch(r"[-+][A-Za-z]+", text) or "o" in text or "O" in text:
            return None
        called |= text.startswith("-") and "c" in text
    return None


def _options(
    words: Sequence[Word], name: str, flags: frozenset[str], values: frozenset[str]
) -> tuple[dict[str, str], int] | None:
    """The options with a value, and where the words after all options start; None when one is not understood."""
    options: dict[str, str] = {}
    at = 1
    while at < len(words):
        word = words[at]
        if word.text is None or word.glob:
            return (options, at) if word.prefix and not word.prefix.startswith("-") and not word.many else None
        if word.text == "--" or (word.text == "-" and name == "env"):
            return options, at + 1
        if not word.text.startswith("-") or word.text == "-":
            return options, at
        option = _option(word.text, name, flags, values)
        if option is None:
            return None
        letter, value = option
        at += 1
        if letter and value is None:
            if at == len(words) or words[at].many:
                return None
            value = words[at].text or ""
            at += 1
        options[letter] = value or ""
    return options, at


def _option(text: str, name: str, flags: frozenset[str], values: frozenset[str]) -> tuple[str, str | None] | None:
    """(option with a value, its value or None when it is the next word), ("", "") for others, None when unknown."""
    if text.startswith("--"):
        long, equals, value = text[2:].partition("=")
        if long in values:
            return long, value if equals else None
        return ("", "") if long in flags and not equals else None
    if name == "nice" and re.fullmatch(r"-[0-9]+", text):
        return "", ""
    for i, letter in enumerate(text[1:], 2):
        if letter in values:
            return letter, text[i:] or None
        if letter not in flags:
            return None
    return "", ""


def _assignment(word: Word) -> Assignment:
    name, _, value = word.prefix.partition("=")
    text = None if word.text is None else word.text.partition("=")[2]
    return Assignment(name, replace(word, raw=word.raw.partition("=")[2], text=text, prefix=value))


def _with_input(words: tuple[Word, ...], options: dict[str, str]) -> tuple[Word, ...]:
    """xargs' command with what it reads: one more word, or with `-I TEXT` in the place of each TEXT."""
    if "I" not in options:
        return (*(words or (Word("echo", "echo", "echo"),)), _APPENDED)
    mark = options["I"]
    return tuple(
        replace(w, text=None, prefix=(w.text or w.prefix).partition(mark)[0]) if mark and mark in w.raw else w
        for w in words
    )
