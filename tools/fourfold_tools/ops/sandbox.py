"""A sandbox: what commands may change and reach, and the means of this machine to hold them to it."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio

from fourfold_config.settings import Bash
from fourfold_tools.errors import FourfoldError, Unsupported
from fourfold_tools.ops.confinement import Confinement, file_confinement, landlock_abi, network_confinement
from fourfold_tools.ops.process import Spawner

# What commands write to that is no file of anybody: `> /dev/null`, terminals of their own, shared memory.
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm")
# Places in a workspace whose contents other programs run or obey, outside of any sandbox.
_OBEYED = (
    *(".git/hooks", ".git/config", ".claude/settings.json", ".claude/settings.local.json", ".mcp.json"),
    *(".fourfold.toml", ".vscode/tasks.json", ".vscode/settings.json"),
)
_TRIAL_S = 5.0  # for bubblewrap to start `true`; where it takes longer it is of no use


@dataclass(frozen=True, slots=True)
class Walled:
    """How a command starts: its program and arguments, and its confinement by the kernel."""

    argv: Sequence[str]
    confinement: Confinement | None = None


class Sandbox:
    """Confines commands by Landlock, else by bubblewrap. Mutable: `missing`, once a command was to be confined.

    missing: why the wanted sandbox cannot be had, None while it can or was never asked for.
    """

    def __init__(self, settings: Bash, folders: Sequence[str], spawner: Spawner, env: Mapping[str, str]) -> None:
        """folders: those of the workspace that commands may write to (absolute, real)."""
        self.wanted = settings.sandbox
        self.network = settings.sandbox_network
        self.missing: str | None = None
        self._spawner = spawner
        self._trial = anyio.Lock()
        self._wrapper: str | None = None
        self._obeyed = [os.path.join(folder, name) for folder in folders for name in _OBEYED]
        home = env.get("HOME", "")
        named = (
            home + path[1:] if path == "~" or path.startswith("~/") else path for path in settings.sandbox_writes
        )
        temporary = [env["TMPDIR"]] if env.get("TMPDIR") else ["/tmp", "/var/tmp"]
        places = [*folders, *(os.path.realpath(p) for p in (*temporary, *named) if os.path.isabs(p))]
        self.writes = tuple(dict.fromkeys(places))

    async def around(self, argv: Sequence[str], env: Mapping[str, str]) -> Walled:
        """The command inside the sandbox, or as it is where none is wanted, or none can be had and none is required.

        Raises:
            Unsupported: a sandbox is required and cannot be had.
        """
        if self.wanted == "off":
            return Walled(argv)
        if not self._unable():
            return Walled(argv, Confinement((*self.writes, *_devices()), network=self.network))
        await self._try_wrapper(env)
        if self._wrapper is not None:
            return Walled([self._wrapper, *self._walls(), "--", *argv])
        if self.wanted == "require":
            raise Unsupported(f"commands must run in a sandbox and there is none: {self.missing}")
        return Walled(argv)

    def note(self) -> str:
        """What a command could not do, for one that failed on it."""
        return f"[sandbox: writes only in {', '.join(self.writes)}{'' if self.network else '; no network'}]"

    def obeyed(self) -> dict[str, tuple[int, ...]]:
        """What changes when one of the places does whose contents run outside the sandbox; none where it is off."""
        if self.wanted == "off":
            return {}
        return {path: stamp for path in self._obeyed if (stamp := _stamp(path))}

    def escapes(self, before: Mapping[str, tuple[int, ...]]) -> str:
        """A line that names those of these places that are not as they were, "" for none."""
        now = self.obeyed()
        changed = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
        return f"[sandbox: changed while it ran, and run outside of it: {', '.join(changed)}]" if changed else ""

    def summary(self) -> str:
        """Which means there are, in one line; whether bubblewrap works is only seen when it is needed."""
        if not self._unable():
            closable = "; can close the network" if network_confinement() else ""
            return f"{self.wanted}; Landlock {landlock_abi()}{closable}"
        return f"{self.wanted}; {self._unable()}; {shutil.which('bwrap') or 'no bubblewrap'}"

    def _unable(self) -> str:
        """What keeps the kernel's own means from doing it, "" when nothing does."""
        if not file_confinement():
            return "this kernel has no Landlock of Linux 6.2 or later"
        if not self.network and not network_confinement():
            return "this kernel cannot close the network for a process"
        return ""

    async def _try_wrapper(self, env: Mapping[str, str]) -> None:
        """Find out, once, whether bubblewrap is there and may make its namespaces."""
        async with self._trial:
            if self._wrapper is not None or self.missing is not None:
                return
            found = shutil.which("bwrap")
            said = "bubblewrap (bwrap) is not on PATH" if found is None else await self._trial_run(found, env)
            if said:
                self.missing = f"{self._unable()}, and {said}"
            else:
                self._wrapper = found

    async def _trial_run(self, wrapper: str, env: Mapping[str, str]) -> str:
        """Why bubblewrap does not work here, "" when it does."""
        argv = [wrapper, *self._walls(), "--", shutil.which("true") or "/bin/true"]
        try:
            with anyio.move_on_after(_TRIAL_S):
                async with await self._spawner.start(argv, cwd="/", env=env) as child:
                    code = (await child.wait()).code
                    return "" if code == 0 else f"bubblewrap ends with exit code {code} here"
        except FourfoldError as exc:
            return f"bubblewrap does not start: {exc.message}"
        return f"bubblewrap does not start within {_TRIAL_S:g} s"

    def _walls(self) -> list[str]:
        """bubblewrap's own arguments: all read-only, then what may be written; no processes and rights of others."""
        walls = ["--ro-bind", "/", "/", "--dev", "/dev", "--unshare-pid", "--proc", "/proc", "--cap-drop", "ALL"]
        for path in self.writes:
            walls += ["--bind-try", path, path]
        return [*walls, "--unshare-ipc", *([] if self.network else ["--unshare-net"])]


def _stamp(path: str) -> tuple[int, ...]:
    try:
        status = os.lstat(path)
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _devices() -> list[str]:
    return [os.path.realpath(f"/dev/{name}") for name in _DEVICES]
