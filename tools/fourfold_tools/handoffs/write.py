"""Writing a handoff: gathered from the store for one conversation, put on disk whole or not at all."""

import json
import os
import secrets
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread

from fourfold_tools.context.goal import first_user_message
from fourfold_tools.context.usage import Usage
from fourfold_tools.errors import Contention, FourfoldError, NotFound
from fourfold_tools.handoffs.disk import repository, state_of
from fourfold_tools.handoffs.document import FileState, Handoff, fitted
from fourfold_tools.model.result import StepResult
from fourfold_tools.resume import record_of, stored_steps
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.database import StoreBusy
from fourfold_tools.store.owner import is_alive, this_process
from fourfold_tools.store.plans import Plans, StoredPlan
from fourfold_tools.store.runs import StoredRun

_RUNS = 30  # newest runs of a conversation that are looked at
_PLANS = 10
_LOOKED_AT = 120  # newest of the folder, or of the store, among which the conversation's own are looked for
_FILES = 60  # files whose state is kept
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class HandoffUnwritten(FourfoldError):
    """The disk did not take the handoff; what it would have held stays in the store."""


def new_id() -> str:
    """An id that no handoff has, as good as certainly."""
    return "h-" + "".join(secrets.choice(_ALPHABET) for _ in range(4))


async def write_handoff(runtime: Runtime, usage: Usage, name: str) -> Handoff:
    """Gather what the store knows of the caller's conversation and write it as JSON and Markdown.

    Where the conversation is not known, this server's work in this folder stands for it (on a shared server that of
    the client alone), with what servers that have ended left there; never what another one that still runs has done.

    Raises:
        HandoffUnwritten: the disk is full, or the state folder cannot be written.
    """
    conversation = usage.conversation.key if usage.conversation else runtime.client
    goal: str | None = None
    if usage.conversation is not None:
        goal = await anyio.to_thread.run_sync(first_user_message, usage.conversation.path)
    recent = await runtime.runs.recent(_LOOKED_AT, conversation, runtime.workspace.cwd)
    mine = [run for run in recent if conversation or _ours_or_nobodys(run.owner)]
    runs: list[StoredRun] = []
    for run in mine[:_RUNS]:
        with suppress(NotFound):  # pruned meanwhile, or damaged: the others are handed over all the same
            runs.append(await runtime.runs.get(run.id))
    plans = await _plans_of(runtime, conversation)
    if plans:
        goal = plans[0].goal
    handoff = await anyio.to_thread.run_sync(partial(_gather, runtime, name, conversation, goal or "", runs, plans))
    try:
        await anyio.to_thread.run_sync(partial(_save, runtime.state / "handoffs", handoff))
    except OSError as exc:
        problem = f"handoff {name} could not be written to {runtime.state / 'handoffs'}: {exc.strerror or exc}"
        raise HandoffUnwritten(problem) from exc
    with suppress(StoreBusy):
        await runtime.database.use(partial(_note, handoff=handoff, folder=runtime.state / "handoffs"))
    return handoff


async def _plans_of(runtime: Runtime, conversation: str) -> list[StoredPlan]:
    """The conversation's plans in this folder, newest first."""
    try:
        recent = await Plans(runtime.database).recent(_LOOKED_AT)
    except Contention:
        return []
    here = [plan for plan in recent if plan.cwd == runtime.workspace.cwd]
    return [plan for plan in here if _is_of(plan, conversation)][:_PLANS]


def _is_of(plan: StoredPlan, conversation: str) -> bool:
    """Whether a plan is the conversation's; where that is not known, ours or of a server that has ended."""
    process, _, owner = plan.owner.partition("/")
    if conversation:
        return owner == conversation
    return owner.startswith(f"{process}#") and _ours_or_nobodys(process)


def _ours_or_nobodys(process: str) -> bool:
    return process == this_process() or not is_alive(process)


