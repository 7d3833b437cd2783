"""Intake: the tasks of a request as the planner takes them, refused with one line for each fault."""

import os
from collections.abc import Mapping, Sequence

from fourfold_tools.deployment.answer import size
from fourfold_tools.deployment.expectations import AgentHistory, Priors, expect
from fourfold_tools.deployment.prompts import DEFAULT_AGENT, Situation, launch_entry
from fourfold_tools.deployment.tasks import Task
from fourfold_tools.errors import Fault, InvalidRequest, NotFound
from fourfold_tools.model.plan_request import PlanRequest, PlanTask
from fourfold_tools.runtime import Runtime
from fourfold_tools.steering.paths import literal, resolved


def priors_of(runtime: Runtime) -> Priors:
    settings = runtime.settings.plan
    return Priors(
        settings.reading_minutes, settings.reading_tokens, settings.writing_minutes, settings.writing_tokens
    )


def check_counts(runtime: Runtime, request: PlanRequest) -> None:
    """Refuse what is too much to plan.

    Raises:
        InvalidRequest: too many tasks, or too many needs.
    """
    settings = runtime.settings.plan
    needs = sum(len(task.needs) for task in request.tasks)
    for count, most, what in (
        (len(request.tasks), settings.max_tasks, ""),
        (needs, settings.max_needs, " needs in all"),
    ):
        if count > most:
            raise InvalidRequest([Fault("tasks", f"expected at most {most:,}{what}, got {count:,}")])


def tasks_of(runtime: Runtime, request: PlanRequest, past: Mapping[str, AgentHistory]) -> list[Task]:
    """The tasks with absolute paths and what they are expected to take.

    Raises:
        InvalidRequest: a path that cannot be one, a write outside the workspace, an input longer than an answer.
    """
    faults: list[Fault] = []
    tasks: list[Task] = []
    for i, task in enumerate(request.tasks):
        where = f"tasks[{i}]"
        reads = _resolved(runtime, f"{where}.reads", task.reads, faults)
        writes = _resolved(runtime, f"{where}.writes", task.writes, faults)
        faults += _outside(runtime, f"{where}.writes", task.writes, writes)
        tasks.append(_task(runtime, task, i + 1, reads, writes, past))
        faults += _too_long(runtime, where, request.goal, tasks[-1])
    if faults:
        raise InvalidRequest(faults)
    return tasks


def _resolved(runtime: Runtime, where: str, paths: Sequence[str], faults: list[Fault]) -> tuple[str, ...]:
    found: list[str] = []
    for k, path in enumerate(paths):
        try:
            found.append(resolved(runtime.workspace, path))
        except NotFound as exc:
            faults.append(Fault(f"{where}[{k}]", exc.message))
            found.append("/")
    return tuple(found)


def _outside(runtime: Runtime, where: str, paths: Sequence[str], real: Sequence[str]) -> list[Fault]:
    """Writes that nobody could check, that another project may call its own, or that are our own state."""
    state = os.path.realpath(runtime.state)
    roots = ", ".join(root for root in runtime.workspace.roots if not _below(root, state))
    return [
        Fault(f"{where}[{k}]", f"expected a path inside the workspace ({roots}), got {path!r}")
        for k, path in enumerate(paths)
        if "\0" not in path and (not runtime.workspace.contains(literal(real[k])) or _below(literal(real[k]), state))
    ]


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _too_long(runtime: Runtime, where: str, goal: str, task: Task) -> list[Fault]:
    most = runtime.settings.plan.launch_chars
    long = size(launch_entry(task, Situation("p-00000000", goal, most_words=runtime.settings.plan.report_words)))
    if long <= most:
        return []
    problem = f"its launch input takes {long:,} characters of at most {most:,}; put what is long into a file it reads"
    return [Fault(where, problem)]


def _task(
    runtime: Runtime,
    task: PlanTask,
    number: int,
    reads: tuple[str, ...],
    writes: tuple[str, ...],
    past: Mapping[str, AgentHistory],
) -> Task:
    agent = task.agent or DEFAULT_AGENT
    expected = expect(task.minutes, task.tokens, agent, bool(task.writes), past, priors_of(runtime))
    name = task.id or f"t{number}"
    return Task(
        id=name,
        title=" ".join(task.title.split()) or name,
        prompt=task.prompt,
        reads=task.reads,
        writes=task.writes,
        read_paths=reads,
        write_paths=writes,
        needs=task.needs,
        minutes=expected.minutes,
        tokens=expected.tokens,
        basis=expected.basis,
        stated_minutes=task.minutes,
        agent=task.agent or "",
        acceptance=task.acceptance,
    )
