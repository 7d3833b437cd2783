"""Hostile cases: steps of somebody who wants more than the workspace gives, each with its source and its refusal."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from runtimes import entries, opened, run

from fourfold_tools.runtime import Runtime

SECRET = "OUTSIDE-SECRET"  # what lies outside the workspace
DENIED = "DENIED-SECRET"  # what lies inside and is kept from reading by a rule
NEVER = ("root:x:0", "root:!", SECRET, DENIED)  # what no answer may hold


@dataclass(frozen=True)
class Case:
    """source: an advisory, a report or a standard in which the trick stands. does: what is tried, as a sentence.

    step: one step; `HOME` in its texts is the folder that holds the workspace `work`. code: how it must fail; "" for
    a step that succeeds and yet gives nothing. says: a part of the message.
    """

    source: str
    does: str
    step: dict[str, Any]
    code: str = "denied"
    says: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {self.does}"


@dataclass
class Answered:
    """What the cases of one table were answered, by their text form, and the folder they ran over."""

    home: Path
    entries: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def check(self, case: Case) -> dict[str, Any]:
        """The entry of a case, refused as it says and without what it was after."""
        entry = self.entries[str(case)]
        told = json.dumps(entry, ensure_ascii=False)
        assert not [secret for secret in NEVER if secret in told], told
        if case.code:
            assert (entry["state"], entry["code"]) == ("failed", case.code), told
            assert case.says in entry["error"]["message"], told
        else:
            assert entry["state"] == "ok", told
        return entry


def placed(value: Any, home: Path) -> Any:
    """A step with `HOME` worked out."""
    if isinstance(value, str):
        return value.replace("HOME", str(home))
    if isinstance(value, list):
        return [placed(item, home) for item in value]
    return {key: placed(item, home) for key, item in value.items()} if isinstance(value, dict) else value


def answer_all(
    home: Path, cases: Sequence[Case], prepare: Callable[[Runtime], None] = lambda _: None, **settings: str
) -> Answered:
    """Run all cases as one batch over `home/work`."""
    answered = Answered(home)

    async def main() -> None:
        async with opened(home, **settings) as runtime:
            prepare(runtime)
            steps = [{"id": f"c{i}", **placed(case.step, home)} for i, case in enumerate(cases)]
            found = entries(await run(runtime, *steps, max_tokens=140_000))
        answered.entries = {str(case): found[f"c{i}"] for i, case in enumerate(cases)}

    anyio.run(main)
    return answered
