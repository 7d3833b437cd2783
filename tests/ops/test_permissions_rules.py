"""One rule as text, and the domain patterns of WebFetch rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourfold_tools.ops.permissions.domains import domain_pattern, host_of
from fourfold_tools.ops.permissions.rules import parse_rule


@pytest.mark.parametrize(
    ("text", "tool", "specifier"),
    [
        ("Bash", "Bash", None),
        ("Bash()", "Bash", None),
        ("Bash(*)", "Bash", None),
        (" Read(./.env) ", "Read", "./.env"),
        ("Bash(rm:*)", "Bash", "rm:*"),
        ("Bash(echo (hi))", "Bash", "echo (hi)"),
        ('Bash(python -c "print\\(1\\)")', "Bash", 'python -c "print(1)"'),
        ("Edit(./Finance (2024)/**)", "Edit", "./Finance (2024)/**"),
        ("Bash(a\nb)", "Bash", "a\nb"),
        ("mcp__fourfold__batch", "mcp__fourfold__batch", None),
        ("*", "*", None),
    ],
)
def test_a_rule_is_a_tool_and_perhaps_a_specifier(text: str, tool: str, specifier: str | None) -> None:
    rule = parse_rule(text)
    assert rule is not None
    assert (rule.text, rule.tool, rule.specifier) == (text, tool, specifier)


@pytest.mark.parametrize("text", ["", "  ", "(x)", "Bash(rm", "Bash rm)", "Bash(rm) x", "Bash(rm\\)", "Bash)rm("])
def test_a_malformed_rule_is_none(text: str) -> None:
    assert parse_rule(text) is None


@given(st.text())
def test_any_text_parses_or_is_refused(text: str) -> None:
    rule = parse_rule(text)
    assert rule is None or rule.text == text


@pytest.mark.parametrize(
    ("name", "tool", "expected"),
    [
        ("Read", "Read", True),
        ("*", "Bash", True),
        ("B*", "Bash", True),
        ("b*", "Bash", False),
        ("mcp__*", "Bash", False),
        ("Rea", "Read", False),
    ],
)
def test_a_tool_name_may_be_a_glob_of_the_whole_name(name: str, tool: str, expected: bool) -> None:
    rule = parse_rule(name)
    assert rule is not None
    assert rule.names((tool,)) is expected


@pytest.mark.parametrize(
    ("specifier", "url", "expected"),
    [
        ("domain:example.com", "https://example.com/a", True),
        ("domain:example.com", "https://EXAMPLE.com:8443/a?b#c", True),
        ("domain:example.com", "https://example.com./", True),
        ("domain:Example.COM.", "https://example.com/", True),
        ("domain: example.com", "https://example.com/", True),
        ("domain:example.com", "https://user@example.com/", True),
        ("domain:example.com", "https://api.example.com/", False),
        ("domain:example.com", "https://example.com.evil.org/", False),
        ("domain:example.com", "https://evil.org/example.com", False),
        ("domain:example.com", "https://notexample.com/", False),
        ("domain:example.com", "https://ex%61mple.com/", True),
        ("domain:*.example.com", "https://api.example.com/", True),
        ("domain:*.example.com", "https://a.b.example.com/", True),
        ("domain:*.example.com", "https://example.com/", False),
        ("domain:*.example.com", "https://badexample.com/", False),
        ("domain:*", "https://anything.test/", True),
        ("domain:example.*", "https://example.org/", True),
        ("domain:example.*", "https://example.evil.com/", False),
        ("domain:a.*.com", "https://a.b.com/", True),
        ("domain:a.*.com", "https://a.b.c.com/", False),
        ("domain:b\u00fccher.example", "https://xn--bcher-kva.example/", True),
        ("domain:xn--bcher-kva.example", "https://B\u00dcCHER.example/", True),
        ("domain:example.com", "https://example\u3002com/", True),
        ("domain:127.0.0.1", "http://127.0.0.1:8000/", True),
        ("domain:[::1]", "http://[::1]/", False),
        ("domain:::1", "http://[::1]/", True),
    ],
)
def test_a_domain_rule_means_these_hosts(specifier: str, url: str, expected: bool) -> None:
    pattern, host = domain_pattern(specifier), host_of(url)
    assert pattern is not None
    assert host is not None
    assert pattern.matches(host) is expected


@pytest.mark.parametrize("specifier", ["example.com", "https://example.com/*", "domain:", "url:x", "prompt:*"])
def test_only_domain_specifiers_are_known(specifier: str) -> None:
    assert domain_pattern(specifier) is None


@pytest.mark.parametrize("url", ["", "no-url", "http://", "http://[::1", "file:///etc/passwd"])
def test_a_url_without_a_host_has_none(url: str) -> None:
    assert host_of(url) is None
