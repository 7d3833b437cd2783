"""Expectations: minutes and tokens a task should take, from history, its own numbers, or its class. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentHistory:
    """What past tasks of one agent type took.

    count: tasks with real minutes; minutes: their mean. factor: real over stated minutes, summed, of those that
    stated any (None without). tokens: mean of those that told them (None without).
    """

    count: int
    minutes: float
    factor: float | None
    tokens: float | None


@dataclass(frozen=True, slots=True)
class Priors:
    """Minutes and tokens of a task that says nothing, by class: it only reads, or it writes."""

    reading_minutes: float
    reading_tokens: int
    writing_minutes: float
    writing_tokens: int


@dataclass(frozen=True, slots=True)
class Expectation:
    """minutes > 0; basis: `history`, `given` or `class`, of the minutes."""

    minutes: float
    tokens: int
    basis: str


def histories(times: Iterable[tuple[str, float | None, float, int | None]]) -> dict[str, AgentHistory]:
    """Histories by agent type from (agent, stated minutes, real minutes, tokens)."""
    rows: dict[str, list[tuple[float | None, float, int | None]]] = {}
    for agent, said, took, tokens in times:
        rows.setdefault(agent, []).append((said, took, tokens))
    return {agent: _history(past) for agent, past in rows.items()}


def _history(past: list[tuple[float | None, float, int | None]]) -> AgentHistory:
    both = [(said, took) for said, took, _ in past if said]
    spent = [tokens for _, _, tokens in past if tokens]
    return AgentHistory(
        count=len(past),
        minutes=sum(took for _, took, _ in past) / len(past),
        factor=sum(took for _, took in both) / sum(said for said, _ in both) if both else None,
        tokens=sum(spent) / len(spent) if spent else None,
    )


def expect(
    minutes: float | None,
    tokens: int | None,
    agent: str,
    writes: bool,
    history: Mapping[str, AgentHistory],
    priors: Priors,
) -> Expectation:
    """What a task should take.

    Stated minutes are scaled by how wrong such statements were for this agent type; without any they are the mean.
    """
    past = history.get(agent)
    known = int(past.tokens) if past and past.tokens else None
    expected = tokens or known or (priors.writing_tokens if writes else priors.reading_tokens)
    if past is not None and minutes is not None and past.factor is not None:
        return Expectation(minutes * past.factor, expected, "history")
    if past is not None and minutes is None:
        return Expectation(past.minutes, expected, "history")
    if minutes is not None:
        return Expectation(minutes, expected, "given")
    return Expectation(priors.writing_minutes if writes else priors.reading_minutes, expected, "class")
