"""Levels: a plan part by part, from the whole to each task: predicted, real, one by one, and cost. Pure."""

from collections.abc import Mapping, Sequence

from fourfold_tools.answer.words import seconds
from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.model.output import Json
from fourfold_tools.page.model import Row, Table


def levels_table(
    plan: Deployment, known: Mapping[str, Json], usd: Mapping[str, float] | None, most: int
) -> Table | None:
    """A row for the whole (`L0`), each orchestrator and each task; None before the plan has been verified.

    known: the plan's whole description. usd: what each task has cost, where that is known.
    """
    mathver: Mapping[str, Json] | None = known.get("mathver")
    if mathver is None:
        return None
    predicted: Mapping[str, Json] = known["predicted"]
    whole: dict[str, Json] = {
        "level": "L0:Zero",
        "state": mathver["state"],
        "predicted_min": predicted["makespan_min"],
        "real_min": predicted["real_min"],
        "one_by_one_min": predicted["real_sequential_min"],
    }
    ids = plan.graph.ids
    names = {plan.level_of(k): [ids[v] for v in plan.tasks_under(k)] for k in range(len(plan.orchestrators))}
    rows: list[Mapping[str, Json]] = [whole, *mathver["levels"]]
    columns = ("Level", "State", "Predicted", "Took", "One by one", *(("Cost",) if usd is not None else ()))
    made = [Row((*_cells(row), *_cost(row, names, usd, ids)), state=_colour(row)) for row in rows[:most]]
    return Table("Levels", columns, tuple(made), frozenset(range(2, 6)), max(0, len(rows) - most), in_text=True)


def minutes(value: float) -> str:
    """`5.9 min`; below a tenth in seconds."""
    return seconds(60 * value) if 0 < value < 0.1 else f"{value:.3g} min"


def _cells(row: Mapping[str, Json]) -> Sequence[str]:
    one_by_one = row.get("one_by_one_min")
    real = row["real_min"]
    return (
        str(row["level"]),
        str(row["state"]),
        minutes(row["predicted_min"]),
        "n/a" if real is None else minutes(real),
        "" if one_by_one is None else minutes(one_by_one),
    )


def _cost(
    row: Mapping[str, Json], names: Mapping[str, Sequence[str]], usd: Mapping[str, float] | None, ids: Sequence[str]
) -> tuple[str, ...]:
    if usd is None:
        return ()
    tasks = [row["task"]] if "task" in row else names.get(str(row["level"]), ids)
    return (f"${sum(usd.get(str(task), 0.0) for task in tasks):.2f}",)


def _colour(row: Mapping[str, Json]) -> str:
    return {"INVALID": "failed", "VALID": "ok"}.get(str(row["state"]), "")
