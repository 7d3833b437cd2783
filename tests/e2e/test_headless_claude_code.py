"""The commands of `headless`, given to a shell as they are: Claude Code keeps each agent to what its task owns."""

import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from scripted_claude import Script, Turn, call, clean_environment, node_program, scripted_model, text

pytestmark = pytest.mark.node
_PRINT = 'import json, sys; print(*(row["command"] for row in json.load(sys.stdin)["headless"]), sep="\\n")'


def run_headless(request: str, script: Script, work: Path, home: Path) -> "subprocess.CompletedProcess[str]":
    """Plan at the command line, and let a shell run what is printed, one command after the other."""
    with scripted_model(script) as url:
        env = clean_environment(home, url)
        env["PATH"] = os.pathsep.join([str(Path(node_program("claude")).parent), env["PATH"]])
        line = f"python -m fourfold_server plan --json - | python -c {shlex.quote(_PRINT)} | bash"
        return subprocess.run(
            ["bash", "-c", line],
            input=request,
            cwd=work,
            env=env,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )


def test_a_command_runs_verbatim_and_its_agent_writes_only_what_it_owns(tmp_path: Path) -> None:
    work, home = (tmp_path / "work").resolve(), tmp_path / "home"
    work.mkdir()
    home.mkdir()
    objective = 'MAIN TASK it\'s "quoted" $(touch pwned) `touch pwned` \\ !x\n\nünï'
    task = {
        "id": "a",
        "prompt": objective,
        "agent": "general-purpose",
        "writes": ["out dir/a, b.md", "deep", "g/*.txt"],
    }
    request = json.dumps({"goal": "it's $HOME", "tasks": [task]})
    tried = ["out dir/a, b.md", "deep/er/x.md", "g/a.txt", "other.md", "g/a.md"]
    writes = [call("Write", {"file_path": str(work / path), "content": "x"}) for path in tried]
    script = Script(
        {"MAIN TASK": [Turn([*writes, call("Bash", {"command": "touch shell.txt"})]), Turn([text("done")])]}
    )
    done = run_headless(request, script, work, home)
    assert done.returncode == 0, done.stderr
    shown = [result.get("is_error", False) for result in script.results("MAIN TASK", 1)]
    assert shown == [False, False, False, True, True, True]
    assert sorted(str(path.relative_to(work)) for path in work.rglob("*") if path.is_file()) == sorted(tried[:3])
    said = json.dumps(script.requests["MAIN TASK"][0]["messages"], ensure_ascii=False)
    assert json.dumps(objective, ensure_ascii=False)[1:-1] in said


@dataclass
class Branches(Script):
    """Agents that do in their worktrees what their prompts say, and one that merges. Mutable: turns by task."""

    folder: Path = field(default_factory=Path)
    taken: dict[str, int] = field(default_factory=dict[str, int])

    def reply(self, request: dict[str, Any]) -> Turn:
        said = json.dumps(request["messages"][0], ensure_ascii=False)
        task = re.search(r"Task `([\w-]+)` of plan", said)
        if not task or not request.get("tools"):
            return Turn([text("ok")])
        with self.lock:
            turn = self.taken[task[1]] = self.taken.get(task[1], 0) + 1
        if task[1].startswith("merge"):
            merge = " && ".join(f"git merge --no-edit fourfold/a{i}" for i in range(2))
            return Turn([call("Bash", {"command": merge})] if turn == 1 else [text("OK merged")])
        folder = re.search(r"git worktree add -b (\S+) ([^`]+)`", said)
        assert folder
        path = str(self.folder / folder[2] / "src" / f"{task[1]}.md")
        commit = f"git -C {folder[2]} add -A && git -C {folder[2]} commit -m {task[1]}"
        steps = [call("Bash", {"command": folder[0].strip("`")}), call("Write", {"file_path": path, "content": "x"})]
        return Turn([[*steps, call("Bash", {"command": commit})][turn - 1] if turn < 4 else text("OK")])


def test_tasks_in_worktrees_of_their_own_are_merged_by_the_last_command(tmp_path: Path) -> None:
    work, home = (tmp_path / "work").resolve(), tmp_path / "home"
    work.mkdir()
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = t\nemail = t@example.org\n", encoding="utf-8")
    for command in (["git", "init", "-q"], ["git", "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(command, cwd=work, env={**os.environ, "HOME": str(home)}, check=True)
    tasks = [{"id": f"a{i}", "writes": ["src/**"], "minutes": 60} for i in range(2)]
    script = Branches({}, folder=work)
    done = run_headless(json.dumps({"tasks": tasks, "shared": "isolate"}), script, work, home)
    assert done.returncode == 0, done.stderr
    assert script.taken == {"a0": 4, "a1": 4, "merge-1": 2}
    assert sorted(path.name for path in (work / "src").iterdir()) == ["a0.md", "a1.md"]
