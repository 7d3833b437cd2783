"""`fourfold deploy`: a plan carried out by headless agents, shown while it is."""

import json
import shlex
import signal
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
from pydantic import ValidationError

from fourfold_tools.answer.words import bar, seconds
from fourfold_tools.context.usage import Usage
from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.progress import ENDED
from fourfold_tools.errors import FourfoldError, InvalidRequest
from fourfold_tools.fleet.course import Course, Deployed, Told
from fourfold_tools.fleet.deployer import Deployer
from fourfold_tools.fleet.forecast import forecast
from fourfold_tools.fleet.limits import Limits
from fourfold_tools.fleet.live import LiveCourse
from fourfold_tools.fleet.site import home_of, site
from fourfold_tools.model.faults import faults_of
from fourfold_tools.model.output import Json
from fourfold_tools.model.plan_request import PlanRequest
from fourfold_tools.plan import begin, planned
from fourfold_tools.runtime import Runtime, raise_descriptor_limit
from fourfold_tools.steering.description import course as course_data
from fourfold_tools.steering.description import task_rows
from fourfold_tools.steering.steps import thaw
from fourfold_tools.store.agent_runs import AgentRun
from fourfold_tools.store.plans import Plans

if TYPE_CHECKING:
    from rich.table import Table

_MOST_ROWS = 12  # agents at work that the live display shows
_MOST_SAID = 200  # characters of a report that a line of progress shows


@dataclass(frozen=True, slots=True)
class Options:
    """The flags of `fourfold deploy`; None where a flag was left out."""

    dry_run: bool = False
    yes: bool = False
    max_usd: float | None = None
    max_minutes: float | None = None
    max_agents: int | None = None
    only_deploy: bool = False
    command: str | None = None
    once: tuple[str, ...] = ()
    retry_unknown: bool = False
    as_json: bool = False


async def run_deploy(what: str | Mapping[str, Any], options: Options) -> int:
    """Carry out the plan with this id, or of this request; 0 when every task is ok, 1 when not, 2 where nobody agreed
    to it, 130 when interrupted."""
    raise_descriptor_limit()
    async with Runtime.open() as runtime:
        request = None if isinstance(what, str) else _request(what)
        plan = await _plan(runtime, what, request)
        limits = _limits(runtime, plan, options)
        if options.dry_run:
            print(forecast(plan, limits, runtime.settings.fleet).text())
            return 0
        if not _agreed(plan, limits, runtime, options):
            return 2
        name = what if isinstance(what, str) else await _begin(runtime, request)
        return await _carry_out(runtime, name, limits, options)


def _request(what: Mapping[str, Any]) -> PlanRequest:
    try:
        return PlanRequest.model_validate(what)
    except ValidationError as exc:
        raise InvalidRequest(faults_of(exc, "")) from exc


async def _plan(runtime: Runtime, what: str | Mapping[str, Any], request: PlanRequest | None) -> Deployment:
    if request is not None:
        return await planned(runtime, request)
    assert isinstance(what, str)
    return thaw(await Plans(runtime.database).get(what))[0]


async def _begin(runtime: Runtime, request: PlanRequest | None) -> str:
    assert request is not None
    return await begin(runtime, request, Usage())


def _limits(runtime: Runtime, plan: Deployment, options: Options) -> Limits:
    settings = runtime.settings.fleet
    most = settings.max_usd if options.max_usd is None else options.max_usd
    return Limits(
        max_usd=most,
        task_usd=min(settings.task_usd, most),
        max_minutes=options.max_minutes,
        max_agents=min(plan.schedule.lanes, len(plan.tasks), options.max_agents or plan.schedule.lanes),
    )


def _agreed(plan: Deployment, limits: Limits, runtime: Runtime, options: Options) -> bool:
    """Whether the user wants this; without a terminal to ask on, only `--yes` says so."""
    if options.yes:
        return True
    print(forecast(plan, limits, runtime.settings.fleet).text(), file=sys.stderr)
    if not sys.stdin.isatty():
        print("fourfold: nothing was started: say --yes to carry it out", file=sys.stderr)
        return False
    print(
        f"Start these agents, for at most ${limits.max_usd:.2f} in all? [y/N] ", end="", file=sys.stderr, flush=True
    )
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


async def _carry_out(runtime: Runtime, name: str, limits: Limits, options: Options) -> int:
    program = shlex.split(options.command) if options.command else runtime.settings.fleet.command
    deployed: Deployed | None = None
    fault: FourfoldError | None = None
    interrupted = False
    print(f"fourfold: plan {name} (if this stops: fourfold deploy {name})", file=sys.stderr)
    slots = 0 if options.only_deploy else limits.max_agents
    async with site(runtime, slots, program, plan=name) as store, anyio.create_task_group() as tasks:
        live = LiveCourse(runtime.state / "live", runtime.workspace.cwd, name)
        with _shown(live, as_json=options.as_json) as on_change:
            deployer = Deployer(
                runtime,
                store,
                name,
                await home_of(runtime, store, name),
                limits,
                once=frozenset(options.once),
                retry_unknown=options.retry_unknown,
                on_change=on_change,
            )

            async def interrupt() -> None:
                nonlocal interrupted
                with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    async for _ in signals:
                        interrupted = True
                        deployer.stop("it was interrupted")

            tasks.start_soon(interrupt)
            tasks.start_soon(store.bell.listen)
            try:
                deployed = await deployer.run()
            except FourfoldError as exc:
                fault = exc  # kept for later: a task group would wrap it
            tasks.cancel_scope.cancel()
    if fault is not None:
        raise fault
    assert deployed is not None
    _print_end(runtime, name, deployed, as_json=options.as_json)
    return 130 if interrupted else 0 if deployed.all_ok else 1


