"""What leaves the house: the wheel with `uvx` and `pipx`, the bundle for desktop clients, the registry's entry."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import scripted_claude as lab
from mcp import Client, StdioServerParameters

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent
TOOLS = {"inspect", "batch", "plan", "checkpoint", "handoff", "verify", "status"}
_BUILD_S = 300.0
# How this machine reaches the package index: what a clean environment must keep for uv.
INDEX = {k: v for k, v in os.environ.items() if k.upper().startswith(("SSL_", "UV_", "HTTP_", "HTTPS_", "NO_PROXY"))}


def run(argv: Sequence[str | Path], cwd: Path, **env: str) -> str:
    """What a program prints; it must end well."""
    given = {**os.environ, **env}
    done = subprocess.run(
        list(map(str, argv)), cwd=cwd, env=given, capture_output=True, text=True, timeout=_BUILD_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of what is checked in, so that nothing is built into the checkout."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("server", "tools", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--installer", "uv", "--wheel", "--outdir", out, "."], source)
    [made] = out.glob("*.whl")
    return made


async def tools_of(command: str, arguments: Sequence[str], cwd: Path, **env: str) -> set[str]:
    """The tools that a server lists to a real client."""
    own = {"PATH": os.environ["PATH"], "HOME": str(cwd), "FOURFOLD_STATE_DIR": str(cwd / "state")}
    given = {**INDEX, **own, **env}
    started = StdioServerParameters(command=command, args=list(arguments), env=given, cwd=cwd)
    async with Client(started, mode="auto", read_timeout_seconds=_BUILD_S) as client:
        return {tool.name for tool in (await client.list_tools()).tools}


def test_the_wheel_holds_the_three_packages_with_their_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "fourfold_server",
        "fourfold_tools",
        "fourfold_config",
    }
    assert "fourfold_config/defaults.toml" in names
    [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
    entry = json.loads((ROOT / "config" / "registry" / "server.json").read_text(encoding="utf-8"))
    shown = (
        zipfile.ZipFile(wheel).read(metadata).decode().partition("\n\n")[2]
    )  # the index shows it as the description
    assert f"<!-- mcp-name: {entry['name']} -->" in shown  # where the registry looks for its proof of ownership
    assert not [name for name in names if "__pycache__" in name or "test" in name]


@pytest.mark.anyio
async def test_uvx_runs_the_wheel_and_a_client_lists_its_tools(wheel: Path, tmp_path: Path) -> None:
    cache = {"UV_CACHE_DIR": str(tmp_path.parent / "uv")}
    uvx = str(SCRIPTS / "uvx")
    assert run([uvx, "--from", wheel, "fourfold", "--version"], tmp_path, **cache).startswith("fourfold ")
    assert await tools_of(uvx, ["--from", str(wheel), "fourfold", "serve"], tmp_path, **cache) == TOOLS


def test_pipx_runs_the_wheel(wheel: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pipx", "run", "--spec", wheel, "fourfold", "--version"]
    assert run(argv, tmp_path, PIPX_HOME=str(tmp_path / "pipx")).startswith("fourfold ")


@pytest.mark.node
def test_claude_code_connects_to_a_server_that_uvx_starts(wheel: Path, tmp_path: Path) -> None:
    lab.node_program("claude")
    env = {**INDEX, **lab.clean_environment(tmp_path), "UV_CACHE_DIR": str(tmp_path.parent / "uv")}
    uvx = [str(SCRIPTS / "uvx"), "--from", str(wheel), "fourfold", "serve"]
    added = lab.run_claude(["mcp", "add", "fourfold", "--", *uvx], cwd=tmp_path, env=env)
    assert added.returncode == 0, added.stdout + added.stderr
    listed = lab.run_claude(["mcp", "list"], cwd=tmp_path, env=env)
    assert re.search(r"^fourfold: .* - . Connected$", listed.stdout, re.MULTILINE), listed.stdout + listed.stderr


@pytest.mark.node
@pytest.mark.anyio
async def test_the_bundle_validates_packs_and_starts_by_its_own_command(source: Path, tmp_path: Path) -> None:
    mcpb = lab.node_program("mcpb")
    shutil.copy(source / "config" / "bundle" / "manifest.json", source)
    assert "validation passes" in run([mcpb, "validate", source / "manifest.json"], tmp_path)
    run([mcpb, "pack", source, tmp_path / "fourfold.mcpb"], tmp_path)
    unpacked = tmp_path / "unpacked"
    run([mcpb, "unpack", tmp_path / "fourfold.mcpb", unpacked], tmp_path)
    manifest = json.loads((unpacked / "manifest.json").read_text(encoding="utf-8"))
    assert {tool["name"] for tool in manifest["tools"]} == TOOLS
    started = manifest["server"]["mcp_config"]
    assert started["command"] == "uv"
    arguments = [argument.replace("${__dirname}", str(unpacked)) for argument in started["args"]]
    env = {"UV_CACHE_DIR": str(tmp_path.parent / "uv"), "CLAUDE_PROJECT_DIR": str(tmp_path)}
    assert await tools_of(str(SCRIPTS / "uv"), arguments, tmp_path, **env) == TOOLS


def test_the_registrys_entry_validates_and_names_what_the_project_is(tmp_path: Path) -> None:
    entry = json.loads((ROOT / "config" / "registry" / "server.json").read_text(encoding="utf-8"))
    shutil.copy(ROOT / "config" / "registry" / "server.json", tmp_path)
    run([SCRIPTS / "skillsaw", "lint", "--strict", "."], tmp_path)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [package] = entry["packages"]
    assert {entry["version"], package["version"], project["version"]} == {project["version"]}
    assert package["identifier"] == project["name"]
    manifest = json.loads((ROOT / "config" / "bundle" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["version"] == project["version"]
