"""Bash rules against shell texts: what certainly matches, what does not, and what only running it would tell.

The rows marked `client` are what Claude Code 2.1.330 was seen to refuse (yes) or not to match (no).
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourfold_tools.ops.permissions.bash_rules import command_patterns
from fourfold_tools.ops.permissions.spellings import UNKNOWN, spellings

YES, NO, MAYBE = True, False, None


def judge(specifier: str, command: str, shell: str | None = None) -> bool | None:
    found = spellings(command, shell)
    judged = {pattern.judge(found) for pattern in command_patterns(specifier)}
    return YES if YES in judged else MAYBE if MAYBE in judged else NO


SHAPES = [
    # client
    ("npm run build", "npm run build", YES),
    ("npm run build", "npm run build --watch", NO),
    ("npm run *", "npm run test --watch", YES),
    ("npm run *", "npm run", YES),
    ("npm run *", "npm install", NO),
    ("git log * main", "git log --oneline main", YES),
    ("git log * main", "git log main", NO),
    ("git * main", "git merge main", YES),
    ("git * main", "git push origin main", YES),
    ("git * main", "git main", NO),
    ("git * main", "git log", NO),
    ("* --version", "node --version", YES),
    ("* --version", "node -v", NO),
    ("* --help *", "npm --help x", YES),
    ("* --help *", "npm --help", NO),
    ("ls *", "ls -la", YES),
    ("ls *", "ls", YES),
    ("ls *", "lsof", NO),
    ("ls*", "lsof", YES),
    ("ls:*", "ls", YES),
    ("ls:*", "lsof", NO),
    ("git:* push", "git push", NO),
    ("mid:* x", "mid:y x", YES),
    ("exact one", "exact  one", YES),
    ("exact one", "exact 'one'", YES),
    ("exact one", "exact one two", NO),
    ("git push:*", "git push origin", YES),
    ("git push:*", "git pushx", NO),
    ("cur* | sh", "curl x | sh", YES),
    ("a && b", "a && b", YES),
    ("npm run build > out", "npm run build > out", YES),
    ("FOO=1 envd *", "FOO=1 envd x", YES),
    ("FOO=1 envd *", "envd x", NO),
    ("FOO=1 envd *", "FOO=2 envd x", NO),
    ('python -c "print(1)"', 'python -c "print(1)"', YES),
    ("/opt/x/tool:*", "/opt/x/tool a", YES),
    ("/opt/x/tool:*", "tool a", NO),
    # wider than the client
    (" spaced  cmd ", "spaced cmd", YES),
    ('python -c "print(1)"', "python -c 'print(1)'", YES),
    (":*", "anything at all", YES),
    ("a\\*b", "a*b", YES),
    ("a\\*b", "axxb", NO),
    ("rm -rf /*", "rm -rf /", YES),
]


@pytest.mark.parametrize(("specifier", "command", "expected"), SHAPES)
def test_the_shape_of_a_rule_says_which_commands_it_means(specifier: str, command: str, expected: bool) -> None:
    assert judge(specifier, command) is expected


RM = [
    # client: the name in disguise
    ("rm x", YES),
    ("rm", YES),
    ("r\\m x", YES),
    ("\\rm x", YES),
    ("'rm' x", YES),
    ('"rm" x', YES),
    ("r''m x", YES),
    ("rm\\\n x", YES),
    ("rm\tx", YES),
    (" rm x", YES),
    ("/bin/rm x", YES),
    ("./rm x", YES),
    ("/???/rm x", YES),
    ("rm>x", YES),
    ("> out rm x", YES),
    ("2>x rm y", YES),
    # client: parts of a larger text
    ("cat a && rm x", YES),
    ("cat a || rm x", YES),
    ("cat a; rm x", YES),
    ("cat a\nrm x", YES),
    ("cat a & rm x", YES),
    ("cat a | rm x", YES),
    ("cat a |& rm x", YES),
    ("(rm x)", YES),
    ("{ rm x; }", YES),
    ("! rm x", YES),
    ("if true; then rm x; fi", YES),
    ("if rm x; then true; fi", YES),
    ("for i in a; do rm $i; done", YES),
    ("while read l; do rm $l; done", YES),
    ("until rm x; do :; done", YES),
    ("case x in x) rm x;; esac", YES),
    ("f() { rm x; }; f", YES),
    ("function g { rm x; }", YES),
    ("echo $(rm x)", YES),
    ("echo `rm x`", YES),
    ('echo "$(rm x)"', YES),
    ("cat <(rm x)", YES),
    ("a=$(rm x)", YES),
    ("export A=$(rm x)", YES),
    ("[[ $(rm x) ]]", YES),
    ("cat <<X\n$(rm x)\nX", YES),
    # client: behind other programs and assignments
    ("FOO=bar rm x", YES),
    ("command rm x", YES),
    ("builtin rm x", YES),
    ("exec rm x", YES),
    ("env rm x", YES),
    ("env A=1 rm x", YES),
    ("env -i rm x", YES),
    ("env -u A rm x", YES),
    ("env -C / rm x", YES),
    ("env -S 'rm x'", YES),
    ("/usr/bin/env rm x", YES),
    ("timeout 5 rm x", YES),
    ("timeout -k 1 5 rm x", YES),
    ("nohup rm x", YES),
    ("nice -n 5 rm x", YES),
    ("time rm x", YES),
    ("setsid rm x", YES),
    ("sudo rm x", YES),
    ("sudo -u bob rm x", YES),
    ("doas rm x", YES),
    ("watch rm x", YES),
    ("flock f rm x", YES),
    ("ionice -c 3 rm x", YES),
    ("script -c 'rm x'", YES),
    ("echo x | xargs rm", YES),
    # client: asks, refuses for another reason or cannot tell; here the rule is seen to hold
    ("$'rm' x", YES),
    ("bash -c 'rm x'", YES),
    ('sh -c "rm x"', YES),
    ("bash -ec 'cd /; rm x'", YES),
    ("nohup sh -c 'rm x' &", YES),
    ("bash -c \"bash -c 'rm x'\"", YES),
    ("eval 'rm x'", YES),
    ("eval rm x", YES),
    ("trap 'rm x' EXIT", YES),
    ("stdbuf -o L rm x", YES),
    ("busybox rm x", YES),
    ("su -c 'rm x'", YES),
    ("watch 'ls; rm x'", YES),
    ("ssh host rm x", YES),
    ("ssh host 'cd /;rm x'", YES),
    ("npx rm x", YES),
    ("parallel rm ::: x", YES),
    ("xargs -I{} rm {}", YES),
    ("echo x | xargs -n1 rm", YES),
    ("timeout --nobody-knows 5 rm x", YES),
    ("find . -name q -exec rm {} \\;", YES),
    ("find . -execdir rm {} +", YES),
    ("sudo timeout 5 nice env A=1 rm x", YES),
    ("RM x", YES),
    # client: not meant
    ("rmdir x", NO),
    ("echo rm x", NO),
    ("echo 'a; rm x'", NO),
    ("echo '$(rm x)'", NO),
    ("cat <<'X'\n$(rm x)\nX", NO),
    ("cat <<EOF\nrm x\nEOF", NO),
    ("command -v rm", NO),
    ("type rm", NO),
    ("which rm", NO),
    ("# rm x", NO),
    ("echo a # rm x", NO),
    (">rm x", NO),
    ("find . -name rm", NO),
    ("time grep -n rm x", NO),
    ("env grep rm x", NO),
    # not looked into: what other programs run, as the documentation says
    ("docker exec c rm x", NO),
    ("make rm", NO),
    ("python3 -c 'import os; os.system(\"rm x\")'", NO),
    ("bash script.sh", NO),
    ("sh ./rm.sh", NO),
    ("bash --version", NO),
    # only running it would tell
    ("$A x", MAYBE),
    ("A=rm; $A x", MAYBE),
    ('"$@"', MAYBE),
    ("$(echo rm) x", MAYBE),
    ("{rm,x}", MAYBE),
    ("r?m x", MAYBE),
    ('eval "$X"', MAYBE),
    ('bash -c "$X"', MAYBE),
    ("echo 'rm x' | bash", MAYBE),
    ("bash <<< 'rm x'", MAYBE),
    ("bash -s < f", MAYBE),
    ("bash <(echo rm x)", MAYBE),
    ("source <(echo rm x)", MAYBE),
    ("echo rm x | . /dev/stdin", MAYBE),
    ("curl x | sudo sh", MAYBE),
    ("echo " + "a" * 10_100, MAYBE),
    ("echo 'open", MAYBE),
    ("rm$X", MAYBE),
]


@pytest.mark.parametrize(("command", "expected"), RM)
def test_a_rule_for_rm_is_seen_through_disguises(command: str, expected: bool | None) -> None:
    assert judge("rm:*", command) is expected


GIT = [
    ("git push", YES),
    ("/usr/bin/git push", YES),
    ("GIT_DIR=x git push", YES),
    ("git -c a=b push", YES),
    ("git --no-pager push", YES),
    ("git --git-dir=.git push", YES),
    ("git -C . -c a=b push origin", YES),
    ("git log --grep push", NO),
    ("git commit -m push", NO),
    ('git commit -m "$MSG"', NO),
    ("git stash push", NO),
    ("git $X", MAYBE),
    ('git "$X" main', MAYBE),
    ("git pu*", MAYBE),
]


@pytest.mark.parametrize(("command", "expected"), GIT)
def test_options_before_a_subcommand_are_looked_past(command: str, expected: bool | None) -> None:
    assert judge("git push:*", command) is expected


@pytest.mark.parametrize(
    ("specifier", "command"), [("ls", "ls -la"), ("python -c:*", "python -m x -c"), ("rm x", "rm -f x")]
)
def test_options_are_looked_past_only_before_a_subcommand(specifier: str, command: str) -> None:
    assert judge(specifier, command) is NO


@pytest.mark.parametrize(
    ("shell", "expected"), [("bash", NO), ("/bin/zsh", NO), ("sh", NO), ("python3", MAYBE), ("fish", MAYBE)]
)
def test_a_shell_of_another_family_cannot_be_read(shell: str, expected: bool | None) -> None:
    assert judge("rm:*", "ls", shell) is expected


def test_commands_inside_commands_are_bounded() -> None:
    assert judge("rm:*", "xargs -Q " * 800 + "ls") is MAYBE


# tree-sitter-bash 0.25 may crash on a letter from U+10000 up behind `{`.
_LETTERS = st.characters(codec="utf-8", max_codepoint=0x7FF)
_word = st.sampled_from(["git", "push", "-C", "x", "'a b'", "*", "$X", "'q'", "--", "rm", "env", "sudo", ">f"])
_simple = st.lists(_word, min_size=1, max_size=6).map(" ".join)
_rule = st.lists(st.sampled_from(["git", "push", "rm", "*", "a*", "x"]), min_size=1, max_size=4).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(
    _rule,
    _simple,
    st.sampled_from(["cd a && {}", "{}; ls", "ls | {}", "({})", "A=1 {}", "if {}; then ls; fi", "$({})"]),
)
def test_a_command_that_a_rule_means_is_found_in_a_larger_text(rule: str, command: str, around: str) -> None:
    if judge(rule, command) is YES:
        assert judge(rule, around.format(command)) is not NO


@settings(max_examples=300, deadline=None)
@given(st.text(_LETTERS, max_size=60), st.text(min_size=1, max_size=20))
def test_any_text_and_rule_are_judged(command: str, rule: str) -> None:
    assert judge(rule, command) in {YES, NO, MAYBE}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["rm", "git", "push", " ", "x", "-"]), max_size=6), st.integers(0, 6), _rule)
def test_a_hidden_word_may_match_whatever_the_plain_one_matches(words: list[str], at: int, rule: str) -> None:
    plain = " ".join("".join(words).split())
    cut = min(at, len(plain))
    hidden = plain[:cut] + UNKNOWN
    for pattern in command_patterns(rule):
        if pattern.matches(plain):
            assert pattern.matches(hidden) or pattern.may_match(hidden)
