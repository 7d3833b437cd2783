"""The caller: who calls a tool, what comes back to it, and how it hears of progress."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fourfold_tools.context.usage import Stamp
from fourfold_tools.model.output import Image, Json

Report = Callable[[float, float, str], Awaitable[None]]  # value, total, message


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the model's tool-use id, and what the plugin's hook stamped on the call."""

    tool_use_id: str | None = None
    stamp: Stamp | None = None


NOBODY = Caller()


@dataclass(frozen=True, slots=True)
class Reply:
    """What the caller gets: text blocks and pictures, or one JSON object. all_ok: for exit codes."""

    blocks: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    structured: dict[str, Json] | None = None
    all_ok: bool = True


async def silent(value: float, total: float, message: str) -> None:
    """A report that nobody listens to."""
