"""What commands read and write: patterns, folders, tools side by side, and what is said of the unknown."""

import os
import subprocess
from pathlib import Path

import pytest

from fourfold_tools.model.effects import Effects, conflict
from fourfold_tools.ops.effects import classify, harmless_variable


def touched(command: str, cwd: str = "/w") -> tuple[set[str], set[str]]:
    effects = classify(command, cwd)
    assert effects.known, effects.note
    return set(effects.reads), set(effects.writes)


@pytest.mark.parametrize(
    ("command", "reads"),
    [
        ("cat a b/c", {"/w/a", "/w/b/c"}),
        ("cat ./a b//c /etc/x", {"/w/a", "/w/b/c", "/etc/x"}),
        ("cat ../x", {"/x"}),
        ("cat *.py", {"/w/*.py"}),
        ("cat -n 'a b'", {"/w/a b"}),
        ("cat < in", {"/w/in"}),
        ("head -n 5 a", {"/w/a"}),
        ("tail -n 5 a", {"/w/a"}),
        ("sed -n 1,5p a b", {"/w/a", "/w/b"}),
        ("awk -F: '{print $1}' a", {"/w/a"}),
        ("awk 'NR>1' x=1 a", {"/w/a"}),
        ("grep foo a b", {"/w/a", "/w/b"}),
        ("grep -e foo a", {"/w/a"}),
        ("grep -f patterns a", {"/w/patterns", "/w/a"}),
        ("grep -r foo", {"/w/**"}),
        ("grep -rn foo src lib", {"/w/src/**", "/w/lib/**"}),
        ("grep --reg=foo a b", {"/w/a/**", "/w/b/**"}),
        ("rg foo src", {"/w/src/**"}),
        ("rg foo", {"/w/**"}),
        ("rg --files src", {"/w/src/**"}),
        ("find src -name x", {"/w/src/**"}),
        ("find", {"/w/**"}),
        ("ls", {"/w", "/w/*"}),
        ("ls src", {"/w/src", "/w/src/*"}),
        ("ls -R src", {"/w/src", "/w/src/**"}),
        ("wc -l a", {"/w/a"}),
        ("sort -t, -k 2 a", {"/w/a"}),
        ("diff a b", {"/w/a/**", "/w/b/**"}),
        ("diff <(sort a) <(sort b)", {"/w/a", "/w/b"}),
        ("[ -f a ]", {"/w/a"}),
        ("[[ -d a && x -nt y ]]", {"/w/a", "/w/x", "/w/y"}),
        ("jq .a b", {"/w/b"}),
        ("ls src | xargs cat", {"/w/src", "/w/src/*", "/**"}),
        ("sha256sum -c sums", {"/w/sums", "/**"}),
        ('echo "$(cat a)" b', {"/w/a"}),
        ("echo a b", set[str]()),
        ("cat -", set[str]()),
        ("cat <<EOF\na $(cat b)\nEOF", {"/w/b"}),
        ("cat /dev/null", {"/dev/null"}),
    ],
)
def test_a_reader_names_what_it_reads(command: str, reads: set[str]) -> None:
    assert touched(command) == (reads, set())
    assert classify(command, "/w").read_only


def test_the_home_folder_is_worked_out() -> None:
    assert touched("cat ~/x ~") == ({os.path.expanduser("~/x"), os.path.expanduser("~")}, set())
    assert touched("cat '~/x'") == ({"/w/~/x"}, set())


