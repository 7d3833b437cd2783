"""The live view: what the servers that share the state directory are doing, drawn anew twice a second."""

import json
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from anyio import CapacityLimiter
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from fourfold_config.settings import load_settings
from fourfold_server.watch_frame import frame
from fourfold_tools.live.record import read_live
from fourfold_tools.live.snapshot import Snapshot
from fourfold_tools.runtime import state_dir, user_settings_file
from fourfold_tools.store.database import Database, StoreBusy
from fourfold_tools.store.runs import Runs, StoredRun

_EVERY_S = 0.5  # as often as a server writes
_RECENT = 8


async def watch(*, once: bool, as_json: bool) -> int:
    """Show the runs in flight until interrupted; one frame where `once`, or where nobody looks at a terminal."""
    state = state_dir(os.environ)
    settings = load_settings(project=Path.cwd(), env=os.environ, user_file=user_settings_file(os.environ))
    database = Database(state / "fourfold.sqlite" if state.is_dir() else None, settings.store.busy_s)
    view = View(state / "live", Runs(database))
    try:
        await view.look()
        console = Console()
        if as_json:
            print(json.dumps(view.data(), ensure_ascii=False, indent=1))
        elif once or not console.is_terminal:
            console.print(Group(*view.lines(console.width, None)), soft_wrap=False, highlight=False)
        else:
            await _draw(view, console)
    finally:
        with anyio.CancelScope(shield=True):
            await database.aclose()
    return 0


class View:
    """What is to be seen. Mutable: `look` renews it."""

    def __init__(self, folder: Path, runs: Runs) -> None:
        self._folder = folder
        self._runs = runs
        self._one = CapacityLimiter(1)
        self.snapshots: list[Snapshot] = []
        self.recent: list[StoredRun] = []

    async def look(self) -> None:
        self.snapshots = await anyio.to_thread.run_sync(read_live, self._folder, limiter=self._one)
        try:
            self.recent = await self._runs.recent(_RECENT)
        except StoreBusy:
            return  # the last ones seen stay

    def lines(self, width: int, height: int | None) -> list[Text]:
        return frame(self.snapshots, self.recent, time.time(), width, height)

    def data(self) -> dict[str, Any]:
        rows = [
            {"run": r.id, "state": "crashed" if r.crashed else r.state, "steps": r.step_count} for r in self.recent
        ]
        return {"servers": [asdict(snapshot) for snapshot in self.snapshots], "recent": rows}


async def _draw(view: View, console: Console) -> None:
    """Draw on the terminal's second screen, which leaves the first as it was; a resize draws at once."""
    changed = anyio.Event()

    async def on_resize() -> None:
        nonlocal changed
        with anyio.open_signal_receiver(signal.SIGWINCH) as signals:
            async for _ in signals:
                changed.set()

    with Live(console=console, screen=True, auto_refresh=False) as live:
        async with anyio.create_task_group() as tasks:
            if sys.platform != "win32":
                tasks.start_soon(on_resize)
            while True:
                width, height = console.size
                live.update(Group(*view.lines(width, height)), refresh=True)
                with anyio.move_on_after(_EVERY_S):
                    await changed.wait()
                changed = anyio.Event()
                await view.look()
