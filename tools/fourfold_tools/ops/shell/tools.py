"""The tools of a project: test runners, linters, type checkers, compilers.

They read the project (`cwd/**`) and write what they are told to. What such a tool keeps for itself is left out:
`.pytest_cache`, `.ruff_cache`, `.mypy_cache`, `__pycache__`, `.tox`, `node_modules/.cache`, `.coverage`, `coverage/`,
and the build folder of a tool that locks it (cargo's, Gradle's and Maven's). Nobody else reads these, and named as
writes they would collide with every other tool's `cwd/**`: tests, lint and types could never run side by side. A
command that names such a folder (`rm -rf .pytest_cache`) still writes it and waits its turn. `coverage report` names
`.coverage`, and so follows the tests that were submitted before it. What only reads a build folder (`cp target/x y`)
has to name its build in `needs`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.arguments import names, part
from fourfold_tools.ops.shell.place import Place, Uncertain, below, writing
from fourfold_tools.ops.shell.readers import Rule
from fourfold_tools.ops.shell.syntax import Word

# Options without a value that may stand beside operands.
_BARE = names("--fix --fix-only --unsafe-fixes --write -w --in-place -i -q --quiet -v --verbose --preview --safe")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool whose words are options and what to look at.

    output: options that name a file or folder to write. change: options that change sources; `changes`: it does so
    without one, unless one of `spare` is given. refused: options with which it never ends or runs something else.
    """

    output: frozenset[str] = frozenset()
    change: frozenset[str] = frozenset()
    spare: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    changes: bool = False

    def __call__(self, words: Sequence[Word], place: Place) -> Effects:
        check_words(words, self.refused)
        given = {w.prefix.partition("=")[0] for w in words}
        reads = {place.tree, *_outside(words, place)}
        writes = {p for w in _values(words, self.output) for p in (place.file(w), below(place.file(w)))}
        if given & self.change or (self.changes and not given & self.spare):
            writes |= _changed(words, place)
        return writing(writes, reads)


def tool(output: str = "", change: str = "", spare: str = "", refused: str = "", *, changes: bool = False) -> Tool:
    return Tool(names(output), names(change), names(spare), names(refused), changes)


def check_words(words: Sequence[Word], refused: frozenset[str]) -> None:
    """Every word has to be known, and none of them a refused option.

    Raises:
        Uncertain: one is not.
    """
    for word in words:
        if word.text is None and (word.many or not word.prefix.startswith("-") or "=" not in word.prefix):
            raise Uncertain("variable in a path")
        if word.prefix.partition("=")[0] in refused:
            raise Uncertain(f"option {word.raw}")


def operands(words: Sequence[Word]) -> list[Word]:
    """The words that are no options; the value of an option may be among them."""
    return [w for w in words if not w.prefix.startswith("-")]


def _values(words: Sequence[Word], options: frozenset[str]) -> list[Word]:
    """The values of these options, in the same word or the next one."""
    found: list[Word] = []
    for i, word in enumerate(words):
        name, equals, _ = word.prefix.partition("=")
        if name in options and equals:
            found.append(part(word, len(name) + 1))
        elif name in options and i + 1 < len(words):
            found.append(words[i + 1])
    return found


def _outside(words: Sequence[Word], place: Place) -> frozenset[str]:
    """Operands that lie elsewhere than below the place."""
    found = [w for w in operands(words) if w.home or (w.text or "").startswith(("/", "../")) or w.text == ".."]
    return place.trees(found)


def _changed(words: Sequence[Word], place: Place) -> frozenset[str]:
    """The operands, where it is certain which words are operands; else the whole project."""
    named = operands(words)
    certain = all(w.text in _BARE or "=" in w.prefix for w in words if w.prefix.startswith("-"))
    return place.trees(named) if named and certain else frozenset({place.tree, *_outside(words, place)})


_PYTEST = tool(
    "--junitxml --junit-xml --report-log --html --log-file --basetemp",
    change="--snapshot-update --inline-snapshot --force-regen --regen-all",
    refused="--pdb --trace -f --looponfail --pastebin",
)
_FORMATTER = partial(tool, changes=True)


