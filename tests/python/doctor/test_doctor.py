"""A machine is described as it is, and its rates as they were measured.

Method: folders that look like /proc and /sys of a bare machine, of containers with quotas and of
nothing at all; clocks that show prepared times; a null system whose lateness is a function of the
rate. One examination of the real machine, of which nothing is asserted but its form.
"""

import dataclasses
import itertools
import json
import math
import os

import pytest

from mlperf_loadgen.doctor import Diagnosis, examine, timing
from mlperf_loadgen.doctor.concerns import warnings_of
from mlperf_loadgen.doctor.timing import ClockCost, Gaps, ServerRate, TimerJitter
from mlperf_loadgen.doctor.transfers import TransferCheck, check_transfers
from mlperf_loadgen.host.machine import Machine, read_busy_s, read_machine
from mlperf_loadgen.transfer import Provider

BOUND_NS = 100_000

SHM = Provider("shm", True, "", "1.0", "on hardware")
VERBS = Provider("verbs", False, "no RDMA device", "", "in emulation")
FAILED_TRANSFER = TransferCheck(SHM, None, None, "PeerLost: gone")

BARE = {
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast CPU 9000\nflags\t\t: fpu tsc sse\n",
    "proc/meminfo": "MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\n",
    "proc/loadavg": "0.25 0.50 1.00 1/200 4321\n",
    "proc/self/cgroup": "0::/user.slice/me.scope\n",
    "proc/stat": "cpu  100 100 100 900 50 0 0 100 0 0\ncpu0 1 1 1 1\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
    "sys/devices/system/cpu/intel_pstate/no_turbo": "1\n",
    "sys/class/dmi/id/sys_vendor": "Maker\n",
    "sys/class/dmi/id/product_name": "Box\n",
}


@pytest.fixture
def root_of(tmp_path):
    """Makes a root folder of the files of a bare machine, with changes; None takes a file away."""

    def make(**changes):
        for name, text in (BARE | changes).items():
            if text is not None:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        return tmp_path

    return make


# ---- What the machine says -----------------------------------------------------------------------


def test_a_bare_machine_is_read(root_of):
    machine = read_machine(root_of())
    assert machine.cpu_model == "Fast CPU 9000"
    assert machine.hypervisor is False
    assert machine.governor == "performance"
    assert machine.turbo is False
    assert machine.product == "Maker Box"
    assert machine.clocksource == "tsc"
    assert machine.load_average == 0.25
    assert machine.memory_total_bytes == 16384 * 1024
    assert machine.memory_available_bytes == 8192 * 1024
    assert machine.cores_quota is None


@pytest.mark.parametrize(
    ("files", "field", "value"),
    [
        ({"proc/cpuinfo": "flags : fpu hypervisor\n"}, "hypervisor", True),
        ({"proc/cpuinfo": "Model : Board 4\n"}, "cpu_model", "Board 4"),
        ({"proc/cpuinfo": "Model : Board 4\n"}, "hypervisor", None),
        (
            {"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "powersave"},
            "governor",
            "performance, powersave",
        ),
        ({"sys/devices/system/cpu/cpufreq/boost": "1"}, "turbo", True),
        ({"sys/devices/system/cpu/intel_pstate/no_turbo": None}, "turbo", None),
        ({"sys/class/dmi/id/product_name": None}, "product", "Maker"),
        ({"proc/loadavg": "nonsense"}, "load_average", None),
        ({"proc/meminfo": "MemTotal: lots\n"}, "memory_total_bytes", None),
        # Control groups, version 2: the own group, one above it, and the container's top.
        ({"sys/fs/cgroup/user.slice/me.scope/cpu.max": "150000 100000"}, "cores_quota", 1.5),
        ({"sys/fs/cgroup/user.slice/cpu.max": "50000 100000"}, "cores_quota", 0.5),
        ({"sys/fs/cgroup/cpu.max": "200000 100000"}, "cores_quota", 2.0),
        ({"sys/fs/cgroup/cpu.max": "max 100000"}, "cores_quota", None),
        ({"proc/self/cgroup": None, "sys/fs/cgroup/cpu.max": "1000 1000"}, "cores_quota", 1.0),
        (
            {"sys/fs/cgroup/memory.max": "3000", "sys/fs/cgroup/memory.current": "1000"},
            "memory_available_bytes",
            2000,
        ),
        (
            {
                "sys/fs/cgroup/memory.max": "3000",
                "sys/fs/cgroup/memory.current": "2900",
                "sys/fs/cgroup/memory.stat": "anon 700\ninactive_file 1900\nfile 2200\n",
            },
            "memory_available_bytes",
            2000,
        ),
        (
            {"sys/fs/cgroup/memory.max": "max", "sys/fs/cgroup/memory.current": "1000"},
            "memory_available_bytes",
            8192 * 1024,
        ),
        # Version 1: a tree a controller.
        (
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/box\n4:memory:/box\n",
                "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us": "75000",
                "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us": "100000",
            },
            "cores_quota",
            0.75,
        ),
        (
            {
                "proc/self/cgroup": "5:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            "cores_quota",
            None,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/box\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": str(2**63 - 4096),
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "5",
                "proc/meminfo": None,
            },
            "memory_available_bytes",
            None,
        ),
    ],
)
def test_what_differs_is_read(root_of, files, field, value):
    assert getattr(read_machine(root_of(**files)), field) == value