def _print_end(runtime: Runtime, name: str, deployed: Deployed, *, as_json: bool) -> None:
    data = course_data(runtime, name, deployed.stepped, Usage())
    data["tasks"] = task_rows(deployed.stepped.plan, deployed.stepped.progress)
    data["fleet"] = {
        "spent_usd": round(deployed.spending.spent_usd, 6),
        "unknown": list(deployed.unknown),
        "elsewhere": list(deployed.elsewhere),
        "stopped": deployed.why,
        "begun_again": [_again(run) for run in _in_vain(deployed.runs)],
    }
    if as_json:
        print(json.dumps(data, ensure_ascii=False, indent=1))
        return
    counts = ", ".join(f"{count} {state}" for state, count in data["counts"].items() if count)
    print(f"plan {name} · {len(deployed.stepped.plan.tasks)} tasks: {counts}")
    if data["mathver"]:
        print("\n".join(data["mathver"]["lines"]))
    predicted = data["predicted"]
    print(
        f"predicted {predicted['makespan_min']:.3g} min, real {predicted['real_clock_min']:.3g} min · "
        f"spent ${deployed.spending.spent_usd:.2f}"
    )
    if deployed.unknown:
        names = ", ".join(deployed.unknown)
        print(f"unknown: {names}: started, and nobody knows how they ended; --retry-unknown begins them again")
    for run in _in_vain(deployed.runs):
        print(f"begun again: {run.task}, attempt {run.attempt}: {run.state} after {seconds(run.ended - run.started)}")
    if deployed.elsewhere:
        print(f"in flight outside the fleet: {', '.join(deployed.elsewhere)}")
    if deployed.why:
        print(f"stopped: {deployed.why} (to go on: fourfold deploy {name})")


def _in_vain(runs: Sequence[AgentRun]) -> list[AgentRun]:
    """Runs of agents that ended without an outcome, so that their attempts were begun again."""
    return [run for run in runs if run.state not in {"ok", "failed"}]


def _again(run: AgentRun) -> dict[str, Json]:
    known = {"task": run.task, "attempt": run.attempt, "run": run.run, "worker": run.worker, "why": run.state}
    return {**known, "seconds": round(run.ended - run.started, 3), "usd": round(run.cost_usd, 6)}


@contextmanager
def _shown(live: LiveCourse, *, as_json: bool) -> Generator[Callable[[Course], None]]:
    """What is told of every change: a live view on a terminal, else a line for each end; `fourfold watch` sees it
    too."""
    with _view(plain=as_json or not sys.stderr.isatty()) as view:

        def changed(course: Course) -> None:
            live.show(course)
            view(course)

        try:
            yield changed
        finally:
            live.remove()


@contextmanager
def _view(*, plain: bool) -> Generator[Callable[[Course], None]]:
    if plain:
        yield _lines()
        return
    from rich.console import Console
    from rich.live import Live

    newest: list[Course] = []
    lines = _lines()

    class View:
        """Drawn anew by the display at each refresh."""

        def __rich__(self) -> "Table | str":
            return _table(newest[0]) if newest else ""

    def changed(course: Course) -> None:
        newest[:] = [course]
        lines(course)

    with Live(View(), console=Console(stderr=True), transient=True, refresh_per_second=4, redirect_stderr=True):
        yield changed


def _lines() -> Callable[[Course], None]:
    told = Told()
    paused: list[float] = []

    def changed(course: Course) -> None:
        for v in told.news(course):
            task, mine = course.plan.tasks[v], course.progress.tasks[v]
            said = " ".join((mine.why if mine.state != "ok" else mine.summary).split())[:_MOST_SAID]
            state = "again" if mine.state == "running" else mine.state
            took = f" · {seconds(60 * mine.minutes)}" if mine.minutes is not None and mine.state != "running" else ""
            print(f"{state}: {task.id}{took}{f' · {said}' if said else ''}", file=sys.stderr)
        if course.pause is not None and course.pause.until not in paused:
            paused.append(course.pause.until)
            at = time.strftime("%H:%M:%S", time.localtime(course.pause.until))
            print(f"paused until {at}: {course.pause.reason}", file=sys.stderr)

    return changed


def _table(course: Course) -> "Table":
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    done, total = sum(task.state in ENDED for task in course.progress.tasks), len(course.plan.tasks)
    table.add_row(bar(done, total), course.counts(), f"${course.spending.spent_usd:.2f}")
    now = time.time()
    for attempt in course.at_work[:_MOST_ROWS]:
        since = seconds(now - (attempt.started or now))
        table.add_row("", f"{attempt.task} · {attempt.body.title}", since)
    if len(course.at_work) > _MOST_ROWS:
        table.add_row("", f"and {len(course.at_work) - _MOST_ROWS} more", "")
    if course.pause is not None:
        table.add_row("", f"paused: {course.pause.reason}", seconds(max(0.0, course.pause.until - now)))
    return table
