"""Laws of the classifier: a writer anywhere spoils the claim, nothing makes it raise, and running texts proves it."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fourfold_tools.ops.effects import classify

READERS = [
    "ls",
    "cat a",
    "grep -r x src",
    "echo hi",
    "git status",
    "sort a | uniq -c",
    "find . -name x",
    "pwd",
    "true",
]
WRITERS = ["rm a", "echo x > a", "sed -i p a", "touch b", "git commit -m x", "./x", "tee a", "sort -o a b", "x=1 ./y"]

# How commands are put together; each shape runs, or may run, every command that stands in it.
SHAPES = [
    "{0}; {1}", "{0} && {1}", "{0} || {1}", "{0} | {1}", "{0}\n{1}", "({0}); {1}", "{{ {0}; {1}; }}", "{0} |& {1}",
    "if {0}; then {1}; fi", "while {0}; do {1}; done", "for i in x y; do {0}; {1}; done", "! {0} || {1}",
    "case x in x) {0};; *) {1};; esac", 'echo "$({0})" "$({1})"', "cat <({0}) <({1})", "echo `{0}`; {1}",
    "cat <<EOF\n$({0})\nEOF\n{1}", "time {0}; {1}", "x=$({0}); {1}", "until {0}; do {1}; done",
    "[ -f x ] && {0}; {1}",
    "if true; then {0}; else {1}; fi", "set -e; {0}; {1}", "cd src && {0} && {1}", "({0}; ({1}))", "{0} 2>&1 | {1}",
]  # fmt: skip


@st.composite
def trees(draw: st.DrawFn) -> tuple[str, bool]:
    """A compound command, and whether a writer stands in it."""
    parts: list[tuple[str, bool]] = draw(
        st.lists(
            st.sampled_from([(r, False) for r in READERS] + [(w, True) for w in WRITERS]), min_size=1, max_size=5
        )
    )
    while len(parts) > 1:
        (left, a), (right, b), *rest = parts
        simple = [s for s in SHAPES if "\n" not in left + right or ("`" not in s and "<<" not in s)]
        parts = [(draw(st.sampled_from(simple)).format(left, right), a or b), *rest]
    return parts[0]


@settings(max_examples=300, deadline=None)
@given(trees())
def test_a_compound_is_read_only_only_when_every_part_is(tree: tuple[str, bool]) -> None:
    text, writes = tree
    effects = classify(text, "/w")
    if writes:
        assert not effects.read_only
    elif effects.known and "<<" not in text:  # shells of the past disagree on here-documents in substitutions
        assert effects.read_only


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_no_text_makes_the_classifier_raise_or_contradict_itself(text: str) -> None:
    effects = classify(text, "/w")
    assert not (effects.read_only and (effects.writes or effects.hosts or not effects.known))
    assert effects.known or not (effects.reads or effects.writes)
    assert all(p.startswith("/") for p in effects.reads | effects.writes)


PIECES = [
    "ls", "cat", "echo", "a.py", "touch pwn", "pwn", "$x", '"$x"', "$(", ")", "`", "'", '"', "\\", "\n", ";", "&&",
    "||", "|", "&", ">", "<", "<<EOF", "<<'EOF'", "\nEOF\n", "{", "}", "(", "[[", "]]", "[", "]", "if", "then", "fi",
    "for", "i", "in", "do", "done", "case", "esac", ";;", "!", "#", "$((", "))", "${x:-", "$'", "*", "~", "x=1", " ",
    "\t", "\\\n", "<(", "2>&1", ">&", "-f", "-v", "a[$(touch pwn)]", "time", "env", "bash -c", "\\'", '\\"', "&>",
    "<<<", "sed", "awk", "s/a/b/", "'w pwn'", "'{print > \"pwn\"}'", "find .", "-exec touch pwn", "xargs", "sort",
    "-o pwn", "(touch pwn)",
    "\u00a0", "''", '""', "test", "-eq",
]  # fmt: skip
STARTS = [
    "",
    "echo ",
    "ls; ",
    'echo "',
    "echo '",
    "cat <<EOF\n",
    "if true; then ",
    "[[ ",
    "echo $(",
    "( ",
    "sed ",
    "x=",
]
ENDS = ["", "\nEOF\n", "; fi", '"', "'", ")", " ]]", "}"]


@st.composite
def scraps(draw: st.DrawFn) -> str:
    """Texts out of the pieces that quoting tricks are made of."""
    pieces = draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=12))
    gaps = draw(st.lists(st.sampled_from([" ", ""]), min_size=len(pieces), max_size=len(pieces)))
    middle = "".join(p + g for p, g in zip(pieces, gaps, strict=True))
    return draw(st.sampled_from(STARTS)) + middle + draw(st.sampled_from(ENDS))


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_a_text_called_read_only_writes_nothing_when_it_runs(shell: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\ntwo\n", encoding="utf-8")
    before = os.stat(tmp_path).st_mtime_ns, os.stat(tmp_path / "a.py").st_mtime_ns
    ran: list[str] = []

    @settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(scraps())
    def check(text: str) -> None:
        if "pwn" not in text or not classify(text, str(tmp_path), shell=shell).read_only:
            return
        ran.append(text)
        subprocess.run(
            [shell, "-c", text],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
        )
        assert (os.stat(tmp_path).st_mtime_ns, os.stat(tmp_path / "a.py").st_mtime_ns) == before, text

    check()
    assert ran
