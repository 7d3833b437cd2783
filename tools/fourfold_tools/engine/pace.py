"""A pace: how many of one class, or at one host, run at once after trouble, and how that finds its way back. Pure."""

from dataclasses import dataclass

REPEATED = 2  # contentions in reach of each other, after which a class runs one at a time
FORGOTTEN = 16  # clean ends in a row that make an earlier contention a thing of the past
STREAK = 4  # clean ends in a row, at the least, after which twice as many of the class run at once
MOST_PATIENCE = 8  # a class that fails again on its way back needs twice as many, up to so many times


@dataclass(frozen=True, slots=True)
class Pace:
    """limit: how many at once, None where trouble sets no limit. Constants are judgement, in the way of AIMD.

    trouble: contentions that are not forgotten. clean: good ends in a row. patience: what STREAK is multiplied with.
    """

    limit: int | None = None
    trouble: int = 0
    clean: int = 0
    patience: int = 1

    def contended(self) -> "Pace":
        """After a step that failed for want of a shared thing: one at a time once that repeats."""
        if self.limit is not None:
            return Pace(1, REPEATED, 0, min(MOST_PATIENCE, 2 * self.patience))
        trouble = self.trouble + 1
        return Pace(1 if trouble >= REPEATED else None, trouble, 0, self.patience)

    def busy(self, ceiling: int) -> "Pace":
        """After a host that asked for fewer requests: half as many."""
        return Pace(max(1, (self.limit or ceiling) // 2))

    def ended_well(self, ceiling: int) -> "Pace":
        """After a good end of a class: twice as many after a streak, no limit of its own from `ceiling` on."""
        clean = self.clean + 1
        if self.limit is None:
            return Pace() if clean >= FORGOTTEN else Pace(None, self.trouble, clean, self.patience)
        if clean < self.patience * max(STREAK, self.limit):
            return Pace(self.limit, self.trouble, clean, self.patience)
        wider = 2 * self.limit
        return Pace(wider if wider < ceiling else None, patience=self.patience)

    def answered(self, ceiling: int) -> "Pace":
        """After a good answer of a host: one more after as many in a row as may be asked at once, up to `ceiling`."""
        clean = self.clean + 1
        if self.limit is None or clean < self.limit:
            return Pace(self.limit, clean=clean)
        return Pace(self.limit + 1 if self.limit + 1 < ceiling else None)
