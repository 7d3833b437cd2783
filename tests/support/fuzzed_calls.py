"""Fuzzed calls: arguments drawn from the published schemas, then often bent, each from one number alone.

Whatever comes out is harmless to run: a command is one of a few that only read or write inside the workspace, and
an address is one that nothing answers on. hypothesis-jsonschema was looked at: no release since February 2024, and
the schemas leave to words what many arguments may hold, which is where the interesting values are.
"""

import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fourfold_server.catalogue import TOOLS
from fourfold_tools.model.request import FIELDS

SCHEMAS: dict[str, Mapping[str, Any]] = {tool.name: tool.input_schema for tool in TOOLS}
# Of a hundred calls: most go where the steps are; the hidden hook has no schema and takes what a client sends.
WEIGHTS = {"batch": 34, "inspect": 24, "plan": 14, "checkpoint": 8, "verify": 8, "handoff": 4, "status": 4, "hook": 4}

COMMANDS = (
    "true",
    "exit 3",
    "echo hello",
    "printf '%s\\n' \"$@\"",
    "cat",
    "cat a.txt; echo on stderr >&2",
    "head -c 300000 /dev/zero | tr '\\0' x",
    "echo one >> out/log; echo two > out/two",
    "ls -la; pwd; env | wc -l",
    "sleep 0.02",
    "sleep 5 & echo left behind",
    "kill -9 $$",
    "kill -STOP $$",
    "printf '\\377\\376\\0\\n\\033[31m'",
    "seq 1 3000",
    "test -e nothing",
    "(((",
    "echo 'unclosed",
    "cd out && git status",
    'wc -l "$1"',
)
ADDRESSES = (
    "http://127.0.0.1:1/",
    "http://[::1]:1/x",
    "http://localhost:1",
    "https://127.0.0.1:1",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "data:text/html,<p>x",
    "http://",
    "//x",
    "http://0x7f.1:1",
    "http://user:pass@127.0.0.1:1/",
    "http://127.0.0.1:99999/",
    "http://\u2488.\u2488:1",
    "javascript:alert(1)",
)
PATHS = (
    "a.txt",
    "src",
    "src/m1.py",
    "src/*.py",
    "**/*",
    "long.txt",
    "out/log",
    "picture.png",
    "book.ipynb",
    "paper.pdf",
    "\udcff\udcfe",
    "..",
    "../..",
    "/etc/passwd",
    "/dev/zero",
    "/dev/tty",
    "/proc/self/mem",
    "pipe",
    "link",
    "loop",
    "missing",
    ".",
    "./src/../src/m2.py",
    "a.txt/",
    "C:\\x",
    "~",
    "{a,b}.txt",
    "[",
    "src/[!m]*",
    "a\nb",
    "a\x00b",
)
PATTERNS = (
    "def",
    "^class \\w+",
    "(",
    "[",
    "\\b",
    "",
    ".*",
    "(a+)+$",
    "x{1000}",
    "\\p{Greek}",
    "é",
    "\\n",
    "a|b",
    "*",
)
STRINGS = (
    "",
    " ",
    "s1",
    "s2",
    "a",
    "0",
    "None",
    "true",
    "r-none",
    "p-none",
    "h-none",
    "../x",
    "\x00",
    "a\x00b",
    "\n",
    "line\nsteps[0].op: unknown argument",
    "\u202eevil",
    "e\u0301",
    "\u00e9",
    "\u200d\u200b",
    "\U0001f469\u200d\U0001f52c" * 3,
    "gre\u0440",
    "\ufeff",
    "\ud800",
    "\udfff\ud800",
    "${hits}",
    "$(id)",
    "`id`",
    "%s%n",
    "{{x}}",
    "<script>",
    "'; DROP TABLE runs; --",
    "\x1b]0;x\x07",
    "A" * 300,
    "\u0130\u0131\u00df",
    "\ufdfa" * 50,
)
BIG_STRINGS = ("x" * 1_000_000, "é\n" * 300_000, "{[" * 200_000, "\u202e" * 100_000)
NUMBERS = (0, 1, -1, 2, 3, 250, 2**31, 2**63, -(2**63) - 1, 10**30, 10**400, 10**5000, 0.5, -0.0, 1e308, 1e-320, 7.0)
NOT_JSON = (float("nan"), float("inf"), float("-inf"))