def test_a_machine_that_reports_nothing_is_no_error(tmp_path):
    machine = read_machine(tmp_path / "missing")
    for field in ("governor", "turbo", "hypervisor", "product", "clocksource", "load_average"):
        assert getattr(machine, field) is None
    assert machine.cores_quota is machine.memory_available_bytes is None
    assert read_busy_s(tmp_path) is None


def test_busy_time_is_all_but_idle_and_waiting(root_of):
    assert read_busy_s(root_of()) == 400 / os.sysconf("SC_CLK_TCK")


# ---- What is measured ----------------------------------------------------------------------------


def ticking(*steps_ns):
    """A clock that goes on by these steps, again and again."""
    return itertools.accumulate(itertools.cycle(steps_ns)).__next__


def test_gaps_are_what_a_spinning_thread_misses():
    gaps = timing.measure_gaps(0.01, ticking(100, 200, 300, 1_000_000, 100, 60_000))
    assert gaps.largest_ns == 1_000_000
    assert gaps.count >= 2
    assert gaps.total_ns == pytest.approx(gaps.count / 2 * 1_060_000, rel=0.1)
    assert gaps.watched_s >= 0.01


def test_without_gaps_there_are_none():
    assert timing.measure_gaps(0.001, ticking(100)).count == 0


def test_the_clock_has_the_least_step_that_is_no_repetition():
    assert timing.measure_clock(ticking(0, 40, 0, 80)).step_ns == 40


def test_sleeps_are_late_by_what_exceeds_them():
    now = [0]

    def sleep(seconds):
        now[0] += int(1e9 * seconds) + 70_000

    jitter = timing.measure_sleep(0.1, lambda: now[0], sleep)
    assert (jitter.p50_ns, jitter.p99_ns, jitter.max_ns) == (70_000, 70_000, 70_000)
    assert jitter.count == 94  # 1.07 ms each.


def rate_at(qps, lateness_p99_ns, completed_share=1.0):
    return ServerRate(qps, 1000, completed_share, 1000, int(lateness_p99_ns), 10**6)


def search(run, in_time=lambda: True):
    return list(timing.search_rate(BOUND_NS, run, in_time))


@pytest.mark.parametrize("limit", [1500, 7000, 60_000, 450_000])
def test_the_highest_rate_on_time_is_found_to_a_tenth(limit):
    runs = search(lambda qps: rate_at(qps, 10_000 if qps <= limit else 10**6))
    best = max(run.qps for run in runs if run.keeps(BOUND_NS))
    assert 0.88 * limit <= best <= limit


def test_a_burst_of_other_work_does_not_end_the_search():
    late_once = iter([True])
    runs = search(
        lambda qps: rate_at(qps, 10**6 if qps > 5000 and next(late_once, qps > 50_000) else 10)
    )
    assert [run.keeps(BOUND_NS) for run in runs if run.qps == 10_000] == [False, True]
    assert max(run.qps for run in runs if run.keeps(BOUND_NS)) >= 44_000


def test_queries_left_behind_are_not_on_time():
    assert not rate_at(1000, 10, completed_share=0.9).keeps(BOUND_NS)


def test_the_search_ends_when_time_is_up():
    tries = itertools.count()
    assert len(search(lambda qps: rate_at(qps, 10), lambda: next(tries) < 4)) == 4


def test_where_no_rate_is_on_time_several_are_shown():
    assert {run.qps for run in search(lambda qps: rate_at(qps, 10**6))} == {1000, 2000}


# ---- What it means -------------------------------------------------------------------------------


def healthy(**changes):
    """A diagnosis with nothing to say against the machine; `changes` may be fields of Machine."""
    machine = Machine(
        system="Linux 6",
        cpu_model="CPU",
        cores_online=8,
        cores_usable=8,
        cores_quota=None,
        governor="performance",
        turbo=False,
        hypervisor=False,
        product="Box",
        clocksource="tsc",
        load_average=0.1,
        memory_total_bytes=2**34,
        memory_available_bytes=2**33,
        open_files_limit=65_536,
        locked_memory_limit_bytes=None,
    )
    of_machine = {k: v for k, v in changes.items() if hasattr(machine, k)}
    found = {
        "machine": dataclasses.replace(machine, **of_machine),
        "clock": ClockCost(20.0, 1),
        "sleep": TimerJitter(100, 5e4, 6e4, 1e5),
        "gaps": Gaps(1.0, 3, 60_000, 180_000),
        "busy_cores": 0.0,
        "lateness_bound_ns": BOUND_NS,
        "rates": (rate_at(1000, 10), rate_at(50_000, 20_000), rate_at(90_000, 200_000)),
        "transfers": (),
        "warnings": (),
    } | {k: v for k, v in changes.items() if k not in of_machine}
    return Diagnosis(**found)


