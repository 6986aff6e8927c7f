"""Which test pairs an arm got right, as a short text: two bits a pair, for every paired statistic to come."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray


def encode(credit: NDArray[np.float64]) -> str:
    """Credits [N], each 0, 0.5 or 1."""
    doubled = np.round(2 * credit).astype(np.uint8)
    return base64.b64encode(np.packbits(np.stack([doubled & 1, doubled >> 1])).tobytes()).decode("ascii")


def decode(text: str, number: int) -> NDArray[np.float64]:
    """The ``number`` credits that ``encode`` wrote."""
    bits = np.unpackbits(np.frombuffer(base64.b64decode(text), dtype=np.uint8), count=2 * number)
    half, whole = bits.reshape(2, number)
    return np.asarray(0.5 * half + whole, dtype=np.float64)
