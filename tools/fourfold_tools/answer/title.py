"""Titles: how a section's header names a step."""

from fourfold_tools.model.request import AnyStep, BashStep, FetchStep, GlobStep, GrepStep, ReadStep

_MOST = 80  # characters of an argument


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
    name = " ".join(name.split())
    name = name if len(name) <= _MOST else name[: _MOST - 1] + "…"
    return f"{name} ({step.label})" if step.label else name