def test_a_healthy_machine_is_not_warned_about():
    assert warnings_of(healthy()) == ()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"rates": (rate_at(1000, 10**6),)}, "1,000 queries/s"),
        ({"busy_cores": 1.5}, "1.5 cores busy"),
        ({"gaps": Gaps(1.0, 2, 8_000_000, 9_000_000)}, "stood still 2 times"),
        ({"gaps": Gaps(1.0, 500, 90_000, 40_000_000)}, "4 % of the time"),
        ({"cores_usable": 1}, "one core only"),
        ({"cores_quota": 1.5}, "1.5 cores"),
        ({"clock": ClockCost(900.0, 100), "clocksource": "hpet"}, "hpet"),
        ({"sleep": TimerJitter(100, 1e5, 4e6, 5e6)}, "4 ms longer"),
        ({"governor": "powersave"}, "powersave"),
        ({"hypervisor": True}, "virtual machine"),
        ({"memory_available_bytes": 2**29}, "512 MiB"),
        ({"open_files_limit": 1024}, "1024 files"),
        ({"transfers": (FAILED_TRANSFER,)}, "by shm failed: PeerLost: gone"),
    ],
)
def test_each_fault_is_warned_about_with_reason_and_fix(change, what):
    (warning,) = warnings_of(healthy(**change))
    assert what in warning.what
    assert warning.why and warning.fix
    assert str(warning).startswith(warning.what)


@pytest.mark.parametrize(
    "change",
    [{"busy_cores": None}, {"cores_usable": None}, {"cores_quota": 8.0}, {"governor": None}],
)
def test_what_is_unknown_or_harmless_is_not_warned_about(change):
    assert warnings_of(healthy(**change)) == ()


def test_the_text_says_which_rate_to_trust():
    text = str(healthy())
    assert "up to about 50,000 queries/s: issued less than 100 us late at p99" in text
    assert "90,000 queries/s" in text and "200 us (p99)" in text


def test_the_text_says_how_often_lower_rates_were_late():
    rates = (rate_at(1000, 10**6), rate_at(1000, 10), rate_at(5000, 10), rate_at(9000, 10**6))
    assert "But 1 of 3 tests up to that rate were later" in str(healthy(rates=rates))
    assert "But" not in str(healthy())


def test_the_text_says_that_no_rate_is_to_be_trusted():
    assert "No rate was issued less than 100 us late" in str(healthy(rates=(rate_at(1000, 10**6),)))


def test_the_text_lists_how_transfers_go():
    checks = (
        TransferCheck(SHM, 2100.0, 48.5e9, ""),
        TransferCheck(VERBS, None, None, ""),
        FAILED_TRANSFER,
    )
    text = " ".join(str(healthy(transfers=checks)).split())
    assert "shm 1.0: 2 KiB in 2.1 us (p50), 1 MiB at 48.5 GB/s" in text
    assert "tested: on hardware" in text
    assert "verbs: not usable: no RDMA device (this release was tested: in emulation)" in text
    assert "FAILED: PeerLost: gone" in text
    assert "Transfers" not in str(healthy())


def test_each_provider_of_transfers_is_tested():
    checks = {check.provider.name: check for check in check_transfers()}
    assert {"shm", "tcp", "verbs"} <= checks.keys()
    for check in checks.values():
        assert check.fault == ""
        assert (check.latency_ns is not None) == check.provider.usable
        assert (check.bytes_per_s is not None) == check.provider.usable
    assert checks["shm"].bytes_per_s > 0


def test_the_text_of_a_machine_that_reports_nothing_is_text():
    unknown = {field.name: None for field in dataclasses.fields(Machine) if field.name != "system"}
    assert "not known" in str(healthy(**unknown, busy_cores=None))


def test_an_examination_of_this_machine(tmp_path):
    steps = []
    found = examine(1.0, progress=steps.append)
    assert found.rates and all(rate.query_count >= 200 for rate in found.rates)
    assert found.gaps.watched_s >= 0.2
    read = json.loads(json.dumps(found.to_dict()))
    assert read["machine"]["cores_usable"] >= 1
    assert read["trusted_qps"] == (found.trusted.qps if found.trusted else None)
    assert any("Server at 1,000" in step for step in steps)
    assert str(found)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong",
    [{"seconds": 0}, {"seconds": math.inf}, {"seconds": math.nan}, {"lateness_bound_us": -1}],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="must be positive"):
        examine(**wrong)
