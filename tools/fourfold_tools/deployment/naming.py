"""Names: what an orchestrator is called, from the folders and titles of its tasks. Pure."""

import re
from collections import Counter
from collections.abc import Sequence

from fourfold_tools.deployment.tasks import Task, is_pattern

_COMMON = {"", ".", "..", "src", "lib", "app", "packages", "out", "reports", "tests", "test", "docs"}


def names(groups: Sequence[Sequence[Task]]) -> list[str]:
    """One name for each group, all different: its most frequent folder, else `Group`; a number where taken."""
    taken: Counter[str] = Counter()
    out: list[str] = []
    for tasks in groups:
        base = _folder(tasks) or "Group"
        taken[base] += 1
        out.append(base if taken[base] == 1 and base != "Group" else f"{base}{taken[base]}")
    return out


def purpose(tasks: Sequence[Task], most: int = 100) -> str:
    """The titles of a group in one line of at most `most` characters."""
    text = "; ".join(t.title for t in tasks)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _folder(tasks: Sequence[Task]) -> str | None:
    """The folder that at least half of the tasks name, the most specific of the most frequent ones."""
    seen: Counter[str] = Counter()
    for task in tasks:
        seen.update({part for path in (*task.reads, *task.writes) for part in path.split("/")[:-1] if _tells(part)})
    if not seen:
        return None
    name, count = min(seen.items(), key=lambda kv: (-kv[1], kv[0]))
    return re.sub(r"\W+", "", name.title()) or None if 2 * count >= len(tasks) else None


def _tells(part: str) -> bool:
    return part not in _COMMON and not is_pattern(part)
