"""Nesting: how deep the elements of a page lie in each other, read from its tags as the HTML standard reads them.

An upper bound that needs no tree: a parser may close more than is closed here, never less. So an end tag counts only
where it is one (not in a comment, an attribute or a script) and where it reaches what it closes; and it takes one
element of its name away, nothing else, because that one may have been closed long before, and what is inside not.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_ATTRIBUTES = rb"[\s/]*+(?:[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?+)?+[\s/]*+)*+"
_RAW = rb"script|style|textarea|title|xmp|iframe|noembed|noframes"
# A raw element with its text, a tag with its attributes, a comment, or what stands for one.
_TOKEN = re.compile(
    rb"<(?:(" + _RAW + rb")(?=[\s/>])" + _ATTRIBUTES + rb">.*?(?=</\1[\s/>]|\Z)"
    rb"|(/?[a-z][^\s/>]*+)" + _ATTRIBUTES + rb"|!--(?:-?>|.*?(?:--!?>|\Z))"
    rb"|(!\[cdata\[)[^>]*+|[!?/][^>]*+)",
    re.IGNORECASE | re.DOTALL,
)


def _names(text: bytes) -> frozenset[bytes]:
    return frozenset(text.split())


# Kinds of elements by what their end tag reaches. Walls: no end tag inside of them reaches over; the standard's
# scopes, and the leaves of SVG and MathML that hold HTML again.
_LEAVES = _names(b"foreignobject desc mi mo mn ms mtext annotation-xml")
_WALLS = _LEAVES | _names(b"table object applet marquee template select")
# Blocks: their end tag reaches them whatever is open within them.
_BLOCKS = _names(
    b"address article aside blockquote button center details dialog dir div dl fieldset figcaption figure footer h "
    b"header hgroup listing main menu nav ol pre search section summary ul"
)
_HEADINGS = _names(b"h1 h2 h3 h4 h5 h6")  # each closes any other
# Parts: blocks that the next of their kind closes; their own end tag counts where nothing but phrases is in between.
_CELLS = _names(b"td th tr tbody thead tfoot caption colgroup")  # nothing outside of a table
_PARTS = _CELLS | _names(b"p li dt dd")
# Marks: their end tag takes them out from between what is around and inside; closed from outside they open again.
_MARKS = _names(b"a b big code em font i nobr s small strike strong tt u")
# What no end tag takes off the page, and what is never open.
_LASTING = _names(b"html head body frameset")
_VOID = _names(b"area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr")
# All others are phrases: their end tag reaches to the next special element.
_SPECIAL = _BLOCKS | _PARTS | _LASTING | {b"form"}
_FOREIGN = _names(b"svg math")
_LOOK_BACK = 100  # elements that were opened last, among which an end tag looks; keeps the reading linear
UNKNOWN = 1 << 30  # deeper than any page: scripts or CDATA within a drawing or a formula, which read in two ways


_BITS = 22  # for each kind: no page has more elements than that
_MASK = (1 << _BITS) - 1


@dataclass(slots=True)
class _Room:
    """What is open within one wall: elements in their order, how many of each name, and marks by name.

    outside, inside: weights (see _Reading) of what is open around it, the wall included, and in it.
    """

    wall: bytes
    outside: int
    inside: int = 0
    stack: list[bytes] = field(default_factory=list[bytes])
    names: dict[bytes, int] = field(default_factory=dict[bytes, int])
    marks: dict[bytes, int] = field(default_factory=dict[bytes, int])


def depths(data: bytes, kinds: Sequence[Callable[[bytes], bool]]) -> list[int]:
    """The most elements of each kind that may be open at a time, in one pass that is linear in the page's length.

    kinds: each tells whether an element is one of it by the name in lower case, `h` for all headings.
    """
    return _Reading(kinds).peaks_of(data)


class _Reading:
    """One pass over the tags of a page. Mutable: the rooms that are open, the innermost last.

    A name's weight has a one for each kind that it is of, _BITS apart; so one sum counts all kinds.
    """

    def __init__(self, kinds: Sequence[Callable[[bytes], bool]]) -> None:
        self._kinds = kinds
        self._all = sum(1 << _BITS * at for at in range(len(kinds)))
        self._weights: dict[bytes, int] = {}
        self._rooms = [_Room(b"", 0)]
        self._foreign = dict.fromkeys(_FOREIGN, 0)

    def peaks_of(self, data: bytes) -> list[int]:
        peaks = [0] * len(self._kinds)
        # One token per turn: an opening adds, an end tag takes away what it reaches.
        for raw, tag, cdata in _TOKEN.findall(data):
            if raw or cdata:
                if any(self._foreign.values()):
                    return [UNKNOWN] * len(peaks)
                depth = self._depth() + self._weight(raw.lower())
            else:
                name = tag.lower()
                if name[:1] == b"/":
                    self._close(b"h" if name[1:] in _HEADINGS else name[1:])
                    continue
                if name:
                    self._open(b"h" if name in _HEADINGS else name)
                depth = self._depth()
            for at, peak in enumerate(peaks):
                if depth >> _BITS * at & _MASK > peak:
                    peaks[at] = depth >> _BITS * at & _MASK
        return peaks

    def _weight(self, name: bytes) -> int:
        weight = self._weights.get(name)
        if weight is None:
            weight = sum(1 << _BITS * at for at, counted in enumerate(self._kinds) if counted(name))
            self._weights[name] = weight
        return weight

    def _depth(self) -> int:
        room = self._rooms[-1]
        return room.outside + room.inside

    def _open(self, name: bytes) -> None:
        room = self._rooms[-1]
        if name in self._foreign:
            self._foreign[name] += 1
        foreign = any(self._foreign.values())
        if foreign:
            weight = self._all  # what is flat in HTML nests there
        elif name in _VOID or (name in _CELLS and room.wall not in {b"table", b"template"}):
            return
        else:
            weight = self._weight(name)
        if name in _WALLS:
            self._rooms.append(_Room(name, room.outside + room.inside + weight))
            return
        room.inside += weight
        if name in _MARKS:
            room.marks[name] = room.marks.get(name, 0) + 1
            return
        if not foreign and name in _PARTS and room.names.get(name) and (at := self._innermost(name)) is not None:
            self._take(name, at)
        room.stack.append(name)
        room.names[name] = room.names.get(name, 0) + 1

    def _close(self, name: bytes) -> None:
        room = self._rooms[-1]
        if name in _WALLS:
            self._leave(name)
        elif name in _MARKS:
            if room.marks.get(name):
                room.marks[name] -= 1
                room.inside -= self._weight(name)
        elif not room.names.get(name) or name in _LASTING:
            return
        elif name in _BLOCKS:
            self._take(name, self._last(name))
        elif (name != b"form" or not any(room.marks.values())) and (at := self._innermost(name)) is not None:
            self._take(name, at)
            if name in self._foreign:
                self._foreign[name] -= 1

    def _leave(self, name: bytes) -> None:
        """Close a wall: the innermost one, or a table or template further out."""
        for at in range(len(self._rooms) - 1, max(0, len(self._rooms) - _LOOK_BACK), -1):
            wall = self._rooms[at].wall
            if wall == name:
                if name not in _LEAVES or self._only_phrases():
                    self._tear_down(at)
                return
            if name != b"template" and (name != b"table" or wall == b"template"):
                return

    def _tear_down(self, at: int) -> None:
        """Take a wall away, and no other; what is open in its room stays open in the one around."""
        around, room = self._rooms[at - 1], self._rooms.pop(at)
        wall = room.outside - around.outside - around.inside
        around.inside += room.inside
        # Only what is in reach moves, behind something that no phrase is reached through; the smaller table moves.
        far = len(room.stack) > _LOOK_BACK
        around.stack += [b"html", *room.stack[-_LOOK_BACK:]] if far else room.stack
        around.names = _joined(around.names, room.names)
        around.marks = _joined(around.marks, room.marks)
        for inner in self._rooms[at:]:
            inner.outside -= wall

    def _only_phrases(self) -> bool:
        stack = self._rooms[-1].stack
        return len(stack) < _LOOK_BACK and _SPECIAL.isdisjoint(stack)

    def _last(self, name: bytes) -> int | None:
        stack = self._rooms[-1].stack
        return next((at for at in range(len(stack) - 1, self._least(), -1) if stack[at] == name), None)

    def _innermost(self, name: bytes) -> int | None:
        """Where an element is open with nothing but a few phrases inside of it."""
        stack = self._rooms[-1].stack
        for at in range(len(stack) - 1, self._least(), -1):
            if stack[at] == name:
                return at
            if stack[at] in _SPECIAL:
                return None
        return None

    def _least(self) -> int:
        return max(-1, len(self._rooms[-1].stack) - _LOOK_BACK)

    def _take(self, name: bytes, at: int | None) -> None:
        """Count an element no more, and take it off the stack where it is still in reach."""
        room = self._rooms[-1]
        room.names[name] -= 1
        room.inside -= self._weight(name)
        if at is not None:
            del room.stack[at]


def _joined(some: dict[bytes, int], others: dict[bytes, int]) -> dict[bytes, int]:
    """The sums by name, in the larger of the two."""
    small, large = sorted((some, others), key=len)
    for name, count in small.items():
        large[name] = large.get(name, 0) + count
    return large
