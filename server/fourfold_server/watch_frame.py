"""A frame of the live view: what the servers say, as lines that fit a screen. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text

from fourfold_tools.answer.words import seconds
from fourfold_tools.live.snapshot import LiveRun, Slots, Snapshot
from fourfold_tools.status import run_line
from fourfold_tools.store.runs import StoredRun

_STALE_S = 3.0  # a server writes twice a second; one that is silent for this long says so
_LEAST_WIDTH = 20
_BAR = 20  # cells of a run's progress bar, half as many on a screen narrower than _ROOMY
_ROOMY = 100
_PRESSED, _FULL = 0.1, 0.9  # share of time in which work waited, share of memory: from here on in yellow


@dataclass(frozen=True, slots=True)
class Row:
    """A line, and how soon it goes where there is no room: the highest rank first."""

    text: Text
    rank: int


def frame(
    snapshots: Sequence[Snapshot], recent: Sequence[StoredRun], now: float, width: int, height: int | None
) -> list[Text]:
    """The lines of one frame, each at most `width` cells wide; at most `height` of them, None shows all."""
    runs = sum(len(s.runs) for s in snapshots)
    head = Text.assemble(
        ("fourfold watch", "bold"),
        f"  {_counted(len(snapshots), 'server')} at work · {_counted(runs, 'run')} in flight",
    )
    rows = [Row(head, 0)]
    for snapshot in snapshots:
        rows += [Row(Text(), 60), *_server_rows(snapshot, now, _BAR if width >= _ROOMY else _BAR // 2)]
    if not snapshots:
        rows += [Row(Text(), 60), Row(Text("nothing has been running for longer than a second", "dim"), 1)]
    rows += _recent_rows(recent)
    return [_fitted(row.text, max(_LEAST_WIDTH, width)) for row in _chosen(rows, height)]


def _chosen(rows: Sequence[Row], height: int | None) -> list[Row]:
    """The rows that fit, in their order; the last line then says how many did not."""
    if height is None or len(rows) <= height:
        return list(rows)
    ranked = sorted(range(len(rows)), key=lambda i: (rows[i].rank, i))
    kept = sorted(ranked[: max(0, height - 1)])
    left_out = sum(bool(rows[i].text.plain) for i in ranked[max(0, height - 1) :])
    return [*(rows[i] for i in kept), Row(Text(f"… {_counted(left_out, 'more line')}", "dim"), 0)]


def _server_rows(snapshot: Snapshot, now: float, bar: int) -> Iterable[Row]:
    silent = now - snapshot.at
    head = Text.assemble((f"server {snapshot.pid}", "bold cyan"), "  ", (_shown(snapshot.cwd), "dim"))
    if snapshot.context_percent is not None:
        head.append(f"  context {snapshot.context_percent:.0f} % ")
        head.append(snapshot.level or "", "green" if snapshot.level == "normal" else "bold yellow")
    if silent >= _STALE_S:
        head.append(f"  silent for {seconds(silent)}", "bold yellow")
    yield Row(head, 1)
    yield Row(_limits(snapshot), 2)
    if snapshot.pressure:
        yield Row(_pressure(snapshot), 7)
    for line in snapshot.signals[-2:]:
        yield Row(Text(f"  {_shown(line)}", "yellow"), 30)
    for run in snapshot.runs:
        yield from _run_rows(run, bar)


def _limits(snapshot: Snapshot) -> Text:
    """`slots cpu 3/3 · process 4/8 of 16`: in use, allowed, and allowed before pressure lowered it."""
    text = Text("  slots    ", "dim")
    for i, (key, slots) in enumerate(snapshot.slots.items()):
        text.append(" · " if i else "", "dim")
        text.append_text(_slots(key, slots))
    return text


def _pressure(snapshot: Snapshot) -> Text:
    text = Text("  pressure ", "dim")
    for i, (name, share) in enumerate(snapshot.pressure.items()):
        text.append(" · " if i else "", "dim")
        told = f"{share:.1f}" if name == "load per core" else f"{100 * share:.0f} %"
        pressed = share >= (_FULL if name in {"memory used", "load per core"} else _PRESSED)
        text.append(f"{name} {told}", "yellow" if pressed else "")
    return text


def _slots(key: str, slots: Slots) -> Text:
    text = Text(f"{key} {slots.used}/{slots.total}", "bold" if slots.used >= slots.total > 0 else "")
    if 0 < slots.total < slots.full:
        text.append(f" of {slots.full}", "yellow")
    return text


def _run_rows(run: LiveRun, bar: int) -> Iterable[Row]:
    filled = bar * run.ended // run.step_count if run.step_count else bar
    head = Text.assemble(
        ("  ", ""),
        (run.run, "bold"),
        "  ",
        ("━" * filled, "green"),
        ("━" * (bar - filled), "bright_black"),
        f"  {run.ended}/{run.step_count} · {seconds(run.elapsed_s)} · ",
    )
    if (again := run.verifying) is not None:
        head.append(f"verifying · {again.done} of {again.count} runs alone")
    else:
        head.append(f"{run.running_count} of {run.width} lanes · {run.waiting_count} waiting")
    if run.failed:
        head.append(f" · {run.failed} failed", "bold red")
    yield Row(head, 1)
    if again is not None:
        doing = ("    ▶ alone   ", again.step) if again.step else ("    · waits   ", "another run is verified")
        yield Row(Text.assemble((doing[0], "green"), _shown(doing[1]), f"  {seconds(again.took_s)}"), 3)
    for i, step in enumerate(run.running):
        tries = f" · try {step.attempt}" if step.attempt > 1 else ""
        lane = "" if step.lane is None else f"lane {step.lane + 1}"
        line = Text.assemble(
            (f"    ▶ {lane:<8}", "green"),
            (_shown(step.id), ""),
            (f"  {_named(step.id, step.title)}{tries}", "dim"),
            f"  {seconds(max(0.0, run.elapsed_s - step.since_s))}",
        )
        yield Row(line, 3 + i)
    for i, wait in enumerate(run.waiting):
        title = _named(wait.id, wait.title)
        line = Text.assemble(("    · waits   ", "bright_black"), _shown(wait.id), (f"  {title}", "dim"))
        line.append(f"  {_shown(wait.reason)}", "italic")
        yield Row(line, 8 + i)


def _recent_rows(recent: Sequence[StoredRun]) -> Iterable[Row]:
    ended = [run for run in recent if run.state != "running" or run.crashed]
    if not ended:
        return
    yield Row(Text(), 61)
    yield Row(Text("last runs", "dim"), 40)
    for i, run in enumerate(ended):
        style = "red" if run.crashed else ""
        yield Row(Text(f"  {run_line(run)}", style), 41 + i)


def _named(name: str, title: str) -> str:
    """The title, without a second mention of what the id says already."""
    return "" if title == name else _shown(title)


def _shown(text: str) -> str:
    """On one line; what would move the cursor or turn the text's direction stands as its number."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _fitted(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    return text


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
