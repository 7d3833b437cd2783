"""Launch inputs: what Claude Code's `Agent` tool takes to start a task, with a prompt that needs no other. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from fourfold_tools.deployment.tasks import Task
from fourfold_tools.model.output import Json

DEFAULT_AGENT = "general-purpose"
_MOST_DESCRIPTION = 80
_MOST_OTHERS = 12  # running tasks that a prompt names one by one
_MOST_PATHS = 6  # paths of another task that a prompt names
_MOST_SUMMARY = 400  # characters of an earlier task's report that are handed on, at the most
_MOST_BEFORE = 6_000  # characters that all earlier tasks with their reports may take


@dataclass(frozen=True, slots=True)
class Situation:
    """What a prompt must know beside its task. plan: its id. attempt: from 1; failure: why the last one failed.

    before: ended tasks that this one waited for, with their reports. running: tasks at work at the same time.
    most_words: of the report. headless: nobody reads what the agent says but a program. checkout: it works in a git
    checkout of its own that was made for this attempt.
    """

    plan: str
    goal: str
    attempt: int = 1
    failure: str = ""
    before: Sequence[tuple[Task, str]] = ()
    running: Sequence[Task] = ()
    most_words: int = 150
    headless: bool = False
    checkout: bool = False


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


def headless(entry: Mapping[str, Json], task: Task, plan: str, needs: Sequence[str]) -> dict[str, Json]:
    """The same task as a command for those who run `claude -p` themselves. needs: what must have ended before.

    It may read, and write what it owns; of the shell it has git where it works in a worktree, or merges such work.
    It is kept from standard input, which would be the rest of a script that holds it.
    """
    words = ["claude", "-p", entry["prompt"], "--output-format", "json"]
    if task.agent:
        words += ["--agent", task.agent]
    return {
        "task": task.id,
        "needs": list(needs),
        "command": shlex.join([*words, "--allowedTools", *_allowed(task, plan)]) + " < /dev/null",
    }


def allowed(owned: Sequence[str], *, git: bool) -> list[str]:
    """What an agent may do without being asked, as rules in the client's own form: it reads, and writes these paths.

    owned: an absolute path begins with `//` there, any other is below the agent's folder; Edit covers all that write.
    """
    return ["Read", "Grep", "Glob", *(f"Edit({path})" for path in owned), *(["Bash(git *)"] if git else [])]


def _allowed(task: Task, plan: str) -> list[str]:
    owned = [f"/{path}" for path in task.write_paths] if not task.worktree else [f"{_worktree(task, plan)}/**"]
    return allowed(owned, git=task.worktree or bool(task.merges))


def _worktree(task: Task, plan: str) -> str:
    """Where the client puts its own worktrees too."""
    return f".claude/worktrees/{plan}-{task.id}"


def _objective(task: Task, situation: Situation) -> str:
    rows = [task.prompt.strip() or task.title]
    if task.prompt.strip() and task.title != task.id:
        rows.insert(0, f"{task.title}.")
    if situation.goal:
        rows.append(f"This is one part of: {situation.goal}")
    if situation.attempt > 1:
        why = f" ({situation.failure})" if situation.failure else ""
        left = "Its changes are gone." if situation.checkout else "Look at what it left behind first."
        rows.append(f"Attempt {situation.attempt} of 3: the one before failed{why}. {left}")
    return "\n".join(rows)


def _inputs(task: Task, situation: Situation) -> str:
    before = [_earlier(other, report, len(situation.before)) for other, report in situation.before]
    lengths = list(accumulate(len(row) + 1 for row in before))
    shown = sum(length <= _MOST_BEFORE for length in lengths)
    rows = [*(f"- {path}" for path in task.reads), *before[:shown]]
    if shown < len(before):
        rows.append(f"- and what {len(before) - shown} more tasks before yours left")
    return "\n".join(["Read these yourself:", *rows]) if rows else "None beside the objective; read what you need."


def _earlier(other: Task, report: str, count: int) -> str:
    """The line of one of `count` earlier tasks, the shorter the more they are."""
    said = _cut(" ".join(report.split()), min(_MOST_SUMMARY, _MOST_BEFORE // (2 * count)))
    made = f"- from `{other.id}` ({_cut(other.title, 80)}): {_few(other.writes)}"
    return made + (f" — it reported: {said}" if said else "")


def _owned(task: Task, situation: Situation) -> str:
    if not task.writes:
        return "No file: change nothing on disk. Your report is the result."
    rows = ["You may write these paths and no others:", *(f"- {path}" for path in task.writes)]
    if len(task.outputs) == len(set(task.writes)):
        rows.append("Each must exist and be new or changed when you end.")
    elif task.outputs:
        rows.append(f"These must exist and be new or changed when you end: {', '.join(task.outputs)}.")
    if situation.checkout:
        rows.append(
            "You work in a git checkout of your own: write there only. What it holds when you end is committed, and "
            "merged, for you."
        )
    elif task.worktree:
        branch, folder = f"fourfold/{task.id}", _worktree(task, situation.plan)
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
    rows = [f"- `{t.id}` writes {_few(t.writes)}" for t in running if t.id != task.id and t.writes]
    if not rows:
        return "Nobody else is writing. Change nothing outside what you own."
    more = [f"- and {len(rows) - _MOST_OTHERS} more"] if len(rows) > _MOST_OTHERS else []
    return "\n".join(["Do not touch, and do not rely on, what they are writing:", *rows[:_MOST_OTHERS], *more])


def _few(paths: Sequence[str]) -> str:
    """Some paths in one line of bounded length."""
    if not paths:
        return "no files"
    more = f" and {len(paths) - _MOST_PATHS} more" if len(paths) > _MOST_PATHS else ""
    return _cut(", ".join(paths[:_MOST_PATHS]), 300) + more


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: max(0, most - 1)]}…"


def _acceptance(task: Task) -> str:
    if task.acceptance:
        return task.acceptance
    if task.outputs:
        return "What you own answers the objective completely; check it by reading it once more."
    return "The objective is answered completely, with file and line for every claim about code."


def _report(task: Task, situation: Situation) -> str:
    if situation.headless:
        return (
            "End with the structured report that is asked of you: `state` is `ok` or `failed`, `summary` (at most "
            f"{situation.most_words} words) says why it failed, or what later tasks need, most important first; "
            "`outputs` lists the paths you wrote. What is longer belongs in the files you own."
        )
    return (
        f"End with a plain-text report of at most {situation.most_words} words. First line `OK` or `FAILED: why`, "
        f"with the id `{task.id}`. Then the paths you wrote, then findings that later tasks need, most important "
        "first. What is longer belongs in the files you own, not in the report."
    )
