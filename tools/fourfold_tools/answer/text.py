"""The text form of a run: head line, problem line, one section per step, then the verification lines. Pure."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fourfold_tools.answer.body import Body
from fourfold_tools.answer.cut import Piece, cut
from fourfold_tools.answer.report import Delivered, RunReport
from fourfold_tools.answer.words import body_of, head_share, header, kind_of, thousands
from fourfold_tools.context.tokens import Kind, estimate
from fourfold_tools.engine.budget import Demand, allot
from fourfold_tools.model.output import FetchOutput, Image, ReadOutput
from fourfold_tools.model.result import StepResult

_ENOUGH_FOR_OBJECT = 2_000  # tokens of budget below which the verification object stays in the run's resource
_SLACK = 8  # tokens for rounding each part up by itself
_NAMED = (40, 20, 10, 5, 2, 1, 0)  # steps that the problem line names of each state: as many as fit
WHOLE = "answer.whole"  # the file of an answer that was folded; no step can be called so
_STATES = ("ok", "failed", "timed_out", "cancelled", "unknown", "skipped", "not_started")


@dataclass(frozen=True, slots=True)
class Whole:
    """All sections of a folded answer, each made when it is wanted: ten thousand at once would be megabytes."""

    results: tuple[StepResult, ...]

    def __iter__(self) -> Iterator[str]:
        for i, result in enumerate(self.results):
            between = "\n" if i else ""
            yield f"{between}{header(result)}\n{body_of(result).whole()}"


@dataclass(frozen=True, slots=True)
class Cut:
    """A body that did not fit, and where the rest is: a file to write with `body`, or one that holds it already."""

    id: str
    path: str
    body: str | Whole | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Text blocks in order (the run, its verification, signals), pictures, and the files that must be written."""

    blocks: tuple[str, ...]
    images: tuple[Image, ...]
    cuts: tuple[Cut, ...]
    tokens: int


