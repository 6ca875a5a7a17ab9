"""The facts that the machine reports about itself: processor, clock, quotas, limits, other load."""

from __future__ import annotations

import contextlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

_KERNEL_UNLIMITED = 1 << 60
"""cgroup v1 writes "no limit" as a number near 2**63."""


@dataclass(frozen=True)
class Machine:
    """The facts that could be read; None if the system does not report one."""

    system: str
    """Operating system and release."""
    cpu_model: str | None
    cores_online: int | None
    cores_usable: int | None
    """Number of cores on which this process may run (its affinity)."""
    cores_quota: float | None
    """Share of cores that the control groups of the process allow; None: no quota."""
    governor: str | None
    """Governor of frequency scaling; several, with commas, if cores differ."""
    turbo: bool | None
    hypervisor: bool | None
    """Whether the processor says that it is virtual."""
    product: str | None
    """Vendor and product of the machine, as its firmware says."""
    clocksource: str | None
    load_average: float | None
    """Number of processes that wanted to run, mean of the last minute; this process is among them.
    """
    memory_total_bytes: int | None
    memory_available_bytes: int | None
    """Free memory of the machine, or within the limit of the control groups if that is less."""
    open_files_limit: int | None
    """RLIMIT_NOFILE, soft; None: unlimited or unknown."""
    locked_memory_limit_bytes: int | None
    """RLIMIT_MEMLOCK, soft; None: unlimited or unknown."""


def read_machine(root: Path = Path("/")) -> Machine:
    """Reads `root`/proc and `root`/sys; a fact that is missing or malformed is None."""
    cpu_info = _text(root / "proc/cpuinfo") or ""
    model = _field(cpu_info, "model name") or _field(cpu_info, "Model") or platform.processor()
    flags = _field(cpu_info, "flags")
    available = [
        _memory(root, "MemAvailable"),
        *(limit - used for limit, used in _memory_groups(root)),
    ]
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        cpu_model=model or None,
        cores_online=os.cpu_count(),
        cores_usable=_cores_usable(),
        cores_quota=_cores_quota(root),
        governor=_governor(root),
        turbo=_turbo(root),
        hypervisor=None if flags is None else "hypervisor" in flags.split(),
        product=_product(root),
        clocksource=_text(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"),
        load_average=_load_average(root),
        memory_total_bytes=_memory(root, "MemTotal"),
        memory_available_bytes=min((n for n in available if n is not None), default=None),
        open_files_limit=_limit("RLIMIT_NOFILE"),
        locked_memory_limit_bytes=_limit("RLIMIT_MEMLOCK"),
    )


def read_busy_s(root: Path = Path("/")) -> float | None:
    """CPU time of all processes since the start, and what a host took from this machine."""
    fields = (_text(root / "proc/stat") or "").split("\n", 1)[0].split()[1:]
    with contextlib.suppress(ValueError, AttributeError, OSError):
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
        return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return None


def _text(path: Path) -> str | None:
    """The file without white space around it; None if it is empty or cannot be read."""
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace").strip() or None
    return None


def _field(text: str, name: str) -> str | None:
    """The first value of lines as of /proc/cpuinfo."""
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip() == name:
            return value.strip()
    return None


def _number(text: str | None) -> float | None:
    with contextlib.suppress(TypeError, ValueError):
        return float(text)  # type: ignore[arg-type]
    return None


# ---- Processor -----------------------------------------------------------------------------------


def _cores_usable() -> int | None:
    with contextlib.suppress(AttributeError, OSError):  # Not every system has affinities.
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _governor(root: Path) -> str | None:
    files = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"))
    return ", ".join(sorted({text for text in map(_text, files) if text})) or None


def _turbo(root: Path) -> bool | None:
    cpu = root / "sys/devices/system/cpu"
    boost, no_turbo = _text(cpu / "cpufreq/boost"), _text(cpu / "intel_pstate/no_turbo")
    if boost is not None:
        return boost == "1"
    return None if no_turbo is None else no_turbo == "0"


def _product(root: Path) -> str | None:
    names = [_text(root / "sys/class/dmi/id" / name) for name in ("sys_vendor", "product_name")]
    return " ".join(name for name in names if name) or None


def _load_average(root: Path) -> float | None:
    return _number((_text(root / "proc/loadavg") or "").partition(" ")[0])


# ---- Control groups ------------------------------------------------------------------------------


def _groups(root: Path, controller: str) -> list[Path]:
    """The folders of the process's groups, from its own up to the top.

    A container sees its own group as the top, whatever /proc/self/cgroup calls it.
    """
    top = root / "sys/fs/cgroup"
    folders = []
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and controller not in controllers.split(","):
            continue
        mount = top / controllers if controllers else top  # Version 1 has a tree a controller.
        own = mount / path.lstrip("/")
        inner = [own, *own.parents]
        folders += inner[: inner.index(mount) + 1] if mount in inner else [mount]
    return folders or [top]


def _cores_quota(root: Path) -> float | None:
    quotas = []
    for folder in _groups(root, "cpu"):
        quota, period = [*(_text(folder / "cpu.max") or "").split(), "", ""][:2]
        if not quota:
            quota = _text(folder / "cpu.cfs_quota_us") or ""
            period = _text(folder / "cpu.cfs_period_us") or ""
        share, length = _number(quota), _number(period)
        if share and length and share > 0:  # "max" and -1: no quota.
            quotas.append(share / length)
    return min(quotas, default=None)


def _memory_groups(root: Path) -> list[tuple[int, int]]:
    """Limit and use of each group that has a limit. Cached files that are not in use are no use:
    they make room when it is needed."""
    found = []
    for folder in _groups(root, "memory"):
        for limit_name, used_name, cached_name in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit, used = _number(_text(folder / limit_name)), _number(_text(folder / used_name))
            if limit is None or used is None or limit >= _KERNEL_UNLIMITED:
                continue
            lines = (_text(folder / "memory.stat") or "").splitlines()
            cached = next((x for x in lines if x.startswith(f"{cached_name} ")), "").partition(" ")
            found.append((int(limit), int(used - (_number(cached[2]) or 0))))
    return found


# ---- Memory and limits ---------------------------------------------------------------------------


def _memory(root: Path, name: str) -> int | None:
    value = _number((_field(_text(root / "proc/meminfo") or "", name) or "").removesuffix("kB"))
    return None if value is None else int(value) * 1024


def _limit(name: str) -> int | None:
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import resource

        soft = resource.getrlimit(getattr(resource, name))[0]
        return None if soft == resource.RLIM_INFINITY else soft
    return None
