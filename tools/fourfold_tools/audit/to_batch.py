"""The batch that would have done it: calls of the client's own tools as steps of fourfold."""

from collections.abc import Callable, Mapping, Sequence

from fourfold_tools.audit.conversation import Call
from fourfold_tools.audit.entries import number
from fourfold_tools.audit.places import absolute

Step = dict[str, object]

_MODES = {"content": "content", "files_with_matches": "files", "count": "count"}


def batch_of(calls: Sequence[Call], home: str) -> dict[str, list[Step]]:
    """The steps `s1`, `s2` … of calls that have one each, in their order; home: the folder fourfold would run in.

    Raises:
        ValueError: a call has no step.
    """
    steps: list[Step] = []
    for place, call in enumerate(calls, 1):
        step = step_of(call, home)
        if step is None:
            raise ValueError(f"{call.tool} has no step")
        steps.append({"id": f"s{place}", **step})
    return {"steps": steps}


def linked_batch(source: Call, field: str, reads: Sequence[Call], home: str) -> dict[str, list[Step]] | None:
    """A search and the reads of exactly what it found, the paths handed on by reference.

    None where one step cannot stand for all reads: they show different lines, or more files than the 20 that a
    reference spreads over when it does not say.
    """
    found = step_of(source, home)
    windows = [{k: v for k, v in (step_of(read, home) or {}).items() if k in ("offset", "limit")} for read in reads]
    if found is None or any(window != windows[0] for window in windows) or len(reads) > 20:
        return None
    reference = {"from": "s1", "field": field, "each": True}
    return {"steps": [{"id": "s1", **found}, {"id": "s2", "op": "read", "path": reference, **windows[0]}]}


def step_of(call: Call, home: str) -> Step | None:
    """The step that does what the call did, without an id; None where there is none.

    A call in another folder than `home` gets its paths absolute. WebFetch becomes a fetch of the page: what a small
    model made of it by the prompt is left to the reader of the step's output.
    """
    make = _STEPS.get(call.tool)
    return make(call.arguments, call.cwd, home) if make else None


def _read(given: Mapping[str, object], cwd: str, home: str) -> Step | None:
    path = given.get("file_path")
    if not _text(path) or _other(given, "file_path", "offset", "limit"):
        return None
    numbers = {"offset": number(given.get("offset"), 0), "limit": number(given.get("limit"), 1)}
    return {"op": "read", "path": _path(path, cwd, home), **_present(numbers)}


def _grep(given: Mapping[str, object], cwd: str, home: str) -> Step | None:
    names = ("pattern", "path", "glob", "type", "output_mode", "-A", "-B", "-C", "context", "-n", "-i")
    mode = _MODES.get(str(given.get("output_mode", "files_with_matches")))
    if mode is None or not _text(given.get("pattern")) or _other(given, *names, "multiline", "head_limit", "offset"):
        return None
    context = given.get("-C", given.get("context"))
    arguments: Step = {
        "path": _folder(given.get("path"), cwd, home),
        "glob": _text(given.get("glob")),
        "type": _text(given.get("type")),
        "before": number(given.get("-B"), 0) if mode == "content" else None,
        "after": number(given.get("-A"), 0) if mode == "content" else None,
        "context": number(context, 0) if mode == "content" else None,
        "ignore_case": given.get("-i") is True or None,
        "multiline": given.get("multiline") is True or None,
        "head_limit": number(given.get("head_limit"), 0),
        "offset": number(given.get("offset"), 1),
    }
    return {"op": "grep", "pattern": given["pattern"], "mode": mode, **_present(arguments)}


def _glob(given: Mapping[str, object], cwd: str, home: str) -> Step | None:
    if not _text(given.get("pattern")) or _other(given, "pattern", "path"):
        return None
    return {"op": "glob", "pattern": given["pattern"], **_present({"path": _folder(given.get("path"), cwd, home)})}


def _bash(given: Mapping[str, object], cwd: str, home: str) -> Step | None:
    known = ("command", "timeout", "description", "run_in_background")
    if not _text(given.get("command")) or given.get("run_in_background") or _other(given, *known):
        return None
    timeout_ms = number(given.get("timeout"), 1)
    optional: Step = {
        "cwd": cwd if cwd and cwd != home else None,
        "timeout_s": None if timeout_ms is None else timeout_ms / 1000,
        "label": _text(given.get("description")),
    }
    return {"op": "bash", "command": given["command"], **_present(optional)}


def _fetch(given: Mapping[str, object], cwd: str, home: str) -> Step | None:
    return {"op": "fetch", "url": given["url"]} if _text(given.get("url")) else None


_STEPS: dict[str, Callable[[Mapping[str, object], str, str], Step | None]] = {
    "Read": _read,
    "Grep": _grep,
    "Glob": _glob,
    "Bash": _bash,
    "WebFetch": _fetch,
}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _path(value: object, cwd: str, home: str) -> str:
    return str(value) if cwd == home else absolute(str(value), cwd)


def _folder(value: object, cwd: str, home: str) -> str | None:
    """Where a search starts; in another folder than home it has to be said."""
    if not _text(value):
        return cwd if cwd and cwd != home else None
    return _path(value, cwd, home)


def _other(given: Mapping[str, object], *known: str) -> bool:
    """Whether an argument has no counterpart (pages of a PDF, a sandbox switched off)."""
    return any(name not in known and value not in (None, "", False) for name, value in given.items())


def _present(values: Mapping[str, object]) -> Step:
    return {name: value for name, value in values.items() if value is not None}