def render_text(report: RunReport, budget: int, spill: Callable[[str], str]) -> Answer:
    """The answer within `budget` tokens. spill: the path of a step's spill file."""
    # The verdict is rendered again with the true numbers, which are never longer than these.
    lines, whole = _verdict(report, Delivered(budget, budget, budget), budget)
    aside = estimate(whole, "data")  # the cost of verifying is no part of what the results cost
    told = _counts(report)
    fixed = estimate(lines, "data") + aside + _SLACK + estimate(_head(report, told, budget, budget), "code")
    signals = _signals(report, (budget - fixed) // 4)
    fixed += estimate(signals, "data")
    sections = _sections(report, budget - fixed, spill)
    used = fixed + sections.tokens
    lines, whole = _verdict(report, Delivered(used - aside, sections.bodies, sections.cut), budget)
    verdict = f"{lines}\n{whole}" if whole else lines
    blocks = [f"{_head(report, told, used, budget)}\n{sections.text}", verdict, *([signals] if signals else [])]
    return Answer(tuple(blocks), images_of(report.results), sections.cuts, used)


def images_of(results: Sequence[StepResult]) -> tuple[Image, ...]:
    """The pictures among the results, each once."""
    own = [r.output for r in results if r.same_as is None]
    return tuple(out.image for out in own if isinstance(out, ReadOutput | FetchOutput) and out.image)


def _signals(report: RunReport, tokens: int) -> str:
    """The signals' lines, first ones first; where not all fit, a line that says how many more there are."""
    rows = [signal.line() for signal in report.signals]
    text = "\n".join(rows)
    kept = len(rows)
    while kept and estimate(text, "data") > tokens:
        kept -= 1
        more = f"📡 {len(rows) - kept} more: fourfold://runs/{report.run}"
        text = "\n".join([*rows[:kept], more])
    return text


def _verdict(report: RunReport, delivered: Delivered, budget: int) -> tuple[str, str]:
    """The verification lines, and the object in one line where something was verified and the budget bears it."""
    verdict = report.verdict(delivered)
    wanted = report.verified and budget >= _ENOUGH_FOR_OBJECT
    whole = json.dumps(verdict.data(), ensure_ascii=False, separators=(",", ":")) if wanted else ""
    return "\n".join(verdict.lines), whole


def _counts(report: RunReport) -> str:
    counts = Counter(state for _, state in report.submitted())
    return ", ".join(f"{counts[state]} {state}" for state in _STATES if counts[state])


def _head(report: RunReport, told: str, used: int, budget: int) -> str:
    steps = f"{report.step_count} step{'s' if report.step_count != 1 else ''}: {told}"
    spent = f"{thousands(used)} of {thousands(budget)} tokens"
    return f"run {report.run} · {steps} · {report.wall_s:.2f} s · {spent} · {report.context.text()}"


def _problems(results: Sequence[StepResult], tokens: int) -> str:
    """One line that names the steps that are not ok, and counts those of each state that have no room in it."""
    names = {state: [_problem(r) for r in results if r.state == state] for state in _STATES[1:]}
    line = ""
    for most in _NAMED:
        line = " · ".join(f"{state}: {_first(named, most)}" for state, named in names.items() if named)
        if estimate(line, "data") <= tokens // 2:
            break
    return line


def _first(names: Sequence[str], most: int) -> str:
    if most == 0:
        return f"{len(names):,} steps"
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _problem(result: StepResult) -> str:
    if result.blocked_by:
        return f"{result.id} ({', '.join(result.blocked_by)})"
    return result.id if result.code is None or result.code == result.state else f"{result.id} {result.code}"


@dataclass(frozen=True, slots=True)
class _Sections:
    """All sections as one text: its tokens, those of the bodies in it, and those that were cut away."""

    text: str
    tokens: int
    bodies: int
    cut: int
    cuts: tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class _Section:
    """One step's section before cutting. cost: tokens of the body and its newline."""

    result: StepResult
    head: str
    body: Body
    kind: Kind
    cost: int


def _section(result: StepResult, head: str) -> _Section:
    body, kind = body_of(result), kind_of(result)
    return _Section(result, head, body, kind, body.cost(kind) + 1)


def _sections(report: RunReport, budget: int, spill: Callable[[str], str]) -> _Sections:
    """Problem line, then header and body of each step; where the headers alone do not fit, as many as do."""
    budget -= estimate(_folded_line(report, len(report.results), spill), "data") + 1
    problems = _problems(report.results, budget)
    left = budget - (estimate(problems, "data") + 1 if problems else 0)
    heads, cost = _fold(report, left)
    folded = len(heads) < len(report.results)
    left -= cost
    shown = [_section(result, head) for result, head in heads]
    demands = [Demand(s.cost, first=s.result.state != "ok", most=s.result.max_tokens) for s in shown]
    rows: list[str] = [problems] if problems else []
    cuts: list[Cut] = []
    unseen = given = 0
    for section, tokens in zip(shown, allot(left, demands), strict=True):
        rows.append(section.head)
        text, rest = _fit(report, section, tokens - 1, spill) if section.body.text else ("", None)
        given += estimate(text, section.kind) + 1
        unseen += bool(section.body.text) and not text
        rows += [text] if text else []
        cuts += [rest] if rest and (text or not folded) else []
    if folded:
        rows.append(_folded_line(report, len(shown), spill))
        cuts.append(Cut(WHOLE, spill(WHOLE), Whole(report.results)))
    elif unseen:
        rows.append(f"… {unseen:,} outputs did not fit; each is in {spill('ID')}")
    cut_away = max(0, sum(s.cost for s in shown) - given)
    return _Sections("\n".join(rows), budget - left + given, given, cut_away, tuple(cuts))


def _folded_line(report: RunReport, shown: int, spill: Callable[[str], str]) -> str:
    return f"… {shown:,} of {len(report.results):,} sections shown; all of them: {spill(WHOLE)}"


def _fold(report: RunReport, budget: int) -> tuple[list[tuple[StepResult, str]], int]:
    """The results whose headers fit into half of the budget, problems first, in submission order; and their cost."""
    room = budget // 2
    cost = 0
    kept: list[tuple[StepResult, str]] = []
    for result in sorted(report.results, key=lambda r: (r.state == "ok", r.index)):
        head = header(result)
        tokens = estimate(head, "code") + 1
        if cost + tokens > room:
            break
        cost += tokens
        kept.append((result, head))
    kept.sort(key=lambda entry: entry[0].index)
    return kept, cost


def _fit(report: RunReport, section: _Section, tokens: int, spill: Callable[[str], str]) -> tuple[str, Cut | None]:
    """A body within its tokens, with a line that says where the whole is; nothing where not even the line fits."""
    result, body, kind = section.result, section.body, section.kind
    if section.cost - 1 <= tokens:
        return body.whole(), None
    where = kept_in(result, spill)
    room = tokens - estimate(_cut_line(Piece("…", 0, body.lines), where.path), kind) - 1
    if room < 0:
        return "", Cut(result.id, spill(result.id), body.whole())
    piece = cut(body, room, kind, 1.0 if report.heads_only else head_share(result), section.cost - 1)
    line = _cut_line(piece, where.path)
    return f"{piece.text}\n{line}" if piece.text else line, Cut(where.id, where.path, where.body and body.whole())


def _cut_line(piece: Piece, path: str) -> str:
    shown = f"{piece.shown:,}" if piece.shown or not piece.text else "part of the first"
    return f"… {shown} of {piece.total:,} lines shown; all of it: {path}"


def kept_in(result: StepResult, spill: Callable[[str], str]) -> Cut:
    """The file that holds the whole output: the one that was read, the one it was streamed to, or a new one."""
    source = getattr(result.output, "source", None) or getattr(result.output, "spill", None)
    if isinstance(source, str) and source:
        return Cut(result.id, source, None)
    return Cut(result.id, spill(result.id), "new")
