"""Where a model runs, and whether bfloat16 is worth having there: processors with matrix units for it gain.

What ``--bf16`` means is the same on every device: autocast around the model, with weights, head and loss in float32.
"""

from __future__ import annotations

import os
import time
from functools import cache

import torch

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.hardware.memory import available_memory
from rewardsmith.errors import ConfigError

LEAST_GAIN = 1.1
"""Of bfloat16 over float32 on a CPU, by a linear layer of ``SHAPE``."""
SHAPE = (512, 768, 2048)
REPEATS = 5
HOPELESS = 5.0
"""So many times slower, bfloat16 is emulated, and more seconds of it would say nothing new."""


def choose_device(device: str = "auto") -> str:
    """``cuda``, ``mps`` or ``cpu``. ``auto`` takes an accelerator where there is one, and says so."""
    if device == "cpu":
        return device
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        found = next((name for name, there in available.items() if there), "cpu")
        if found != "cpu":
            say(f"Running on {device_name(found)} (`device` cpu keeps it off).")
        return found
    kind = device.split(":")[0]
    if kind not in available:
        raise ConfigError(f"`device` {device} is not known; use auto, cpu, cuda or mps.")
    if not available[kind]:
        raise ConfigError(f"`device` {device} was asked for, but this machine or this build of PyTorch has none.")
    return device


def device_name(device: str) -> str:
    """What a person calls a device."""
    if device.startswith("cuda"):
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return device


def free_memory(device: str) -> int:
    """Bytes that are free where a model on this device keeps its weights."""
    return int(torch.cuda.mem_get_info(device)[0]) if device.startswith("cuda") else available_memory()


def use_all_cores() -> int:
    """Lets PyTorch use every core this process may run on, unless OMP_NUM_THREADS says otherwise; gives the number."""
    if "OMP_NUM_THREADS" not in os.environ:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if torch.get_num_threads() != cores:
            torch.set_num_threads(cores)
    return torch.get_num_threads()


def bf16_pays(device: str, bf16: bool) -> bool:
    """Whether to compute in bfloat16 where ``bf16`` asks for it; on a CPU a short measurement decides, and says so."""
    if device != "cpu" or not bf16:
        return bf16
    gain = cpu_gain()
    if gain < LEAST_GAIN:
        say(f"`bf16`: this processor computes bfloat16 at {gain:.1f} times the speed of float32; staying in float32.")
    return gain >= LEAST_GAIN


@cache
def cpu_gain() -> float:
    """How many times faster a linear layer and its gradient are on this CPU under autocast to bfloat16."""
    rows, inner, columns = SHAPE
    layer, hidden = torch.nn.Linear(inner, columns), torch.ones(rows, inner, requires_grad=True)
    layer(hidden).sum().backward()  # what only a first pass takes
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(REPEATS):
        for shorter, taken in seconds.items():
            begun = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=shorter):
                out = layer(hidden)
            out.backward(torch.ones_like(out))
            taken.append(time.perf_counter() - begun)
        if min(seconds[True]) > HOPELESS * min(seconds[False]):
            break
    return min(seconds[False]) / min(seconds[True])
