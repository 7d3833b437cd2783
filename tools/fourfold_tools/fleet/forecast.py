"""A forecast: what a deployment is expected to take in time, tokens and money, before anything is started. Pure."""

from dataclasses import dataclass

from fourfold_config.settings import Fleet
from fourfold_tools.deployment.deployment import Deployment
from fourfold_tools.deployment.progress import MOST_LAUNCHES
from fourfold_tools.fleet.limits import Limits
from fourfold_tools.model.output import Json


@dataclass(frozen=True, slots=True)
class Forecast:
    """usd: None where nobody knows what a token costs."""

    plan: Deployment
    limits: Limits
    program: str
    tokens: int
    usd: float | None

    def data(self) -> dict[str, Json]:
        s = self.plan.schedule
        return {
            "tasks": len(self.plan.tasks),
            "agents": self.limits.max_agents,
            "makespan_min": round(s.makespan_min, 6),
            "sequential_min": round(s.sequential_min, 6),
            "tokens": self.tokens,
            "usd": self.usd,
            "max_usd": self.limits.max_usd,
            "task_usd": self.limits.task_usd,
            "writes": [task.id for task in self.plan.tasks if task.writes],
        }

    def text(self) -> str:
        s = self.plan.schedule
        writing = sum(bool(task.writes) for task in self.plan.tasks)
        cost = "n/a (fleet.usd_per_million is not set)" if self.usd is None else f"${self.usd:.2f}"
        return "\n".join(
            (
                f"{len(self.plan.tasks)} tasks ({writing} write) on at most {self.limits.max_agents} agents of "
                f"{self.program}: {s.makespan_min:.3g} min predicted, one by one {s.sequential_min:.3g} min",
                f"predicted: {self.tokens:,} tokens, cost {cost}; every task starts at most {MOST_LAUNCHES} times",
                f"limits: ${self.limits.max_usd:.2f} in all, ${self.limits.task_usd:.2f} for one agent"
                + ("" if self.limits.max_minutes is None else f", {self.limits.max_minutes:g} minutes"),
                self.plan.notation(),
            )
        )


def forecast(plan: Deployment, limits: Limits, settings: Fleet) -> Forecast:
    """The forecast of a plan's first launches; what fails and is started again comes on top."""
    tokens = sum(task.tokens for task in plan.tasks)
    price = settings.usd_per_million
    program = settings.command[0] if settings.command else "claude"
    return Forecast(plan, limits, program, tokens, tokens * price / 1e6 if price else None)
