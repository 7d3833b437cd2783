"""Writing and loading handoffs over a real store: whole or not at all, true to what ran, one folder at a time."""

import json
from pathlib import Path

import pytest
from runtimes import opened, run

from fourfold_tools.context.tokens import estimate
from fourfold_tools.errors import InvalidRequest, NotFound
from fourfold_tools.handoff import HandoffRequest, handoff
from fourfold_tools.handoffs import write
from fourfold_tools.handoffs.document import MOST_TOKENS, Handoff
from fourfold_tools.runtime import Runtime
from fourfold_tools.store.owner import this_process
from fourfold_tools.store.plans import Plans

pytestmark = pytest.mark.anyio


async def written(runtime: Runtime) -> dict[str, object]:
    reply = await handoff(runtime, HandoffRequest(action="write"))
    assert reply.structured is not None
    return reply.structured


async def loaded(runtime: Runtime, name: object) -> dict[str, object]:
    reply = await handoff(runtime, HandoffRequest(action="load", id=str(name)))
    assert reply.structured is not None
    return reply.structured


async def test_it_tells_what_is_done_what_failed_and_what_changed_since(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        (tmp_path / "work" / "a.txt").write_text("before\n", encoding="utf-8")
        await run(
            runtime,
            {"id": "look", "op": "read", "path": "a.txt"},
            {"id": "bad", "op": "read", "path": "missing.txt"},
            {"id": "none", "op": "read", "path": "a.txt", "needs": ["bad"]},
        )
        document = await written(runtime)
        [stored] = await runtime.runs.recent(1)
        assert document["runs"] == [stored.id]
        [line] = document["done"]  # type: ignore[misc]
        assert line.startswith(f"{stored.id}: 1 ok, 1 failed, 1 skipped (look, bad, none)")
        [failure] = document["failures"]  # type: ignore[misc]
        assert failure.startswith(f"{stored.id}/bad: read missing.txt: File does not exist")
        (tmp_path / "work" / "a.txt").write_text("after\n", encoding="utf-8")
        now = await loaded(runtime, document["id"])
        assert now["changed"] == [f"{(tmp_path / 'work' / 'a.txt').resolve()}: changed"]
        assert now["next"] == []


async def test_both_files_are_there_whole_and_nothing_beside_them(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        document = await written(runtime)
        folder = tmp_path / "state" / "handoffs"
        assert sorted(p.name for p in folder.iterdir()) == [f"{document['id']}.json", f"{document['id']}.md"]
        data = json.loads((folder / f"{document['id']}.json").read_text(encoding="utf-8"))
        assert data == document
        markdown = (folder / f"{document['id']}.md").read_text(encoding="utf-8")
        assert markdown == Handoff.of(data).markdown()
        assert estimate(markdown, "prose") <= MOST_TOKENS


def test_a_write_that_breaks_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Handoff("h-abcd", "now", "", "/w", "first")
    write._save(tmp_path, first)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write._save(tmp_path, Handoff("h-abcd", "now", "", "/w", "second"))
    monkeypatch.undo()
    assert json.loads((tmp_path / "h-abcd.json").read_text(encoding="utf-8"))["goal"] == "first"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h-abcd.json", "h-abcd.md"]


@pytest.mark.parametrize("goal", ["half an emoji \ud83d", "bytes \udcff", 'quotes " and \\ and\nlines', "漢字 🚀"])
def test_any_text_can_be_written_and_comes_back(tmp_path: Path, goal: str) -> None:
    write._save(tmp_path, Handoff("h-abcd", "now", "", "/w", goal))
    data = json.loads((tmp_path / "h-abcd.json").read_text(encoding="utf-8"))
    assert Handoff.of(data).goal == goal


async def test_a_new_server_loads_what_another_wrote_and_lists_its_own_folder_only(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        first = await written(runtime)
    async with opened(tmp_path) as runtime:
        second = await written(runtime)
        write._save(tmp_path / "state" / "handoffs", Handoff("h-zzzz", "now", "", "/elsewhere", "other"))
        (tmp_path / "state" / "handoffs" / "h-torn.json").write_text('{"id": "h-to', encoding="utf-8")
        reply = await handoff(runtime, HandoffRequest(action="list"))
        assert reply.structured is not None
        assert {row["id"] for row in reply.structured["handoffs"]} == {first["id"], second["id"]}
        assert (await loaded(runtime, first["id"]))["id"] == first["id"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (None, InvalidRequest),
        ("../h-abcd", InvalidRequest),
        ("h-abcd/../../x", InvalidRequest),
        ("h-none", NotFound),
        ("h-torn", NotFound),
    ],
)
async def test_what_is_not_there_or_no_name_is_refused(
    tmp_path: Path, name: str | None, error: type[Exception]
) -> None:
    async with opened(tmp_path) as runtime:
        (tmp_path / "state" / "handoffs").mkdir(parents=True)
        (tmp_path / "state" / "handoffs" / "h-torn.json").write_text('{"id": "h-to', encoding="utf-8")
        with pytest.raises(error):
            await handoff(runtime, HandoffRequest(action="load", id=name))


async def test_a_list_names_what_a_crashed_server_left_in_this_folder_and_nothing_that_still_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = json.dumps({"steps": [{"op": "bash", "command": "touch x", "id": "a"}]})
    async with opened(tmp_path) as runtime:
        here = runtime.workspace.cwd
        running = await runtime.runs.begin(request, here, 1)
        [crashed, elsewhere] = [await runtime.runs.begin(request, cwd, 1) for cwd in (here, "/elsewhere")]
        sql = "UPDATE runs SET owner='999999999:1' WHERE id IN (?, ?)"
        await runtime.database.use(lambda db: db.execute(sql, (crashed.run, elsewhere.run)).rowcount)
        plans = Plans(runtime.database)
        names = [await plans.begin(lambda _: "{}", "{}", here, goal, owner) for goal, owner in PLANS_OF]
        reply = await handoff(runtime, HandoffRequest(action="list"))
        assert reply.structured is not None
        calls = [(row["tool"], row["arguments"]) for row in reply.structured["unfinished"]]
        assert calls == [("batch", {"resume": crashed.run}), ("checkpoint", {"plan": names[0]})]
        assert f'`batch` {{"resume": "{crashed.run}"}}' in reply.blocks[0]
        assert running.run not in reply.blocks[0]


PLANS_OF = [("of a server that is gone", "999999999:1/c"), ("of this one", f"{this_process()}/c")]


async def test_a_short_list_says_how_many_older_ones_there_are(tmp_path: Path) -> None:
    async with opened(tmp_path) as runtime:
        folder = tmp_path / "state" / "handoffs"
        for n in range(25):
            write._save(folder, Handoff(f"h-{n:04}", f"2026-01-{n + 1:02}", "", runtime.workspace.cwd, "g"))
        reply = await handoff(runtime, HandoffRequest(action="list"))
        assert reply.structured is not None
        assert [row["id"] for row in reply.structured["handoffs"]][:2] == ["h-0024", "h-0023"]
        assert reply.blocks[0].endswith("5 older ones")
