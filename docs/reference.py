"""The pages of the site that are not written in docs/: the reference, made from the code, and what is measured."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from fourfold_server.catalogue import TOOLS
from fourfold_server.cli import command_line

ROOT = Path(__file__).parents[1]
DEFAULTS = ROOT / "config" / "fourfold_config" / "defaults.toml"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages; nothing is written into the folder of the sources."""
    files.append(File.generated(config, "decisions/index.md", content=decisions_page()))
    for name, text in (("tools", tools_page()), ("settings", settings_page()), ("command-line", command_line_page())):
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    for name in ("results.md", "growth.svg"):
        files.append(File.generated(config, f"bench/{name}", abs_src_path=str(ROOT / "bench" / name)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """In the repository bench/ lies beside docs/, on the site inside."""
    return markdown.replace("](../bench/", "](bench/")


def decisions_page() -> str:
    """The decisions by their headings, in their order."""
    rows = ["# Decisions", "What was chosen, what was refused, and why; a page each."]
    for page in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        heading = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        rows.append(f"- [{heading}]({page.name})")
    return "\n\n".join(rows[:2]) + "\n\n" + "\n".join(rows[2:]) + "\n"


def tools_page() -> str:
    parts = ["# Tools\n\nMade from the schemas that the server lists. Unknown arguments are refused."]
    for tool in TOOLS:
        hints = [name for name, value in (tool.annotations.model_dump() if tool.annotations else {}).items() if value]
        told = ", ".join(hint.removesuffix("_hint").replace("_", " ") for hint in hints if hint.endswith("_hint"))
        parts.append(f"## {tool.name}\n\n{_text(tool.description or '')}\n\n*{told or 'no hints'}*")
        parts.append(_arguments(tool.input_schema))
        items = tool.input_schema["properties"].get("steps") or tool.input_schema["properties"].get("tasks")
        if items:
            parts += [f"### {'A step' if 'steps' in tool.input_schema['properties'] else 'A task'}"]
            parts += [_arguments(items["items"])]
    return "\n\n".join(parts) + "\n"


def _arguments(schema: dict[str, Any]) -> str:
    rows = ["| argument | kind | |", "| --- | --- | --- |"]
    required = set(schema.get("required", ()))
    for name, value in schema["properties"].items():
        kind = ", ".join(map(str, value["enum"])) if "enum" in value else value.get("type", "")
        told = _text(value.get("description", ""))
        rows.append(f"| `{name}` | {kind} | {'**required** ' if name in required else ''}{told} |")
    return "\n".join(rows)


def settings_page() -> str:
    """Each default with the comment above it, which is its unit and reason."""
    parts = [
        "# Settings\n\nIn this order: defaults, your own file, the project's `.fourfold.toml` (which may only "
        "tighten), variables (`FOURFOLD_FETCH__ALLOW_PRIVATE=true`). Files are TOML with the sections below."
    ]
    comment: list[str] = []
    for line in DEFAULTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            comment.append(line.lstrip("# "))
        elif section := re.fullmatch(r"\[(.+)\]", line):
            parts.append(f"\n## {section[1]}\n\n| key | default | unit and reason |\n| --- | --- | --- |")
            comment = []
        elif "=" in line and not line.startswith(" "):
            key, _, value = line.partition("=")
            parts.append(f"| `{key.strip()}` | `{value.strip()}` | {_text(' '.join(comment))} |")
            comment = []
        elif not line:
            comment = []
    return "\n".join(parts) + "\n"


def command_line_page() -> str:
    parts = ["# Command line\n\nWhat `fourfold COMMAND --help` prints."]
    for name, command in _commands(command_line()):
        parts.append(f"## fourfold {name}\n\n```text\n{command.format_help().rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def _commands(of: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in of._actions:  # argparse lists its commands nowhere else
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _text(text: str) -> str:
    """Text in a table or paragraph: no character of it is Markdown."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("{", "&#123;").replace("*", "\\*").replace("\n", " ")
