"""Waiting: which steps of a run have not started, and what each is kept by at this moment. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fourfold_tools.engine.units import Unit
from fourfold_tools.model.effects import conflict
from fourfold_tools.model.request import AnyStep

_MOST_NAMED = 3  # steps that a reason names


@dataclass(frozen=True, slots=True)
class Waiting:
    """A step or sub-step that has not started (or waits for another try), and why."""

    id: str
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where every unit of a run is now. later: units that wait for another try, each with the second it is due.

    refused: what the last pass refused each set of slots for; a queued unit that it does not name waits for width.
    """

    ids: Sequence[str]
    preds: Sequence[Sequence[int]]
    unended: Sequence[int]
    queued: Sequence[Unit]
    refused: Mapping[tuple[str, ...], str]
    parked: Sequence[Unit]
    later: Sequence[tuple[float, Unit]]
    running: Sequence[Unit]
    now_s: float


def waiting(
    place: Place, title: Callable[[AnyStep, bool], str], steps: Sequence[AnyStep], most: int
) -> tuple[list[Waiting], int]:
    """The first `most`, and how many there are.

    Units come first (queued, parked, to be tried again, following), then steps whose predecessors still run.
    """
    units = [(unit, place.refused.get(unit.keys, "width")) for unit in place.queued]
    units += [(unit, "") for unit in place.parked]
    units += [(unit, f"try {unit.attempts + 1} in {max(0.0, due - place.now_s):.1f} s") for due, unit in place.later]
    units += [(other, f"same as {unit.id}") for unit in place.running for other in unit.followers]
    units.sort(key=lambda pair: (pair[0].index, pair[0].sub))
    met = {unit.index for unit, _ in units} | {unit.index for unit in place.running}
    behind = [v for v in place.unended if v not in met]
    rows = [Waiting(u.id, u.title, why or _holder(u, place.running)) for u, why in units[:most]]
    open_ = set(place.unended)
    for v in behind[: most - len(rows)]:
        names = [place.ids[p] for p in place.preds[v] if p in open_]
        rows.append(Waiting(place.ids[v], title(steps[v], False), _needs(names)))
    return rows, len(units) + len(behind)


def _needs(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"after {', '.join(names[:_MOST_NAMED])}{more}" if names else "starting"


def _holder(unit: Unit, running: Sequence[Unit]) -> str:
    """Which running step of this run touches a path of the unit's; else it is a step of another run."""
    other = next((u for u in running if conflict(unit.effects, u.effects)), None)
    return f"path held by {other.id}" if other else "path held by another run"
