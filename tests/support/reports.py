"""Runs with made-up results, for tests of what comes back."""

from collections.abc import Sequence
from dataclasses import replace

import mathver_runs
from hypothesis import strategies as st

from fourfold_tools.answer.report import Delivered, RunReport
from fourfold_tools.context.signals import Signal
from fourfold_tools.context.usage import Usage
from fourfold_tools.mathver.report import MathVer, verify_run
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.output import (
    AnyOutput,
    BashOutput,
    FetchOutput,
    GlobOutput,
    GrepOutput,
    Image,
    ReadOutput,
    split_lines,
)
from fourfold_tools.model.result import StepResult
from fourfold_tools.verification.record import with_tokens

_OF_16 = mathver_runs.steps(16)
_FOUND = verify_run(mathver_runs.run(_OF_16), mathver_runs.pairs(_OF_16), "measured", 1)


def step_result(number: int = 0, **rest: object) -> StepResult:
    """A command that went well, or whatever `rest` makes of it."""
    values: dict[str, object] = {
        "id": f"s{number + 1}",
        "op": "bash",
        "state": "ok",
        "title": "bash",
        "index": (number, 0),
        "attempts": 1,
        "started_s": 0.1,
        "duration_s": 0.25,
        "effects": Effects(read_only=True),
    }
    return StepResult(**{**values, **rest})  # type: ignore[arg-type]


def printed(text: str) -> BashOutput:
    return BashOutput(text, text, "", 0)


def report_of(results: Sequence[StepResult], *, verified: bool = False, signals: Sequence[Signal] = ()) -> RunReport:
    ok = sum(r.state == "ok" for r in results)

    def verdict(cost: Delivered) -> MathVer:
        return with_tokens(_FOUND, ok, cost.tokens, cost.bodies, len(results), cost.cut, 61.7)

    return RunReport(
        run="r-8kq2",
        step_count=len({r.index[0] for r in results}),
        results=tuple(results),
        wall_s=2.4137,
        width=8,
        heads_only=False,
        verdict=verdict,
        context=Usage(used_tokens=82_000, window_tokens=200_000, percent=41.0, source="transcript", turns_old=1),
        verified=verified,
        signals=tuple(signals),
    )


LINES = st.one_of(
    st.text(max_size=60),
    st.text("abc def", max_size=200),
    st.text("漢字かな🚀", max_size=40),
    st.integers(0, 9_000).map(lambda n: "x" * n),
    st.just(""),
)
BODIES = st.one_of(
    st.builds("\n".join, st.lists(LINES, max_size=12)),
    st.builds(lambda line, n: (line + "\n") * n, st.text('ab"\\\t漢', max_size=30), st.integers(0, 2_000)),
    st.integers(0, 60_000).map(lambda n: "y" * n),
)
_PATHS = st.text("abc/._-", min_size=1, max_size=40)


def _grep(body: str) -> GrepOutput:
    rows = split_lines(body) if body else []
    return GrepOutput("\n".join(f"p:{n}:{row}" for n, row in enumerate(rows)), (("p", len(rows)),), 7)


OUTPUTS: dict[str, st.SearchStrategy[AnyOutput]] = {
    "bash": st.one_of(
        BODIES.map(printed),
        st.builds(lambda a, b: BashOutput(a + b, a, b, 1, spill="/state/streamed"), BODIES, BODIES),
    ),
    "read": st.one_of(
        st.builds(lambda path, body: ReadOutput(path, body, 1, len(split_lines(body)), 10**6), _PATHS, BODIES),
        st.builds(lambda body: ReadOutput("a.py", body, 7, len(split_lines(body)), 1, source="/src/a.py"), BODIES),
        st.just(ReadOutput("a.png", "", 1, 0, 0, note="picture", image=Image("aGk=", "image/png"))),
    ),
    "grep": BODIES.map(_grep),
    "glob": BODIES.map(lambda body: GlobOutput(body, tuple(split_lines(body)), 5)),
    "fetch": BODIES.map(lambda body: FetchOutput("http://x/y", 200, "text/html", body, "miss", ("http://x/z",))),
}
_FAILED = st.sampled_from(
    [("failed", "exit_status"), ("failed", "network"), ("timed_out", "timed_out"), ("failed", "denied")]
)


@st.composite
def step_results(draw: st.DrawFn, number: int = 0) -> StepResult:
    op = draw(st.sampled_from(sorted(OUTPUTS)))
    made = step_result(number, op=op, title=op, output=draw(OUTPUTS[op]))
    kind = draw(st.sampled_from(["ok", "ok", "ok", "failed", "skipped", "cut", "same", "unknown"]))
    match kind:
        case "failed":
            state, code = draw(_FAILED)
            output = made.output if code in {"exit_status", "timed_out"} else None
            message = draw(st.text(min_size=1, max_size=300) | st.just("no such file: " + "z" * 5_000))
            message = "exit 1" if code == "exit_status" else message
            made = replace(made, state=state, code=code, message=message, output=output)
        case "skipped":
            made = replace(made, state="skipped", output=None, blocked_by=("s1",), attempts=0, duration_s=None)
        case "cut":
            made = replace(made, state="cancelled", code="cancelled", message="cancelled while it ran", output=None)
        case "same":
            made = replace(made, same_as="s1")
        case "unknown":
            made = replace(made, state="unknown", output=None, message="started and never confirmed")
    if draw(st.booleans()):
        made = replace(made, max_tokens=draw(st.integers(1, 500)))
    if draw(st.integers(0, 9)) == 0:
        made = replace(made, effects=Effects(known=False), note=draw(st.text("ab c", max_size=200)))
    return made


@st.composite
def many_results(draw: st.DrawFn) -> list[StepResult]:
    """From one to thousands of results: a few drawn ones, repeated under names of their own."""
    few = [draw(step_results(number)) for number in range(draw(st.integers(1, 8)))]
    times = draw(st.sampled_from([1, 1, 1, 1, 3, 20]))
    word = draw(st.sampled_from(["s", "a_rather_long_name_for_a_step_as_people_like_to_write_them_"]))
    out: list[StepResult] = []
    for _ in range(times):
        out += [replace(r, id=f"{word}{len(out) + i + 1}", index=(len(out) + i, 0)) for i, r in enumerate(few)]
    return out


BUDGETS = st.sampled_from([400, 500, 700, 1_000, 1_999, 2_000, 3_000, 8_000, 12_500]) | st.integers(400, 140_000)
