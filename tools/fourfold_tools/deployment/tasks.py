"""A task: one piece of work for one agent, with the paths it touches and what it is expected to take."""

import re
from dataclasses import dataclass

_WILD = re.compile(r"[*?\[{]")


@dataclass(frozen=True, slots=True)
class Task:
    """`reads` and `writes` as the caller wrote them; `read_paths` and `write_paths` as absolute patterns, same order.

    minutes, tokens: expected of the agent's run; basis: where the minutes come from (`history`, `given`, `class`);
    stated_minutes: what the caller said. agent: the agent's type, as asked.
    apart: tasks whose writes were separated from this one's, so that they need not wait for each other. worktree:
    it works in a git worktree of its own, and its writes reach the workspace with a merge task. merges: the tasks
    whose worktrees this one brings together.
    """

    id: str
    title: str
    prompt: str = ""
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    read_paths: tuple[str, ...] = ()
    write_paths: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    minutes: float = 1.0
    tokens: int = 0
    basis: str = "given"
    stated_minutes: float | None = None
    agent: str = ""
    acceptance: str = ""
    apart: frozenset[str] = frozenset()
    worktree: bool = False
    merges: tuple[str, ...] = ()

    @property
    def outputs(self) -> dict[str, str]:
        """The declared outputs that can be checked: path as written -> absolute path; patterns are left out."""
        if self.worktree:
            return {}
        pairs = zip(self.writes, self.write_paths, strict=True)
        return {name: path for name, path in pairs if not is_pattern(name)}


def is_pattern(path: str) -> bool:
    """Whether a path holds a wildcard."""
    return _WILD.search(path) is not None


def covering(pattern: str) -> str:
    """A pattern that also matches what lies below: a plain path may be a folder, so it stands for its subtree."""
    return pattern if is_pattern(pattern) else f"{pattern.rstrip('/')}/**"
