"""The limiter: slots are never exceeded nor lost, seats that wait stay within one of each other, wake-ups arrive."""

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fourfold_tools.engine.limiter import Limiter, Seat


class Run:
    """A seat with work for it: asks in passes, as the scheduler does. `due`: it was woken and has not looked."""

    def __init__(self, limiter: Limiter, wants: list[tuple[str, ...]]) -> None:
        self.seat: Seat = limiter.join(self._wake)
        self.wants = wants
        self.running: list[tuple[str, ...]] = []
        self.due = True

    def _wake(self) -> None:
        self.due = True

    def look(self) -> None:
        """One pass: everything that may start is started."""
        self.due = False
        self.seat.look_anew()
        blocked: set[tuple[str, ...]] = set()
        for keys in list(self.wants):
            if keys in blocked:
                continue
            if self.seat.take(keys):
                self.wants.remove(keys)
                self.running.append(keys)
            else:
                blocked.add(keys)
        self.seat.looked()

    def end(self, which: int) -> None:
        self.seat.give_back(self.running.pop(which))
        self.due = True  # the scheduler looks again after every end

    @property
    def done(self) -> bool:
        return not self.wants and not self.running


KEYS = st.sampled_from([("process",), ("cpu",), ("net", "net:a"), ("net", "net:b")])


@given(st.lists(st.lists(KEYS, min_size=1, max_size=12), min_size=1, max_size=4), st.data())
@hypothesis_settings(max_examples=150, deadline=None)
def test_whatever_the_schedule_slots_hold_and_every_run_gets_through(
    wants: list[list[tuple[str, ...]]], data: st.DataObject
) -> None:
    limiter = Limiter({"process": 2, "cpu": 1, "net": 3}, 2)
    runs = [Run(limiter, want) for want in wants]
    while not all(run.done for run in runs):
        due = [run for run in runs if run.due]
        busy = [run for run in runs if run.running]
        assert due or busy, "a wake-up was lost: work waits, slots are free, nobody looks"
        if due and (not busy or data.draw(st.booleans())):
            data.draw(st.sampled_from(due)).look()
        else:
            run = data.draw(st.sampled_from(busy))
            run.end(data.draw(st.integers(0, len(run.running) - 1)))
        used = limiter.in_use()
        assert all(n <= limiter.total(key) for key, n in used.items())
        for key in used:
            assert used[key] == sum(keys.count(key) for run in runs for keys in run.running)
    assert limiter.in_use() == {}


@given(st.integers(1, 6), st.integers(1, 40), st.integers(1, 40), st.data())
@hypothesis_settings(deadline=None)
def test_two_seats_that_both_wait_stay_within_one_slot_of_each_other(
    slots: int, first: int, second: int, data: st.DataObject
) -> None:
    """From the moment on at which both wait: what one holds from before, it may end, not grow."""
    limiter = Limiter({"process": slots}, 8)
    a, b = (Run(limiter, [("process",)] * n) for n in (first, second))
    gap: int | None = None
    while not (a.done and b.done):
        for run in (a, b):
            while run.due:
                run.look()
        if not (a.wants and b.wants):
            return
        now = abs(a.seat.held["process"] - b.seat.held["process"])
        assert gap is None or now <= max(1, gap), "the fuller seat got fuller while the other waited"
        gap = now
        busy = [run for run in (a, b) if run.running]
        data.draw(st.sampled_from(busy)).end(0)


def test_a_late_seat_gets_every_free_slot_until_it_holds_as_many() -> None:
    limiter = Limiter({"process": 4}, 8)
    a = Run(limiter, [("process",)] * 20)
    a.look()
    b = Run(limiter, [("process",)] * 20)
    b.look()
    held: list[tuple[int, int]] = []
    for _ in range(4):
        a.end(0)
        for run in (a, b):
            while run.due:
                run.look()
        held.append((a.seat.held["process"], b.seat.held["process"]))
    assert held[:2] == [(3, 1), (2, 2)]
    assert all(abs(x - y) <= 1 or (x, y) == (3, 1) for x, y in held)


def test_no_slot_idles_while_the_favoured_seat_wants_nothing_any_more() -> None:
    limiter = Limiter({"process": 1}, 8)
    holder = Run(limiter, [("process",)])
    holder.look()
    favoured, other = Run(limiter, [("process",)]), Run(limiter, [("process",)])
    favoured.look()
    other.look()
    favoured.wants.clear()
    holder.end(0)
    assert favoured.due
    favoured.look()
    assert other.due, "the slot that the favoured seat did not want goes to the next"
    other.look()
    assert other.running


def test_a_seat_that_leaves_wakes_who_stood_behind_it() -> None:
    limiter = Limiter({"process": 1}, 8)
    holder = Run(limiter, [("process",)])
    holder.look()
    gone, other = Run(limiter, [("process",)]), Run(limiter, [("process",)])
    gone.look()
    other.look()
    holder.end(0)
    gone.seat.leave()
    other.look()
    assert other.running


def test_hosts_are_limited_one_by_one_within_the_class() -> None:
    limiter = Limiter({"net": 3}, 2)
    run = Run(limiter, [("net", "net:a")] * 3 + [("net", "net:b")] * 3)
    run.look()
    assert sorted(run.running) == [("net", "net:a")] * 2 + [("net", "net:b")]


def test_lowering_a_total_drains_instead_of_breaking() -> None:
    limiter = Limiter({"process": 4}, 8)
    run = Run(limiter, [("process",)] * 10)
    run.look()
    limiter.totals["process"] = 1
    for _ in range(3):
        run.end(0)
        run.look()
    assert len(run.running) == 1
    run.end(0)
    run.look()
    assert len(run.running) == 1
