"""The limiter: how many steps of each class run at once over all runs of a server, shared step by step."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from fourfold_tools.engine.pace import Pace
from fourfold_tools.engine.scaling import Change

# A key is a class (`cpu`, `disk`, `net`, `process`) or one host of a class (`net:example.com`).


class Limiter:
    """Slots per key. Each run holds a seat; a free slot goes to the waiting seat that holds fewest.

    turn: the number of slots given so far, by which a request knows whether it went out before or after another.
    """

    def __init__(self, totals: Mapping[str, int], per_host: int) -> None:
        self.totals = dict(totals)
        self._per_host = per_host
        self._used: Counter[str] = Counter()
        self._waiting: dict[str, list[Seat]] = {}
        self.turn = 0
        self._paces: dict[str, Pace] = {}
        self._slowed_at: dict[str, int] = {}

    def join(self, wake: Callable[[], None]) -> "Seat":
        """A seat for one run; `wake` is called when a slot that it waits for may be free."""
        return Seat(self, wake)

    def total(self, key: str) -> int:
        """The slots of a key; a writable number for whoever adapts limits (`totals`)."""
        return self.totals.get(key, self._per_host)

    def slow(self, key: str, turn: int) -> Change | None:
        """Allow a host half of what it had: a request given its slot at `turn` was asked to come less often.

        Requests that were already under way when the host was slowed down last say nothing new.
        """
        if turn <= self._slowed_at.get(key, 0):
            return None
        self._slowed_at[key] = self.turn
        return self._set(key, self._paces.get(key, Pace()).busy(self._per_host), "it answered 429 or 503")

    def ease(self, key: str, turn: int) -> Change | None:
        """Allow a host that was slowed down one more after a streak of good answers, all that it had in the end."""
        if key not in self._paces or turn <= self._slowed_at[key]:
            return None
        return self._set(key, self._paces[key].answered(self._per_host), "its answers are fine again")

    def _set(self, key: str, pace: Pace, reason: str) -> Change | None:
        before = self.total(key)
        self._paces[key] = pace
        if pace.limit is None:
            del self._paces[key]
            self.totals.pop(key, None)
            self._slowed_at.pop(key, None)
        else:
            self.totals[key] = pace.limit
        after = self.total(key)
        return Change(key, before, after, reason) if after != before else None

    def free(self, key: str) -> int:
        return self.total(key) - self._used[key]

    def in_use(self) -> dict[str, int]:
        return {key: n for key, n in sorted(self._used.items()) if n}

    def _may_take(self, seat: "Seat", key: str) -> bool:
        """A slot is free, and nobody waits for it who holds fewer, or as few and was served longer ago."""
        free = self.free(key)
        if free <= 0:
            return False
        ahead = sum(
            1 for other in self._waiting.get(key, ()) if other is not seat and _turn(other, key) < _turn(seat, key)
        )
        return free > ahead

    def _take(self, seat: "Seat", keys: Sequence[str]) -> bool:
        for key in keys:
            if not self._may_take(seat, key):
                self._wait(seat, key)
                return False
        for key in keys:
            self._used[key] += 1
            seat.held[key] += 1
            self.turn += 1
            seat.served[key] = self.turn
        return True

    def _give_back(self, seat: "Seat", keys: Sequence[str]) -> None:
        for key in keys:
            self._used[key] -= 1
            seat.held[key] -= 1
        for key in keys:
            self._wake_next(key)

    def _wait(self, seat: "Seat", key: str) -> None:
        queue = self._waiting.setdefault(key, [])
        if seat not in queue:
            queue.append(seat)

    def _unwait(self, seat: "Seat") -> None:
        """The seat looks anew; whoever stood behind it may go where it wants nothing any more."""
        for key in [k for k, queue in self._waiting.items() if seat in queue]:
            self._waiting[key].remove(seat)
            if not self._waiting[key]:
                del self._waiting[key]

    def _wake_next(self, key: str) -> None:
        queue = self._waiting.get(key)
        if queue and self.free(key) > 0:
            min(queue, key=lambda seat: _turn(seat, key)).wake()

    def rewake(self) -> None:
        """Wake one waiting seat per key that has a free slot; called when a seat has looked and left."""
        for key in list(self._waiting):
            self._wake_next(key)


class Seat:
    """One run's place at the limiter. Mutable: what it holds, and when it was last served, by key."""

    def __init__(self, limiter: Limiter, wake: Callable[[], None]) -> None:
        self._limiter = limiter
        self.wake = wake
        self.held: Counter[str] = Counter()
        self.served: dict[str, int] = {}

    def take(self, keys: Sequence[str]) -> bool:
        """One slot of every key, or none and a place in the queue of the first that is full."""
        return self._limiter._take(self, keys)  # pyright: ignore[reportPrivateUsage]  (one noun, two classes)

    def give_back(self, keys: Sequence[str]) -> None:
        self._limiter._give_back(self, keys)  # pyright: ignore[reportPrivateUsage]  (as above)

    def look_anew(self) -> None:
        """Forget what this seat waited for; it asks again in this pass for what it still wants."""
        self._limiter._unwait(self)  # pyright: ignore[reportPrivateUsage]  (as above)

    def looked(self) -> None:
        """The pass is over: slots that it left free go to whoever waits."""
        self._limiter.rewake()

    def leave(self) -> None:
        self.look_anew()
        self.looked()


def _turn(seat: Seat, key: str) -> tuple[int, int]:
    return seat.held[key], seat.served.get(key, 0)
