"""The printed lines of a MathVer, one type per tool, in their exact byte form."""

from dataclasses import dataclass
from typing import Literal

from fourfold_tools.mathver import figures
from fourfold_tools.mathver.checks import State

Optimization = Literal["justified", "not justified", "n/a"]


@dataclass(frozen=True, slots=True)
class TimeLine:
    """Seconds both ways and the gain in percent."""

    level: str
    sequential_s: float | None
    parallel_s: float | None
    gain_pct: float | None
    state: State

    def __str__(self) -> str:
        sequential, parallel = figures.seconds(self.sequential_s), figures.seconds(self.parallel_s)
        gain = figures.whole_percent(self.gain_pct)
        body = f"Sequential: {sequential} vs Parallel: {parallel} | Efficiency: {gain}"
        return _line(self.level, "time_comparison", body, self.state)


@dataclass(frozen=True, slots=True)
class ResourceLine:
    """Percent of the available processor time used by the run, and by the same steps one at a time."""

    level: str
    cpu_pct: float | None
    sequential_cpu_pct: float | None
    optimization: Optimization
    state: State

    def __str__(self) -> str:
        cpu, alone = figures.whole_percent(self.cpu_pct), figures.whole_percent(self.sequential_cpu_pct)
        body = f"CPU: {cpu} vs Sequential: {alone} | Optimization: {self.optimization}"
        return _line(self.level, "resource_usage", body, self.state)


@dataclass(frozen=True, slots=True)
class QualityLine:
    """Percent of right results both ways; `below` says that degradation_pct is a proven upper bound."""

    level: str
    parallel_pct: float | None
    sequential_pct: float | None
    degradation_pct: float | None
    below: bool
    state: State

    def __str__(self) -> str:
        parallel, sequential = figures.share_percent(self.parallel_pct), figures.share_percent(self.sequential_pct)
        body = f"Parallel: {parallel} vs Sequential: {sequential} | Degradation: {self._degradation()}"
        return _line(self.level, "quality_check", body, self.state)

    def _degradation(self) -> str:
        if self.degradation_pct is None:
            return figures.MISSING
        return f"<{self.degradation_pct:g}%" if self.below else f"{self.degradation_pct:.1f}%"


@dataclass(frozen=True, slots=True)
class ContextLine:
    """Results, and tokens of the answer against the same results as separate calls."""

    level: str
    results: int | None
    tokens: float | None
    sequential_tokens: float | None
    state: State

    def __str__(self) -> str:
        tokens, separate = figures.count(self.tokens), figures.count(self.sequential_tokens)
        body = f"Results: {figures.count(self.results)} | Tokens: {tokens} vs Sequential: {separate}"
        return _line(self.level, "context_usage", body, self.state)


Line = TimeLine | ResourceLine | QualityLine | ContextLine


def _line(level: str, tool: str, body: str, state: State) -> str:
    return f"📊 [{level}] MathVer | Tool: {tool} | {body} | State: {state}"
