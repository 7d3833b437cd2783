"""A domain pattern: what `WebFetch(domain:...)` says about the host of a URL."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class DomainPattern:
    """`*` is every host, `*.x` every host below x, any other `*` stands for text without a dot."""

    regex: re.Pattern[str]

    def matches(self, host: str) -> bool:
        return self.regex.fullmatch(host) is not None


def domain_pattern(specifier: str) -> DomainPattern | None:
    """The pattern of a rule's specifier; None for one that is not `domain:HOST`."""
    key, colon, text = specifier.partition(":")
    if not colon or key.strip() != "domain" or not text.strip():
        return None
    host = _canonical(text)
    start, rest = ("(?:.+)", host[1:]) if host == "*" or host.startswith("*.") else ("", host)
    return DomainPattern(re.compile(start + "[^.]*".join(map(re.escape, rest.split("*"))), re.DOTALL))


def host_of(url: str) -> str | None:
    """A URL's host as rules compare it (lower case, ASCII, no port, no final dot); None when it has none."""
    try:
        host = urlsplit(url.strip()).hostname
    except ValueError:
        return None
    return _canonical(unquote(host)) if host else None


def _canonical(host: str) -> str:
    host = host.strip().lower().rstrip(".")
    return ".".join(label if label.isascii() else _ascii(label) for label in re.split("[.\u3002\uff0e\uff61]", host))


def _ascii(label: str) -> str:
    try:
        return label.encode("idna").decode("ascii")
    except UnicodeError:
        return label
