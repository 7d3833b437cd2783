"""Installing peers: each into a folder of its own below the cache, by the ordinary client of its registry."""

import shutil
import subprocess
import sys
from pathlib import Path

from case import NotMeasured
from pages import cache_folder
from peers.entries import Peer
from world import World


def install(peer: Peer) -> str | None:
    """Install where it is not there yet; the last line of its installer's complaint, None where all is well."""
    prefix = _prefix(peer)
    if _is_installed(peer):
        return None
    prefix.mkdir(parents=True, exist_ok=True)
    if peer.source == "pip":
        commands = [
            [sys.executable, "-m", "venv", str(prefix)],
            [
                str(prefix / "bin" / "python"),
                "-m",
                "pip",
                "install",
                "-q",
                "--disable-pip-version-check",
                peer.package,
            ],
        ]
    else:
        npm = shutil.which("npm") or "npm"
        commands = [[npm, "install", "--prefix", str(prefix), "--no-audit", "--no-fund", "--silent", peer.package]]
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=prefix)
        except OSError as exc:
            return str(exc)
        if done.returncode:
            return (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[-1]
    return None if _is_installed(peer) else "installed, but its program is not where it was looked for"


def installed_argv(peer: Peer, world: World) -> list[str]:
    """How the peer is started.

    Raises:
        NotMeasured: it is not installed.
    """
    if not _is_installed(peer):
        raise NotMeasured(f"{peer.package} is not installed (python bench/run.py peers --install)")
    return [part.format(prefix=_prefix(peer), work=world.folder) for part in peer.argv]


def _is_installed(peer: Peer) -> bool:
    program = next(part for part in peer.argv if "{prefix}" in part)
    return Path(program.format(prefix=_prefix(peer))).exists()


def _prefix(peer: Peer) -> Path:
    own = cache_folder() / "peers" / peer.name.replace("/", "+").replace(" ", "-")
    return peer.ready if peer.ready is not None and peer.ready.is_dir() else own
