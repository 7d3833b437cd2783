"""Several streams on the same work: the outlier is named, and what it has to run again."""

from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.mathver.cross_check import Stream, cross_check

GOOD = {"a": "1", "b": "2", "c": "3"}

streams = st.lists(
    st.builds(
        Stream,
        st.uuids().map(str),
        st.none() | st.floats(0.01, 100),
        st.dictionaries(st.sampled_from("abcd"), st.none() | st.sampled_from(["1", "2"])),
    ),
    max_size=6,
)


def test_streams_that_agree_are_valid() -> None:
    found = cross_check([Stream("one", 1.0, GOOD), Stream("two", 1.1, GOOD), Stream("three", 1.2, GOOD)])
    assert (found.verdict.state, found.outlier, found.slow, found.quality) == ("VALID", None, (), 1.0)
    assert found.median_s == 1.1


def test_the_stream_against_the_majority_is_named_with_its_steps() -> None:
    found = cross_check([Stream("one", 1.0, GOOD), Stream("two", 1.0, GOOD), Stream("odd", 1.0, {**GOOD, "b": "9"})])
    assert (found.verdict.state, found.outlier) == ("INVALID", "odd")
    assert found.streams[2].again == ("b",)
    assert found.verdict.reason == "odd stands apart: run again b."
    assert found.data()["again"] == {"odd": ["b"]}


def test_a_stream_that_fell_short_has_its_missing_steps_run_again() -> None:
    found = cross_check(
        [Stream("one", 1.0, GOOD), Stream("two", 1.0, GOOD), Stream("short", 1.0, {"a": "1", "b": None})]
    )
    assert (found.verdict.state, found.outlier) == ("UNVERIFIED", "short")
    assert found.streams[2].again == ("b", "c")
    assert found.streams[2].quality == 1 / 3


def test_two_streams_that_differ_are_in_dispute_and_neither_is_named() -> None:
    found = cross_check([Stream("one", 1.0, GOOD), Stream("two", 1.0, {**GOOD, "b": "9"})])
    assert (found.verdict.state, found.outlier, found.disputed) == ("UNVERIFIED", None, ("b",))


def test_one_stream_proves_nothing() -> None:
    assert cross_check([Stream("one", 1.0, GOOD)]).verdict.state == "UNVERIFIED"
    assert cross_check([]).verdict.state == "UNVERIFIED"


def test_a_stream_far_slower_than_the_others_is_an_outlier_in_time() -> None:
    made = [Stream(name, s, GOOD) for name, s in [("a", 1.0), ("b", 1.05), ("c", 0.97), ("d", 4.0)]]
    assert cross_check(made).slow == ("d",)
    alike = [Stream(name, s, GOOD) for name, s in [("a", 1.0), ("b", 1.0), ("c", 1.0), ("d", 1.1)]]
    assert cross_check(alike).slow == ()


@given(streams)
def test_a_majority_never_runs_again_what_it_agrees_on(made: list[Stream]) -> None:
    found = cross_check(made)
    for stream, figures in zip(made, found.streams, strict=True):
        for piece in figures.deviates:
            others = [s.results.get(piece) for s in made]
            assert others.count(stream.results[piece]) * 2 <= sum(r is not None for r in others)
    assert found.verdict.state != "VALID" or len(made) > 1


def test_a_piece_that_only_one_stream_has_is_agreed_on_by_nobody() -> None:
    found = cross_check([Stream("one", 1.0, GOOD), Stream("two", 1.0, GOOD), Stream("more", 1.0, {**GOOD, "z": "1"})])
    assert found.disputed == ("z",)
    assert [s.missing for s in found.streams] == [("z",), ("z",), ()]
    assert found.verdict.state == "UNVERIFIED"
