"""The reader of shell texts: words as bash makes them, every command, and nothing where it is not certain."""

import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourfold_tools.ops.shell.parse import (
    Compound,
    SimpleCommand,
    Word,
    inline_script,
    parse,
    simple_commands,
    unwrap,
)


def only(command: str) -> SimpleCommand:
    commands = simple_commands(command)
    assert commands is not None
    return commands[0]


def word(raw: str) -> Word:
    return only(f"echo {raw}").words[1]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("a", "a"),
        ("'a b'", "a b"),
        ('"a b"', "a b"),
        (r"a\ b", "a b"),
        (r'"a\"b\$c\\d\e"', r'a"b$c\d\e'),
        ("a'b'\"c\"d", "abcd"),
        ("''", ""),
        ("'$x `y` $(z)'", "$x `y` $(z)"),
        (r"$'a\tb\x41\101\'\\'", "a\tbAA'\\"),
        ("$", "$"),
        ('"$"', "$"),
        ("a$", "a$"),
        ("a#b", "a#b"),
        ("{}", "{}"),
        ("HEAD@{1}", "HEAD@{1}"),
        ("{a", "{a"),
        ("'{a,b}'", "{a,b}"),
        ('{a","b}', "{a,b}"),
        ("a=b", "a=b"),
        ("a~b", "a~b"),
        ("'~'/x", "~/x"),
        (r"\~", "~"),
        ("é", "é"),
        ("'naïve … 中'", "naïve … 中"),
        ("!", "!"),
        ("a]", "a]"),
        ("%s:,+-@^", "%s:,+-@^"),
    ],
)
def test_quotes_and_escapes_are_resolved(raw: str, text: str) -> None:
    found = word(raw)
    assert found.literal == text
    assert found.raw == raw
    assert found.prefix == text
    assert not found.many


@pytest.mark.parametrize(
    ("raw", "prefix", "many"),
    [
        ("$x", "", True),
        ('"$x"', "", False),
        ("a$x", "a", True),
        ('"a$x"b', "a", False),
        ("${x}", "", True),
        ('"${x:-y z}"', "", False),
        ('"$@"', "", True),
        ('"${@}"', "", True),
        ('"${a[@]}"', "", True),
        ('"$*"', "", True),
        ("$1", "", True),
        ('"$#"', "", False),
        ("$(ls)", "", True),
        ('"x$(ls)"', "x", False),
        ("`ls`", "", True),
        ("$((1+2))", "", True),
        ("~root/x", "", False),
        ("a=~", "a=", False),
        ("{a,b}", "", True),
        ("x{1..3}", "x", True),
        ("--n={a,b}", "--n=", True),
    ],
)
def test_what_only_running_tells_is_dynamic_with_its_literal_beginning(raw: str, prefix: str, many: bool) -> None:
    found = word(raw)
    assert found.dynamic
    assert (found.prefix, found.many) == (prefix, many)


@pytest.mark.parametrize(
    ("raw", "prefix"),
    [("*.py", ""), ("src/*.py", "src/"), ("a?c", "a"), ("[ab]c", ""), ("'a b'*", "a b"), ("x[1]", "x")],
)
def test_globs_keep_their_text_and_are_not_literal(raw: str, prefix: str) -> None:
    found = word(raw)
    assert found.glob
    assert found.many
    assert found.literal is None
    assert found.prefix == prefix


def test_the_home_folder_is_marked_and_left_to_be_worked_out() -> None:
    assert (word("~/x").home, word("~/x").text, word("~/x").literal) == (True, "~/x", None)
    assert word("~").home
    assert not word("'~/x'").home


@pytest.mark.parametrize("raw", ["$((x))", '"$((x + 1))"', "$((1 + $x))", ">(cat)"])
def test_a_word_whose_expansion_may_run_code_says_so(raw: str) -> None:
    assert word(raw).hazard


PLAIN = st.text(
    st.characters(blacklist_categories=["Cc", "Cs"]) | st.sampled_from(list("\t\n '\"\\$`*?[]{}~!#&|;<>()"))
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PLAIN, max_size=4))
def test_quoting_and_reading_are_inverse(texts: list[str]) -> None:
    command = only(shlex.join(["echo", *texts]))
    assert [w.literal for w in command.words[1:]] == texts


PIECES = [
    "a", "b c", "'d e'", '"f g"', "\\ ", "\\\n", "\\'", '\\"', "$'h\\ti'", "''", '""', "'\"'", '"\'"', "$", "=", "#",
    "{", "}", ",", "~", "!", ":", "é", "]", "\\\\", '"\\$"', '"\\a"', "-", "\t", "%", "^", "@", "{}", "..",
    "$'\\x41'",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=12))
def test_literal_words_are_the_ones_bash_makes(pieces: list[str]) -> None:
    text = "printf '%s\\0' " + "".join(pieces)
    commands = simple_commands(text)
    if commands is None or len(commands) > 1 or any(w.literal is None for w in commands[0].words):
        return
    mine = [w.literal for w in commands[0].words[2:]] or [""]
    env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/home"}
    bash = subprocess.run(["bash", "-c", text], env=env, capture_output=True, check=True, timeout=20)
    assert bash.stdout.decode().split("\0")[:-1] == mine


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("ls", ["ls"]),
        ("a; b && c || d | e & f\ng", ["a", "b", "c", "d", "e", "f", "g"]),
        ("a |& b", ["a", "b"]),
        ("! a | b", ["a", "b"]),
        ("(a; b); { c; d; }", ["a", "b", "c", "d"]),
        ("if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"]),
        ("while a; do b; done; until c; do d; done", ["a", "b", "c", "d"]),
        ("for x in $(a) b; do c $(d); done", ["c", "d", "a"]),
        ("for x; do a; done", ["a"]),
        ("case $(a) in b|c) d;; (*) e;; esac", ["d", "e", "a"]),
        ("f() { a; }; f", ["a", "f"]),
        ("f () (a); function g { b; }", ["a", "b"]),
        ("a $(b $(c)) `d` <(e) \"$(f)\" ${x:-y}", ["a", "b", "c", "d", "e", "f"]),
        ("x=$(a) b", ["b", "a"]),
        ("a > $(b) < <(c)", ["a", "b", "c"]),
        ("a <<EOF\n$(b) $(c)\nEOF\nd", ["a", "b", "c", "d"]),
        ("a <<'EOF'\n$(b)\nEOF\nc", ["a", "c"]),
        ("a <<< $(b)", ["a", "b"]),
        ("[[ -f $(a) ]] && b", ["b", "a"]),
        ("[ -f a ] && b", ["[", "b"]),
        ("export A=$(b)", ["export", "b"]),
        ("time a", ["time"]),
        ("# a comment\na # another", ["a"]),
        ("echo a#b; c", ["echo", "c"]),
        ("bash -c 'a; b'", ["bash"]),
    ],
)  # fmt: skip
def test_every_simple_command_is_found_wherever_it_stands(command: str, names: list[str]) -> None:
    commands = simple_commands(command)
    assert commands is not None
    assert sorted(c.name or "" for c in commands if c.words) == sorted(names)


def test_redirects_of_a_compound_come_as_a_command_without_words() -> None:
    commands = simple_commands("{ a; b; } > f 2>&1")
    assert commands is not None
    (found,) = [c for c in commands if not c.words]
    assert [(r.op, r.fd, r.target.text) for r in found.redirects] == [(">", "", "f"), (">&", "2", "1")]


def test_assignments_and_redirects_are_told_apart_from_words() -> None:
    command = only("A=1 B='x y' C= cmd D=2 >out 2>>err <in a &>all")
    assert [(a.name, a.value.text) for a in command.assignments] == [("A", "1"), ("B", "x y"), ("C", "")]
    assert [w.text for w in command.words] == ["cmd", "D=2", "a"]
    assert [(r.op, r.fd, r.target.text) for r in command.redirects] == [
        (">", "", "out"),
        (">>", "2", "err"),
        ("<", "", "in"),
        ("&>", "", "all"),
    ]


def test_a_here_document_is_data() -> None:
    quoted, expanded = only("cat <<'E'\na $x\nE"), only("cat <<-E\n\ta $x\n\tE")
    assert quoted.redirects[0].target.text == "a $x\n"
    assert expanded.redirects[0].target.dynamic
    (inner,) = [c for c in simple_commands('echo "$(cat <<E\na\nE\n)"') or [] if c.redirects]
    assert inner.redirects[0].nested


def test_the_structure_is_kept() -> None:
    tree = parse("a && b || c; d | e")
    assert isinstance(tree, Compound)
    assert [p.kind for p in tree.parts if isinstance(p, Compound)] == ["or", "pipe"]
    assert tree.kind == "sequence"