@pytest.mark.parametrize(
    ("command", "reads", "writes"),
    [
        ("cp a b", {"/w/a"}, {"/w/b", "/w/b/a"}),
        ("cp a d/", {"/w/a"}, {"/w/d/a"}),
        ("cp x/a .", {"/w/x/a"}, {"/w/a"}),
        ("cp a b d", {"/w/a", "/w/b"}, {"/w/d/a", "/w/d/b"}),
        ("cp -t d a b", {"/w/a", "/w/b"}, {"/w/d/a", "/w/d/b"}),
        ("cp -r a b", {"/w/a/**"}, {"/w/b/**", "/w/b/a/**"}),
        ("cp src/*.py d/", {"/w/src/*.py"}, {"/w/d/*.py"}),
        ("mv a b", set(), {"/w/a/**", "/w/b/**", "/w/b/a/**"}),
        ("rm a src/*.o", set(), {"/w/a", "/w/src/*.o"}),
        ("rm -f *.o", set(), {"/w/*.o/**"}),
        ("rm -rf a", set(), {"/w/a/**"}),
        ("mkdir -p a/b", set(), {"/w/a/b/**"}),
        ("rmdir a", set(), {"/w/a/**"}),
        ("touch a b", set(), {"/w/a", "/w/b"}),
        ("touch -r a b", {"/w/a"}, {"/w/b"}),
        ("ln -s ../x y", set(), {"/w/y/**", "/w/y/x/**"}),
        ("tee -a a b < c", {"/w/c"}, {"/w/a", "/w/b"}),
        ("dd if=a of=b bs=1M", {"/w/a"}, {"/w/b"}),
        ("truncate -s 0 a", set(), {"/w/a"}),
        ("chmod +x a", set(), {"/w/a"}),
        ("chmod -R u+w a", set(), {"/w/a/**"}),
        ("install -d a b", set(), {"/w/a/**", "/w/b/**"}),
        ("patch -p1 -i x.patch", {"/w/x.patch"}, {"/w/**"}),
        ("unzip -q a.zip -d out", {"/w/a.zip"}, {"/w/out/**"}),
        ("tar xzf a.tgz", {"/w/a.tgz"}, {"/w/**"}),
        ("tar -xf a.tar -C out", {"/w/a.tar"}, {"/w/out/**"}),
        ("tar czf a.tgz src", {"/w/src/**"}, {"/w/a.tgz"}),
        ("gzip -k a", {"/w/a"}, {"/w/a", "/w/a.*", "/w/a*"}),
        ("sed -i 's/a/b/' f", {"/w/f"}, {"/w/f", "/w/f*"}),
        ("sed -i '' 's/a/b/' f", {"/w/f"}, {"/w/f", "/w/f*"}),
        ("sort -u a > b", {"/w/a"}, {"/w/b"}),
        ("echo x >> log 2>&1", set(), {"/w/log"}),
        ("{ cat a; cat b; } > c", {"/w/a", "/w/b"}, {"/w/c"}),
        ("for i in 1 2; do echo $i; done > out", set(), {"/w/out"}),
        ("curl -sSfL https://a.example/x -o y", set(), {"/w/y"}),
        ("curl -O https://a.example/d/x.tgz", set(), {"/w/x.tgz"}),
        ("curl https://a.example/x -o /dev/null", set(), set()),
        ("wget -q -O y https://a.example/x", set(), {"/w/y"}),
        ("go build -o bin/x ./cmd/x", {"/w/**"}, {"/w/bin/x", "/w/bin/x/**"}),
        ("go build ./...", {"/w/**"}, set()),
        ("make -C sub all", {"/w/**", "/w/sub/**"}, {"/w/**", "/w/sub/**"}),
        ("cmake --build build", {"/w/**", "/w/build/**"}, {"/w/build/**"}),
        ("pytest --junitxml=r.xml", {"/w/**"}, {"/w/r.xml", "/w/r.xml/**"}),
        ("npm ci", {"/w/**"}, {"/w/node_modules/**", "/w/package.json", "/w/package-lock.json"}),
        ("ruff format", {"/w/**"}, {"/w/**"}),
        ("ruff format src/a.py", {"/w/**"}, {"/w/src/a.py/**"}),
        ("ruff check --fix src", {"/w/**"}, {"/w/src/**"}),
        ("ruff check --fix --config x src", {"/w/**"}, {"/w/**"}),
        ("black -q src", {"/w/**"}, {"/w/src/**"}),
        ("prettier --write src", {"/w/**"}, {"/w/src/**"}),
        ("tsc --outDir out", {"/w/**"}, {"/w/out", "/w/out/**"}),
        ("cargo clean", {"/w/**"}, {"/w/target/**"}),
        ("cargo fmt", {"/w/**"}, {"/w/**"}),
        ("cargo update", {"/w/**"}, {"/w/Cargo.toml", "/w/Cargo.lock"}),
    ],
)  # fmt: skip
def test_a_known_writer_names_what_it_reads_and_writes(command: str, reads: set[str], writes: set[str]) -> None:
    assert touched(command) == (reads, writes)
    assert not classify(command, "/w").read_only


