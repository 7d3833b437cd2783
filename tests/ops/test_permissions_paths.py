"""Path patterns, held against what Claude Code 2.1.330 was seen to refuse and against ripgrep itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fourfold_tools.ops.permissions.paths import PathPattern, path_patterns

RG = shutil.which("rg", path=os.path.dirname(sys.executable)) or shutil.which("rg")


def patterns(specifier: str, *, allow: bool = False) -> tuple[PathPattern, ...]:
    return path_patterns(specifier, anchor="/anchor", home="/home/me", cwds=("/srv/proj",), allow=allow)


def meant(specifier: str, path: str, *, allow: bool = False) -> bool:
    return any(p.matches(path) for p in patterns(specifier, allow=allow))


# specifier, path, whether it is meant. Paths without a slash in front lie in the current folder.
TABLE = [
    # a name stands at any depth, with or without `./`
    (".env", ".env", True),
    (".env", "sub/.env", True),
    ("./.env", ".env", True),
    ("./.env", "sub/deep/.env", True),
    (".env", ".envrc", False),
    (".env", "x.env", False),
    (".env", "/elsewhere/.env", False),
    (".env", "/srv/.env", False),
    ("**/.env", "a/b/.env", True),
    ("*.pem", "n/c.pem", True),
    ("*.pem", "c.pem.txt", False),
    ("my file.txt", "my file.txt", True),
    # what a folder holds is meant with it
    ("plaindir", "plaindir/f", True),
    ("plaindir", "n/plaindir/f/g", True),
    ("secrets/**", "secrets/k", True),
    ("secrets/**", "n/secrets/k", True),
    ("secrets/**", "secrets", True),
    ("./secrets/**", "n/secrets/k", True),
    ("secrets/**", "notsecrets/k", False),
    ("x/*", "x/f", True),
    ("x/*", "x/y/f", True),
    ("x/*", "x", False),
    # a slash inside ties the pattern to the folder it starts from
    ("a/b/**", "a/b/f", True),
    ("a/b/**", "n/a/b/f", False),
    ("a/b", "a/b", True),
    ("a/b", "a/bc", False),
    ("deep/**/leaf.txt", "deep/leaf.txt", True),
    ("deep/**/leaf.txt", "deep/1/2/leaf.txt", True),
    ("deep/**/leaf.txt", "deep/1/2/leaf.txt.bak", False),
    ("**/any/**", "any/f", True),
    ("**/any/**", "n/any/f", True),
    # wildcards stay within a name
    ("a?c.txt", "abc.txt", True),
    ("a?c.txt", "abbc.txt", False),
    ("br[12].txt", "br1.txt", True),
    ("br[12].txt", "br3.txt", False),
    ("br[!12].txt", "br3.txt", True),
    ("br[^12].txt", "br1.txt", False),
    ("src/*.py", "src/a/b.py", False),
    ("a\\*b", "a*b", True),
    ("a\\*b", "axb", False),
    # what gitignore cannot read stands for itself
    ("[invalid", "[invalid", True),
    ("[z-a]", "[z-a]", True),
    ("lit(1).txt", "lit(1).txt", True),
    ("{a,b}", "{a,b}", True),
    ("{a,b}", "a", False),
    # letter case and composed letters never open a refusal
    ("Cap.txt", "cap.txt", True),
    (".env", ".ENV", True),
    ("caf\u00e9.txt", "cafe\u0301.txt", True),
    # the four places
    ("//abs/x/**", "/abs/x/f", True),
    ("//abs/x/**", "/other/abs/x/f", False),
    ("//abs/x/**", "abs/x/f", False),
    ("//**/.env", "/any/where/.env", True),
    ("//x", "/x", True),
    ("~/.ssh/**", "/home/me/.ssh/id_rsa", True),
    ("~/.ssh/**", "/home/me/deep/.ssh/id_rsa", False),
    ("~/.ssh/**", "/home/you/.ssh/id_rsa", False),
    ("~", "/home/me/anything", True),
    ("/rootsec/**", "/anchor/rootsec/k", True),
    ("/rootsec/**", "/anchor/n/rootsec/k", False),
    ("/rootsec/**", "rootsec/k", False),
    ("/rootsec", "/rootsec", False),
    # folders above, everything, nothing
    ("../up.txt", "/srv/up.txt", True),
    ("../up.txt", "/srv/n/up.txt", False),
    ("a/../b/c", "b/c", True),
    ("**", "any/file", True),
    ("./**", ".", True),
    ("**", "/elsewhere", False),
    ("!neg.txt", "neg.txt", False),
    ("", ".", True),
]


@pytest.mark.parametrize(("specifier", "path", "expected"), TABLE)
def test_a_refusing_pattern_means_these_paths(specifier: str, path: str, expected: bool) -> None:
    assert meant(specifier, os.path.normpath(os.path.join("/srv/proj", path))) is expected


@pytest.mark.parametrize(
    ("specifier", "path", "expected"),
    [
        ("src/**", "src/app.ts", True),
        ("src/**", "vendor/pkg/src/lib.js", False),
        ("**/src/**", "vendor/pkg/src/lib.js", True),
        ("src", "vendor/src", True),
        ("Src/**", "src/app.ts", False),
    ],
)
def test_an_allowing_pattern_is_narrower(specifier: str, path: str, expected: bool) -> None:
    assert meant(specifier, f"/srv/proj/{path}", allow=True) is expected


def test_a_final_slash_means_folders_only(tmp_path: Path) -> None:
    (tmp_path / "dir" / "dironly").mkdir(parents=True)
    (tmp_path / "dironly").touch()
    (pattern,) = path_patterns("dironly/", anchor="/", home="/", cwds=(str(tmp_path),))
    assert not pattern.matches(str(tmp_path / "dironly"))
    assert pattern.matches(str(tmp_path / "dir" / "dironly"))
    assert pattern.matches(str(tmp_path / "dir" / "dironly" / "new"))


def test_a_pattern_through_a_link_also_means_the_real_place(tmp_path: Path) -> None:
    real = tmp_path / "real"
    (real / "vault").mkdir(parents=True)
    (tmp_path / "home").symlink_to(real)
    found = path_patterns("~/vault/**", anchor="/", home=str(tmp_path / "home"), cwds=("/",))
    assert [p.matches(str(real / "vault" / "k")) for p in found] == [False, True]
    assert [p.matches(str(tmp_path / "home" / "vault" / "k")) for p in found] == [True, False]


@pytest.mark.parametrize(
    ("specifier", "folder", "expected"),
    [
        ("secrets/**", "secrets", True),
        ("secrets/**", "secrets/deep", True),
        ("secrets/**", ".", False),
        ("x/*", "x", True),
        ("*.pem", ".", False),
        ("**/*", ".", True),
        ("???", ".", False),
    ],
)
def test_a_folder_is_covered_when_nothing_in_it_is_left(specifier: str, folder: str, expected: bool) -> None:
    path = os.path.normpath(f"/srv/proj/{folder}")
    assert any(p.covers(path) for p in patterns(specifier)) is expected


@pytest.mark.parametrize(
    ("specifier", "root", "globs"),
    [
        (".env", "/srv/proj", {".env"}),
        (".env", "/srv/proj/sub", {".env"}),
        (".env", "/srv", {"/proj/**/.env"}),
        (".env", "/elsewhere", set[str]()),
        ("secrets/**", "/srv/proj/secrets/deep", {"**"}),
        ("a/b/*.key", "/srv/proj", {"/a/b/*.key"}),
        ("a/b/*.key", "/srv/proj/a", {"/b/*.key"}),
        ("a/b/*.key", "/srv/proj/c", set[str]()),
        ("a/**/b.key", "/srv/proj/a/x", {"/**/b.key", "/b.key"}),
        ("dir/", "/srv/proj", {"dir/"}),
        ("//**/id_rsa", "/srv/proj", {"/**/id_rsa", "/id_rsa"}),
        ("~/.ssh/**", "/home/me", {"/.ssh"}),
        ("~/.ssh/**", "/home", {"/me/.ssh"}),
        ("./**", "/srv", {"/proj"}),
        ("{a,b}.txt", "/srv/proj", {"\\{a,b\\}.txt"}),
    ],
)
def test_a_pattern_as_globs_for_a_folder(specifier: str, root: str, globs: set[str]) -> None:
    assert {g for p in patterns(specifier) for g in p.globs(root)} == globs


_names = st.sampled_from(["a", "b", "A", ".env", "x.key", "a b", "{a,b}", "[a]", "!a", "#a", "é", "É.key", "e\u0301"])
_paths = st.lists(_names, min_size=1, max_size=4).map("/".join)
_segments = st.sampled_from(
    [
        "a",
        "b",
        "*",
        "?",
        "**",
        "*.key",
        "a*",
        ".*",
        "[ab]",
        "[!a]",
        "{a,b}",
        "\\[a]",
        "[a-",
        "!a",
        "#a",
        "é",
        "?b",
        "[!b]?",
        "a b",
        "..",
    ]
)
_specifiers = st.tuples(
    st.sampled_from(["", "./", "/"]),
    st.lists(_segments, min_size=1, max_size=4).map("/".join),
    st.sampled_from(["", "/", "/**"]),
).map("".join)


def _tree(base: Path, files: set[str]) -> None:
    for name in sorted(files):
        path = base / name
        if not any(parent.is_file() for parent in path.parents) and not path.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(_paths, min_size=1, max_size=8), _specifiers, st.sampled_from(["", "a", "b/a"]))
def test_ripgrep_leaves_out_what_a_pattern_means_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, files: set[str], specifier: str, start: str
) -> None:
    assert RG is not None
    base = tmp_path_factory.mktemp("tree")
    _tree(base, files)
    root = base / start if (base / start).is_dir() else base
    found = path_patterns(specifier, anchor=str(base), home=str(base), cwds=(str(base),))
    globs = [f"--iglob=!{g}" for p in found for g in p.globs(str(root))]
    shown = subprocess.run(
        [RG, "--files", "-uu", "--null", *globs], cwd=root, capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    assert not shown.stderr
    listed = {os.path.join(str(root), os.fsdecode(n)) for n in shown.stdout.split(b"\0") if n}
    every = {str(p) for p in root.rglob("*") if p.is_file()}
    open_to_all = {p for p in every if not any(pattern.matches(p) for pattern in found)}
    assert listed <= open_to_all
    if all(name.isascii() for name in files):
        assert listed == open_to_all
