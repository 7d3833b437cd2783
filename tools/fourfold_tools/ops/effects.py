"""What a shell command reads and writes, inferred from its text alone: never a false "read-only".

Asymmetry is the law here: "unknown" is always allowed, "read-only" only where every part of the text is certain to
write nothing, start nothing that lives on, reach no network and depend on no variable that could change what runs.
The answer holds for the shells it is given for with the system's own programs; patterns are names, links are not
followed.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.commands import command_effects, fed_effects, system_name
from fourfold_tools.ops.shell.parse import inline_script, parse
from fourfold_tools.ops.shell.place import Place, Uncertain, joined, reading, writing
from fourfold_tools.ops.shell.syntax import Assignment, Compound, Node, Redirect, SimpleCommand, Word
from fourfold_tools.ops.shell.wrappers import peel, program

# Variables that change how programs print or cache, not what they do.
_HARMLESS = re.compile(
    r"LC_[A-Z]+|LANG|LANGUAGE|TZ|NO_COLOR|FORCE_COLOR|CLICOLOR|CLICOLOR_FORCE|COLUMNS|LINES|CI|NODE_ENV|RUST_BACKTRACE"
    r"|PYTHONDONTWRITEBYTECODE|PYTHONUNBUFFERED|PYTHONHASHSEED|PYTHONUTF8|CARGO_TERM_COLOR|GIT_OPTIONAL_LOCKS"
)
# Variables of the text's own: small letters, but none that programs or shells look at.
_OWN = re.compile(r"(?!.*proxy)(?!.*path$)(?!npm_)[a-z_][a-z0-9_]*")
_MAX_SCRIPTS = 4  # `bash -c` inside `bash -c`
_MAX_PLACES = 16  # folders a command may run in, after `cd` in branches
_NO_FILE = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)|\$[#?]|\$\{#\w+\}", re.ASCII)
_FILE_TESTS = frozenset(f"-{c}" for c in "abcdefghkprsuwxGLNOS")

_BASH_ONLY = re.compile(r"\$'|&>|<\(|>\(|<<<|\|&|\[\[|>&[ \t]*[^0-9 \t-]|\bfunction\b|\+=")

Places = frozenset[Place]


def classify(command: str, cwd: str, *, shell: str = "bash", variables: Iterable[str] = ()) -> Effects:
    """The effects of a shell text run in `cwd` (absolute) by `shell` (name or path), with these variables set anew.

    Unknown comes without patterns; its note names the part that could not be understood. Each path is a pattern of
    `model.effects`; a tool's private caches are not among the writes (see `ops.shell.tools`).
    """
    walk = _Walk()
    try:
        _check_shell(shell, command)
        for name in variables:
            if not harmless_variable(name):
                raise Uncertain(f"variable {name}")
        walk.run(_parsed(command), frozenset({Place(cwd)}))
    except Uncertain as exc:
        note = str(exc)
        return Effects(known=False, note=note if len(note) <= 60 else note[:59] + "…")
    return joined(walk.found)


def harmless_variable(name: str) -> bool:
    """Whether a command keeps its effects under any value of this environment variable."""
    return _HARMLESS.fullmatch(name) is not None


def _parsed(text: str) -> Node:
    tree = parse(text)
    if tree is None:
        raise Uncertain("text that cannot be read with certainty")
    return tree


def _check_shell(shell: str, text: str) -> None:
    """bash reads all that the parser does; a plain sh reads some of it otherwise (`&> f` starts a job there)."""
    name = system_name(shell)
    if name not in ("bash", "sh", "dash"):
        raise Uncertain(f"shell {shell}")
    if name != "bash" and _BASH_ONLY.search(text):
        raise Uncertain(f"a form that {name} reads in its own way")


@dataclass(frozen=True, slots=True)
class _After:
    """Where the shell may stand after a command that succeeded, and after one that failed; nowhere after an exit."""

    ok: Places
    failed: Places

    @property
    def either(self) -> Places:
        return self.ok | self.failed


class _Walk:
    """One walk over a tree, in the order of execution. `found` grows; `scripts` counts texts inside texts."""

    def __init__(self) -> None:
        self.found: list[Effects] = []
        self._scripts = 0

    def run(self, node: Node, places: Places) -> _After:
        """Note what the node does from any of these places.

        Raises:
            Uncertain: some part cannot be told.
        """
        if len(places) > _MAX_PLACES:
            raise Uncertain("too many folders")
        if isinstance(node, SimpleCommand):
            return self._simple(node, places)
        self._words(node.words, places)
        self._redirects(node.redirects, places)
        match node.kind:
            case "sequence":
                return self._sequence(node.parts, places)
            case "and" | "or":
                return self._chain(node, places)
            case "not":
                after = self.run(node.parts[0], places)
                return _After(after.failed, after.ok)
            case "group":
                return self.run(node.parts[0], places)
            case "if":
                return self._if(node.parts, places)
            case "loop":
                return self._loop(node, places)
            case "case":
                return self._stays(node.parts, places, leaves=True)
            case "pipe" | "subshell":
                return self._stays(node.parts, places)
            case "test":
                self.found.append(_test_effects(node.words, places))
                return _After(places, places)
            case "background":
                raise Uncertain("background job")
            case "function":
                raise Uncertain(f"function {node.name}")

    # -- what joins commands ---------------------------------------------------------------------------------------

    def _sequence(self, parts: Iterable[Node], places: Places) -> _After:
        after = _After(places, places)
        for part in parts:
            after = self.run(part, after.either or places)
        return after

    def _chain(self, node: Compound, places: Places) -> _After:
        after = self.run(node.parts[0], places)
        for part in node.parts[1:]:
            if node.kind == "and":
                then = self.run(part, after.ok or places)
                after = _After(then.ok, after.failed | then.failed)
            else:
                then = self.run(part, after.failed or places)
                after = _After(after.ok | then.ok, then.failed)
        return after

    def _if(self, parts: Sequence[Node], places: Places) -> _After:
        """Condition and body in turn, a lone last part is the else."""
        left: Places = frozenset()
        for condition, body in zip(parts[::2], parts[1::2], strict=False):
            after = self.run(condition, places)
            left |= self.run(body, after.ok or places).either
            places = after.failed or places
        left |= self.run(parts[-1], places).either if len(parts) % 2 else places
        return _After(left, left)

    def _loop(self, node: Compound, places: Places) -> _After:
        if node.name and not (_OWN.fullmatch(node.name) or harmless_variable(node.name)):
            raise Uncertain(f"variable {node.name}")
        if not self._sequence(node.parts, places).either <= places:
            raise Uncertain("cd in a loop")
        return _After(places, places)

    def _stays(self, parts: Iterable[Node], places: Places, *, leaves: bool = False) -> _After:
        """Parts that each start in the same places; what they enter stays inside unless it `leaves` with them."""
        reached = [self.run(part, places).either for part in parts]
        after: Places = places.union(*reached) if leaves else places
        return _After(after, after)

    # -- simple commands -------------------------------------------------------------------------------------------

    def _simple(self, cmd: SimpleCommand, places: Places) -> _After:
        self._words(cmd.words, places)
        self._words([a.value for a in cmd.assignments], places)
        self._redirects(cmd.redirects, places)
        _check_assignments(cmd.assignments, alone=not cmd.words)
        if not cmd.words:
            self.found.append(reading())
        elif cmd.name == "cd":
            if cmd.assignments:
                raise Uncertain("cd with a variable")
            return _After(frozenset(_entered(cmd.words[1:], p) for p in places), places)
        else:
            self._program(cmd, places)
            if cmd.name == "exit" and all(re.fullmatch("[0-9]+", w.raw) for w in cmd.words[1:]):
                return _After(frozenset(), frozenset())
        return _After(places, places)

    def _program(self, cmd: SimpleCommand, places: Places) -> None:
        """A command behind its wrappers."""
        while (inner := peel(cmd)) is not cmd:
            name = program(cmd)
            if inner is None or name == "exec" or system_name(cmd.name or "") is None:
                raise Uncertain(f"{name} with these words")
            _check_assignments(inner.assignments, alone=False)
            if name == "xargs":
                self.found += [fed_effects(inner.words, p) for p in places]
                return
            cmd = inner
        if program(cmd) in ("sh", "bash", "dash") and (script := inline_script(cmd)) is not None:
            self._script(cmd, script, places)
        else:
            self.found += [command_effects(cmd.words, p) for p in places]

    def _script(self, cmd: SimpleCommand, script: str, places: Places) -> None:
        """The text of `sh -c`; a login or interactive shell would run files of its own first."""
        options = [w.raw for w in cmd.words[1:] if w.raw.startswith(("-", "+"))]
        self._scripts += 1
        if not all(re.fullmatch(r"-[ceu]+", o) for o in options) or self._scripts > _MAX_SCRIPTS:
            raise Uncertain("options of a shell")
        _check_shell(cmd.name or "", script)
        self.run(_parsed(script), places)

    def _words(self, words: Iterable[Word], places: Places) -> None:
        """What expanding words runs."""
        for word in words:
            if word.hazard:
                raise Uncertain(word.hazard)
            for inner in word.runs:
                self.run(inner, places)

    def _redirects(self, redirects: Iterable[Redirect], places: Places) -> None:
        for redirect in redirects:
            self._words([redirect.target], places)
            self.found += [_redirect_effects(redirect, p) for p in places]


def _redirect_effects(redirect: Redirect, place: Place) -> Effects:
    """The file that a redirect opens; descriptors and data are none."""
    target = redirect.target
    if redirect.op in ("<<", "<<<"):
        return replace(reading(), read_only=not redirect.nested)
    if redirect.op in (">&", "<&") and target.literal in ("0", "1", "2", "-"):
        return reading()
    if redirect.op == "<&" or (redirect.op == ">&" and re.match("[0-9]", target.prefix)):
        raise Uncertain("descriptor")
    if target.stream and redirect.op == "<":
        return reading()
    if target.glob or target.text is None:
        raise Uncertain("target of a redirect")
    if target.literal in _NO_FILE:
        return reading()
    path = place.file(target)
    return reading([path]) if redirect.op == "<" else writing([path])


def _check_assignments(assignments: Iterable[Assignment], *, alone: bool) -> None:
    for assignment in assignments:
        if not harmless_variable(assignment.name) and not (alone and _OWN.fullmatch(assignment.name)):
            raise Uncertain(f"variable {assignment.name}")


def _entered(words: Sequence[Word], place: Place) -> Place:
    rest = words[1:] if words and words[0].literal in ("--", "-P", "-L") else words
    if len(rest) != 1 or rest[0].many:
        raise Uncertain("cd to an unknown folder")
    return place.entering(rest[0])


def _test_effects(words: Sequence[Word], places: Places) -> Effects:
    """`[[ ]]`: `-v` and the arithmetic comparisons evaluate their operands, the file tests look at theirs."""
    files: list[Word] = []
    for i, word in enumerate(words):
        before, after = words[i - 1 : i], words[i + 1 : i + 2]
        if word.literal in ("-v", "-R", "-o"):
            raise Uncertain(f"[[ {word.raw}")
        if word.literal in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge") and not all(
            _INTEGER.fullmatch(w.raw.strip('"')) for w in (*before, *after)
        ):
            raise Uncertain("arithmetic in [[")
        if word.literal in _FILE_TESTS:
            files += after
        elif word.literal in ("-nt", "-ot", "-ef"):
            files += [*before, *after]
    return joined(reading(p.files(files)) for p in places)
