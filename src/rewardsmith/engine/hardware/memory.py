"""How much memory there is, on the machine or in its container, and how much a run has taken.

A limit set by a control group counts where it is lower than what the machine has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

GIB = 2**30
CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
_NAMES = {
    2: ("memory.max", "memory.current", "inactive_file"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def max_memory_gib(device: torch.device) -> float | None:
    """Largest memory so far: allocated on a GPU, or resident in this process on a CPU; None where nobody counts."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / GIB
    if device.type != "cpu" or sys.platform == "win32":
        return None
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB


def total_memory() -> int:
    """Bytes that all processes together can have."""
    return min([int(psutil.virtual_memory().total), *(limit for limit, _ in _limits())])


def available_memory() -> int:
    """Bytes that new processes can have without swapping."""
    return min([int(psutil.virtual_memory().available), *(max(0, limit - used) for limit, used in _limits())])


def _limits() -> Iterator[tuple[int, int]]:
    """(limit, bytes used) of this process's control group and of those that it lies in; none where there are none."""
    try:
        lines = MEMBERSHIP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        version, root = (1, CGROUPS / "memory") if controllers else (2, CGROUPS)
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            yield from _limit(folder, version)
            if folder == root:
                break


def _limit(folder: Path, version: int) -> Iterator[tuple[int, int]]:
    limit, used, reclaimable = _NAMES[version]
    try:
        cap = int((folder / limit).read_text())  # version 2 says "max" where there is none
        now = int((folder / used).read_text())
        counters = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return
    yield cap, now - int(counters.get(reclaimable, 0))
