"""The text form: within its budget whatever came out, no problem goes unsaid, what is cut lies in files."""

import re

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from reports import BODIES, BUDGETS, many_results, printed, report_of, step_result

from fourfold_tools.answer.text import Answer, render_text
from fourfold_tools.answer.words import body_of, header
from fourfold_tools.context.signals import Signal
from fourfold_tools.context.tokens import estimate
from fourfold_tools.errors import Code
from fourfold_tools.model.output import Image, ReadOutput
from fourfold_tools.model.result import State, StepResult

STATE_DIR = "/home/someone/.local/state/fourfold/runs/r-8kq2"
SIGNALS = st.lists(
    st.just(Signal("throttle", "limited", "context 72 %", "at most 4 steps at once, smaller answers")), max_size=3
)


def spill(name: str) -> str:
    return f"{STATE_DIR}/{name}.txt"


def whole(answer: Answer) -> str:
    return "\n".join(answer.blocks)


@given(many_results(), BUDGETS, st.booleans(), SIGNALS)
@hypothesis_settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_an_answer_holds_its_budget_and_hides_nothing(
    results: list[StepResult], budget: int, verified: bool, signals: list[Signal]
) -> None:
    report = report_of(results, verified=verified, signals=signals)
    answer = render_text(report, budget, spill)
    text = whole(answer)
    assert len(text) / 4 <= budget
    assert answer.tokens <= budget
    assert estimate(text, "prose") <= budget
    head, *rest = answer.blocks[0].split("\n")
    assert f" · {len(results)} step" in head
    check_problems(results, rest[0] if rest else "")
    assert all(line.startswith("📊 ") for line in answer.blocks[1].split("\n")[:4])
    assert len(answer.blocks[1].split("\n")) == (5 if verified and budget >= 2_000 else 4)
    check_nothing_is_lost(results, answer)


def check_problems(results: list[StepResult], line: str) -> None:
    """Each step that is not ok is named, or counted among the others of its state."""
    for state in {r.state for r in results} - {"ok"}:
        names = [r.id for r in results if r.state == state]
        [part] = [p for p in line.split(" · ") if p.startswith(f"{state}: ")]
        named = {entry.split(" ")[0] for entry in part.removeprefix(f"{state}: ").split(", ")}
        more = re.search(r"([\d,]+) (more|steps)$", part)
        counted = int(more.group(1).replace(",", "")) if more else 0
        assert len(named & set(names)) + counted == len(names)


def check_nothing_is_lost(results: list[StepResult], answer: Answer) -> None:
    """Each body stands whole under its header, or lies whole in a file that the answer names."""
    text = answer.blocks[0]
    files = {cut.path: None if cut.body is None else "".join(cut.body) for cut in answer.cuts}
    written = [cut for cut in answer.cuts if cut.body is not None]
    assert len({cut.path for cut in written}) == len(written), "two cuts in one file"
    folded = next((body for body in files.values() if body and body.startswith("── ")), None)
    for path, body in files.items():
        assert path in text or (spill("ID") in text and path.startswith(STATE_DIR)), path
        assert body != "new"
    by_path = {cut.id: cut for cut in answer.cuts}
    for result in results:
        body = body_of(result).whole()
        shown = f"{header(result)}\n{body}" if body else header(result)
        if shown + "\n" in text + "\n":
            continue
        cut = by_path.get(result.id)
        if cut is not None and cut.body is not None:
            assert cut.body == body
        elif cut is None:
            assert folded is not None, result.id
            assert shown in folded
        else:
            assert cut.path in {"/src/a.py", "/state/streamed"}


