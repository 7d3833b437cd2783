"""Pressure: from the own cgroup, the host or the load, on machines made of files."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fourfold_tools.context import pressure
from fourfold_tools.context.cgroup import own_cgroup
from fourfold_tools.context.pressure import Pressure, Stall, effective_cores, read_pressure

V2 = "30 1 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
V1 = (
    "33 1 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "34 1 0:30 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
)


def psi(some: float, total: int) -> str:
    rest = "avg60=0.00 avg300=0.00"
    return f"some avg10={some:.2f} {rest} total={total}\nfull avg10=1.50 {rest} total=7\n"


class Machine:
    """A root folder with the kernel files that a test names."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, files: dict[str, str]) -> "Machine":
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return self

    def v2(self, group: str = "/app.slice/me") -> "Machine":
        return self.put({"proc/self/cgroup": f"0::{group}\n", "proc/self/mountinfo": V2})

    def v1(self, group: str = "/docker/abc") -> "Machine":
        return self.put({"proc/self/cgroup": f"4:memory:{group}\n3:cpu,cpuacct:{group}\n", "proc/self/mountinfo": V1})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressure, "_affinity", lambda: 8)


def test_stalls_come_from_the_own_cgroup_where_it_has_them(machine: Machine) -> None:
    machine.v2().put(
        {
            "sys/fs/cgroup/app.slice/me/cpu.pressure": psi(61.25, 1_000),
            "sys/fs/cgroup/app.slice/me/memory.pressure": psi(2.5, 20),
            "proc/pressure/cpu": psi(1.0, 5),
        }
    )
    seen = read_pressure(machine.root)
    assert seen.source == "cgroup"
    assert seen.cpu == Stall(some=0.6125, full=0.015, some_total_us=1_000)
    assert seen.memory == Stall(some=0.025, full=0.015, some_total_us=20)
    assert seen.io is None


def test_stalls_come_from_the_host_without_a_cgroups(machine: Machine) -> None:
    machine.v2().put({"proc/pressure/cpu": psi(10.0, 5), "proc/pressure/io": psi(20.0, 6)})
    seen = read_pressure(machine.root)
    assert (seen.source, seen.cpu, seen.io) == ("host", Stall(0.1, 0.015, 5), Stall(0.2, 0.015, 6))


def test_a_kernel_without_stalls_leaves_the_load(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, eight_cores: None
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (4.0, 1.0, 1.0))
    seen = read_pressure(machine.root)
    assert (seen.source, seen.cpu, seen.load_per_core) == ("load", None, 0.5)


def test_a_platform_without_a_load_says_so(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "getloadavg")
    assert read_pressure(machine.root).load_per_core is None


