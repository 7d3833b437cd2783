"""The machine: what it is, how loaded, and what a process family takes of it (Linux; None or refusal elsewhere)."""

import os
import platform
import subprocess
import time
from pathlib import Path

from case import NotMeasured

HERE = Path(__file__).parent


def heading() -> str:
    """Date, commit, machine and load as the heading of a table."""
    commit = _git("rev-parse", "--short", "HEAD") or "no commit"
    changed = " with changes" if _git("status", "--porcelain", "--untracked-files=no") else ""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    machine = f"{cores()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"## {time.strftime('%Y-%m-%d')} · {commit}{changed} · {machine} · load {load:.1f}"


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=HERE, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def family(pid: int) -> list[int]:
    """The process and every process that it started, directly or not."""
    found = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii").split():
                found += family(int(child))
    except OSError as exc:
        if not Path("/proc/self/task").is_dir():
            raise NotMeasured("needs /proc") from exc
    return found


def resident_mib(pid: int) -> float:
    """Resident memory of the family."""
    return sum(_status_kib(member, "VmRSS:") for member in family(pid)) / 1024


def peak_mib(pid: int) -> float:
    """The sum of the members' peaks since `forget_peak`: no less than the peak of the sum."""
    return sum(_status_kib(member, "VmHWM:") for member in family(pid)) / 1024


def forget_peak(pid: int) -> None:
    for member in family(pid):
        try:
            Path(f"/proc/{member}/clear_refs").write_text("5", encoding="ascii")
        except OSError as exc:
            raise NotMeasured("peak memory needs a writable /proc/PID/clear_refs") from exc


def _status_kib(pid: int, name: str) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(name)), 0)


def cpu_ms(pid: int) -> float:
    """Processor time of the process, its threads, and the children that it waited for; in ticks of 10 ms."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError as exc:
        raise NotMeasured("needs /proc") from exc
    return 1000 * sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
