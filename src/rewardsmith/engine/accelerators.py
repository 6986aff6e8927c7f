"""Where and in which precision the loop runs: one place that makes accelerate's ``Accelerator``."""

from __future__ import annotations

from accelerate import Accelerator  # type: ignore[import-untyped]
from accelerate.state import AcceleratorState, PartialState  # type: ignore[import-untyped]


def make_accelerator(device: str = "cpu", bf16: bool = False) -> Accelerator:
    """An accelerator for a device; under ``accelerate launch`` also for its processes.

    ``bf16`` is autocast, which a CPU is slower with: there ``engine/precision.py`` does what helps.

    accelerate remembers the first device and precision of a process for good. A second training in the same process
    (a notebook, a study) may want others, so a single process forgets them; several ones have only one run.
    """
    if AcceleratorState._shared_state and PartialState().num_processes == 1:
        AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(cpu=device == "cpu", mixed_precision="bf16" if bf16 and device != "cpu" else None)