def verbs(table: dict[str, Rule]) -> Rule:
    """A tool of verbs: options, one of them, its own words. The keys of the table hold verbs between spaces."""
    known = {verb: rule for key, rule in table.items() for verb in key.split()}

    def rule(words: Sequence[Word], place: Place) -> Effects:
        at = next((i for i, w in enumerate(words) if not w.prefix.startswith(("-", "+"))), len(words))
        verb = words[at].literal if at < len(words) else ""
        if verb not in known:
            raise Uncertain(f"verb {verb}")
        return known[verb]([*words[:at], *words[at + 1 :]], place)

    return rule


def writes(*paths: str, hosts: Sequence[str] = ()) -> Rule:
    """A command that writes these paths below the place and reads the project."""

    def rule(words: Sequence[Word], place: Place) -> Effects:
        return writing((f"{place.path.rstrip('/')}/{p}" for p in paths), [place.tree], hosts)

    return rule


def _coverage_run(words: Sequence[Word], place: Place) -> Effects:
    """A module that is a test runner; a script may do anything."""
    texts = [w.literal for w in words]
    if "-m" not in texts[:-1] or texts[texts.index("-m") + 1] not in ("pytest", "unittest"):
        raise Uncertain("script under coverage")
    return _PYTEST(words, place)


def _tsc(words: Sequence[Word], place: Place) -> Effects:
    """Emits into its output folder, which stands in a file that is not read here: one of the usual ones."""
    effects = tool("--outDir --outFile --declarationDir", refused="-w --watch --init")(words, place)
    if effects.writes or {w.literal for w in words} & names("--noEmit --showConfig --listFilesOnly --version -v"):
        return effects
    folders = (f"{place.path.rstrip('/')}/{p}" for p in ("dist/**", "build/**", "lib/**", "out/**", "*.tsbuildinfo"))
    return writing(folders, effects.reads)


_REPORT = writes(".coverage*", "htmlcov/**", "coverage.xml", "coverage.json", "coverage.lcov")

TOOLS: dict[str, Rule] = {
    "pytest": _PYTEST,
    "py.test": _PYTEST,
    "unittest": tool(),
    "tox": tool(),
    "nox": tool(),
    "mypy": tool(
        "--junit-xml --html-report --xml-report --txt-report --cobertura-xml-report --any-exprs-report",
        refused="--install-types",
    ),
    "pyright": tool(change="--createstub --writebaseline", refused="-w --watch"),
    "basedpyright": tool(change="--createstub --writebaseline", refused="-w --watch"),
    "flake8": tool("--output-file"),
    "pylint": tool("--output"),
    "bandit": tool("-o --output"),
    "black": _FORMATTER(spare="--check --diff"),
    "isort": _FORMATTER(spare="--check --check-only -c --diff --show-files --stdout"),
    "autopep8": tool(change="-i --in-place"),
    "yapf": tool(change="-i --in-place"),
    "eslint": tool("-o --output-file", change="--fix", refused="--init"),
    "stylelint": tool("-o --output-file", change="--fix"),
    "prettier": tool(change="--write -w"),
    "jest": tool("--outputFile", change="-u --updateSnapshot", refused="--watch --watchAll"),
    "mocha": tool(refused="--watch -w"),
    "rspec": tool("-o --out"),
    "ctest": tool("--output-junit --output-log"),
    "golangci-lint": tool(change="--fix"),
    "gofmt": tool(change="-w"),
    "rustfmt": _FORMATTER(spare="--check"),
    "clang-format": tool(change="-i"),
    "shellcheck": tool(),
    "tsc": _tsc,
    "vue-tsc": _tsc,
    "ruff": verbs(
        {
            "check": tool("-o --output-file", change="--fix --fix-only --add-noqa", refused="-w --watch"),
            "format": _FORMATTER(spare="--check --diff"),
            "rule linter config version analyze": tool(),
            "clean": writes("**/.ruff_cache/**"),
        }
    ),
    "biome": verbs({"check lint format ci": tool(change="--write --apply --apply-unsafe --fix")}),
    "vitest": tool("--outputFile", change="-u --update", refused="-w --watch --ui watch dev bench"),
    "coverage": verbs({"run": _coverage_run, "report html xml json lcov combine erase": _REPORT, "debug": tool()}),
}
