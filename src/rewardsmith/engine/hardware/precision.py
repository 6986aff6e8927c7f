"""Whether bfloat16 is worth having: processors with matrix units for it gain, all others lose.

What ``--bf16`` means is the same on every device: autocast around the model, with weights, head and loss in float32.
"""

from __future__ import annotations

import time
from functools import cache

import torch

from rewardsmith.artifacts.progress import say

LEAST_GAIN = 1.1
SHAPE = (512, 768, 2048)
REPEATS = 5


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
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(REPEATS):
        for shorter, taken in seconds.items():
            begun = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=shorter):
                out = layer(hidden)
            out.backward(torch.ones_like(out))
            taken.append(time.perf_counter() - begun)
    return min(seconds[False]) / min(seconds[True])
