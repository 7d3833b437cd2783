"""Fingerprints: whether two runs of a step gave the same, apart from what differs without meaning. Pure."""

import hashlib
import re

from fourfold_tools.model.output import AnyOutput, BashOutput, FetchOutput, GlobOutput, GrepOutput
from fourfold_tools.model.result import StepResult

# What programs print of the moment and the process: clock times, dates, durations, process ids, temporary names.
_MOMENTS = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?"
    r"|\b\d\d:\d\d:\d\d([.,]\d+)?\b"
    r"|\b\d+([.,]\d+)?\s?(ms|us|µs|ns|s|sec|secs|seconds)\b"
    r"|\bpid[ =:]\d+"
    r"|/tmp/[\w./-]+"
)


def fingerprint(result: StepResult) -> str | None:
    """A hash of what a step gave: its state, its code and its normalised output; None when it gave nothing.

    Order does not count for grep and glob; moments, durations, process ids and temporary names do not count for
    commands.
    """
    if result.output is None and result.code is None:
        return None
    content = "" if result.output is None else _content(result.output)
    text = f"{result.state}\0{result.code}\0{content}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _content(output: AnyOutput) -> str:
    match output:
        case GrepOutput():
            return "\n".join(sorted(output.text.split("\n")))
        case GlobOutput():
            return "\n".join(sorted(output.paths))
        case BashOutput():
            streams = (output.stdout, output.stderr)
            return "\0".join([*(_MOMENTS.sub("·", text) for text in streams), str(output.exit_code)])
        case FetchOutput():
            return f"{output.status}\0{output.text}"
        case _:
            return output.text + (output.image.data if output.image else "")
