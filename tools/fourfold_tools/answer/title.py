"""Titles: how a section's header names a step."""

from fourfold_tools.model.request import AnyStep, BashStep, FetchStep, GlobStep, GrepStep, ReadStep

_MOST = 80  # characters of an argument, and of a label


def title(step: AnyStep, sub: bool) -> str:
    """The op and what tells this step from its like: the file or page, for a sub-step the pattern or argument."""
    match step:
        case ReadStep(path=str(arg)) | FetchStep(url=str(arg)):
            name = f"{step.op} {arg}"
        case GrepStep(pattern=str(arg)) | GlobStep(pattern=str(arg)) if sub:
            name = f"{step.op} {arg}"
        case BashStep(args=[first, *_]) if sub:
            name = f"{step.op} {first}"
        case _:
            name = step.op
    return f"{_short(name)} ({_short(step.label)})" if step.label else _short(name)


def _short(text: str) -> str:
    """On one line, control characters as `\\xNN`, and no longer than a line may be."""
    text = " ".join(text.split())
    if not text.isprintable():
        text = "".join(c if c >= " " and c != "\x7f" else f"\\x{ord(c):02x}" for c in text)
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"
