"""The queue of units: best first, each taken once, whatever comes back; groups drawn together."""

from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.engine.units import ReadyQueue, Unit
from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import BashStep


def unit(number: int, rank: float = 0.0, keys: tuple[str, ...] = ("process",), group: str | None = None) -> Unit:
    step = BashStep(op="bash", command="true")
    order = (-rank, 0, number, 0)
    return Unit(f"s{number}", number, 0, step, "bash", Effects(), keys, group, order, 0.0)


UNITS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([("cpu",), ("net", "net:a"), ("net", "net:b")])), max_size=20
)


@given(UNITS)
def test_units_leave_best_first(rows: list[tuple[int, tuple[str, ...]]]) -> None:
    queue = ReadyQueue()
    units = [unit(i, rank, keys) for i, (rank, keys) in enumerate(rows)]
    for each in units:
        queue.push(each)
    out: list[Unit] = []
    while best := queue.best(set()):
        assert queue.best(set()) is best, "looking takes nothing"
        out.append(queue.take(best))
    assert out == sorted(units, key=lambda u: u.order)


@given(UNITS, st.sets(st.sampled_from([("cpu",), ("net", "net:a")])))
def test_blocked_slots_hide_their_units_and_no_others(
    rows: list[tuple[int, tuple[str, ...]]], blocked: set[tuple[str, ...]]
) -> None:
    queue = ReadyQueue()
    units = [unit(i, rank, keys) for i, (rank, keys) in enumerate(rows)]
    for each in units:
        queue.push(each)
    out: list[Unit] = []
    while best := queue.best(blocked):
        out.append(queue.take(best))
    assert out == sorted((u for u in units if u.keys not in blocked), key=lambda u: u.order)


@given(st.lists(st.sampled_from(["push", "take", "draw", "back", "drain"]), max_size=60))
def test_whatever_comes_and_goes_each_unit_is_in_the_queue_once(moves: list[str]) -> None:
    queue = ReadyQueue()
    inside: set[Unit] = set()
    outside: list[Unit] = []
    for number, move in enumerate(moves):
        match move:
            case "push":
                new = unit(number, number % 3, group="g" if number % 2 else None)
                queue.push(new)
                inside.add(new)
            case "back" if outside:
                queue.push(outside[0])
                inside.add(outside.pop(0))
            case "take":
                best = queue.best(set())
                assert (best is None) == (not inside)
                if best is not None:
                    assert best in inside
                    inside.remove(queue.take(best))
                    outside.append(best)
            case "draw":
                best = queue.best(set())
                if best is not None:
                    inside.remove(queue.take(best))
                    outside.append(best)
                    for other in queue.companions(best):
                        assert other in inside
                        inside.remove(queue.take(other))
                        outside.append(other)
                    assert best.group is None or all(u.group != best.group for u in inside)
            case "drain":
                drained = queue.drain()
                assert len(drained) == len(inside)
                assert set(drained) == inside
                outside += drained
                inside.clear()
            case _:
                pass


def test_a_companion_that_is_not_taken_ends_the_drawing() -> None:
    queue = ReadyQueue()
    for number in range(4):
        queue.push(unit(number, group="g"))
    first = queue.best(set())
    assert first is not None
    queue.take(first)
    assert [u.id for u in queue.companions(first)] == ["s1"]
    rest = [queue.take(u).id for u in queue.companions(first)]
    assert rest == ["s1", "s2", "s3"]


def test_a_unit_without_a_group_has_no_companions() -> None:
    queue = ReadyQueue()
    queue.push(unit(0))
    alone = unit(1)
    assert list(queue.companions(alone)) == []
