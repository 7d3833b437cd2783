"""Where the documentation's examples run: fresh clones of what is checked out, with a home of their own."""

import os
import subprocess
from pathlib import Path

from doc_fences import ROOT


def fresh_clone(target: Path) -> Path:
    """A clone; what is changed and not committed yet is copied over it, so that it is tried too."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], check=True)
    listed = ["git", "ls-files", "--modified", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes((ROOT / name).read_bytes())
    return target


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a reader's shell has: the way to the package index, and nothing of the machine's own settings."""
    keep = {
        k: v for k, v in os.environ.items() if k == "PATH" or k.startswith(("SSL_", "PIP_", "UV_", "LANG", "LC_"))
    }
    return {**keep, "HOME": str(home), "FOURFOLD_STATE_DIR": str(home / "state"), "NO_COLOR": "1", **more}
