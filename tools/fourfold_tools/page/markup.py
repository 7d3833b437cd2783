"""Markup: elements of HTML and SVG as text in which everything from outside is escaped. Pure."""

import html
from collections.abc import Iterable

_VOID = frozenset({"meta", "link", "br", "hr", "img", "input", "rect", "line", "path", "circle", "use", "stop"})
# Turn the direction of the text that follows them, also outside their own element in attributes and SVG.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Markup(str):
    """Text that is markup already: made here, from escaped parts."""

    __slots__ = ()


Node = str | Markup | Iterable["Node"] | None


def shown(text: str) -> str:
    """The text with control characters, marks that turn its direction and lone surrogates as their numbers."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(_char(c) for c in text)


def _char(c: str) -> str:
    if c in _TURNING or "\ud800" <= c <= "\udfff":
        return f"\\u{ord(c):04x}"
    return f"\\x{ord(c):02x}" if (c < " " and c not in "\n\t") or "\x7f" <= c < "\xa0" else c


def escape(text: str) -> str:
    """For element content and for attributes in double quotes."""
    return html.escape(shown(text), quote=True)


def join(children: Node) -> Markup:
    """The children one after the other, each escaped unless it is markup."""
    if children is None:
        return Markup("")
    if isinstance(children, Markup):
        return children
    if isinstance(children, str):
        return Markup(escape(children))
    return Markup("".join(join(child) for child in children))


def el(tag: str, /, *children: Node, **attributes: str | float | bool | None) -> Markup:
    """An element. `class_` is the attribute class, `_` in a name is `-`; None and False leave an attribute out."""
    parts = [tag]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        key = name.rstrip("_").replace("_", "-")
        parts.append(key if value is True else f'{key}="{escape(_number(value))}"')
    head = " ".join(parts)
    if tag in _VOID and not children:
        return Markup(f"<{head}>" if tag in {"meta", "link", "br", "hr", "img", "input"} else f"<{head}/>")
    return Markup(f"<{head}>{join(children)}</{tag}>")


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
