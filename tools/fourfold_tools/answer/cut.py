"""Cutting: a text fitted into a number of tokens, head and tail, with the lines counted. Pure."""

from dataclasses import dataclass

from fourfold_tools.answer.body import Body
from fourfold_tools.context.tokens import Kind, estimate

_GAP = "…"


@dataclass(frozen=True, slots=True)
class Piece:
    """What is shown of a body: the text, how many of its lines it holds whole, and how many there are."""

    text: str
    shown: int
    total: int

    @property
    def whole(self) -> bool:
        return self.shown == self.total


def cut(body: Body, tokens: int, kind: Kind, head_share: float, cost: int | None = None) -> Piece:
    """The body itself where it fits, else its first and last lines with `…` between.

    tokens: what the piece may cost, by the same estimate; cost: what the body costs, where that is known.
    head_share: part of the room that the head gets; 1.0 shows no tail. A first line too long for the room is shown
    in part (then `shown` is 0).
    """
    total, whole = body.lines, body.cost(kind) if cost is None else cost
    if whole <= tokens or not body.text:
        return Piece(body.whole(), total, total)
    room = max(0, int(body.chars * tokens / whole) - 2)
    while room > 0:
        piece = _take(body, room, total, head_share)
        if estimate(piece.text, kind) <= tokens:
            return piece
        room = room * 9 // 10 - 1
    return Piece("", 0, total)


def _take(body: Body, room: int, total: int, head_share: float) -> Piece:
    most = int(room * head_share)
    head = _first_lines(body.head(most), most)
    left = room - len(head)
    tail = _last_lines(body.tail(left)) if head_share < 1 and 0 < left < body.chars - len(head) else ""
    if not head and not tail:
        return Piece(body.head(room)[: max(0, room - 1)] + _GAP, 0, total)
    shown = _count(head) + _count(tail)
    return Piece(f"{head}{_GAP}\n{tail}" if tail else head.removesuffix("\n"), shown, total)


def _first_lines(text: str, room: int) -> str:
    """Whole lines from the start that fit into `room` characters, with their newlines."""
    return text[: text.rfind("\n", 0, max(0, room)) + 1]


def _last_lines(text: str) -> str:
    """What stands behind the first newline."""
    return text[text.find("\n") + 1 :] if "\n" in text else ""


def _count(text: str) -> int:
    return Body.of(text).lines
