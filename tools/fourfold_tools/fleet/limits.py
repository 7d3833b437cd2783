"""Limits: how many agents a deployment may start now, why no more, and which come first. Pure."""

from dataclasses import dataclass

from fourfold_tools.deployment.deployment import Deployment

# Less than this, in dollars, is not worth starting an agent for.
_LEAST_USD = 0.01


@dataclass(frozen=True, slots=True)
class Limits:
    """What a whole deployment may take. task_usd: the most that one agent is given."""

    max_usd: float
    task_usd: float
    max_minutes: float | None
    max_agents: int


@dataclass(frozen=True, slots=True)
class Spending:
    """Dollars spent so far, and those given to agents that have not ended."""

    spent_usd: float
    reserved_usd: float


@dataclass(frozen=True, slots=True)
class Room:
    """Agents that may start, what each is given, and what stands in the way of more (empty: nothing but agents)."""

    agents: int
    cap_usd: float
    why: str = ""


def room(limits: Limits, spending: Spending, in_flight: int) -> Room:
    """How many may start beside those in flight, so that all together stay below the limits."""
    left = limits.max_usd - spending.spent_usd - spending.reserved_usd
    if left < min(_LEAST_USD, limits.max_usd):
        reserved = f", ${spending.reserved_usd:.2f} given to agents at work" if spending.reserved_usd > 0 else ""
        return Room(0, 0.0, f"${spending.spent_usd:.2f} of ${limits.max_usd:.2f} are spent{reserved}")
    free = max(0, limits.max_agents - in_flight)
    payable = max(1, int((left + 1e-9) / limits.task_usd)) if limits.task_usd > 0 else free
    return Room(min(free, payable), min(limits.task_usd, left))


def priorities(plan: Deployment) -> list[int]:
    """1 for the task with the longest way to the end of the plan, and so on."""
    ranks = plan.graph.upward_ranks(plan.minutes)
    order = sorted(range(len(ranks)), key=lambda v: (-ranks[v], v))
    places = dict(zip(order, range(1, len(order) + 1), strict=True))
    return [places[v] for v in range(len(ranks))]
