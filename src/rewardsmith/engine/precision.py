"""bfloat16 on a CPU: matrix products of float32 tensors in bfloat16 hardware, where that is faster.

Autocast would convert every tensor, which costs a CPU more than it gains. oneDNN can instead take float32, multiply in
bfloat16 and add up in float32 (AMX, AVX512-BF16), so weights, activations and gradients keep their type. On other
devices accelerate's autocast does the work (``engine/accelerators.py``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rewardsmith.artifacts.progress import say

LEAST_GAIN = 1.1
SHAPE = (512, 768, 2048)
REPEATS = 5


@contextmanager
def fast_matrix_products(device: str, bf16: bool) -> Iterator[None]:
    """Within it, products on a CPU use bfloat16 if ``bf16`` is wanted and a short measurement shows a gain."""
    if device != "cpu" or not bf16:
        yield
        return
    gain = bfloat16_gain()
    if gain < LEAST_GAIN:
        say(f"--bf16: this processor multiplies bfloat16 at {gain:.1f} times the speed of float32; staying in float32.")
        yield
        return
    with _products_in("medium"):
        yield


def bfloat16_gain() -> float:
    """How many times faster this CPU multiplies float32 matrices when it may use bfloat16."""
    rows, inner, columns = SHAPE
    left, right = torch.ones(rows, inner), torch.ones(inner, columns)
    seconds: dict[str, list[float]] = {"highest": [], "medium": []}
    for _ in range(REPEATS):
        for precision, taken in seconds.items():
            with _products_in(precision):
                begun = time.perf_counter()
                torch.mm(left, right)
                taken.append(time.perf_counter() - begun)
    return min(seconds["highest"]) / min(seconds["medium"])


@contextmanager
def _products_in(precision: str) -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
