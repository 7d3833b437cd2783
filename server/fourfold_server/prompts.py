"""Prompts: the usual patterns as ready-made batches that an agent can send as they are."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcp import MCPError
from mcp.types import (
    INVALID_PARAMS,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
)

from fourfold_server.house import Ctx

Arguments = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A prompt: its arguments with their meaning (required ones first), and what it says."""

    title: str
    description: str
    required: dict[str, str]
    optional: dict[str, str]
    text: Callable[[Arguments], str]


def _call(tool: str, steps: list[dict[str, Any]]) -> str:
    return f"Call `{tool}` of fourfold with:\n\n{json.dumps({'steps': steps}, indent=1, ensure_ascii=False)}\n"


def _survey(args: Arguments) -> str:
    path = args.get("path", ".")
    steps: list[dict[str, Any]] = [
        {"id": "tree", "op": "glob", "pattern": "**/*", "path": path, "head_limit": 200},
        {"id": "docs", "op": "glob", "pattern": "*.md", "path": path},
        {
            "id": "readme",
            "op": "read",
            "path": {"from": "docs", "field": "paths", "each": True, "max_items": 5},
            "limit": 80,
        },
        {
            "id": "entries",
            "op": "grep",
            "pattern": ["def main", "__main__", "func main", "export default"],
            "path": path,
            "mode": "files",
        },
        {"id": "todo", "op": "grep", "pattern": "TODO|FIXME|XXX", "path": path, "mode": "count"},
    ]
    tail = "Then say what the tree holds, where it starts, how it is built and tested, and what looks unfinished."
    return _call("inspect", steps) + tail


def _validate(args: Arguments) -> str:
    folders = [name.strip() for name in args["folders"].split(",") if name.strip()]
    glob, command = (
        args.get("glob", "*.json"),
        args.get("command", 'for f in "$@"; do python3 -m json.tool "$f" >/dev/null || echo "bad $f"; done'),
    )
    steps: list[dict[str, Any]] = []
    for i, folder in enumerate(folders, 1):
        steps += [
            {"id": f"files{i}", "op": "glob", "pattern": f"**/{glob}", "path": folder, "head_limit": 0},
            {
                "id": f"look{i}",
                "op": "read",
                "path": {"from": f"files{i}", "field": "paths", "each": True, "max_items": 5},
                "limit": 40,
            },
            {
                "id": f"check{i}",
                "op": "bash",
                "command": command,
                "args": [{"from": f"files{i}", "field": "paths"}],
                "label": folder,
            },
        ]
    tail = "Report per folder what was checked and what failed, then one table over all folders."
    return _call("batch", steps) + tail


def _analyse(args: Arguments) -> str:
    path = args.get("path", ".")
    steps: list[dict[str, Any]] = [
        {"id": "structure", "op": "glob", "pattern": "**/*", "path": path, "head_limit": 150},
        {
            "id": "imports",
            "op": "grep",
            "pattern": r"^\s*(import|from|use|require|#include)\b",
            "path": path,
            "mode": "count",
            "head_limit": 40,
        },
        {
            "id": "slow",
            "op": "grep",
            "pattern": r"sleep\(|O\(n|for .* in .*:\s*$|while True|\.readlines\(\)",
            "path": path,
            "head_limit": 40,
        },
        {
            "id": "quality",
            "op": "grep",
            "pattern": r"except:|except Exception|TODO|FIXME|type: ignore|noqa|eslint-disable",
            "path": path,
            "head_limit": 60,
        },
        {
            "id": "tests",
            "op": "grep",
            "pattern": r"def test_|it\(|describe\(|#\[test\]|func Test",
            "path": path,
            "mode": "count",
            "head_limit": 40,
        },
    ]
    focus = f" Pay most attention to: {args['focus']}." if args.get("focus") else ""
    tail = f"Then assess performance, quality and structure together, with file and line for each finding.{focus}"
    return _call("inspect", steps) + tail


def _research(args: Arguments) -> str:
    urls = [u.strip() for u in args.get("urls", "").split(",") if u.strip()]
    term = args["term"]
    steps: list[dict[str, Any]] = [
        {"id": "own", "op": "grep", "pattern": term, "ignore_case": True, "mode": "files"},
        {
            "id": "parts",
            "op": "read",
            "path": {"from": "own", "field": "paths", "each": True, "max_items": 6},
            "limit": 60,
        },
        {"id": "history", "op": "bash", "command": 'git log --oneline -n 20 -S"$1"', "args": [term]},
    ]
    if urls:
        steps.insert(0, {"id": "web", "op": "fetch", "url": urls, "max_tokens": 4000})
    tail = f"Then bring together what the web, this repository and its history say of {term}, each with its source."
    return _call("batch", steps) + tail


_PATTERNS: dict[str, _Pattern] = {
    "survey": _Pattern(
        "Survey a tree",
        "Get to know a repository in one call: tree, readmes, entry points, open ends.",
        {},
        {"path": "folder to survey (default: the project)"},
        _survey,
    ),
    "validate": _Pattern(
        "Validate files per directory",
        "For each folder: read, parse, validate, report; then aggregate.",
        {"folders": "folders, separated by commas"},
        {"glob": "which files (default *.json)", "command": "a shell command that gets the files as $1, $2 …"},
        _validate,
    ),
    "analyse": _Pattern(
        "Several analyses of one system",
        "Performance, quality and structure at once, then one assessment.",
        {},
        {"path": "folder (default: the project)", "focus": "what matters most"},
        _analyse,
    ),
    "research": _Pattern(
        "Research: web, own patterns, components",
        "Look a term up on the web, in this repository and in its history at once.",
        {"term": "what to look for"},
        {"urls": "pages to read, separated by commas"},
        _research,
    ),
}


async def list_prompts(ctx: Ctx, params: PaginatedRequestParams | None) -> ListPromptsResult:
    return ListPromptsResult(prompts=[_listed(name, pattern) for name, pattern in _PATTERNS.items()])


def _listed(name: str, pattern: _Pattern) -> Prompt:
    arguments = [
        PromptArgument(name=arg, description=text, required=arg in pattern.required)
        for arg, text in {**pattern.required, **pattern.optional}.items()
    ]
    return Prompt(name=name, title=pattern.title, description=pattern.description, arguments=arguments)


async def get_prompt(ctx: Ctx, params: GetPromptRequestParams) -> GetPromptResult:
    pattern = _PATTERNS.get(params.name)
    if pattern is None:
        raise MCPError(INVALID_PARAMS, f"unknown prompt {params.name!r}; there are {', '.join(_PATTERNS)}")
    given = {name: text for name, text in (params.arguments or {}).items() if text}
    missing = [name for name in pattern.required if name not in given]
    unknown = [name for name in given if name not in {**pattern.required, **pattern.optional}]
    faults = [f"{name}: required, but missing" for name in missing] + [
        f"{name}: unknown argument" for name in unknown
    ]
    if faults:
        raise MCPError(INVALID_PARAMS, "\n".join(faults))
    message = PromptMessage(role="user", content=TextContent(type="text", text=pattern.text(given)))
    return GetPromptResult(description=pattern.description, messages=[message])
