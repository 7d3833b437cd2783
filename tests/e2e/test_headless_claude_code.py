"""The commands of `headless`, pasted into a shell as they are: Claude Code itself keeps each to what its task owns."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from scripted_claude import Script, Turn, call, clean_environment, node_program, scripted_model, text

pytestmark = pytest.mark.node


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
    with scripted_model(script) as url:
        env = clean_environment(home, url)
        env["PATH"] = os.pathsep.join([str(Path(node_program("claude")).parent), env["PATH"]])
        commands = "python -m fourfold_server plan --json - | python -c 'import json, sys; "
        commands += 'print(json.load(sys.stdin)["headless"][0]["command"])\' | bash'
        done = subprocess.run(
            ["bash", "-c", commands],
            input=request,
            cwd=work,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    shown = [result.get("is_error", False) for result in script.results("MAIN TASK", 1)]
    assert shown == [False, False, False, True, True, True]
    assert sorted(str(path.relative_to(work)) for path in work.rglob("*") if path.is_file()) == sorted(tried[:3])
    said = json.dumps(script.requests["MAIN TASK"][0]["messages"], ensure_ascii=False)
    assert json.dumps(objective, ensure_ascii=False)[1:-1] in said
