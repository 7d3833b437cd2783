"""Which exit status 1 is an answer, told from the text alone."""

import pytest

from fourfold_tools.ops.exit_status import is_answer


@pytest.mark.parametrize(
    "command",
    [
        "grep x f",
        "egrep -c x f",
        "fgrep x f",
        "/usr/bin/grep x f",
        "\\grep x f",
        "LC_ALL=C grep x f",
        "command grep x f",
        "env -i A=1 grep x f",
        "time grep x f",
        "rg x src",
        "diff a b",
        "diff -u a b > out.patch",
        "cmp a b",
        "test -f x",
        "[ -f x ]",
        "[[ -f x ]]",
        "git diff --exit-code",
        "git -C sub --no-pager diff --quiet",
        "git grep -n x",
        "cat f | grep x",
        "cat <<EOF | grep x\nabc\nEOF\n",
        "make 2>&1 | grep -i error",
        "make; grep x log",
        "make\n\ngrep x log  # look\n",
        "cd src && grep x f",
        "test -d src && grep -r x src",
        "grep x f || grep y f",
        "(cd src; grep x f)",
        "{ grep x f; } 2>/dev/null",
        "! grep TODO f",
        "A=1; export B=2; grep x f",
        "set -e; cd src; grep x f",
        "set -o pipefail; cat f | grep x | grep y",
    ],
)
def test_a_silent_status_of_the_last_command_is_an_answer(command: str) -> None:
    assert is_answer(command, "/bin/bash", said_error=False)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "false",
        "exit 1",
        "pytest -q && grep x log",
        "false && grep x f",
        "grep x f && false",
        "grep x f | tee out",
        "grep x f; exit 1",
        "grep x f || exit 1",
        "set -e; make; grep x log",
        "set -euo pipefail\nmake\ngrep x log",
        "set -o pipefail; make | grep x",
        "X=$(false) && grep x f",
        "cd nowhere 2>/dev/null && grep x f",
        "if true; then grep x f; fi",
        "find . -exec grep x {} +",
        "xargs grep x",
        "git status",
        "git push",
        "python -m grep",
        "$GREP x f",
        "grep 'x",
    ],
)
def test_a_status_that_may_be_a_failure_is_no_answer(command: str) -> None:
    assert not is_answer(command, "/bin/bash", said_error=False)


def test_words_on_stderr_speak_against_a_command_that_fails_loudly() -> None:
    assert not is_answer("cd src && grep x f", "/bin/bash", said_error=True)
    assert is_answer("grep x f gone", "/bin/bash", said_error=True)


@pytest.mark.parametrize(
    ("shell", "known"), [("/bin/sh", True), ("/opt/zsh", True), ("/usr/bin/fish", False), ("python3", False)]
)
def test_only_shells_of_this_family_are_read(shell: str, known: bool) -> None:
    assert is_answer("grep x f", shell, said_error=False) is known
