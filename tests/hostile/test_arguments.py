"""Arguments that want to be options, code, paths or headers: a real client hands them in, none becomes one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from mcp_client import Place, texts

from hostile import NEVER, SECRET

PI, HERMES, TEXRA = "earendil-works/pi#4018", "NousResearch/hermes-agent#50357", "LionSR/TeXRA#6226"
OBSIDIAN, MANIFOLD, BOUNTY = (
    "jimprosser/obsidian-web-mcp#51",
    "vippsas/manifold#563",
    "BaseIntelligence/bounty-challenge#5965",
)
QUOTES, EXEC, GETATTR = "CVE-2026-35020", "CVE-2026-0755", "CVE-2026-25650"
OUT = "CVE-2026-40576"
SPEC = "MCP, tools: servers must validate all inputs"
OUTSIDE = "../../outside/secret"
READ, TRUE = {"op": "read", "path": "ok.txt"}, {"op": "bash", "command": "true"}
FETCH = {"op": "fetch", "url": "http://127.0.0.1/"}
OWN = {"from": "a", "field": "__dict__"}
PRINT_V = 'printf "[%s]" "$V"'
PRINT = {"op": "bash", "command": 'printf "[%s]" "$@"'}
ODD = "$(touch pwned); touch pwned"
SAYS, OF_SAYS = {"id": "a", "op": "bash", "command": f"printf %s '{ODD}'"}, {"from": "a", "field": "stdout"}
FINDS, OF_FINDS = {"id": "a", "op": "glob", "pattern": "*touch*"}, {"from": "a", "field": "paths"}


@dataclass(frozen=True)
class Call:
    """One call of one tool. says: what its answer must hold. refused: whether the call as a whole is turned down."""

    source: str
    does: str
    arguments: dict[str, Any]
    says: str
    refused: bool = False
    tool: str = "batch"

    def __str__(self) -> str:
        return f"{self.source}: {self.does}"


def step(source: str, does: str, says: str, **arguments: Any) -> Call:
    return Call(source, does, {"steps": [arguments]}, says)


def refused(source: str, does: str, says: str, **arguments: Any) -> Call:
    return Call(source, does, {"steps": [arguments]}, says, refused=True)


def bash(source: str, does: str, says: str, command: str = 'printf "[%s]" "$@"', **arguments: Any) -> Call:
    return step(source, does, says, op="bash", command=command, **arguments)


def fetch(source: str, does: str, says: str, headers: dict[str, str]) -> Call:
    return step(source, does, says, **FETCH, headers=headers)


OPTIONS = [
    step(PI, "a pattern is a preprocessor", "No matches found", op="grep", pattern="--pre=./x.sh"),
    step(PI, "a pattern is a preprocessor in two words", "No matches found", op="grep", pattern="--pre ./x.sh"),
    step(OBSIDIAN, "a pattern is a shell", "No matches found", op="grep", pattern="--pre=/bin/sh", fixed=True),
    step(HERMES, "a pattern reads patterns from a file", "No matches found", op="grep", pattern="-f/etc/passwd"),
    step(HERMES, "a pattern searches archives", "No matches found", op="grep", pattern="--search-zip"),
    step(MANIFOLD, "a pattern is two dashes", "No matches found", op="grep", pattern="--", fixed=True),
    step(
        MANIFOLD, "a pattern asks for the host's name", "No matches found", op="grep", pattern="--hostname-bin=./x.sh"
    ),
    step(TEXRA, "a pattern follows links", "No matches found", op="grep", pattern="--follow"),
    step(TEXRA, "patterns of a list are options", "No matches found", op="grep", pattern=["--pre=./x.sh", "-L"]),
    step(BOUNTY, "a glob is a preprocessor", "No matches found", op="grep", pattern="never", glob="--pre=./x.sh"),
    step(BOUNTY, "a type is a preprocessor", "unrecognized file type", op="grep", pattern="x", type="--pre=./x.sh"),
    step(BOUNTY, "a type adds a type", "unrecognized file type", op="grep", pattern="x", type="all --type-add=x:*"),
    step(PI, "a path is a preprocessor", "no such file or folder", op="grep", pattern="x", path="--pre=./x.sh"),
    step(PI, "a path is standard input", "no such file or folder", op="grep", pattern="x", path="-"),
    step(MANIFOLD, "a glob pattern is an option", "No files found", op="glob", pattern="--files"),
    step(MANIFOLD, "a read is an option", "File does not exist", op="read", path="--help"),
]

CODE = [
    bash(EXEC, "an argument ends the command", "[; touch pwned]", args=["; touch pwned"]),
    bash(EXEC, "an argument holds a line", "[\ntouch pwned\n]", args=["\ntouch pwned\n"]),
    bash(QUOTES, "an argument is a substitution", "[$(touch pwned)]", args=["$(touch pwned)"]),
    bash("CVE-2026-35021", "an argument is in backticks", "[`touch pwned`]", args=["`touch pwned`"]),
    bash("CVE-2026-35022", "an argument closes quotes", "[\"'; touch pwned; '\"]", args=["\"'; touch pwned; '\""]),
    bash("CVE-2026-2130", "an argument is an option of the shell", "[-c][touch pwned]", args=["-c", "touch pwned"]),
    bash("CVE-2026-2131", "an argument ends the options", "[--][-x]", args=["--", "-x"]),
    bash("CVE-2026-26029", "standard input is a command", "; touch pwned", command="cat", stdin="; touch pwned"),
    bash("CVE-2026-25546", "a variable is a substitution", "[$(touch pwned)]", PRINT_V, env={"V": "$(touch pwned)"}),
    bash("CVE-2026-27203", "a folder is a substitution", "no such folder", "pwd", cwd="$(touch pwned)"),
    bash("CVE-2026-2178", "a shell is a command", "no such", "true", shell="bash -c 'touch pwned'"),
    refused("CVE-2025-66401", "a command is a reference", "command", op="bash", command=OWN),
    bash("CVE-2026-7812", "a variable's name holds its value", "cannot be the name of a variable", env={"A=B": "x"}),
    bash("CVE-2026-7812", "an argument holds NUL", "NUL", args=["a\0b"]),
    Call(
        QUOTES, "an output is a command for the next step", {"steps": [SAYS, {**PRINT, "args": OF_SAYS}]}, f"[{ODD}]"
    ),
    Call(
        QUOTES,
        "a name is a command for the next step",
        {"steps": [FINDS, {**PRINT, "args": OF_FINDS}]},
        "[;touch pwned;]",
    ),
]

NAMES = [
    refused(OUT, "an id leads to another folder", "id", id="../../x", op="bash", command="true"),
    refused(OUT, "an id is an absolute path", "id", id="/tmp/x", op="bash", command="true"),
    refused(OUT, "an id holds a line", "id", id="a\n── b · read · ok", op="bash", command="true"),
    Call(OUT, "a run is a path", {"resume": "../../etc"}, "", refused=True),
    Call(OUT, "a handoff is a path", {"action": "load", "id": OUTSIDE}, "id", True, "handoff"),
    Call(OUT, "a verified run is a path", {"run": OUTSIDE}, "", True, "verify"),
    Call(OUT, "a plan is a path", {"plan": OUTSIDE, "finished": []}, "", True, "checkpoint"),
]

CYCLE = [{"id": "a", "op": "bash", "command": "true", "needs": ["b"]}, {**TRUE, "id": "b", "needs": ["a"]}]
SHAPES = [
    refused(GETATTR, "an op that there is not", "op", op="__class__", path="x"),
    Call(
        GETATTR, "a field of Python's own", {"steps": [{**TRUE, "id": "a"}, {**TRUE, "args": OWN}]}, "__dict__", True
    ),
    refused(GETATTR, "an argument of Python's own", "__init__", **READ, __init__={}),
    Call(GETATTR, "a tool that there is not", {}, "unknown tool", True, "__import__"),
    refused(SPEC, "an argument that nobody knows", "extra", **READ, extra=1),
    refused(SPEC, "a path that is a table", "path", op="read", path={"a": 1}),
    refused(SPEC, "a path that is a number", "path", op="read", path=7),
    refused(SPEC, "a command that is a list", "command", op="bash", command=["true"]),
    fetch(SPEC, "a header carries another header", "one line", {"X": "a\r\nHost: b"}),
    fetch(SPEC, "a header's name carries another header", "plain name", {"X: a\r\nHost": "b"}),
    fetch(SPEC, "a header names another host", "set by the connection", {"Host": "b"}),
    fetch(SPEC, "a header breaks the framing", "set by the connection", {"Transfer-Encoding": "chunked"}),
    refused(SPEC, "a time below zero", "timeout_s", **READ, timeout_s=-1),
    refused(SPEC, "a number of retries below zero", "retries", **READ, retries=-1),
    refused(SPEC, "an offset below zero", "offset", **READ, offset=-5),
    Call(SPEC, "a budget without end", {"steps": [READ], "max_tokens": 10**12}, "of 140.0k tokens"),
    Call(SPEC, "no lane at all", {"steps": [READ], "max_parallel": 0}, "max_parallel", True),
    Call(SPEC, "two steps of one name", {"steps": [{**READ, "id": "a"}] * 2}, "a", True),
    Call(SPEC, "steps that wait for each other", {"steps": CYCLE}, "cycle", True),
    Call(SPEC, "more steps than there may be", {"steps": [READ] * 10_001}, "steps", True),
    Call(SPEC, "a command through the tool that only reads", {"steps": [TRUE]}, "op", True, "inspect"),
    Call(SPEC, "a fetch through the tool that only reads", {"steps": [FETCH]}, "op", True, "inspect"),
]
CALLS = [*OPTIONS, *CODE, *NAMES, *SHAPES]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place.below(tmp_path_factory.mktemp("arguments"))
    (place.root.parent / "outside").mkdir()
    (place.root.parent / "outside/secret").write_text(f"{SECRET}\n")
    (place.root / "ok.txt").write_text("fine\n")
    (place.root / ";touch pwned;").write_text("a name\n")
    script = place.root / "x.sh"
    script.write_text('#!/bin/sh\n: > pwned\ncat "$1"\n')
    script.chmod(0o755)
    return place


@pytest.fixture(scope="module")
def answers(place: Place) -> dict[str, tuple[bool, str]]:
    """Whether each call was turned down, and its text."""
    found: dict[str, tuple[bool, str]] = {}

    async def main() -> None:
        async with place.client("auto") as client:
            for call in CALLS:
                result = await client.call_tool(call.tool, call.arguments)
                found[str(call)] = bool(result.is_error), "\n".join(texts(result))

    anyio.run(main)
    return found


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_hostile_argument_stays_what_it_is(answers: dict[str, tuple[bool, str]], call: Call) -> None:
    turned_down, text = answers[str(call)]
    assert turned_down == call.refused, text
    assert call.says in text
    assert not [secret for secret in NEVER if secret in text]
    assert "Traceback" not in text


def test_none_of_them_ran_anything(place: Place, answers: Sequence[object]) -> None:
    assert sorted(path.name for path in place.root.iterdir()) == [";touch pwned;", "ok.txt", "x.sh"]


def test_there_are_at_least_forty_of_them() -> None:
    assert len(set(map(str, CALLS))) == len(CALLS) >= 40
