"""Cutting: a text fitted into a number of tokens, head and tail, with the lines counted. Pure."""

from dataclasses import dataclass

from fourfold_tools.context.tokens import Kind, estimate
from fourfold_tools.model.output import split_lines

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


def cut(body: str, tokens: int, kind: Kind, head_share: float) -> Piece:
    """The body itself where it fits, else its first and last lines with `…` between.

    tokens: what the piece may cost, by the same estimate. head_share: part of the room that the head gets; 1.0
    shows no tail. A first line too long for the room is shown in part (then `shown` is 0).
    """
    total = len(split_lines(body)) if body else 0
    whole = estimate(body, kind)
    if whole <= tokens or not body:
        return Piece(body, total, total)
    room = max(0, int(len(body) * tokens / whole) - 2)
    while room > 0:
        piece = _take(body, room, total, head_share)
        if estimate(piece.text, kind) <= tokens:
            return piece
        room = room * 9 // 10 - 1
    return Piece("", 0, total)


def _take(body: str, room: int, total: int, head_share: float) -> Piece:
    head = _first_lines(body, int(room * head_share))
    tail = _last_lines(body[len(head) :], room - len(head)) if head_share < 1 else ""
    if not head and not tail:
        return Piece(body[: max(0, room - 1)] + _GAP, 0, total)
    shown = _count(head) + _count(tail)
    return Piece(f"{head}{_GAP}\n{tail}" if tail else head.removesuffix("\n"), shown, total)


def _first_lines(text: str, room: int) -> str:
    """Whole lines from the start that fit into `room` characters, with their newlines."""
    return text[: text.rfind("\n", 0, max(0, room)) + 1]


def _last_lines(text: str, room: int) -> str:
    """Whole lines from the end that fit into `room` characters."""
    if room <= 0 or room >= len(text):
        return ""
    at = text.find("\n", len(text) - room)
    return text[at + 1 :] if 0 <= at < len(text) - 1 else ""


def _count(text: str) -> int:
    return len(split_lines(text)) if text else 0
