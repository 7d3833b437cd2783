"""The runtime: what outlives a call. Ops, limits, locks, the meter and the store of one server."""

import os
import secrets
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Self

import anyio

from fourfold_config.settings import Settings, load_settings
from fourfold_tools.caller import Caller
from fourfold_tools.context.meter import Meter
from fourfold_tools.context.pressure import effective_cores
from fourfold_tools.context.usage import Stamp, Stated, Usage
from fourfold_tools.engine.limiter import Limiter
from fourfold_tools.engine.locks import PathLocks
from fourfold_tools.engine.retry import RetryBudget, RetryRule
from fourfold_tools.engine.scheduler import Scheduler
from fourfold_tools.live.again import Again
from fourfold_tools.live.record import LiveRecord
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import AnyStep, ContextUse, FetchStep
from fourfold_tools.ops.base import Op
from fourfold_tools.ops.bash import BashOp
from fourfold_tools.ops.effects import classify
from fourfold_tools.ops.fetch import FetchOp
from fourfold_tools.ops.glob import GlobOp
from fourfold_tools.ops.grep import GrepOp
from fourfold_tools.ops.guard import GuardedOp
from fourfold_tools.ops.mounts import all_local
from fourfold_tools.ops.permissions.decide import Permissions
from fourfold_tools.ops.process import Spawner
from fourfold_tools.ops.read import ReadOp
from fourfold_tools.ops.sandbox import Sandbox
from fourfold_tools.ops.workspace import Workspace
from fourfold_tools.pressure_watch import PressureWatch
from fourfold_tools.store.database import Database
from fourfold_tools.store.runs import Runs
from fourfold_tools.store.timings import Timings

_CLIENTS_OWN = ("CLAUDE_CODE_", "CLAUDE_PROJECT_DIR")  # what Claude Code tells a server that it started itself


def state_dir(env: Mapping[str, str]) -> Path:
    """`FOURFOLD_STATE_DIR`, else the platform's user state folder."""
    named = env.get("FOURFOLD_STATE_DIR")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_state_path

    return user_state_path("fourfold", appauthor=False)


def user_settings_file(env: Mapping[str, str]) -> Path:
    """The user's settings file: `FOURFOLD_CONFIG`, else `fourfold.toml` in the platform's user config folder."""
    named = env.get("FOURFOLD_CONFIG")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_config_path

    return user_config_path("fourfold", appauthor=False) / "fourfold.toml"


