"""A pressure: how hard the machine, or this process's share of it, is pressed right now."""

import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fourfold_tools.context.cgroup import Cgroup, own_cgroup, read_text

_ROOT = Path("/")
_UNLIMITED = 1 << 60  # version 1 writes a number near 2**63 for "no limit"


@dataclass(frozen=True, slots=True)
class Stall:
    """Pressure stall information of one resource: shares of time, 0 to 1, in which some or all tasks waited.

    some, full: averages over 10 s. some_total_us: microseconds since boot, to take a share over any other span.
    """

    some: float
    full: float
    some_total_us: int


@dataclass(frozen=True, slots=True)
class Pressure:
    """One look at the machine; None where the platform does not say.

    source: where the stalls are from: the own cgroup, the whole host, or nowhere (then `load_per_core` is the
    signal). load_per_core: one-minute load average over the effective cores. memory_available: share of the memory
    limit that can still be had, 0 to 1. open_files, max_files: descriptors of this process and its soft limit.
    at_s: the monotonic clock.
    """

    source: Literal["cgroup", "host", "load"]
    cpu: Stall | None = None
    memory: Stall | None = None
    io: Stall | None = None
    load_per_core: float | None = None
    memory_available: float | None = None
    open_files: int | None = None
    max_files: int | None = None
    at_s: float = 0.0

    def cpu_share_since(self, before: "Pressure") -> float | None:
        """The share of time since `before` in which some task waited for a processor, 0 to 1."""
        elapsed_us = (self.at_s - before.at_s) * 1e6
        if self.cpu is None or before.cpu is None or self.source != before.source or elapsed_us <= 0:
            return None
        return min(1.0, max(0.0, (self.cpu.some_total_us - before.cpu.some_total_us) / elapsed_us))


def read_pressure(root: Path = _ROOT, clock: Callable[[], float] = time.monotonic) -> Pressure:
    """The pressure now. Never raises: what cannot be read is None. `root` stands for `/`."""
    cgroup = own_cgroup(root)
    source, (cpu, memory, io) = _stalls(root, cgroup)
    load, (open_files, max_files) = _load(), _files(root)
    return Pressure(
        source=source,
        cpu=cpu,
        memory=memory,
        io=io,
        load_per_core=None if load is None else load / effective_cores(root),
        memory_available=_memory_available(root, cgroup),
        open_files=open_files,
        max_files=max_files,
        at_s=clock(),
    )


def effective_cores(root: Path = _ROOT) -> float:
    """Processors this process can really use: the fewest of its affinity and the quotas of its cgroups."""
    cgroup = own_cgroup(root)
    quotas = [_quota_v2(folder) for folder in cgroup.unified] + [_quota_v1(folder) for folder in cgroup.cpu]
    return min([float(_affinity()), *(quota for quota in quotas if quota)])


def _affinity() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota_v2(folder: Path) -> float | None:
    """`cpu.max` holds `QUOTA PERIOD` in microseconds, or `max PERIOD`."""
    quota, _, period = read_text(folder / "cpu.max").strip().partition(" ")
    return _ratio(quota, period)


def _quota_v1(folder: Path) -> float | None:
    return _ratio(read_text(folder / "cpu.cfs_quota_us").strip(), read_text(folder / "cpu.cfs_period_us").strip())


def _ratio(quota: str, period: str) -> float | None:
    """quota / period in cores; None for `max`, -1 and anything that is no positive number."""
    share, span = _number(quota), _number(period)
    return share / span if share and span else None


_Stalls = tuple[Stall | None, Stall | None, Stall | None]


def _stalls(root: Path, cgroup: Cgroup) -> tuple[Literal["cgroup", "host", "load"], _Stalls]:
    """The own cgroup's stalls where its files exist, else the host's, else none."""
    own = cgroup.unified[0] if cgroup.unified else None
    if own is not None and (cpu := _stall(own / "cpu.pressure")):
        return "cgroup", (cpu, _stall(own / "memory.pressure"), _stall(own / "io.pressure"))
    host = root / "proc/pressure"
    if cpu := _stall(host / "cpu"):
        return "host", (cpu, _stall(host / "memory"), _stall(host / "io"))
    return "load", (None, None, None)


_LINE = re.compile(r"^(some|full) avg10=(\d{1,3}\.\d+) .*\btotal=(\d{1,18})$", re.MULTILINE | re.ASCII)


def _stall(path: Path) -> Stall | None:
    """`some avg10=1.10 avg60=… avg300=… total=12372125` and the same for `full`, which older kernels lack for cpu."""
    found = {kind: (float(avg10) / 100, int(total)) for kind, avg10, total in _LINE.findall(read_text(path))}
    if "some" not in found:
        return None
    return Stall(found["some"][0], found.get("full", (0.0, 0))[0], found["some"][1])


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):  # AttributeError: Windows has none
        return None


def _memory_available(root: Path, cgroup: Cgroup) -> float | None:
    """The smallest share free of the host and of each cgroup with a limit; page cache counts as free."""
    host = dict(re.findall(r"^(MemTotal|MemAvailable):\s+(\d+) kB$", read_text(root / "proc/meminfo"), re.MULTILINE))
    total, available = _number(host.get("MemTotal", "")), _number(host.get("MemAvailable", "") or "0")
    shares: list[float | None] = [available / total] if total and "MemAvailable" in host else []
    shares += [_free(f, "memory.max", "memory.current", "inactive_file") for f in cgroup.unified]
    shares += [
        _free(f, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file") for f in cgroup.memory
    ]
    return min((share for share in shares if share is not None), default=None)


def _free(folder: Path, limit_file: str, used_file: str, cache_name: str) -> float | None:
    limit = _number(read_text(folder / limit_file).strip())
    if not limit or limit >= _UNLIMITED:
        return None
    cache = re.search(rf"^{cache_name} (\d+)$", read_text(folder / "memory.stat"), re.MULTILINE)
    used = _number(read_text(folder / used_file).strip()) - (_number(cache.group(1)) if cache else 0)
    return min(1.0, max(0.0, 1 - used / limit))


def _files(root: Path) -> tuple[int | None, int | None]:
    """Open descriptors, the one of the listing itself left out, and the soft limit."""
    folder = root / ("proc/self/fd" if sys.platform == "linux" else "dev/fd")
    try:
        count = len(os.listdir(folder)) - 1
    except OSError:
        return None, _max_files()
    return count, _max_files()


def _max_files() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def _number(text: str) -> int:
    """A whole number of kernel files, 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0
