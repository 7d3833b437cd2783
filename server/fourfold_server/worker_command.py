"""`fourfold worker`: this machine's agents for the deployments of a shared database."""

import os
import shlex
import signal
import sys
import threading

import anyio

from fourfold_tools.errors import InvalidRequest
from fourfold_tools.fleet.presence import this_worker
from fourfold_tools.fleet.site import site
from fourfold_tools.runtime import Runtime, raise_descriptor_limit


async def run_worker(command: str | None) -> int:
    """Run agents until a signal; what runs then is ended and goes back to the queue where that may be.

    Raises:
        InvalidRequest: no database is named that others share.
    """
    raise_descriptor_limit()
    async with Runtime.open() as runtime:
        settings = runtime.settings.fleet
        if not settings.database:
            raise InvalidRequest("a worker needs a shared database: set fleet.database (FOURFOLD_FLEET__DATABASE)")
        program = shlex.split(command) if command else settings.command
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with site(runtime, settings.per_worker, program):
                told = (
                    f"worker {this_worker()}: {settings.per_worker} agents at once of {(program or ('claude',))[0]}"
                )
                print(f"fourfold: {told}", file=sys.stderr, flush=True)
                async for _ in signals:
                    break
                _leave_within(settings.dead_s)
    return 0


def _leave_within(seconds: float) -> None:
    """End this process, and with it its agents, where it is still there by then.

    A database that takes what is said and answers nothing would hold it for ever; after so long the others have taken
    its work over.
    """

    def give_up() -> None:
        print("fourfold: the database does not answer; left without a word to it", file=sys.stderr, flush=True)
        os._exit(1)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