def test_an_old_kernel_has_no_full_line_for_the_cpu(machine: Machine) -> None:
    machine.put({"proc/pressure/cpu": "some avg10=3.00 avg60=0.00 avg300=0.00 total=9\n"})
    assert read_pressure(machine.root).cpu == Stall(0.03, 0.0, 9)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        pytest.param({}, 8, id="no quota"),
        pytest.param({"app.slice/me/cpu.max": "max 100000\n"}, 8, id="max"),
        pytest.param({"app.slice/me/cpu.max": "150000 100000\n"}, 1.5, id="own quota"),
        pytest.param({"app.slice/cpu.max": "50000 100000\n", "app.slice/me/cpu.max": "max 100000"}, 0.5, id="parent"),
        pytest.param({"cpu.max": "1600000 100000\n"}, 8, id="more than there are"),
        pytest.param({"app.slice/me/cpu.max": "garbage"}, 8, id="garbage"),
        pytest.param({"app.slice/me/cpu.max": "0 0"}, 8, id="zero"),
    ],
)
def test_effective_cores_are_the_fewest_of_affinity_and_quotas(
    machine: Machine, eight_cores: None, files: dict[str, str], cores: float
) -> None:
    machine.v2().put({f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    assert effective_cores(machine.root) == cores


@pytest.mark.parametrize(("quota", "cores"), [("250000", 2.5), ("-1", 8)])
def test_a_quota_of_version_1_counts_too(machine: Machine, eight_cores: None, quota: str, cores: float) -> None:
    folder = "sys/fs/cgroup/cpu,cpuacct/docker/abc"
    machine.v1().put({f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": "100000\n"})
    assert effective_cores(machine.root) == cores


def test_a_container_sees_its_group_as_the_mount(machine: Machine) -> None:
    machine.put(
        {
            "proc/self/cgroup": "3:cpu,cpuacct:/docker/abc\n0::/docker/abc\n",
            "proc/self/mountinfo": (
                "33 1 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n"
                "34 1 0:30 /elsewhere /sys/fs/cgroup/my\\040unified ro - cgroup2 cgroup2 rw\n"
            ),
        }
    )
    own = own_cgroup(machine.root)
    assert own.cpu == (machine.root / "sys/fs/cgroup/cpu",)
    assert own.unified == (machine.root / "sys/fs/cgroup/my unified",)


def test_a_group_is_followed_up_to_its_mount_and_no_further(machine: Machine) -> None:
    top = machine.v2("/a/b").root / "sys/fs/cgroup"
    assert own_cgroup(machine.root).unified == (top / "a/b", top / "a", top)


def test_available_memory_is_the_tightest_of_host_and_groups(machine: Machine) -> None:
    machine.v2().put({"proc/meminfo": "MemTotal:       1000 kB\nMemFree: 10 kB\nMemAvailable:    400 kB\n"})
    assert read_pressure(machine.root).memory_available == 0.4
    machine.put(
        {
            "sys/fs/cgroup/app.slice/memory.max": "1000000\n",
            "sys/fs/cgroup/app.slice/memory.current": "900000\n",
            "sys/fs/cgroup/app.slice/memory.stat": "anon 1\ninactive_file 200000\nfile 3\n",
            "sys/fs/cgroup/app.slice/me/memory.max": "max\n",
        }
    )
    assert read_pressure(machine.root).memory_available == pytest.approx(0.3)


def test_a_memory_limit_of_version_1_counts_and_its_unlimited_number_does_not(machine: Machine) -> None:
    folder = "sys/fs/cgroup/memory/docker/abc"
    machine.v1().put({f"{folder}/memory.limit_in_bytes": "9223372036854771712\n"})
    assert read_pressure(machine.root).memory_available is None
    machine.put({f"{folder}/memory.limit_in_bytes": "1000\n", f"{folder}/memory.usage_in_bytes": "950\n"})
    assert read_pressure(machine.root).memory_available == pytest.approx(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lists no descriptors")
def test_an_opened_file_is_counted() -> None:
    before = read_pressure()
    with open(__file__, encoding="utf-8"):
        during = read_pressure()
    assert before.open_files is not None
    assert during.open_files == before.open_files + 1
    assert during.max_files is None or during.max_files > during.open_files


@pytest.mark.parametrize(
    ("before_us", "after_us", "seconds", "share"),
    [(0, 500_000, 1.0, 0.5), (100, 100, 1.0, 0.0), (0, 5_000_000, 1.0, 1.0), (500, 100, 1.0, 0.0), (0, 1, 0.0, None)],
)
def test_a_share_is_taken_over_any_span(before_us: int, after_us: int, seconds: float, share: float | None) -> None:
    before = Pressure("host", cpu=Stall(0, 0, before_us), at_s=10.0)
    after = Pressure("host", cpu=Stall(0, 0, after_us), at_s=10.0 + seconds)
    assert after.cpu_share_since(before) == share


def test_a_share_is_not_taken_across_sources() -> None:
    stall = Stall(0, 0, 1)
    assert Pressure("host", cpu=stall, at_s=2.0).cpu_share_since(Pressure("cgroup", cpu=stall)) is None
    assert Pressure("load", at_s=2.0).cpu_share_since(Pressure("load")) is None


@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(noise=st.binary(max_size=80))
def test_no_file_makes_it_raise(machine: Machine, noise: bytes) -> None:
    machine.v2("/me")
    names = ["proc/self/mountinfo", "proc/self/cgroup", "proc/pressure/cpu", "proc/meminfo"]
    names += [f"sys/fs/cgroup/me/{n}" for n in ("cpu.pressure", "cpu.max", "memory.max", "memory.current")]
    for name in names:
        (machine.root / name).parent.mkdir(parents=True, exist_ok=True)
        (machine.root / name).write_bytes(noise)
        own_cgroup.cache_clear()
        assert read_pressure(machine.root).source in {"cgroup", "host", "load"}
        assert effective_cores(machine.root) > 0


def test_this_machine_answers() -> None:
    assert effective_cores() > 0
    assert read_pressure().at_s > 0