@dataclass
class _Found:
    """What the store tells, line by line. Mutable while it is gathered."""

    done: list[str] = field(default_factory=list[str])
    in_flight: list[str] = field(default_factory=list[str])
    not_started: list[str] = field(default_factory=list[str])
    failures: list[str] = field(default_factory=list[str])
    decisions: list[str] = field(default_factory=list[str])
    paths: dict[str, None] = field(default_factory=dict[str, None])

    def take_run(self, run: StoredRun, *, active: bool) -> None:
        results = record_of(run, stored_steps(run))
        line = _line(run, results)
        left = [r for r in results if r.state in {"not_started", "unknown"}]
        if active:
            self.in_flight.append(line)
        elif left and len(left) == len(results):
            self.not_started.append(line)
        elif left:
            self.in_flight.append(f"{line} · left: {', '.join(r.id for r in left[:12])}")
        else:
            self.done.append(line)
        bad = [r for r in results if r.state in {"failed", "timed_out", "unknown"}]
        self.failures += [f"{run.id}/{r.id}: {_why(r)}" for r in bad]
        for signal in (run.report or {}).get("signals", []):
            self.decisions.append(f"{run.id}: {signal['reason']}: {signal['action']}")
        for r in results:
            if r.effects is not None:
                self.paths.update(
                    dict.fromkeys(p for p in sorted(r.effects.writes | r.effects.reads) if not _wild(p))
                )

    def take_plan(self, plan: StoredPlan) -> None:
        try:
            tasks: list[dict[str, Any]] = json.loads(plan.progress)["tasks"]
            counts = Counter(str(task["state"]) for task in tasks)
        except (ValueError, KeyError, TypeError):
            self.failures.append(f"plan {plan.id} is damaged in the store")
            return
        told = ", ".join(f"{count} {state}" for state, count in counts.items())
        line = f"plan {plan.id}: {told} fourfold://plans/{plan.id}"
        (self.done if plan.complete else self.in_flight).append(line)


def _gather(
    runtime: Runtime, name: str, conversation: str, goal: str, runs: list[StoredRun], plans: list[StoredPlan]
) -> Handoff:
    found = _Found()
    for plan in plans:
        found.take_plan(plan)
    for run in runs:
        found.take_run(run, active=run.id in runtime.active)
    head, changed = repository(runtime.workspace.cwd)
    return fitted(
        Handoff(
            id=name,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            conversation=conversation,
            cwd=runtime.workspace.cwd,
            goal=goal,
            head=head,
            done=tuple(found.done),
            in_flight=tuple(found.in_flight),
            not_started=tuple(found.not_started),
            decisions=tuple(found.decisions),
            failures=tuple(found.failures),
            changed_files=tuple(changed),
            files=tuple(_states(runtime, [*found.paths][:_FILES], changed)),
            runs=tuple(run.id for run in runs),
            plans=tuple(plan.id for plan in plans),
        )
    )


def _states(runtime: Runtime, paths: list[str], changed: list[str]) -> list[FileState]:
    named = [*paths, *(runtime.workspace.absolute(path) for path in changed[:_FILES])]
    return [state_of(path) for path in dict.fromkeys(named)]


def _line(run: StoredRun, results: list[StepResult]) -> str:
    counts = Counter(r.state for r in results)
    told = ", ".join(f"{n} {state}" for state, n in counts.items())
    names = ", ".join(r.id for r in results[:6])
    return f"{run.id}: {told} ({names}{', …' if len(results) > 6 else ''}) fourfold://runs/{run.id}"


def _why(result: StepResult) -> str:
    first = (result.message or str(result.code or "")).split("\n")[0]
    return f"{result.title}: {first[:120]}"


def _wild(pattern: str) -> bool:
    return any(c in pattern for c in "*?[{")


def _save(folder: Path, handoff: Handoff) -> None:
    """Both files, each written beside its place and moved there."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    texts = {
        "md": handoff.markdown(),
        "json": json.dumps(handoff.data(), ensure_ascii=False, indent=1),
    }
    for suffix, text in texts.items():
        target = folder / f"{handoff.id}.{suffix}"
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            with open(beside, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        except OSError:
            beside.unlink(missing_ok=True)
            raise


def _note(db: sqlite3.Connection, *, handoff: Handoff, folder: Path) -> None:
    row = (handoff.id, time.time(), handoff.conversation, handoff.cwd, str(folder / f"{handoff.id}.json"))
    db.execute("INSERT OR REPLACE INTO handoffs(id,created,conversation,cwd,path) VALUES(?,?,?,?,?)", row)
