"""Path locks: writers alone, no reader before an earlier writer, all or nothing, nobody forgotten."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fourfold_tools.engine.locks import Claim, PathLocks
from fourfold_tools.model.effects import Effects, conflict

PATTERNS = st.frozensets(st.sampled_from(["/w/a", "/w/b", "/w/c", "/w/**", "/v/x"]), max_size=3)
EFFECTS = st.builds(Effects, reads=PATTERNS, writes=PATTERNS)


class Site:
    """Claims under way: who holds, who waits, who was woken and has not looked yet."""

    def __init__(self) -> None:
        self.locks = PathLocks()
        self.held: list[Claim] = []
        self.waiting: list[Claim] = []
        self.woken: list[Claim] = []

    def ask(self, effects: Effects) -> None:
        claim = self.locks.claim(effects, lambda: self.woken.append(claim))
        self.waiting.append(claim)
        self.try_(claim)

    def try_(self, claim: Claim) -> None:
        if self.locks.take(claim):
            self.waiting.remove(claim)
            self.held.append(claim)

    def drop(self, claim: Claim) -> None:
        (self.held if claim in self.held else self.waiting).remove(claim)
        self.locks.drop(claim)

    def settle(self, pick: Callable[[int], int]) -> None:
        """Whoever was woken looks again, in any order."""
        while self.woken:
            claim = self.woken.pop(pick(len(self.woken)))
            if claim in self.waiting:
                self.try_(claim)

    def check(self) -> None:
        for i, a in enumerate(self.held):
            for b in self.held[i + 1 :]:
                assert conflict(a.effects, b.effects) is None, "two in conflict hold at once"
        for i, claim in enumerate(self.waiting):
            ahead = [*self.held, *self.waiting[:i]]
            assert any(conflict(other.effects, claim.effects) for other in ahead), "somebody waits for nothing"


@given(st.lists(EFFECTS, min_size=1, max_size=12), st.data())
@hypothesis_settings(max_examples=150)
def test_conflicting_claims_exclude_each_other_and_no_wakeup_is_lost(
    effects: list[Effects], data: st.DataObject
) -> None:
    site = Site()
    todo = list(effects)
    while todo or site.held or site.waiting:
        moves = ["ask"] * bool(todo) + ["end"] * bool(site.held) + ["leave"] * bool(site.waiting)
        match data.draw(st.sampled_from(moves)):
            case "ask":
                site.ask(todo.pop())
            case "end":
                site.drop(site.held[data.draw(st.integers(0, len(site.held) - 1))])
            case _:
                site.drop(site.waiting[data.draw(st.integers(0, len(site.waiting) - 1))])
        site.settle(lambda n: data.draw(st.integers(0, n - 1)))
        site.check()


@given(st.lists(EFFECTS, min_size=1, max_size=12))
def test_when_holders_end_everybody_gets_through(effects: list[Effects]) -> None:
    site = Site()
    for each in effects:
        site.ask(each)
    ended = 0
    while site.held:
        site.drop(site.held[0])
        ended += 1
        site.settle(lambda n: n - 1)
    assert ended == len(effects)
    assert not site.waiting


def test_a_reader_does_not_overtake_a_waiting_writer() -> None:
    site = Site()
    reader = Effects(reads=frozenset({"/w/a"}))
    writer = Effects(writes=frozenset({"/w/a"}))
    for each in (reader, writer, reader):
        site.ask(each)
    assert [c.effects for c in site.held] == [reader]
    site.drop(site.held[0])
    site.settle(lambda _: 0)
    assert [c.effects for c in site.held] == [writer]
    site.drop(site.held[0])
    site.settle(lambda _: 0)
    assert [c.effects for c in site.held] == [reader]


def test_writers_of_one_path_take_turns_in_order_of_arrival() -> None:
    site = Site()
    for number in range(5):
        site.ask(Effects(writes=frozenset({"/w/a"}), reads=frozenset({f"/r/{number}"})))
    order: list[str] = []
    while site.held:
        [claim] = site.held
        order += claim.effects.reads
        site.drop(claim)
        site.settle(lambda n: n - 1)
    assert order == [f"/r/{n}" for n in range(5)]


def test_a_claim_takes_all_of_its_paths_or_none() -> None:
    site = Site()
    site.ask(Effects(writes=frozenset({"/w/a"})))
    site.ask(Effects(writes=frozenset({"/w/a", "/w/b"})))
    site.drop(site.waiting[0])
    site.ask(Effects(writes=frozenset({"/w/b"})))
    assert len(site.held) == 2, "what only waited for /w/a holds nothing of /w/b"


def test_readers_share() -> None:
    site = Site()
    for _ in range(3):
        site.ask(Effects(reads=frozenset({"/w/**"})))
    assert len(site.held) == 3