@pytest.mark.parametrize(
    ("command", "hosts"),
    [
        ("curl -s https://a.example/x http://b.example:8080", {"a.example", "b.example"}),
        ('curl "https://a.example/$x"', {"a.example"}),
        ("wget https://a.example/", {"a.example"}),
        ("git clone https://a.example/x.git", {"a.example"}),
        ("git clone git@a.example:x/y.git", {"a.example"}),
        ("pip install x", {"pypi.org"}),
        ("npm install", {"registry.npmjs.org"}),
    ],
)
def test_hosts_are_named(command: str, hosts: set[str]) -> None:
    effects = classify(command, "/w")
    assert effects.hosts == hosts
    assert effects.known
    assert not effects.read_only


TOOLS = """
pytest -q
python -m pytest tests -x
python3 -m unittest
uv run pytest
.venv/bin/pytest
tox
nox
ruff check .
ruff format --check
mypy
mypy src
uv run mypy .
pyright
flake8
pylint src
black --check .
isort --check-only .
coverage run -m pytest
eslint .
npx eslint src
prettier --check .
tsc --noEmit
npx tsc --noEmit -p .
./node_modules/.bin/jest
jest --ci
vitest run
mocha
rspec
bundle exec rspec
npm test
npm run lint
npm run test:unit
pnpm test
yarn lint
bun test
cargo build
cargo test
cargo check
cargo clippy
cargo fmt --check
go test ./...
go vet ./...
gradle test
./gradlew check
mvn -q test
dotnet test
timeout 600 pytest
CI=1 npm test
pytest 2>&1 | tail -5
pytest -k 'a or b' tests/test_a.py::test_b
go build ./...
poetry run pytest
""".strip().split("\n")


@pytest.mark.parametrize("command", TOOLS)
def test_the_usual_tools_are_known_and_run_side_by_side(command: str) -> None:
    mine = classify(command, "/w")
    assert mine.known, mine.note
    assert not mine.read_only
    assert "/w/**" in mine.reads
    for other in TOOLS:
        assert conflict(mine, classify(other, "/w")) is None


@pytest.mark.parametrize(
    "writer",
    [
        "ruff format",
        "rm -rf .pytest_cache",
        "echo x > src/a.py",
        "git checkout x",
        "npm ci",
        "pip install -e .",
        "make",
    ],
)
def test_whoever_writes_into_the_project_waits_for_its_tools(writer: str) -> None:
    for tool in ("pytest", "ruff check", "mypy", "npm test"):
        assert conflict(classify(writer, "/w"), classify(tool, "/w")) is not None


def test_a_folder_and_what_is_made_in_it_are_in_conflict() -> None:
    assert conflict(classify("mkdir -p a/b", "/w"), classify("touch a/b/c", "/w")) is not None
    assert conflict(classify("touch a/x", "/w"), classify("ls a", "/w")) is not None
    assert conflict(classify("touch a/x", "/w"), classify("find a", "/w")) is not None
    assert conflict(classify("touch a/x", "/w"), classify("cat b/x", "/w")) is None


@pytest.mark.parametrize(
    ("command", "reads"),
    [
        ("cd src && cat a", {"/w/src/a"}),
        ("cd src; cat a", {"/w/src/a", "/w/a"}),
        ("cd src || exit 1; cat a", {"/w/src/a"}),
        ("cd src || { echo no; exit 1; }; cat a", {"/w/src/a"}),
        ("cd src && cd lib && cat a", {"/w/src/lib/a"}),
        ("cd src && cd .. && cat a", {"/w/a"}),
        ("(cd src && cat a); cat b", {"/w/src/a", "/w/b"}),
        ("cd src | cat a", {"/w/a"}),
        ("cat a; cd src && cat b", {"/w/a", "/w/src/b"}),
        ("if cd src; then cat a; else cat b; fi", {"/w/src/a", "/w/b"}),
        ("! cd src || cat a", {"/w/src/a"}),
        ("case x in x) cd src;; esac; cat a", {"/w/src/a", "/w/a"}),
        ("cd /etc && cat x", {"/etc/x"}),
        ("cd 'a b' && cat x", {"/w/a b/x"}),
        ("echo $(cd src && cat a) && cat b", {"/w/src/a", "/w/b"}),
        ("bash -c 'cd src && cat a' && cat b", {"/w/src/a", "/w/b"}),
    ],
)
def test_cd_is_followed(command: str, reads: set[str]) -> None:
    assert touched(command) == (reads, set())


