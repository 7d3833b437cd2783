"""Who is alive, by beats as one process sees them."""

from fourfold_tools.fleet.presence import Watcher, this_worker

FAR, NEAR = "other.1234/10:1", "other.1234/11:1"


def test_a_process_is_gone_when_its_beat_has_not_changed_for_long_enough() -> None:
    watcher = Watcher(20.0)
    for second in range(20):
        assert watcher.look({FAR: 1, NEAR: second}, second) == set()
    assert watcher.look({FAR: 1, NEAR: 20}, 20.0) == {FAR}
    assert watcher.look({FAR: 2, NEAR: 21}, 21.0) == set()


def test_time_in_which_the_database_was_away_does_not_count() -> None:
    watcher = Watcher(20.0)
    for second in range(19):
        watcher.look({FAR: 1}, second)
    assert watcher.look({FAR: 1}, 40.0) == set()
    for second in range(41, 60):
        assert watcher.look({FAR: 1}, second) == set()
    assert watcher.look({FAR: 1}, 60.0) == {FAR}


def test_a_dead_process_of_this_machine_is_seen_at_once() -> None:
    host = this_worker().rpartition("/")[0]
    watcher = Watcher(20.0)
    assert watcher.look({this_worker(): 1, f"{host}/999999999:1": 1}, 0.0) == {f"{host}/999999999:1"}
