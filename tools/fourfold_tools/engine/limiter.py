"""The limiter: how many steps of each class run at once over all runs of a server, shared step by step."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import count

# A key is a class (`cpu`, `disk`, `net`, `process`) or one host of a class (`net:example.com`).


class Limiter:
    """Slots per key. Each run holds a seat; a free slot goes to the waiting seat that holds fewest."""

    def __init__(self, totals: Mapping[str, int], per_host: int) -> None:
        self.totals = dict(totals)
        self._per_host = per_host
        self._used: Counter[str] = Counter()
        self._waiting: dict[str, list[Seat]] = {}
        self._grants = count(1)

    def join(self, wake: Callable[[], None]) -> "Seat":
        """A seat for one run; `wake` is called when a slot that it waits for may be free."""
        return Seat(self, wake)

    def total(self, key: str) -> int:
        """The slots of a key; a writable number for whoever adapts limits (`totals`)."""
        return self.totals.get(key, self._per_host)

    def halve(self, key: str) -> int:
        """Allow a key half of what it had, at least one: its host asked for less. The new number."""
        self.totals[key] = max(1, self.total(key) // 2)
        return self.totals[key]

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
            seat.served[key] = next(self._grants)
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
