"""A window: how many tokens a model's context holds, as Claude Code itself counts it."""

import re
from collections.abc import Mapping

_MILLION = 1_000_000
_STANDARD = 200_000

# The models Claude Code 2.1.330 knows, by the `contextWindow` it reports for each.
_MILLIONS = re.compile(r"opus-(4-[78]|5|5-5)|sonnet-(5|5-5)|haiku-5-5|(fable|mythos)-(5|5-1|5-2)")
_STANDARDS = re.compile(r"opus-4(-[0156])?|sonnet-4(-[056])?|haiku-4-5|3-7-sonnet|3-5-(sonnet|haiku)|3-(opus|haiku)")

# The name inside an identifier of any provider: `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, `claude-opus-5@…`.
_NAME = re.compile(r"claude-([a-z]+-(\d{1,2})(?:-\d{1,2})?|(\d)(?:-\d)?-[a-z]+)(?![a-z0-9])")
_LONG = re.compile(r"\[1m\]", re.IGNORECASE)
_TRUE = frozenset({"1", "true", "yes", "on"})


def window_tokens(model: str | None, used: int | None, env: Mapping[str, str], default: int) -> int:
    """Tokens the window of `model` holds, in the order Claude Code 2.1.330 decides (each case measured).

    1. DISABLE_COMPACT with CLAUDE_CODE_MAX_CONTEXT_TOKENS sets it for every model.
    2. A `[1m]` in the model's name asks for a million.
    3. CLAUDE_CODE_MAX_CONTEXT_TOKENS sets it for a model that the client does not know.
    4. The table; CLAUDE_CODE_DISABLE_1M_CONTEXT holds it, and case 2, at 200,000.
    5. Unknown: a million from the fifth generation on, else `default`, unless more is already used than that.

    CLAUDE_CODE_AUTO_COMPACT_WINDOW moves the compaction, not the window (measured on the status line).
    """
    forced = _number(env.get("CLAUDE_CODE_MAX_CONTEXT_TOKENS", ""))
    if forced and _set(env, "DISABLE_COMPACT"):
        return forced
    long_allowed = not _set(env, "CLAUDE_CODE_DISABLE_1M_CONTEXT")
    name = (model or "").lower()
    if _LONG.search(name) and long_allowed:
        return _MILLION
    found = _NAME.search(name)
    known = _known(found.group(1)) if found else 0
    if not known and forced:
        return forced
    window = known or _unknown(found, used, default)
    return window if long_allowed else min(window, _STANDARD)


def _known(name: str) -> int:
    if _MILLIONS.fullmatch(name):
        return _MILLION
    return _STANDARD if _STANDARDS.fullmatch(name) else 0


def _unknown(found: re.Match[str] | None, used: int | None, default: int) -> int:
    generation = int(found.group(2) or found.group(3)) if found else 0
    if generation >= 5:
        return _MILLION
    return default if used is None or used <= default else max(_MILLION, used)


def _set(env: Mapping[str, str], name: str) -> bool:
    return env.get(name, "").strip().lower() in _TRUE


def _number(text: str) -> int:
    """A positive whole number, 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0
