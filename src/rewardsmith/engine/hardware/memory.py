"""How much memory a run has taken."""

from __future__ import annotations

import sys

import torch

GIB = 2**30


def max_memory_gib(device: torch.device) -> float | None:
    """Largest memory so far: allocated on a GPU, or resident in this process on a CPU; None where nobody counts."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / GIB
    if device.type != "cpu" or sys.platform == "win32":
        return None
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB
