"""Rules, shell parser and inferred effects together: what Claude Code 2.1.330 was seen to refuse is refused here."""

from pathlib import Path

import pytest
from permission_lab import Lab, step

from fourfold_tools.ops.effects import classify

_RULES = {
    "deny": ["Read(./.env)", "Read(secrets/**)", "Read(*.pem)", "Edit(locked/**)", "Edit(.git/**)", "Bash(rm:*)"],
    "ask": ["Read(askf.txt)", "Bash(git push:*)"],
}
_FILES = [
    ".env",
    "sub/.env",
    "secrets/k",
    "c.pem",
    "locked/f",
    "askf.txt",
    "ok.txt",
    "src/a.py",
    "src/.env",
    "build/o",
]


def decide(lab: Lab, command: str) -> str:
    effects = classify(command, lab.workspace.cwd)
    return lab.permissions.check(step(op="bash", command=command), effects).decision


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    lab.put(*_FILES)
    (lab.project / "link_env").symlink_to(".env")
    lab.write("project", **_RULES)
    return lab


@pytest.mark.parametrize(
    "command",
    [
        "cat .env",
        "cat ./.env",
        "cat 'sub/../.env'",
        "cat sub/.env",
        "cat ok.txt .env",
        "cat .E''NV",
        "cat link_env",
        "cat < .env",
        "head -1 .env",
        "tail -n 1 .env",
        "sed -n 1p .env",
        "grep x .env",
        "rg x .env",
        "awk 1 .env",
        "wc .env",
        "sort .env",
        "jq . .env",
        "diff .env ok.txt",
        "comm ok.txt secrets/k",
        "cut -c1 secrets/k",
        "base64 .env",
        "stat .env",
        "cp .env y",
        "mv .env y",
        "env cat .env",
        "grep -r x secrets",
        "grep -rf secrets/k .",
        "cat secrets/*",
        "ls secrets",
        "find secrets",
        "cd secrets && cat k",
        'cat "$(pwd)/secrets/k"',
        "X=secrets/k; cat $X",
        "cat s''ecrets/k",
        "pushd secrets; cat k",
        "mapfile x < secrets/k",
        "exec 3< secrets/k",
        "git diff secrets",
        "git diff --no-index ok.txt .env",
        "echo x > .git/q",
        "echo x > locked/q",
        "echo x | tee locked/q",
        "touch locked/q",
        "cp ok.txt locked/z",
        "mkdir locked/z",
        "mv locked l9",
        "sed -i s/x/y/ locked/f",
    ],
)
def test_what_the_client_denies_is_denied(lab: Lab, command: str) -> None:
    assert decide(lab, command) == "deny"


@pytest.mark.parametrize(
    "command",
    [
        "cat .e*",
        "cat {secrets,x}/k",
        "cat ./*/k",
        "cat s[e]crets/k",
        "cat src/.e*",
        "cat $PWD/secrets/k",
        "(cd secrets; cat k)",
        "env -C secrets cat k",
        "bash -c 'cat .env'",
        "xxd .env",
        "less .env",
        "dd if=secrets/k",
        "source .env",
        "python3 -c 'print(open(\".env\").read())'",
        "tar cf x.tar secrets",
        "tar cf x.tar *",
        "git show HEAD:.env",
        "git log -p secrets",
        "echo secrets/k | xargs cat",
        "while read l; do echo $l; done < secrets/k",
        "for f in secrets/*; do cat $f; done",
        "echo x > secrets/new",
        "chmod 600 locked/f",
        "truncate -s0 locked/f",
        "docker run -v $PWD/secrets:/s x",
    ],
)
def test_what_the_client_lets_through_or_leaves_to_a_prompt_is_denied_here(lab: Lab, command: str) -> None:
    assert decide(lab, command) == "deny"


@pytest.mark.parametrize("command", ["cat askf.txt", "git -C . push", "cat $DIR/.env", "$TOOL -x"])
def test_what_a_person_should_see_first_asks(lab: Lab, command: str) -> None:
    assert decide(lab, command) == "ask"


@pytest.mark.parametrize(
    "command",
    [
        "ls",
        "ls -la",
        "ls -R",
        "tree",
        "git status",
        "git diff",
        "git log --oneline -5",
        "git add -A && git commit -m 'x y'",
        "git stash list",
        "grep -rn foo src",
        "grep -r x .",
        "rg foo",
        "find . -name '*.py'",
        "find . -type f | xargs wc -l",
        "cat ok.txt",
        "cat src/*",
        "wc -l src/*.py",
        "for f in src/*.py; do wc -l $f; done",
        "cd src && ls",
        "python -m pytest -q",
        "ruff check .",
        "npm install",
        "npm run build 2>&1 | tail -5",
        "make test",
        "tsc --noEmit",
        "cargo test",
        "docker compose up -d",
        "python script.py --x y",
        "node -e 'console.log(1)'",
        "echo hi > out.txt",
        "mkdir -p a/b && touch a/b/c",
        "tar czf x.tgz src",
        "which rm",
        "echo secrets/k",
        "echo $HOME",
    ],
)
def test_everyday_commands_are_not_in_the_way(lab: Lab, command: str) -> None:
    assert decide(lab, command) == "none"
