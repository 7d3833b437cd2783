"""The bars of a run: what each step did over time, as segments, with one sentence that says it all. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fourfold_tools.answer.words import seconds
from fourfold_tools.model.result import StepResult
from fourfold_tools.page.chart import Bar, Segment
from fourfold_tools.page.critical import Span

_WAITS = {
    "width": "all lanes were busy",
    "path": "another step held its path",
    "one at a time": "its class ran one at a time",
}
_MOST_NAMED = 4
_LEAST_TOGETHER = 4  # sub-steps that share a row of the chart; fewer have rows of their own


def bars_of(results: Sequence[StepResult], preds: Mapping[str, Sequence[str]], on_path: set[str]) -> list[Bar]:
    """The bars of a run's steps, in order of their start; what never started comes last."""
    ordered = sorted(results, key=_by_start)
    return [_bars_as_one(group, preds, on_path) for group in _together(ordered)]


def span_of(r: StepResult) -> Span | None:
    """When a step was ready, began and ended; None of one that never ran itself."""
    if r.started_s is None or r.duration_s is None or r.same_as is not None:
        return None
    ready = r.started_s if r.queued_s is None else min(r.queued_s, r.started_s)
    return Span(ready, r.started_s, r.started_s + r.duration_s, r.lane)


def _by_start(r: StepResult) -> tuple[float, float, tuple[int, int]]:
    start = float("inf") if r.started_s is None or r.same_as else r.started_s
    return start, r.queued_s or 0.0, r.index


def _together(ordered: Sequence[StepResult]) -> list[list[StepResult]]:
    """Sub-steps of one step that ran in one lane after each other or together and ended alike are one row."""
    groups: list[list[StepResult]] = []
    for r in ordered:
        last = groups[-1][-1] if groups else None
        alike = last is not None and r.parent and not r.tries and not last.tries
        if (
            last
            and alike
            and (r.parent, r.state, r.lane, r.same_as) == (last.parent, last.state, last.lane, last.same_as)
        ):
            groups[-1].append(r)
        else:
            groups.append([r])
    return [part for group in groups for part in ([group] if len(group) >= _LEAST_TOGETHER else [[r] for r in group])]


def _bars_as_one(group: Sequence[StepResult], preds: Mapping[str, Sequence[str]], on_path: set[str]) -> Bar:
    first = min(group, key=lambda r: r.index)
    bar = _bar(first, preds.get(first.id, ()), any(r.id in on_path for r in group))
    spans = [span for r in group if (span := span_of(r))]
    if len(group) == 1 or not spans:
        return bar
    ready, began, ended = min(s.ready for s in spans), min(s.began for s in spans), max(s.ended for s in spans)
    segments = (Segment("wait", ready, began), Segment("run", began, ended))
    what = (
        f"{len(group)} sub-steps, {worded(first.state)}; started at {seconds(began)}, took {seconds(ended - began)}"
    )
    return replace(
        bar,
        name=first.parent or first.id,
        title=f"{len(group)} × {first.op}",
        segments=segments,
        told=f"{first.parent}: {what}; lane {(first.lane or 0) + 1}"
        + ("; on the critical path" if bar.critical else ""),
        aside=seconds(ended - began) + ("" if first.state == "ok" else f" · {worded(first.code or first.state)}"),
    )


def _bar(r: StepResult, preds: Sequence[str], critical: bool) -> Bar:
    span = span_of(r)
    segments: list[Segment] = []
    if span is not None:
        if span.began > span.ready:
            segments.append(Segment("wait", span.ready, span.began))
        segments += _tries(r, span)
    return Bar(
        key=r.id,
        name=r.id,
        title=r.title,
        state=r.state,
        segments=tuple(segments),
        critical=critical,
        told=_told(r, span, preds, critical),
        aside=_aside(r, span),
        lane=r.lane if span else None,
    )


def _tries(r: StepResult, span: Span) -> list[Segment]:
    if not r.tries:
        return [Segment("run", span.began, span.ended)]
    segments: list[Segment] = []
    for one in r.tries:
        if segments:
            segments.append(Segment("pause", segments[-1].end, one.started_s))
        last = one is r.tries[-1]
        segments.append(Segment("run" if last else "failed", one.started_s, max(one.started_s, one.ended_s)))
    return segments


def _aside(r: StepResult, span: Span | None) -> str:
    if r.same_as:
        return f"same as {r.same_as}"
    if span is None:
        return f"{worded(r.state)}, blocked by {', '.join(r.blocked_by)}" if r.blocked_by else worded(r.state)
    took = seconds(span.ended - span.began)
    tries = f" · {r.attempts} tries" if r.attempts > 1 else ""
    return took + tries + ("" if r.state == "ok" else f" · {worded(r.code or r.state)}")


def _told(r: StepResult, span: Span | None, preds: Sequence[str], critical: bool) -> str:
    parts = [f"{r.id}: {r.title}, {worded(r.state)}"]
    if r.code and r.code != r.state:
        parts.append(worded(r.code))
    if r.same_as:
        parts.append(f"shares the result of {r.same_as}")
    if r.blocked_by:
        parts.append(f"blocked by {', '.join(r.blocked_by)}")
    if span is not None:
        if span.began - span.ready > 0.0005:
            parts.append(f"ready at {seconds(span.ready)}, waited {seconds(span.began - span.ready)}{why_of(r)}")
        parts.append(f"started at {seconds(span.began)}, took {seconds(span.ended - span.began)}")
        parts.append("" if r.lane is None else f"lane {r.lane + 1}")
    if r.attempts > 1:
        parts.append(f"{r.attempts} tries")
    if preds:
        more = f" and {len(preds) - _MOST_NAMED} more" if len(preds) > _MOST_NAMED else ""
        parts.append(f"after {', '.join(preds[:_MOST_NAMED])}{more}")
    if critical:
        parts.append("on the critical path")
    return "; ".join(part for part in parts if part)


def why_of(r: StepResult) -> str:
    """What kept it waiting, in brackets; empty where nothing did."""
    if not r.waited_for:
        return ""
    kind, _, key = r.waited_for.partition(" ")
    return f" ({f'every {key} slot was in use' if kind == 'slot' else _WAITS.get(r.waited_for, r.waited_for)})"


def worded(state: str) -> str:
    """A state or code as words."""
    return state.replace("_", " ")
