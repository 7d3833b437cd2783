"""Build tools and package managers: what their verbs write into the project."""

import re
from collections.abc import Sequence

from fourfold_tools.model.effects import Effects
from fourfold_tools.ops.shell.arguments import names, part
from fourfold_tools.ops.shell.place import Place, Uncertain, below, writing
from fourfold_tools.ops.shell.readers import Rule
from fourfold_tools.ops.shell.syntax import Word
from fourfold_tools.ops.shell.tools import check_words, operands, tool, verbs, writes

_READS = tool()
_NPM, _PYPI, _CRATES, _GO = ["registry.npmjs.org"], ["pypi.org"], ["index.crates.io"], ["proxy.golang.org"]
# What a package manager installs for Python lands in the virtual environment of the project, its usual place.
_PYTHON_TREES = (".venv/**", "venv/**", "*.egg-info/**")
_NODE_TREES = ("node_modules/**", "package.json")

_CARGO = verbs(
    {
        "build b check c test t bench tree metadata nextest": _READS,
        "doc d": tool(refused="--open"),
        "clippy": tool(change="--fix"),
        "fix": tool(changes=True),
        "fmt": tool(spare="--check", changes=True),
        "clean": writes("target/**"),
        "add remove update generate-lockfile": writes("Cargo.toml", "Cargo.lock", hosts=_CRATES),
    }
)


def _go_build(words: Sequence[Word], place: Place) -> Effects:
    """Packages are compiled into the cache; one main package leaves a program named after its folder."""
    effects = tool("-o", refused="-toolexec")(words, place)
    named = [w.text or "" for w in operands(words)]
    if effects.writes or any("..." in n for n in named):
        return effects
    path = place.path if not named else place.path + "/" + named[-1]
    return writing(
        [f"{place.path.rstrip('/')}/{path.rstrip('/.').rpartition('/')[2].removesuffix('.go')}"], effects.reads
    )


_GO_TOOL = verbs(
    {
        "test": tool(
            "-o -coverprofile -cpuprofile -memprofile -blockprofile -mutexprofile -trace -outputdir",
            refused="-exec -toolexec -vettool",
        ),
        "vet": tool(refused="-vettool -toolexec"),
        "build": _go_build,
        "list version env": tool(refused="-w -u -toolexec"),
        "fmt": tool(changes=True),
        "mod get": writes("go.mod", "go.sum", "go.work.sum", "vendor/**", hosts=_GO),
    }
)

_SCRIPT = re.compile(r"(test|lint|build|check|typecheck|type-check|types|tsc|format:check)(:[\w:-]+)?")
_NODE_RUN = tool(change="--fix --write -u --updateSnapshot --update", refused="--watch --watchAll")


def _node_script(words: Sequence[Word], place: Place) -> Effects:
    """A script of package.json by one of the usual names: what it does is settled by what such a script is for."""
    named = operands(words)
    if not named or not _SCRIPT.fullmatch(named[0].literal or ""):
        raise Uncertain(f"script {named[0].raw if named else ''}")
    return _NODE_RUN(words, place)


def _node(lock: str) -> Rule:
    install = writes(*_NODE_TREES, lock, hosts=_NPM)
    return verbs(
        {
            "test t tst lint build typecheck": _NODE_RUN,
            "run run-script": _node_script,
            "install i ci add remove rm uninstall un update up upgrade dedupe prune": install,
            "ls list why outdated audit view": _READS,
        }
    )


def _yarn(words: Sequence[Word], place: Place) -> Effects:
    """Without a verb it installs."""
    named = operands(words)
    return _node("yarn.lock")(words if named else [Word("install", "install", "install"), *words], place)


_PIP = verbs({"install uninstall": writes(*_PYTHON_TREES, "build/**", hosts=_PYPI), "list show freeze check": _READS})
_UV = verbs(
    {
        "pip": _PIP,
        "sync add remove lock": writes("pyproject.toml", "uv.lock", *_PYTHON_TREES, hosts=_PYPI),
        "venv": writes(".venv/**"),
        "tree": _READS,
    }
)
_POETRY = verbs(
    {
        "install add remove lock update sync": writes("pyproject.toml", "poetry.lock", *_PYTHON_TREES, hosts=_PYPI),
        "check show": _READS,
    }
)
_BUNDLE = verbs(
    {
        "install update add": writes("Gemfile", "Gemfile.lock", "vendor/**", hosts=["rubygems.org"]),
        "list check": _READS,
    }
)


def _option(words: Sequence[Word], *options: str) -> list[Word]:
    """The values of options, attached or in the next word."""
    found: list[Word] = []
    for i, word in enumerate(words):
        following = words[i + 1] if i + 1 < len(words) else None
        for option in options:
            if word.prefix == option and word.text is not None and following is not None:
                found.append(following)
            elif word.prefix.startswith(option) and word.prefix != option:
                found.append(part(word, len(option) + word.prefix.startswith(option + "=")))
    return found


def _make(words: Sequence[Word], place: Place) -> Effects:
    """A target may write anything in the project, or in the folders it is sent to."""
    check_words([w for w in words if not w.prefix.startswith("-j")], frozenset())
    trees = {place.tree, *place.trees(_option(words, "-C", "--directory"))}
    return writing(trees, trees)


def _cmake(words: Sequence[Word], place: Place) -> Effects:
    check_words(words, names("-P -E --install --open"))
    folders = place.trees(_option(words, "-B", "--build"))
    return writing(folders or {place.tree}, {place.tree, *folders})


def _in_folder(words: Sequence[Word], place: Place) -> Effects:
    """ninja and meson: the build folder of `-C`, else the project."""
    check_words(words, frozenset())
    folders = place.trees(_option(words, "-C"))
    return writing(folders or {place.tree}, {place.tree, *folders})


def _tasks(known: str, cleaned: str) -> Rule:
    """A build tool that takes tasks, all of them known; `clean` writes the build folders."""
    allowed = names(known)

    def rule(words: Sequence[Word], place: Place) -> Effects:
        tasks = [(w.text or "").rpartition(":")[2] for w in operands(words)]
        unknown = [t for t in tasks if t not in allowed]
        if unknown or not tasks:
            raise Uncertain(f"task {unknown[0] if unknown else ''}")
        effects = _READS(words, place)
        return writing([below(f"{place.path.rstrip('/')}/{cleaned}")], effects.reads) if "clean" in tasks else effects

    return rule


_GRADLE = _tasks(
    "test build check assemble classes testClasses compileJava compileKotlin compileTestJava compileTestKotlin jar"
    " lint ktlintCheck detekt clean",
    "**/build",
)
_MAVEN = _tasks("validate compile test-compile test package verify install clean", "**/target")
_DOTNET = verbs(
    {
        "build test restore": _READS,
        "format": tool(spare="--verify-no-changes", changes=True),
        "clean": writes("**/bin/**", "**/obj/**"),
    }
)

BUILDS: dict[str, Rule] = {
    "cargo": _CARGO,
    "go": _GO_TOOL,
    "npm": _node("package-lock.json"),
    "pnpm": _node("pnpm-lock.yaml"),
    "bun": _node("bun.lock"),
    "yarn": _yarn,
    "pip": _PIP,
    "pip3": _PIP,
    "uv": _UV,
    "poetry": _POETRY,
    "bundle": _BUNDLE,
    "make": _make,
    "gmake": _make,
    "cmake": _cmake,
    "ninja": _in_folder,
    "meson": _in_folder,
    "gradle": _GRADLE,
    "./gradlew": _GRADLE,
    "mvn": _MAVEN,
    "./mvnw": _MAVEN,
    "dotnet": _DOTNET,
}