def test_a_small_run_reads_as_the_contract_shows_it() -> None:
    results = [
        step_result(0, id="hits", op="grep", title="grep", duration_s=0.014, output=printed("src/app.py")),
        step_result(
            1,
            id="tests",
            state="failed",
            code="exit_status",
            message="exit 1",
            output=printed("boom"),
            duration_s=2.3,
            cpu_s=2.1,
            max_rss_bytes=88_000_000,
        ),
        step_result(2, id="count", state="skipped", blocked_by=("tests",), output=None, duration_s=None, attempts=0),
    ]
    first, second = render_text(report_of(results), 8_000, spill).blocks
    head, *rest = first.split("\n")
    assert re.fullmatch(
        r"run r-8kq2 · 3 steps: 1 ok, 1 failed, 1 skipped · 2\.41 s · \S+ of 8\.0k tokens · "
        r"context 41 % \(transcript, 1 turn old\)",
        head,
    )
    assert rest == [
        "failed: tests exit_status · skipped: count (tests)",
        "── hits · grep · ok · 14 ms",
        "src/app.py",
        "── tests · bash · failed exit_status · exit 1 · 2.3 s · cpu 2.1 s · 88 MB",
        "boom",
        "── count · bash · skipped · blocked by tests",
    ]
    assert len(second.split("\n")) == 4


def test_a_cut_body_says_how_much_is_shown_and_where_the_rest_is() -> None:
    body = "".join(f"line {n}\n" for n in range(2_000))
    answer = render_text(report_of([step_result(0, output=printed(body))]), 1_000, spill)
    [line] = [row for row in answer.blocks[0].split("\n") if "lines shown" in row]
    found = re.fullmatch(rf"… ([\d,]+) of 2,000 lines shown; all of it: {STATE_DIR}/s1\.txt", line)
    assert found
    shown = re.findall(r"^line \d+$", answer.blocks[0], re.MULTILINE)
    assert int(found.group(1).replace(",", "")) == len(shown)
    assert answer.cuts[0].body == body


def test_errors_stay_whole_where_a_large_result_is_cut() -> None:
    message = "no such file: " + "deep/" * 100
    results = [
        step_result(0, output=printed("y\n" * 20_000)),
        step_result(1, state="failed", code="not_found", message=message, output=None),
    ]
    assert message in render_text(report_of(results), 2_000, spill).blocks[0]


def test_a_step_called_answer_keeps_its_own_file_in_a_folded_run() -> None:
    results = [step_result(i, id="answer" if i == 0 else f"s{i}", output=printed("y\n" * 5_000)) for i in range(400)]
    check_nothing_is_lost(results, render_text(report_of(results), 1_000, spill))


def test_a_label_cannot_break_the_line_it_stands_in_nor_the_budget() -> None:
    from fourfold_tools.answer.title import title
    from fourfold_tools.model.request import BashStep

    label = "first\nsecond " * 2_000
    assert "\n" not in title(BashStep(op="bash", command="x", label=label), False)
    assert len(title(BashStep(op="bash", command="x", label=label), False)) <= 170


def test_a_picture_is_handed_over_once_however_often_it_was_read() -> None:
    picture = ReadOutput("a.png", "", 1, 0, 0, note="picture", image=Image("aGk=", "image/png"))
    results = [
        step_result(0, op="read", title="read a.png", output=picture),
        step_result(1, op="read", title="read a.png", output=picture, same_as="s1"),
    ]
    assert len(render_text(report_of(results), 2_000, spill).images) == 1


@pytest.mark.parametrize("budget", [400, 1_000, 8_000])
@pytest.mark.parametrize(
    ("state", "code"),
    [("failed", "denied"), ("timed_out", "timed_out"), ("cancelled", "cancelled"), ("skipped", "cancelled")],
)
def test_thousands_of_problems_are_counted_within_the_budget(budget: int, state: State, code: Code) -> None:
    results = [
        step_result(i, id=f"step_number_{i}_" + "x" * 40, state=state, code=code, message="no", output=None)
        for i in range(3_000)
    ]
    answer = render_text(report_of(results), budget, spill)
    assert answer.tokens <= budget
    assert len(whole(answer)) / 4 <= budget
    check_problems(results, answer.blocks[0].split("\n")[1])


@given(BODIES, st.integers(1, 300))
@hypothesis_settings(max_examples=30, deadline=None)
def test_a_step_takes_no_more_than_its_own_bound(body: str, most: int) -> None:
    result = step_result(0, output=printed(body), max_tokens=most)
    text = render_text(report_of([result]), 100_000, spill).blocks[0]
    section = text.split(header(result), 1)[1]
    assert estimate(section.split("\n… 1 outputs did not fit")[0], "data") <= most + 2
