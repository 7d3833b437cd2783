"""The context line: tokens of the answer against the same results as the client's own separate calls."""

from dataclasses import dataclass

from fourfold_tools.mathver.checks import Check, Verdict, judge
from fourfold_tools.mathver.figures import figure
from fourfold_tools.mathver.records import Tokens
from fourfold_tools.model.output import Json


@dataclass(frozen=True, slots=True)
class ContextUsage:
    """Tokens; None where nobody measured what they rest on.

    separate: the same bodies as separate calls in one turn; one_per_turn: with one call per turn, the context read
    again each time. saving: 1 - delivered / separate. per_1000: results per thousand tokens delivered.
    """

    results: int | None
    tokens: Tokens | None
    separate: float | None
    one_per_turn: float | None
    verdict: Verdict

    @property
    def delivered(self) -> int | None:
        return self.tokens.delivered if self.tokens else None

    @property
    def saving(self) -> float | None:
        return 1 - self.tokens.delivered / self.separate if self.tokens and self.separate else None

    @property
    def per_1000(self) -> float | None:
        if self.results is None or not self.tokens or not self.tokens.delivered:
            return None
        return 1000 * self.results / self.tokens.delivered

    def data(self) -> dict[str, Json]:
        tokens = self.tokens
        return {
            "results": self.results,
            "delivered_tokens": self.delivered,
            "body_tokens": tokens.bodies if tokens else None,
            "sequential_tokens": figure(self.separate),
            "one_per_turn_tokens": figure(self.one_per_turn),
            "saving": figure(self.saving),
            "results_per_1000_tokens": figure(self.per_1000),
            "calls": tokens.calls if tokens else None,
            "cut_tokens": tokens.cut if tokens else None,
            "relative_error": figure(tokens.relative_error) if tokens else None,
            "estimator": tokens.estimator if tokens else None,
            "basis": {
                "results": "missing" if self.results is None else "measured",
                "delivered_tokens": "estimated" if tokens else "missing",
                "sequential_tokens": "missing" if self.separate is None else "estimated",
            },
            **self.verdict.data(),
        }


def use_of_context(results: int, tokens: Tokens | None) -> ContextUsage:
    """The context section. The bodies are the same on both sides, so what was cut is saved on neither.

    The claim that is judged: the answer takes fewer tokens than separate calls. Bodies cancel out; what is left is
    the frame of the answer against the overhead of the calls, each within the estimator's error.
    """
    if tokens is None or tokens.call_overhead is None:
        reason = "No tokens were counted." if tokens is None else "Nobody measured what a separate call costs."
        return ContextUsage(results, tokens, None, None, judge([Check("counted", False, "UNVERIFIED", reason)], ""))
    overhead = tokens.calls * tokens.call_overhead
    separate = tokens.bodies + overhead
    turns = None if tokens.turn_overhead is None else separate + max(0, tokens.calls - 1) * tokens.turn_overhead
    return ContextUsage(results, tokens, separate, turns, judge(_checks(tokens, overhead), _proven(tokens, separate)))


def _checks(tokens: Tokens, overhead: float) -> list[Check]:
    frame = tokens.delivered - tokens.bodies
    more, less = 1 + tokens.relative_error, max(0.0, 1 - tokens.relative_error)
    return [
        Check("counted", True, "UNVERIFIED", ""),
        Check("parts_fit", frame >= 0, "INVALID", "The results hold more tokens than the answer they stand in."),
        Check("calibrated", tokens.calibrated, "UNVERIFIED", "The token estimate was not calibrated on this client."),
        Check(
            "not_dearer",
            frame * less <= overhead * more,
            "INVALID",
            f"The answer costs more than {tokens.calls} separate calls would.",
        ),
        Check(
            "saving_supported",
            frame * more < overhead * less,
            "UNVERIFIED",
            "Within the error of the estimate separate calls may cost no more.",
        ),
    ]


def _proven(tokens: Tokens, separate: float) -> str:
    return (
        f"{tokens.calls} separate calls would cost {separate:.0f} tokens, counted within {tokens.relative_error:.0%}."
    )
