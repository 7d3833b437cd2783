"""The registry's entry held against what the registry refuses, rule by rule; its schema is skillsaw's to check.

The registry's own program (`mcp-publisher validate`) is written in Go and is in no index that CI reaches. These are
its rules in our words, read from its sources as of late 2026, and each is shown to refuse an entry that breaks it.
"""

import copy
import importlib.resources
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
ENTRY: dict[str, Any] = json.loads((ROOT / "config" / "registry" / "server.json").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYPI = "https://pypi.org"
_LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})+/[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?")
_MOST_META_BYTES = 4096


def refusals(entry: dict[str, Any], description: str) -> Iterator[str]:
    """What the registry would say of an entry. description: the package's, as the index shows it."""
    if entry["$schema"].split("/")[-2] != newest_schema():
        yield "$schema: not the newest"
    if not _NAME.fullmatch(entry["name"]):
        yield "name: expected a reversed domain, one slash, a name"
    if not entry.get("title", "x").strip():
        yield "title: blank"
    yield from _version("version", entry["version"])
    yield from _addresses(entry)
    for i, package in enumerate(entry.get("packages", [])):
        yield from (f"packages[{i}].{fault}" for fault in _package(package))
        if package["registryType"] == "pypi" and not _owns(entry["name"], description):
            yield f"packages[{i}]: the package's description does not say mcp-name: {entry['name']}"
    remotes = [remote.get("url", "") for remote in entry.get("remotes", [])]
    if len(set(remotes)) < len(remotes):
        yield "remotes: the same address twice"
    meta = entry.get("_meta", {})
    if set(meta) - {"io.modelcontextprotocol.registry/publisher-provided"}:
        yield "_meta: only what the publisher provides"
    if len(json.dumps(meta)) > _MOST_META_BYTES:
        yield "_meta: too large"


def _version(where: str, version: str) -> Iterator[str]:
    """One version: not a range, not a moving name."""
    if version == "latest" or re.search(r"[\^~<>=*|\s]|(^|\.)[xX](\.|$)", version):
        yield f"{where}: expected one version, got {version!r}"


def _addresses(entry: dict[str, Any]) -> Iterator[str]:
    secure = {"websiteUrl": [entry.get("websiteUrl")], "icons": [icon["src"] for icon in entry.get("icons", [])]}
    secure["remotes"] = [remote.get("url", "") for remote in entry.get("remotes", [])]
    for where, addresses in secure.items():
        for address in (urlsplit(address) for address in addresses if address is not None):
            host = address.hostname or ""
            if address.scheme != "https" or not host or host == "127.0.0.1" or host.split(".")[-1] == "localhost":
                yield f"{where}: expected an address that all can reach over https"
    if any(remote["type"] not in {"streamable-http", "sse"} for remote in entry.get("remotes", [])):
        yield "remotes: expected streamable-http or sse"
    if source := entry.get("repository"):
        path = r"/[\w.-]+(/[\w.-]+)+/?"
        if not re.fullmatch(rf"https?://(www\.)?{re.escape(source['source'])}\.com{path}", source["url"]):
            yield "repository.url: not a repository of its source"
        if source["source"] not in {"github", "gitlab"}:
            yield "repository.source: unknown"
        folder = source.get("subfolder", "x")
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", folder) or {".", ".."} & set(folder.split("/")):
            yield "repository.subfolder: expected a path inside"


def _package(package: dict[str, Any]) -> Iterator[str]:
    if " " in package["identifier"]:
        yield "identifier: a space"
    yield from _version("version", package["version"])
    if package["registryType"] == "pypi" and package.get("registryBaseUrl", PYPI) != PYPI:
        yield "registryBaseUrl: only the index itself"
    arguments = [*package.get("runtimeArguments", []), *package.get("packageArguments", [])]
    for argument in (argument for argument in arguments if argument["type"] == "named"):
        name = argument.get("name", "")
        if not name or set("<>$ ") & set(name):
            yield "arguments: expected a name alone"
        elif any(argument.get(key, "").startswith(name) for key in ("value", "default")):
            yield "arguments: the value says the name again"
    transport = package["transport"]
    if (transport["type"] == "stdio") == bool(transport.get("url")):
        yield "transport: an address for HTTP, and none for stdio"
    known = {v["name"] for v in package.get("environmentVariables", [])}
    known |= {argument.get(key) for argument in arguments for key in ("name", "valueHint")}
    if set(re.findall(r"\{([^}]+)\}", transport.get("url", ""))) - known:
        yield "transport.url: a variable that nobody sets"


def _owns(name: str, description: str) -> bool:
    """Whether the description claims just this name, not one that only begins like it."""
    return bool(re.search(rf"mcp-name: {re.escape(name)}(?![\w./-])", description))


def newest_schema() -> str:
    """The date of the newest schema that skillsaw brings."""
    folder = importlib.resources.files("skillsaw") / "schemas" / "mcp_registry"
    return max(
        entry.name.removeprefix("v").replace("_", "-") for entry in folder.iterdir() if entry.name[1:5].isdigit()
    )


def test_the_registry_has_nothing_to_refuse() -> None:
    assert list(refusals(ENTRY, README)) == []
    assert ENTRY["packages"][0]["registryType"] == "pypi"


Change = Callable[[dict[str, Any]], Any]


def of_package(**values: Any) -> Change:
    return lambda entry: entry["packages"][0].update(values)


HTTP = {"type": "streamable-http", "url": "http://127.0.0.1:{PORT}/mcp"}


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (
            lambda e: e.update({"$schema": e["$schema"].replace("2025-12-11", "2025-07-09")}),
            "$schema: not the newest",
        ),
        (lambda e: e.update(name="fourfold"), "name: "),
        (lambda e: e.update(name="io.github.fourfold/a/b"), "name: "),
        (lambda e: e.update(name="io.github.fourfold/-x"), "name: "),
        (lambda e: e.update(name="io.github.fourfold/four"), "mcp-name"),
        (lambda e: e.update(title=" "), "title: blank"),
        (lambda e: e.update(version="latest"), "version: expected one"),
        (lambda e: e.update(version="1.x"), "version: expected one"),
        (of_package(version=">=0.1.0"), "packages[0].version: expected one"),
        (of_package(version="0.1 || 0.2"), "packages[0].version: expected one"),
        (of_package(identifier="four fold"), "identifier: a space"),
        (of_package(registryBaseUrl="https://pypi.example"), "only the index itself"),
        (of_package(transport={"type": "stdio", "url": "https://x.example"}), "none for stdio"),
        (of_package(transport={"type": "sse"}), "an address for HTTP"),
        (of_package(transport=HTTP), "a variable that nobody sets"),
        (of_package(packageArguments=[{"type": "named", "name": "--http 8123"}]), "a name alone"),
        (of_package(packageArguments=[{"type": "named", "name": "--http", "value": "--http 1"}]), "the name again"),
        (lambda e: e.update(websiteUrl="http://fourfold.example"), "websiteUrl: "),
        (lambda e: e.update(icons=[{"src": "data:image/png;base64,"}]), "icons: "),
        (
            lambda e: e.update(remotes=[{"type": "sse", "url": "https://localhost/mcp"}]),
            "remotes: expected an address",
        ),
        (lambda e: e.update(remotes=[{"type": "stdio", "url": "https://x.example"}]), "remotes: expected streamable"),
        (lambda e: e.update(remotes=[{"type": "sse", "url": "https://x.example/"}] * 2), "the same address twice"),
        (lambda e: e.update(repository={"source": "github", "url": "https://x.example/a/b"}), "repository.url: "),
        (
            lambda e: e.update(
                repository={"source": "github", "url": "https://github.com/a/b", "subfolder": "../up"}
            ),
            "repository.subfolder: ",
        ),
        (lambda e: e.update(_meta={"com.example/own": {}}), "_meta: only"),
        (lambda e: e.update(_meta={"io.modelcontextprotocol.registry/publisher-provided": "x" * 5000}), "too large"),
    ],
)
def test_an_entry_that_breaks_a_rule_is_refused(change: Change, refused: str) -> None:
    entry = copy.deepcopy(ENTRY)
    change(entry)
    assert any(refused in line for line in refusals(entry, README)), list(refusals(entry, README))