@dataclass
class Runtime:
    """One server's lasting parts. Mutable: `active` holds the runs in flight by id, `again` their verifications.

    alone: held by whoever runs steps alone; one at a time. kept: conversations of whom a batch was refused and kept.
    told_fault: the store's fault that an answer has named. told_open: an answer said that commands are not confined.
    outputs: the one thread that hashes what tasks have written.
    stamps: what the plugin's hook said of calls that are about to come, by tool-use id.
    client: who is served where several clients share the server: stands for a conversation that nobody knows.
    """

    settings: Settings
    workspace: Workspace
    state: Path
    database: Database
    runs: Runs
    timings: Timings
    ops: Mapping[str, Op]
    permissions: Permissions
    meter: Meter
    limiter: Limiter
    locks: PathLocks
    retry_budget: RetryBudget
    pressure: PressureWatch
    live: LiveRecord
    active: dict[str, Scheduler]
    again: dict[str, Again]
    fetch: FetchOp
    spawner: Spawner
    sandbox: Sandbox
    cores: float
    alone: anyio.Lock = field(default_factory=anyio.Lock)
    outputs: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    told_fault: str | None = None
    told_open: bool = False
    kept: set[str] = field(default_factory=set[str])
    stamps: dict[str, Stamp] = field(default_factory=dict[str, Stamp])
    client: str = ""

    def seen_by(self, client: str) -> Self:
        """This runtime as one call of a shared server sees it: nothing that another client left is remembered.

        Limits, locks, ops, the store and the runs in flight are everybody's. client: "" stands for a client that
        cannot be told from others, so that this call has nothing in common with any before it.
        """
        name = client or f"call-{secrets.token_hex(8)}"
        return replace(self, client=name, told_fault=None, told_open=False, stamps={})

    @property
    def retry_rule(self) -> RetryRule:
        rule = self.settings.retry
        return RetryRule(rule.retries, rule.max_s, rule.base_s, rule.cap_s)

    @property
    def timeouts(self) -> dict[str, float]:
        """Default seconds of a step, by op."""
        s = self.settings
        return {
            "read": s.read.timeout_s,
            "grep": s.grep.timeout_s,
            "glob": s.glob.timeout_s,
            "bash": s.bash.timeout_s,
            "fetch": s.fetch.timeout_s,
        }

    def run_files(self, run: str) -> Path:
        """The folder of a run's spill files."""
        return self.state / "runs" / run

    def effects_of(self, step: AnyStep) -> Effects:
        """What a step touches: inferred, widened by what it declares."""
        effects = self.ops[step.op].effects(step)
        if not step.reads and not step.writes:
            return effects
        reads, writes = (frozenset(map(self.workspace.absolute, names)) for names in (step.reads, step.writes))
        return effects.widened(reads, writes)

    async def usage_of(self, caller: Caller, stated: ContextUse | None = None) -> Usage:
        """How full the caller's context is, with its level."""
        return await self.meter.measure(caller.tool_use_id, Stated.of(stated), caller.stamp, self.client)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, roots: Sequence[Path] = (), env: Mapping[str, str] | None = None, *, shared: bool = False
    ) -> AsyncGenerator[Self, None]:
        """A runtime for the folders in `roots`, else for CLAUDE_PROJECT_DIR, else for the working directory.

        shared: several clients call; what the environment says of a client is then not theirs, and no call is taken
        for one of a conversation that it does not name. Everything it started has ended when the block is left.

        Raises:
            SettingsError: a settings file or variable cannot be used.
        """
        env = os.environ if env is None else env
        if shared:
            env = {name: value for name, value in env.items() if not name.startswith(_CLIENTS_OWN)}
        roots = roots or [Path(env.get("CLAUDE_PROJECT_DIR") or Path.cwd())]
        project = roots[0]
        settings = load_settings(project=project, env=env, user_file=user_settings_file(env))
        state = state_dir(env)
        async with AsyncExitStack() as stack:
            spawner = Spawner()
            stack.push_async_callback(spawner.aclose)
            database = _database(state, settings)
            stack.push_async_callback(database.aclose)
            meter = Meter(env, str(roots[0]), settings.context, guesses=not shared)
            runtime = cls._assemble(settings, roots, state, env, database, spawner, meter)
            stack.push_async_callback(runtime.runs.settle)
            stack.push_async_callback(runtime.fetch.aclose)
            stack.push_async_callback(runtime.timings.save)
            yield runtime

    @classmethod
    def _assemble(
        cls,
        settings: Settings,
        roots: Sequence[Path],
        state: Path,
        env: Mapping[str, str],
        database: Database,
        spawner: Spawner,
        meter: Meter,
    ) -> Self:
        extra = [*roots[1:], *map(Path, settings.workspace.extra)]
        permissions = Permissions.load(Workspace(roots[0], extra), env)
        more = map(Path, permissions.additional_directories())
        own = Workspace(roots[0], [*extra, *map(Path, permissions.additional_directories(project=False))])
        workspace = Workspace(roots[0], [*extra, *more, state / "runs"])
        sandbox = Sandbox(settings.bash, own.roots, spawner, env)
        fetch = FetchOp(settings.fetch, refusal=partial(_url_refusal, permissions))
        cores = effective_cores()
        ops: dict[str, Op] = {
            "read": ReadOp(settings.read, workspace),
            "grep": GrepOp(settings.grep, workspace, spawner, permissions.excluded_globs, cores),
            "glob": GlobOp(settings.glob, workspace, permissions.hides),
            "bash": BashOp(settings.bash, workspace, spawner, classify, sandbox),
            "fetch": fetch,
        }
        limiter = Limiter(_slots(settings, cores), settings.limits.net_per_host)
        active: dict[str, Scheduler] = {}
        again: dict[str, Again] = {}
        live = LiveRecord(state / "live", str(roots[0]), limiter, active, again)
        runtime = cls(
            settings=settings,
            workspace=workspace,
            state=state,
            database=database,
            runs=Runs(database, state / "runs"),
            timings=Timings(database),
            ops={name: GuardedOp(op, permissions) for name, op in ops.items()},
            permissions=permissions,
            meter=meter,
            limiter=limiter,
            pressure=PressureWatch(limiter, cores, live.look),
            live=live,
            active=active,
            again=again,
            locks=PathLocks(),
            retry_budget=RetryBudget(settings.retry.budget_per_step, settings.retry.budget_max),
            fetch=fetch,
            spawner=spawner,
            sandbox=sandbox,
            cores=cores,
        )
        live.percent = lambda: runtime.meter.newest_percent
        return runtime


def _database(state: Path, settings: Settings) -> Database:
    local = all_local([os.path.realpath(state)])
    return Database(state / "fourfold.sqlite", settings.store.busy_s, prompt=local)


def _url_refusal(permissions: Permissions, url: str) -> str | None:
    """Why a redirect's target may not be fetched, by the user's own rules."""
    return permissions.check_url(url).message(FetchStep(op="fetch", url=url))


def _slots(settings: Settings, cores: float) -> dict[str, int]:
    """Slots by class; 0 in the settings means: from the effective cores."""
    limits = settings.limits
    whole = max(1, round(cores))
    return {
        "cpu": limits.cpu or max(2, whole + whole // 2),
        "disk": limits.disk,
        "net": limits.net,
        "process": limits.process or max(16, 8 * whole),
    }


def raise_descriptor_limit() -> None:
    """Lift the soft limit of open files to the hard one; commands and connections need a few each."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # some platforms name a hard limit that they do not grant
            return
