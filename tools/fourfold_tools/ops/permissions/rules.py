"""A permission rule: `Tool` or `Tool(specifier)`, one string of a settings file."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

_FORM = re.compile(r"(?P<tool>[^()]+?)(?:(?<!\\)\((?P<specifier>.*)(?<!\\)\))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rule:
    """text: as written. tool: a tool's name or a glob of names. specifier: None means every use of the tool."""

    text: str
    tool: str
    specifier: str | None

    def names(self, tools: tuple[str, ...]) -> bool:
        """Whether the rule is about one of these tools."""
        return _names(self.tool, tools)


@lru_cache(maxsize=4096)  # every rule is asked about every step, with a handful of different tools
def _names(pattern: str, tools: tuple[str, ...]) -> bool:
    return any(fnmatchcase(tool, pattern) for tool in tools)


def parse_rule(text: str) -> Rule | None:
    """The rule that a string says, None for a malformed one.

    `Tool()` and `Tool(*)` mean `Tool`. Parentheses inside a specifier are literal; the client also writes them,
    and backslashes before them, escaped. An MCP tool (`mcp__...`) parses like any other; no step is one.
    """
    form = _FORM.fullmatch(text.strip())
    if form is None or not form["tool"].strip():
        return None
    specifier = form["specifier"]
    if specifier in {None, "", "*"}:
        return Rule(text, form["tool"].strip(), None)
    return Rule(text, form["tool"].strip(), re.sub(r"\\([()\\])", r"\1", specifier))
