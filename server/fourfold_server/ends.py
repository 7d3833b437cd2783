"""Ends: how a command ends. Its exit code, and faults as lines on stderr."""

import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

OK, SOME_FAILED, BAD_REQUEST, INTERRUPTED = 0, 1, 2, 130


def bad(message: str) -> int:
    print(f"fourfold: {message}", file=sys.stderr)
    return BAD_REQUEST


def in_loop(work: Callable[[], Awaitable[int]]) -> int:
    """Run one command's coroutine; faults go to stderr, a line each."""
    import anyio

    from fourfold_config.settings import SettingsError
    from fourfold_server.log_form import log_as_the_environment_says
    from fourfold_tools.errors import FourfoldError, InvalidRequest

    log_as_the_environment_says()
    try:
        return anyio.run(_plain(work))
    except InvalidRequest as exc:
        return bad(exc.message.replace("\n", "\nfourfold: "))
    except (FourfoldError, SettingsError) as exc:
        return bad(str(exc))


def _plain(work: Callable[[], Awaitable[int]]) -> Callable[[], Coroutine[Any, Any, int]]:
    async def run() -> int:
        return await work()

    return run
