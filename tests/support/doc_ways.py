"""Ways: what is done with each fenced block of the documentation: run, compared with what is printed, or left."""

import re
from typing import Literal

from doc_fences import Fence, commands

Way = Literal["tool", "commands", "shown", "left"]

SKILL = "config/claude/plugin/skills/parallel-operations/SKILL.md"
# What an example's title promises: the head of the answer.
HEADS = {
    "batch": r"run r-\w+ · (\d+) steps?: \1 ok · .*|dry run · .*",
    "batch, pages": r"run r-\w+ · (\d+) steps?: \1 ok · .*",
    "batch, some step fails": r"run r-\w+ · \d+ steps: .*\d failed.*",
    "batch, refused": r".*cycle.*",
    "plan": r"🚀 \[L.*",
}
# Commands that no test runs as they stand, with the reason.
LEFT = {
    "python3 dev.py test": "it is what runs this test",
    "python3 dev.py check": "CI is this command",
    "python3 dev.py node": "CI begins with it",
    ".venv/bin/python bench/run.py": "takes an hour; tests/e2e/test_bench.py runs its quick form",
    ".venv/bin/python bench/run.py --install": "takes an hour and fetches every peer",
    ".venv/bin/python bench/run.py --install --write": "as above, and writes into the checkout",
    "claude --plugin-dir config/claude/plugin": "a conversation on a terminal; tests/e2e/test_plugin.py drives it",
}
# What each command is known by to have done its work; ids stand as `r-…` and `p-…`.
SAYS = {
    "python3 dev.py try": r"run r-\w+ · 7 steps: 5 ok, 1 failed, 1 skipped",
    "python3 dev.py docs": r"Documentation built",
    "python3 dev.py dist": r"Successfully built fourfold-.*\.tar\.gz.* and fourfold-.*\.whl",
    "pip install .": r"",
    "pip install '.[fleet]'": r"",
    "pip install 'fourfold[fleet]'": r"",
    "fourfold register": r"claude mcp add --scope local fourfold -- \S+ -I -m fourfold_server serve\nadded: mcp add",
    "fourfold doctor": r"✓ ripgrep: ripgrep .*",
    "export FOURFOLD_HTTP__TOKEN=$(openssl rand -hex 32)": r"",
    "fourfold serve --http 127.0.0.1:8123": r"listening on http://127.0.0.1:\d+/mcp",
    "fourfold register --http http://127.0.0.1:8123/mcp": r"--transport http fourfold http.*\nadded: mcp add",
    "fourfold deploy tasks.json --dry-run": r"4 tasks \(4 write\) on at most 4 agents",
    "fourfold deploy tasks.json --max-usd 5": r"at most \$5\.00 in all\? \[y/N\][\s\S]*· 4 tasks: 4 ok",
    "fourfold deploy p-… --yes": r"plan p-\w+ · 4 tasks: 4 ok",
    "export FOURFOLD_FLEET__DATABASE=postgresql://user@db.example/fourfold": r"",
    "fourfold worker": r"worker \S+: \d+ agents at once of ",
    "fourfold deploy tasks.json --yes": r"plan p-\w+ · 4 tasks: 4 ok",
    "fourfold plan --json tasks.json | jq -r '.headless[].command' | sh": r"(the agent was asked\n){4}",
    "fourfold watch": r"nothing has been running for longer than a second",
    "fourfold watch --once": r"nothing has been running for longer than a second",
    "fourfold watch --json": r'"servers": \[\]',
    "fourfold report r-…": r"critical path",
    "fourfold report r-… --open": r"opened file:///\S+\.html",
    "fourfold report p-… --html plan.html": r"plan\.html",
}
# Blocks that a test of their own runs, or compares with the real thing: page and beginning -> that test.
SHOWN = {
    (SKILL, '{"steps"'): "test_the_skills_batch_runs_in_a_small_project",
    ("README.md", "run r-b77s"): "test_the_readmes_answer_is_what_is_printed",
    (
        "docs/design.md",
        "server/fourfold_server",
    ): "test_the_tree_of_the_design_names_every_module_in_its_order",
    ("docs/howto/context.md", "run r-8kq2"): "test_the_head_of_an_answer_says_how_full_the_conversation_is",
    ("docs/howto/measure.md", "verify {"): "test_the_numbers_that_one_took_oneself_are_judged",
    ("docs/mathver.md", "📊"): "test_the_four_lines_are_read_back_as_they_stand",
    ("docs/security.md", "[bash]"): "test_the_sandboxs_settings_are_read_from_a_users_file",
    ("docs/seeing.md", "fourfold watch  1 server"): "test_the_frame_of_watch_is_what_it_draws",
    ("docs/telemetry.md", "FOURFOLD_LOG__LEVEL=info"): "test_the_logs_settings_are_read_from_variables",
    ("docs/telemetry.md", "2026-11-28"): "test_log_and_spans_of_a_server_are_as_the_page_shows_them",
    ("docs/telemetry.md", "pip install opentelemetry"): "test_log_and_spans_of_a_server_are_as_the_page_shows_them",
    ("docs/tutorial.md", ""): "test_the_tutorial_works_word_for_word",
}
# Blocks that nothing can run or print, with the reason.
DRAWN = {("docs/design.md", "client ─JSON-RPC─► transport"): "a drawing of the flow"}


def known_as(command: str) -> str:
    """A command without its ids."""
    return re.sub(r"\b([rp])-\w{4}\b", r"\1-…", command)


def way(fence: Fence) -> Way | None:
    """What is done with a block; None where nobody has said."""
    if _of(fence, SHOWN):
        return "shown"
    if _of(fence, DRAWN):
        return "left"
    if fence.language == "json" and fence.title in HEADS:
        return "tool"
    if fence.language == "sh" and all(line in LEFT or known_as(line) in SAYS for line in commands(fence.text)):
        return "commands"
    return None


def _of(fence: Fence, table: dict[tuple[str, str], str]) -> bool:
    return any(fence.page == page and fence.text.startswith(begins) for page, begins in table)
