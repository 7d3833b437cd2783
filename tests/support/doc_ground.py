"""Where the documentation's examples run: fresh clones of what is checked out, with a home of their own."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from doc_fences import ROOT, Fence, fences

_TUTORIAL_S = 600.0


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


@dataclass(frozen=True)
class Tutorial:
    """The tutorial's commands at work in one shell, one after the other, until the first that fails."""

    blocks: list[Fence]
    process: "subprocess.Popen[bytes]"
    said: Path

    @classmethod
    def begun(cls, folder: Path) -> "Tutorial":
        """In an empty folder below, with a clone for the address that the page names."""
        clone, home = fresh_clone(folder / "origin" / "fourfold"), folder / "home"
        home.mkdir()
        blocks = fences(ROOT / "docs" / "tutorial.md")
        commands = [block.text for block in blocks if block.language == "sh"]
        script = "\n".join(["set -e", *(f"{text}echo '=== end {n}'" for n, text in enumerate(commands))])
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen(
                ["bash", "-c", script.replace("https://github.com/fourfold/fourfold", str(clone))],
                cwd=home,
                env=environment(home, PIP_NO_COMPILE="1"),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        return cls(blocks, process, folder / "said")

    def ended(self) -> tuple[int, str]:
        """Its exit code and all that it printed."""
        code = self.process.wait(_TUTORIAL_S)
        return code, self.said.read_text(encoding="utf-8")
