"""The contract with an agent: what a program gets to carry out one task, and what it answers. Pure."""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from fourfold_tools.model.output import Json

# What an agent is asked to answer: `claude --json-schema` makes it do so, any other program prints it.
REPORT_SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "state": {"type": "string", "enum": ["ok", "failed"]},
        "summary": {"type": "string"},
        "outputs": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["state", "summary"],
    "additionalProperties": False,
}
_MOST_SAID = 2_000  # characters of a report, or of what a broken agent printed, that are kept
_LIMITED = re.compile(r"\b429\b|rate.?limit|usage limit|hit your limit|limit reached|overloaded", re.IGNORECASE)
_RESET = re.compile(r"\|\s*(\d{10})\b")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Checkout(_Frozen):
    """A commit that a task starts from, and the branch that its work becomes.

    repository: its top on the deployer's machine; inside: the project below it. start: the commit that every worker
    gets whole; brings: the bundle with what came on top of it, empty where nothing did.
    """

    repository: str
    inside: str
    base: str
    branch: str
    start: str = ""
    brings: str = ""


class AgentTask(_Frozen):
    """One attempt of a task, as it travels to a worker.

    home: the deployer's machine; folder: the project there. once: a started attempt is never begun again by itself.
    owns: what it may write, below its folder or absolute; merges: it brings branches together, with git. agent: the
    type that was asked for. checkout: None where it works in the folder itself.
    """

    plan: str
    task: str
    title: str
    attempt: int
    prompt: str
    home: str
    folder: str
    once: bool
    owns: tuple[str, ...]
    merges: bool
    agent: str
    cap_usd: float
    timeout_s: float
    checkout: Checkout | None = None

    @property
    def key(self) -> str:
        return f"{self.plan}/{self.task}/{self.attempt}"


class Outcome(_Frozen):
    """What became of one attempt. `paused`: it did nothing for want of quota, until `until` (seconds of the epoch).

    commit: what a checkout holds at the end, where that is not its base. minutes: of the agent, waiting left out.
    """

    state: Literal["ok", "failed", "paused"]
    summary: str = ""
    outputs: tuple[str, ...] = ()
    cost_usd: float = 0.0
    tokens: int | None = None
    minutes: float = 0.0
    commit: str | None = None
    until: float | None = None


class _Answer(BaseModel):
    """What a program prints: the report, what it cost, and for a rate limit the seconds to wait."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    state: Literal["ok", "failed"]
    summary: str = ""
    outputs: tuple[str, ...] = ()
    cost_usd: float = 0.0
    tokens: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """How an agent's program ended. code: None where it ran out of time."""

    code: int | None
    stdout: str
    stderr: str
    minutes: float


def outcome_of(ran: Ran, now: float, pause_s: float) -> Outcome:
    """The outcome of an attempt, from what its program printed. now: seconds of the epoch."""
    if ran.code is None:
        return Outcome(state="failed", summary="it ran out of time and was ended", minutes=ran.minutes)
    found = _last_object(ran.stdout)
    if found is None:
        said = (ran.stderr.strip() or ran.stdout.strip() or "nothing")[-_MOST_SAID:]
        return _failed(ran, now, pause_s, f"exit {ran.code} without a report; it said: {said}", ran.stderr)
    return _of_claude(ran, found, now, pause_s) if found.get("type") == "result" else _of_program(ran, found, now)


def _of_program(ran: Ran, found: dict[str, Any], now: float) -> Outcome:
    try:
        answer = _Answer.model_validate(found)
    except ValidationError as exc:
        where = ".".join(map(str, exc.errors()[0]["loc"]))
        said = f"its report is not as agreed: {where}: {exc.errors()[0]['msg']}"
        return Outcome(state="failed", summary=said, minutes=ran.minutes)
    paused = answer.retry_after_s is not None
    failed = answer.state == "failed" or ran.code != 0
    return Outcome(
        state="paused" if paused else "failed" if failed else "ok",
        summary=answer.summary[:_MOST_SAID] or (f"exit {ran.code}" if failed else ""),
        outputs=answer.outputs,
        cost_usd=max(0.0, answer.cost_usd),
        tokens=answer.tokens,
        minutes=ran.minutes,
        until=now + answer.retry_after_s if answer.retry_after_s is not None else None,
    )


def _of_claude(ran: Ran, found: dict[str, Any], now: float, pause_s: float) -> Outcome:
    """The result line of `claude -p --output-format json`."""
    cost, tokens = _number(found.get("total_cost_usd")), _tokens(found)
    spent = Outcome(state="failed", cost_usd=cost, tokens=tokens, minutes=ran.minutes)
    if found.get("is_error") or found.get("subtype") != "success":
        what = found.get("result") or found.get("errors") or ""
        why = f"{found.get('terminal_reason') or found.get('subtype')}: {what}"
        said = f"{found.get('api_error_status') or ''} {found.get('result') or ''}"
        limited = _failed(ran, now, pause_s, why[:_MOST_SAID], said)
        return limited.model_copy(update={"cost_usd": cost, "tokens": tokens})
    try:
        answer = _Answer.model_validate(found.get("structured_output") or {})
    except ValidationError:
        said = str(found.get("result") or "")[:_MOST_SAID]
        return spent.model_copy(update={"summary": f"it ended without the structured report; it said: {said}"})
    update = {"state": answer.state, "summary": answer.summary[:_MOST_SAID], "outputs": answer.outputs}
    return spent.model_copy(update=update)


def _failed(ran: Ran, now: float, pause_s: float, why: str, said: str) -> Outcome:
    """A failure, or a pause where what was said is a rate limit."""
    if not _LIMITED.search(said):
        return Outcome(state="failed", summary=why, minutes=ran.minutes)
    reset = _RESET.search(said)
    until = float(reset[1]) if reset else now + pause_s
    return Outcome(state="paused", summary=why, minutes=ran.minutes, until=max(now, until))


def _last_object(text: str) -> dict[str, Any] | None:
    """The whole text as a JSON object, else its last line that is one."""
    for part in (text, *reversed(text.splitlines())):
        if part.lstrip().startswith("{"):
            try:
                return cast("dict[str, Any]", json.loads(part))
            except ValueError:
                continue
    return None


def _tokens(found: dict[str, Any]) -> int | None:
    """Everything that was read and written, caches included, over all models."""
    usage = found.get("modelUsage")
    if not isinstance(usage, dict):
        return None
    names = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
    rows = cast("dict[str, dict[str, Any]]", usage).values()
    return int(sum(_number(row.get(name)) for row in rows for name in names))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
