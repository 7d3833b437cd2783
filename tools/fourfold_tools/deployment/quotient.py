"""The quotient: groups of nodes as nodes of one graph, growing together only where that leaves it acyclic. Pure."""

from collections.abc import Sequence


class Quotient:
    """Groups that start as single nodes. Mutable: they grow by merging, never beyond `most` nodes.

    Two groups may merge unless a path leads from one to the other through a third. `_rank` is a number that grows
    along every edge, so a search for such a path stays between the ranks of the two.
    """

    def __init__(self, preds: Sequence[Sequence[int]], succs: Sequence[Sequence[int]], most: int) -> None:
        self._home = list(range(len(preds)))
        self._members = {v: [v] for v in range(len(preds))}
        self._preds = {v: set(p) for v, p in enumerate(preds)}
        self._succs = {v: set(s) for v, s in enumerate(succs)}
        self._most = most
        self._rank = self._ranked()

    def merge(self, v: int, w: int) -> bool:
        """Put the groups of two nodes together; False where they are one, too large, or it would close a ring."""
        a, b = self._home[v], self._home[w]
        if a == b or len(self._members[a]) + len(self._members[b]) > self._most or self._joined_around(a, b):
            return False
        self._join(a, b)
        return True

    def fill(self, order: Sequence[int]) -> None:
        """Bring small groups together, those that complete each other exactly first, near ones before far ones.

        order: a topological order of the nodes; neighbours in it rarely have a path around them.
        """
        for missing in range(self._most):
            by_size = self._by_size(order)
            for a in [g for groups in by_size.values() for g in groups]:
                if a in self._members:
                    self._fill_one(a, by_size, missing)

    def groups(self) -> list[list[int]]:
        """The groups in a topological order, each with its nodes ascending."""
        self._rank = self._ranked()
        return [sorted(self._members[a]) for a in sorted(self._members, key=self._rank.__getitem__)]

    def _fill_one(self, a: int, by_size: dict[int, list[int]], missing: int) -> None:
        """Merge `a` with the nearest group that leaves at most `missing` places free."""
        size = len(self._members[a])
        for want in range(self._most - size, max(0, self._most - size - missing - 1), -1):
            near = [b for b in by_size.get(want, ()) if b != a and len(self._members.get(b, ())) == want]
            near.sort(key=lambda b: (not self._close(a, b), abs(self._rank[b] - self._rank[a]), b))
            for b in near[:_TRIED]:
                if not self._joined_around(a, b):
                    self._join(a, b)
                    return

    def _close(self, a: int, b: int) -> bool:
        """Whether the groups share a neighbour or are neighbours."""
        mine, theirs = self._preds[a] | self._succs[a], self._preds[b] | self._succs[b]
        return b in mine or not mine.isdisjoint(theirs)

    def _by_size(self, order: Sequence[int]) -> dict[int, list[int]]:
        out: dict[int, list[int]] = {}
        for a in dict.fromkeys(self._home[v] for v in order):
            if len(self._members[a]) < self._most:
                out.setdefault(len(self._members[a]), []).append(a)
        return dict(sorted(out.items(), reverse=True))

    def _joined_around(self, a: int, b: int) -> bool:
        """Whether a path of two edges or more leads from one group to the other."""
        if self._rank[a] > self._rank[b]:
            a, b = b, a
        end = self._rank[b]
        stack = [s for s in self._succs[a] if s != b]
        seen = set(stack)
        while stack:
            v = stack.pop()
            for s in self._succs[v]:
                if s == b:
                    return True
                if s not in seen and self._rank[s] < end:
                    seen.add(s)
                    stack.append(s)
        return False

    def _join(self, a: int, b: int) -> None:
        for other in self._preds.pop(b):
            self._succs[other].discard(b)
            if other != a:
                self._succs[other].add(a)
                self._preds[a].add(other)
        for other in self._succs.pop(b):
            self._preds[other].discard(b)
            if other != a:
                self._preds[other].add(a)
                self._succs[a].add(other)
        for v in self._members[b]:
            self._home[v] = a
        self._members[a] += self._members.pop(b)
        self._rerank(a, b)

    def _rerank(self, a: int, b: int) -> None:
        """Restore the ranks around a merged group: it keeps the lower one, or all are counted anew."""
        lower = max((self._rank[p] for p in self._preds[a]), default=-1.0)
        upper = min((self._rank[s] for s in self._succs[a]), default=float("inf"))
        for rank in (self._rank[a], self._rank[b]):
            if lower < rank < upper:
                self._rank[a] = rank
                del self._rank[b]
                return
        self._rank = self._ranked()

    def _ranked(self) -> dict[int, float]:
        """Places in a topological order."""
        missing = {a: len(self._preds[a]) for a in self._members}
        ready = [a for a, m in missing.items() if not m]
        rank: dict[int, float] = {}
        for a in ready:
            rank[a] = float(len(rank))
            for s in self._succs[a]:
                missing[s] -= 1
                if not missing[s]:
                    ready.append(s)
        assert len(rank) == len(self._members), "the quotient holds a cycle"
        return rank


_TRIED = 40  # partners that one group tries before it stays alone
