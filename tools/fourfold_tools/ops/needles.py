"""Needles: texts that every line which a pattern matches must hold, read off the pattern itself. Pure."""

import re

# What is understood of ripgrep's syntax; each form is valid wherever it stands, so a pattern of these alone means
# among others what it means by itself.
_FORMS = re.compile(
    r"""
    (?P<text>   [^\\.+*?()|\[\]{}^$\n\0] | \\[\\.+*?()|\[\]{}^$\-/#&~] )
  | (?P<one>    \\[wWdDsS] | \. | \[\^? (?: [A-Za-z0-9](?:-[A-Za-z0-9])? | [_\ .,:;/@%=<>"'!+*?()$|] | \\[wds] )+ \] )
  | (?P<place>  \\[bB] | \^ | \$ )
  | (?P<open>   \( (?:\?:)? )
  | (?P<close>  \) )
  | (?P<bar>    \| )
  | (?P<count>  (?: [*+?] | \{\d{1,2}(?:,\d{0,2})?\} ) \?? )
    """,
    re.VERBOSE,
)
_RANGE = re.compile(r"([A-Za-z0-9])-([A-Za-z0-9])")
_COUNTED = 2  # repetitions with numbers; many of them, or one inside another, can be refused for their size


def needles(pattern: str) -> tuple[str, ...] | None:
    """The texts that stand in every line that the pattern matches; none: any line may match.

    None: the pattern is not understood, and might be refused, or mean something else when it is joined with others.
    """
    found: list[str] = []
    run, depth, counted, countable, barred = "", 0, 0, False, False
    at = 0
    while at < len(pattern):
        token = _FORMS.match(pattern, at)
        if token is None:
            return None
        at, kind, text = token.end(), token.lastgroup, token.group()
        if kind == "count":
            counted += text.startswith("{")
            if not countable or counted > _COUNTED or not _is_ordered(text):
                return None
            if not depth and run and not text.startswith("+"):
                run = run[:-1]  # the letter before it may be missing
        if kind == "text" and not depth:
            run += text[-1]
        else:
            found.append(run)
            run = ""
        if kind == "one" and any(low > high for low, high in _RANGE.findall(text)):
            return None
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            return None
        barred |= kind == "bar" and not depth
        countable = kind in {"text", "one"} or (kind == "close" and not counted)
    if depth:
        return None
    found.append(run)
    return () if barred else tuple(dict.fromkeys(text for text in found if text))


def _is_ordered(count: str) -> bool:
    """Whether the numbers of `{n,m}` are in order."""
    low, comma, high = count.strip("?").strip("{}").partition(",")
    return not (comma and high) or int(low) <= int(high)
