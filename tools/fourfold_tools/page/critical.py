"""The realised critical path: the chain of steps that a run's time was made of, found from its end. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SHARE = 0.002  # of the whole time; shorter waits are the loop's own and no link


@dataclass(frozen=True, slots=True)
class Span:
    """When a step was ready, began and ended, in seconds of the run, and the lane it ran in."""

    ready: float
    began: float
    ended: float
    lane: int | None


@dataclass(frozen=True, slots=True)
class Link:
    """A step of the chain. waited: since the one before it ended. through: `order` where the graph made it wait for
    that one, `room` where it was ready and waited for what that one held, `start` for the first."""

    name: str
    waited: float
    ran: float
    through: str


def realised_path(spans: Mapping[str, Span], preds: Mapping[str, Sequence[str]]) -> list[Link]:
    """First to last. From the step that ended last, each time to what kept it from beginning earlier:

    (1) it was ready and waited: to what ended last before it began, in its own lane where there is such a step;
    (2) else: to the one of its predecessors that ended last.
    """
    if not spans:
        return []
    name = max(spans, key=lambda n: spans[n].ended)
    slack = _SHARE * spans[name].ended
    links: list[Link] = []
    met: set[str] = set()
    while True:
        met.add(name)
        span = spans[name]
        before, through = _before(name, spans, preds, slack)
        if before is None or before in met:
            links.append(Link(name, span.began, span.ended - span.began, "start"))
            return links[::-1]
        links.append(Link(name, max(0.0, span.began - spans[before].ended), span.ended - span.began, through))
        name = before


def _before(
    name: str, spans: Mapping[str, Span], preds: Mapping[str, Sequence[str]], slack: float
) -> tuple[str | None, str]:
    span = spans[name]
    known = [p for p in preds.get(name, ()) if p in spans]
    if span.began - span.ready > slack:
        freed = [
            n
            for n, s in spans.items()
            if n != name and span.ready < s.ended <= span.began + slack and s.began < s.ended
        ]
        if freed:
            return max(freed, key=lambda n: (spans[n].lane == span.lane, spans[n].ended)), "room"
    return max(known, key=lambda n: spans[n].ended, default=None), "order"