class Draw:
    """One call's draws. wire: only what JSON can carry. known: ids of runs, plans and handoffs that exist by now."""

    def __init__(self, seed: int, known: Mapping[str, list[str]], *, wire: bool = False) -> None:
        self.chance = random.Random(seed)
        self._known = known
        self._wire = wire
        self._before: list[tuple[str, str]] = []  # id and op of the steps drawn so far
        self._words: dict[str, Callable[[], Any]] = {
            "command": lambda: self.pick(COMMANDS),
            "url": lambda: self.some(ADDRESSES),
            "path": lambda: self.some(PATHS),
            "cwd": lambda: self.pick(("src", ".", "..", "missing", "/", "a.txt")),
            "pattern": lambda: self.some(PATTERNS),
            "glob": lambda: self.pick(("*.py", "!*.py", "[", "**", "{a")),
            "type": lambda: self.pick(("py", "js", "nothing")),
            "offset": lambda: self.pick((0, 1, 5, 10**9)),
            "limit": lambda: self.pick((1, 5, 90)),
            "args": lambda: self.some(STRINGS, one=False),
            "stdin": lambda: self.pick((*STRINGS, "x" * 100_000)),
            "env": lambda: {self.pick(("A", "PATH", "LANG", "a b", "=")): self.string() for _ in range(2)},
            "headers": lambda: {self.pick(("a", "x-b", "Host", "\n")): self.string() for _ in range(2)},
            "shell": lambda: self.pick(("bash", "sh", "/bin/sh", "no such shell", "a.txt", "/")),
            "id": lambda: self.pick(("a", "b", *self._known["handoffs"][-3:], *self._known["handoffs"][-3:], "é")),
            "needs": lambda: [self.earlier()[0] for _ in range(self.pick((0, 1, 1, 2)))],
            "reads": lambda: [self.pick(PATHS) for _ in range(self.pick((0, 1, 2)))],
            "writes": lambda: [self.pick(PATHS) for _ in range(self.pick((0, 1, 2)))],
            "plan": lambda: self.pick((*self._known["plans"][-5:], "p-none")),
            "run": lambda: self.pick((*self._known["runs"][-5:], "r-none")),
            "resume": lambda: self.pick((*self._known["runs"][-5:], "r-none")),
            "runs": lambda: [self.pick((*self._known["runs"][-5:], "r-none")) for _ in range(2)],
            "task": lambda: self.pick(("t1", "t1", "t2", "a", "zz")),
            "timeout_s": lambda: self.pick((0.05, 0.2, 1, 5)),
            "deadline_s": lambda: self.pick((0.05, 0.5, 5, 5, 5)),
            "budget_s": lambda: self.pick((0.05, 0.2)),
            "retries": lambda: self.pick((0, 1, 2)),
            "max_tokens": lambda: self.pick((400, 500, 2_000, 50_000, 10**9)),
            "max_parallel": lambda: self.pick((1, 2, 8, 256, 10**9)),
            "max_agents": lambda: self.pick((1, 4, 20, 10**9)),
            "fanout": lambda: self.pick((2, 3, 4)),
            "minutes": lambda: self.pick((0.1, 5, 30)),
            "tokens": lambda: self.pick((1, 60_000, 10**9)),
            "prompt": lambda: self.pick((*STRINGS, "x" * 19_999)),
            "goal": lambda: self.pick(STRINGS),
            "title": lambda: self.pick(STRINGS),
            "agent": lambda: self.pick(("general-purpose", "Explore", "\u202eevil", "a\nb")),
            "streams": lambda: [{"name": n, "results": {"p": self.value()}, "seconds": 1} for n in ("a", "b")],
            "measured": lambda: {
                k: [self.pick((1, 2.5, *NUMBERS)) for _ in range(self.chance.randrange(4))]
                for k in ("sequential_s", "parallel_s", "sequential_results", "parallel_results")
            },
        }

    def pick(self, of: Any) -> Any:
        return of[self.chance.randrange(len(of))]

    def some(self, of: Any, *, one: bool = True) -> Any:
        """One of these, a few of them, or a reference."""
        kind = self.chance.random()
        if kind < 0.15 and self._before:
            return self.reference()
        if one and kind < 0.7:
            return self.pick(of)
        return [self.pick(of) for _ in range(self.chance.choice((1, 2, 3, 8)))]

    def earlier(self) -> tuple[str, str]:
        """Id and op of a step before this one; seldom one that is not there."""
        return self.pick(self._before) if self._before and self.chance.random() < 0.97 else ("zz", "read")

    def reference(self) -> dict[str, Any]:
        name, op = self.earlier()
        fields = FIELDS[op] if self.chance.random() < 0.95 else ("nothing", "")
        found: dict[str, Any] = {"from": name, "field": self.pick(fields)}
        if self.chance.random() < 0.6:
            found["each"] = self.pick((True, True, False))
        if self.chance.random() < 0.2:
            found["max_items"] = self.pick((1, 2, 10**9))
        return found

    def string(self) -> str:
        text = self.pick(STRINGS) if self.chance.random() < 0.97 else self.pick(BIG_STRINGS)
        return str(text)

    def value(self, depth: int = 0) -> Any:
        """Any value at all."""
        kind = self.chance.randrange(8 if depth < 4 else 5)
        match kind:
            case 0:
                return self.string()
            case 1:
                return self.pick(NUMBERS) if self._wire or self.chance.random() < 0.7 else self.pick(NOT_JSON)
            case 2:
                return self.pick((None, True, False))
            case 3:
                return self.reference()
            case 4:
                return self.nested()
            case 5:
                return [self.value(depth + 1) for _ in range(self.chance.randrange(4))]
            case _:
                return {self.string(): self.value(depth + 1) for _ in range(self.chance.randrange(3))}

    def nested(self) -> Any:
        """Something deep."""
        found: Any = 1
        for _ in range(self.pick((3, 30, 90))):
            found = [found] if self.chance.random() < 0.5 else {"a": found}
        return found

    def of_schema(self, schema: Mapping[str, Any], name: str = "") -> Any:
        """A value that fits, as far as the schema says and the words beside it go."""
        if "enum" in schema:
            return self.pick(schema["enum"])
        if name in self._words:
            return self._words[name]()
        match schema.get("type"):
            case "object":
                return self._object(schema)
            case "array":
                few = self.chance.choice((1, 1, 2, 3, 5, 12))
                return [self.of_schema(schema.get("items", {}), name) for _ in range(few)]
            case "integer":
                return self.pick((0, 1, 2, 5, 10))
            case "number":
                return self.pick((0.1, 1, 2.5))
            case "boolean":
                return self.chance.random() < 0.5
            case "string":
                return self.string()
            case _:
                return self.value()

    def _object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        properties: Mapping[str, Any] = schema.get("properties", {})
        found: dict[str, Any] = {}
        if "op" in properties:
            return self._step(properties)
        if "acceptance" in properties:  # a task
            self._before.append((f"t{len(self._before) + 1}", "read"))
        for name, inner in properties.items():
            if name in schema.get("required", ()) or self.chance.random() < 0.3:
                found[name] = self.of_schema(inner, name)
        if "steps" in found:
            found.pop("resume", None)
        elif "resume" in properties and self.chance.random() < 0.7:
            found["steps"] = self.of_schema(properties["steps"], "steps")
            found.pop("resume", None)
        return found

    def _step(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        op = self.pick(properties["op"]["enum"])
        common = ["id", "needs", "timeout_s", "retries", "max_tokens", "label", "reads", "writes"]
        own = {
            "read": ["offset", "limit"],
            "grep": [
                "path",
                "glob",
                "type",
                "mode",
                "before",
                "after",
                "context",
                "ignore_case",
                "multiline",
                "fixed",
                "head_limit",
                "hidden",
                "offset",
            ],
            "glob": ["path", "head_limit"],
            "bash": ["args", "stdin", "cwd", "env", "shell", "idempotent"],
            "fetch": ["format", "max_bytes", "headers"],
        }[op]
        main = {"read": "path", "grep": "pattern", "glob": "pattern", "bash": "command", "fetch": "url"}[op]
        found = {"op": op, main: self.of_schema(properties[main], main)}
        found |= {n: self.of_schema(properties[n], n) for n in common if self.chance.random() < 0.12}
        found["id"] = f"n{len(self._before)}"
        self._before.append((found["id"], op))
        return found | {n: self.of_schema(properties[n], n) for n in own if self.chance.random() < 0.25}

    # Bending.

    def bent(self, value: Any) -> Any:
        """The value with one place in it changed."""
        kind = self.chance.randrange(10)
        if isinstance(value, dict) and value and kind < 7:
            name = self.pick(list(value))
            return value | {name: self.bent(value[name])}
        if isinstance(value, list) and value and kind < 7:
            place = self.chance.randrange(len(value))
            return [*value[:place], self.bent(value[place]), *value[place + 1 :]]
        if isinstance(value, dict) and kind < 9:
            if kind == 7 and value:
                return {k: v for k, v in value.items() if k != self.pick(list(value))}
            return value | {self.string(): self.value()}
        if isinstance(value, list) and kind < 9:
            return value * 3 if kind == 7 else [*value, self.value()]
        return self.value()


def call_of(seed: int, known: Mapping[str, list[str]], *, wire: bool = False) -> tuple[str, dict[str, Any]]:
    """The tool and the arguments of one call."""
    draw = Draw(seed, known, wire=wire)
    tool = draw.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    if tool == "hook":
        hooked = call_of(seed + 1, known, wire=wire)[1]
        names = ("session_id", "transcript_path", "agent_id", "tool_use_id", "permission_mode")
        arguments: Any = {name: draw.string() for name in names}
        arguments |= {"tool_name": "mcp__fourfold__batch", "tool_input": repr(hooked)}
    else:
        arguments = draw.of_schema(SCHEMAS[tool])
    for _ in range(draw.chance.choice((0, 0, 0, 0, 1, 1, 2, 4))):
        arguments = draw.bent(arguments)
    arguments = arguments if isinstance(arguments, dict) else {"steps": arguments}
    return tool, _harmless(jsonable(arguments) if wire else arguments, draw)


def _harmless(value: Any, draw: Draw) -> Any:
    """The arguments with every text that a shell would run replaced by one of the known commands."""
    if isinstance(value, dict):
        return {
            k: draw.pick(COMMANDS)
            if k == "command" and isinstance(v, str) and v not in COMMANDS
            else _harmless(v, draw)
            for k, v in value.items()
        }
    return [_harmless(v, draw) for v in value] if isinstance(value, list) else value


def jsonable(value: Any) -> Any:
    """Without lone surrogates and numbers that JSON does not have: what any client's encoder lets through."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {jsonable(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    if isinstance(value, int) and value > 10**4000:  # JSON has it, but no parser here takes it
        return 10**400
    return [jsonable(v) for v in value] if isinstance(value, list) else value


def write_tree(root: Path) -> None:
    """A workspace with something of every kind in it."""
    (root / "src").mkdir(parents=True)
    (root / "out").mkdir()
    (root / "a.txt").write_text("alpha\nbeta\n", encoding="utf-8")
    (root / "long.txt").write_text("a line of text\n" * 40_000, encoding="utf-8")
    for n in range(5):
        (root / "src" / f"m{n}.py").write_text(f"def f{n}():\n    return {n}\n", encoding="utf-8")
    (root / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 100)
    (root / "book.ipynb").write_text('{"cells": [{"cell_type": "code"}, 7, null]}', encoding="utf-8")
    (root / "paper.pdf").write_bytes(b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>")
    (root / "link").symlink_to("/etc/passwd")
    (root / "loop").symlink_to("loop")
    import os

    (root / os.fsdecode(b"\xff\xfe")).write_text("not UTF-8 by name\n", encoding="utf-8")
    os.mkfifo(root / "pipe")
