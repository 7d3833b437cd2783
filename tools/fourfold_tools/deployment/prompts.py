"""Launch inputs: what Claude Code's `Agent` tool takes to start a task, with a prompt that needs no other. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fourfold_tools.deployment.tasks import Task
from fourfold_tools.model.output import Json

DEFAULT_AGENT = "general-purpose"
_MOST_DESCRIPTION = 80
_MOST_OTHERS = 12  # running tasks that a prompt names one by one
_MOST_SUMMARY = 400  # characters of an earlier task's report that are handed on


@dataclass(frozen=True, slots=True)
class Situation:
    """What a prompt must know beside its task. plan: its id. attempt: from 1; failure: why the last one failed.

    before: ended tasks that this one waited for, with their reports. running: tasks at work at the same time.
    most_words: of the report.
    """

    plan: str
    goal: str
    attempt: int = 1
    failure: str = ""
    before: Sequence[tuple[Task, str]] = ()
    running: Sequence[Task] = ()
    most_words: int = 150


def launch_entry(task: Task, situation: Situation) -> dict[str, Json]:
    """The input of one `Agent` call."""
    title = " ".join(f"{task.id}: {task.title}".split())
    return {
        "description": title if len(title) <= _MOST_DESCRIPTION else f"{title[: _MOST_DESCRIPTION - 1]}…",
        "prompt": prompt(task, situation),
        "subagent_type": task.agent or DEFAULT_AGENT,
        "run_in_background": True,
    }


def prompt(task: Task, situation: Situation) -> str:
    """The whole prompt: objective, inputs, what it owns, who else writes, acceptance, report."""
    sections = {
        "Objective": _objective(task, situation),
        "Inputs": _inputs(task, situation),
        "You own": _owned(task, situation),
        "Others at work now": _others(task, situation.running),
        "Done when": _acceptance(task),
        "Report": _report(task, situation),
    }
    head = f"Task `{task.id}` of plan {situation.plan}."
    return "\n\n".join([head, *(f"## {name}\n{body}" for name, body in sections.items())])


def headless(entry: Mapping[str, Json], task: Task) -> dict[str, Json]:
    """The same task as a command for those who run `claude -p` themselves."""
    words = ["claude", "-p", entry["prompt"], "--output-format", "json"]
    tools = "Read,Grep,Glob,Bash" + (",Edit,Write" if task.writes else "")
    return {"task": task.id, "command": shlex.join([*words, "--allowedTools", tools])}


def _objective(task: Task, situation: Situation) -> str:
    rows = [task.prompt.strip() or task.title]
    if task.prompt.strip() and task.title != task.id:
        rows.insert(0, f"{task.title}.")
    if situation.goal:
        rows.append(f"This is one part of: {situation.goal}")
    if situation.attempt > 1:
        why = f" ({situation.failure})" if situation.failure else ""
        rows.append(
            f"Attempt {situation.attempt} of 3: the one before failed{why}. Look at what it left behind first."
        )
    return "\n".join(rows)


def _inputs(task: Task, situation: Situation) -> str:
    rows = [f"- {path}" for path in task.reads]
    for other, report in situation.before:
        made = ", ".join(other.writes) or "no files"
        said = " ".join(report.split())
        said = said if len(said) <= _MOST_SUMMARY else f"{said[: _MOST_SUMMARY - 1]}…"
        rows.append(f"- from `{other.id}` ({other.title}): {made}" + (f" — it reported: {said}" if said else ""))
    return "\n".join(["Read these yourself:", *rows]) if rows else "None beside the objective; read what you need."


def _owned(task: Task, situation: Situation) -> str:
    if not task.writes:
        return "No file: change nothing on disk. Your report is the result."
    rows = ["You may write these paths and no others:", *(f"- {path}" for path in task.writes)]
    if task.outputs:
        rows.append(f"These must exist and be new or changed when you end: {', '.join(task.outputs)}.")
    if task.worktree:
        branch, folder = f"fourfold/{task.id}", f"../{situation.plan}-{task.id}"
        rows.append(
            f"Others change the same paths, so work apart: `git worktree add -b {branch} {folder}`, "
            "write there only, commit on that branch, and leave the merge to the task that comes after."
        )
    elif task.apart:
        rows.append(
            f"Leave alone what belongs to {', '.join(sorted(task.apart))}, even where your own paths hold it."
        )
    return "\n".join(rows)


def _others(task: Task, running: Sequence[Task]) -> str:
    others = [t for t in running if t.id != task.id]
    rows = [f"- `{t.id}` writes {', '.join(t.writes)}" for t in others if t.writes]
    if not rows:
        return "Nobody else is writing. Change nothing outside what you own."
    more = [f"- and {len(rows) - _MOST_OTHERS} more"] if len(rows) > _MOST_OTHERS else []
    return "\n".join(["Do not touch, and do not rely on, what they are writing:", *rows[:_MOST_OTHERS], *more])


def _acceptance(task: Task) -> str:
    if task.acceptance:
        return task.acceptance
    if task.outputs:
        return f"{', '.join(task.outputs)} answers the objective completely; check it by reading it once more."
    return "The objective is answered completely, with file and line for every claim about code."


def _report(task: Task, situation: Situation) -> str:
    return (
        f"End with a plain-text report of at most {situation.most_words} words. First line `OK` or `FAILED: why`, "
        f"with the id `{task.id}`. Then the paths you wrote, then findings that later tasks need, most important "
        "first. What is longer belongs in the files you own, not in the report."
    )