@pytest.mark.parametrize(
    "command",
    [
        "ls 'unclosed", "ls $(", "ls `a", "ls |", "&& ls", "ls ;; a", "ls )", "( ls", "if a; then b",
        "for x in a", "case x in", "echo a\rb", "echo a\x00b", "ls\x0b", "ls\xa0-l", "x" * 10_001, "ls \ud800",
        "coproc ls", "select x in a; do b; done", "((x++))", "a=(1 2)", "a[0]=1", "echo ${x:=y}", "echo ${x@P}",
        "echo ${!x}", "echo $[1]", "{fd}>x ls", "time { ls; }", "cat <<$x\ny\n$x", "cat <<A\nx",
        "cat <<A\nx\\\nA\ny\nA", "echo $(ls # comment\n)", "echo $(case x in x) a;; esac)", "ls !(a)",
        'echo $"x"', "echo `a \\`b\\``", 'echo "`echo "a"`"', "ls \\ a", "for ((i=0;i<3;i++)); do ls; done",
        "{ ls }", "if a then b; fi", "ls & & ls", "ls; ; ls", "echo a(b)", "echo a\\\nb", "cat <<A\n`ls`\nA",
        "echo $%", "cat 0< a", "echo $\\\na",
        'echo "$\\\n(a)"', "ls |\\\nwc", 'echo "a\\\nb"',
    ],
)  # fmt: skip
def test_what_is_not_certain_is_not_read(command: str) -> None:
    assert parse(command) is None
    assert simple_commands(command) is None


@pytest.mark.parametrize(
    ("command", "rest"),
    [
        ("ls -l", ["ls", "-l"]),
        ("timeout 5 ls", ["ls"]),
        ("timeout -k 1 --signal=KILL 5s ls -l", ["ls", "-l"]),
        ("time -p ls", ["ls"]),
        ("nice -n 5 ls", ["ls"]),
        ("nice -5 ls", ["ls"]),
        ("nohup ls", ["ls"]),
        ("stdbuf -oL -e0 ls", ["ls"]),
        ("command ls", ["ls"]),
        ("command -p ls", ["ls"]),
        ("builtin cd x", ["cd", "x"]),
        ("exec ls", ["ls"]),
        ("env A=1 B=2 ls", ["ls"]),
        ("env -i -u X ls", ["ls"]),
        ("/usr/bin/env ls", ["ls"]),
        ("nohup env nice timeout 3 ls", ["ls"]),
        ("env -- ls", ["ls"]),
        ("command -v ls", ["command", "-v", "ls"]),
        ("env", ["env"]),
        ("bash -c 'ls'", ["bash", "-c", "ls"]),
        ("watch ls", ["watch", "ls"]),
    ],
)
def test_wrappers_are_taken_off(command: str, rest: list[str]) -> None:
    inner = unwrap(only(command))
    assert inner is not None
    assert [w.text for w in inner.words] == rest


def test_what_xargs_and_env_add_is_kept() -> None:
    fed = unwrap(only("xargs -0 -n1 rm -f"))
    placed = unwrap(only("xargs -I{} cp a/{} b"))
    assert fed is not None
    assert placed is not None
    assert [w.text for w in fed.words] == ["rm", "-f", None]
    assert [(w.text, w.prefix) for w in placed.words] == [("cp", "cp"), (None, "a/"), ("b", "b")]
    env = unwrap(only('LANG=C env A=1 B="$x" ls'))
    assert env is not None
    assert [(a.name, a.value.text) for a in env.assignments] == [("LANG", "C"), ("A", "1"), ("B", None)]


@pytest.mark.parametrize(
    "command",
    [
        "timeout --foo 5 ls", "timeout $x ls", 'timeout "$x" ls', "time -o f ls", "nice --foo ls", "nohup -x ls",
        "stdbuf --x ls", "env -S 'ls'", "env -C / ls", "env $x ls", "env A=$x ls", "exec -a x ls", "xargs -p ls",
        "xargs --arg-file=x ls", "command -x ls", "timeout 5", "env " * 9 + "ls",
    ],
)  # fmt: skip
def test_a_wrapper_with_options_that_are_not_understood_is_not_taken_off(command: str) -> None:
    assert unwrap(only(command)) is None


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("bash -c 'ls -l'", "ls -l"),
        ("sh -ec 'a; b' x y", "a; b"),
        ("bash -e -c 'ls'", "ls"),
        ("/bin/zsh -c ls", "ls"),
        ("eval ls '-l'", "ls -l"),
        ("eval -- 'ls'", "ls"),
        ('bash -c "$x"', None),
        ("bash x.sh", None),
        ("bash", None),
        ("bash -o posix -c ls", None),
        ("bash --rcfile x -c ls", None),
        ("eval $x", None),
        ("ls -c x", None),
    ],
)
def test_the_text_handed_to_a_shell_is_given(command: str, script: str | None) -> None:
    assert inline_script(only(command)) == script