@pytest.mark.parametrize(
    ("command", "note"),
    [
        ("./build.sh", "script ./build.sh"),
        ("frobnicate x", "program frobnicate"),
        ('cat "$f"', "a variable that may be an option"),
        ("cat -- $f", "variable in a path"),
        ('cat "src/$f"', "variable in a path"),
        ("ls | xargs rm", "xargs rm"),
        ("sleep 5 &", "background job"),
        ("f() { ls; }; f", "function f"),
        ("find . -exec rm {} +", "find -exec"),
        ("PATH=x ls", "variable PATH"),
        ("cat a/../b", "`..` in a path"),
        ("cd $x; ls", "cd to an unknown folder"),
        ("for i in a b; do cd $i && cd x; done", "cd to an unknown folder"),
        ("while true; do cd x; done", "cd in a loop"),
        ("echo 'unclosed", "text that cannot be read with certainty"),
        ("git -c a.b=c log", "option -c of git"),
        ("npm run deploy", "script deploy"),
        ("python x.py", "script"),
        ("cargo run", "verb run"),
    ],
)
def test_the_unknown_is_named_and_has_no_patterns(command: str, note: str) -> None:
    assert classify(command, "/w") == Effects(known=False, note=note)


def test_a_note_is_a_few_words_whatever_the_command() -> None:
    assert len(classify("x" * 500, "/w").note) <= 60


def test_another_shell_and_variables_of_the_step_count() -> None:
    assert classify("ls", "/w", shell="/bin/bash").read_only
    assert classify("ls", "/w", shell="sh").read_only
    assert not classify("ls", "/w", shell="zsh").known
    assert not classify("ls", "/w", shell="./bash").known
    assert not classify("ls &> /dev/null", "/w", shell="sh").known
    assert not classify("echo $'\\'; rm x; \\''", "/w", shell="dash").known
    assert classify("ls", "/w", variables=["LANG", "TZ"]).read_only
    assert not classify("ls", "/w", variables=["PATH"]).known
    assert harmless_variable("LC_ALL")
    assert not any(map(harmless_variable, ["PATH", "LD_PRELOAD", "GIT_DIR", "PAGER", "IFS", "BASH_ENV", "LC_ALLX="]))


def test_an_empty_text_reads_nothing() -> None:
    assert classify("", "/w") == classify("# only a comment", "/w") == Effects(read_only=True)


def test_git_reads_and_writes_the_repository_around_the_folder(tmp_path: Path) -> None:
    top = tmp_path / "repo"
    (top / "sub" / "deep").mkdir(parents=True)
    (top / ".git").mkdir()
    store = f"{top}/.git/**"
    cwd = str(top / "sub")
    assert touched("git status", cwd) == ({f"{top}/**", store}, set())
    assert touched("git -C deep log", cwd) == ({f"{top}/**", store}, set())
    assert touched("cd deep && git add -A", cwd) == ({f"{top}/**", store}, {store})
    assert touched("git checkout -b x", cwd)[1] == {f"{top}/**", store}
    message = "git commit -m \"$(cat <<'EOF'\nfix: it's (done)\nEOF\n)\""
    assert touched(message, cwd) == ({f"{top}/**", store}, {store})


def test_a_linked_worktree_writes_the_store_it_shares(tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"

    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@y", *words], cwd=main, check=True)

    main.mkdir()
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "x")
    git("worktree", "add", "-q", str(linked))
    assert touched("git add x", str(linked))[1] == {f"{linked}/.git/**", f"{main}/.git/**"}
    assert conflict(classify("git commit -m x", str(linked)), classify("git commit -m y", str(main))) is not None
