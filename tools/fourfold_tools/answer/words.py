"""Words and numbers of an answer: seconds, bytes, token counts, section headers. Pure."""

import re

from fourfold_tools.answer.body import Body
from fourfold_tools.context import tokens
from fourfold_tools.context.tokens import Kind
from fourfold_tools.model.output import ReadOutput
from fourfold_tools.model.result import StepResult

# What of a text begins like a line of the answer itself, behind whatever ends a line and what nobody sees; and what
# stands in each of them.
_OWN_LINES = re.compile(
    r"(?:\A|(?<=[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]))"
    r"(?=[ \t\u200b-\u200f\u2060\ufeff]*(?:── |📊 \[|📡 |run r-\w+ · |… [\d,]+ of [\d,]+ \w+ shown; all of ))"
)
# What such a line holds; looked for only where there is its rarest letter, which is the quicker search.
_OWN_MARKS = (("─", "── "), ("📊", "📊 ["), ("📡", "📡 "), ("run r-", "run r-"), ("…", " shown; all of "))

_SHARES = {"bash": 0.5, "read": 0.75, "fetch": 0.85, "grep": 1.0, "glob": 1.0}


def kind_of(result: StepResult) -> Kind:
    """Which characters-per-token class a step's output belongs to."""
    path = result.output.path if isinstance(result.output, ReadOutput) else ""
    return tokens.kind_of(result.op, path)


def head_share(result: StepResult) -> float:
    """How much of a cut body is its head: the end of a command's output says most, the end of a list nothing."""
    return _SHARES[result.op]


def seconds(value: float) -> str:
    """`<1 ms`, `14 ms` below a second, `2.3 s` below a hundred, `214 s` above."""
    if value < 0.0005:
        return "<1 ms"
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 99.95 else f"{value:.0f} s"


def size(value: int) -> str:
    """`88 MB`, `1.2 GB`: decimal units as the client shows them."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if value >= scale:
            number = value / scale
            return f"{number:.0f} {unit}" if number >= 9.95 else f"{number:.1f} {unit}"
    return f"{value} B"


def thousands(count: int) -> str:
    """`7.9k` from a thousand up, else the number."""
    return f"{count / 1000:.1f}k" if count >= 1000 else str(count)


def header(result: StepResult) -> str:
    """`── tests · bash · failed exit_status · exit 1 · 2.3 s · cpu 2.1 s · 88 MB`."""
    state = result.state if result.code is None or result.code == result.state else f"{result.state} {result.code}"
    parts = [result.id, result.title, state]
    if result.code == "exit_status":
        parts.append(result.message)
    if result.blocked_by:
        parts.append(f"blocked by {', '.join(result.blocked_by)}")
    if result.attempts > 1:
        parts.append(f"{result.attempts} attempts")
    if result.duration_s is not None and result.same_as is None:
        parts.append(seconds(result.duration_s))
    if result.cpu_s is not None and result.op == "bash":
        parts.append(f"cpu {seconds(result.cpu_s)}")
    if result.max_rss_bytes and result.op == "bash":
        parts.append(size(result.max_rss_bytes))
    if result.effects is not None and not result.effects.known:
        parts.append("effects: unknown")
    if result.note:
        parts.append(result.note)
    text = "── " + " · ".join(parts)
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def body_of(result: StepResult) -> Body:
    """What stands under a header when nothing is cut."""
    if result.same_as is not None:
        return Body.of(f"(same as {result.same_as})")
    if result.output is None:
        return _foreign(result.message if result.code != "cancelled" or result.state != "skipped" else "")
    if result.code not in {None, "exit_status", "timed_out"}:
        return _foreign(f"{result.message}\n{result.output.body()}")
    out = result.output
    return (
        Body.numbered(out.text, out.line_count, out.start_line)
        if isinstance(out, ReadOutput) and out.has_numbers
        else _foreign(out.body())
    )


def bar(done: int, total: int, width: int = 24) -> str:
    """A bar of `width` characters, filled as far as `done` of `total`."""
    filled = width * done // total if total else width
    return "█" * filled + "░" * (width - filled)


def _foreign(text: str) -> Body:
    """A text of others, a `\\` before what could pass for a line of the answer: no page ends its own section."""
    return Body.of(
        _OWN_LINES.sub(r"\\", text) if any(rare in text and mark in text for rare, mark in _OWN_MARKS) else text
    )
