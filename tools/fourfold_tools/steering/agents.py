"""Agent types: which ones the client knows, its own and those that files define."""

import re
from collections.abc import Mapping
from pathlib import Path

# Claude Code 2.1.330's own types.
BUILT_IN = frozenset({"claude", "Explore", "general-purpose", "Plan", "statusline-setup", "fork"})
_NAME = re.compile(r"^name:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)
_MOST_FILES = 500
_HEAD = 4_096  # characters of a file that are searched for its name


def known_agents(project: str, env: Mapping[str, str]) -> frozenset[str]:
    """The built-in types and those of the project's and the user's `agents` folders; plugins' are not looked for."""
    home = Path(env["CLAUDE_CONFIG_DIR"]) if env.get("CLAUDE_CONFIG_DIR") else Path.home() / ".claude"
    found = set(BUILT_IN)
    for folder in (Path(project) / ".claude" / "agents", home / "agents"):
        for path in sorted(folder.glob("**/*.md"))[:_MOST_FILES]:
            try:
                with path.open(encoding="utf-8", errors="replace") as file:
                    head = file.read(_HEAD)
            except OSError:
                continue
            named = _NAME.search(head)
            found.add(named[1] if named else path.stem)
    return frozenset(found)
