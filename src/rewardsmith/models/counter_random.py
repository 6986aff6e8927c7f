"""Random numbers that are a function of what they are for, not of how many were drawn before them.

SplitMix64 (Steele, Lea and Flood 2014) of a key and a counter, on any device, in signed numbers that wrap around.
"""

from __future__ import annotations

import hashlib

from jaxtyping import Int
from torch import Tensor

INCREMENT, FIRST, SECOND = -7046029254386353131, -4658895280553007687, -7723592293110705685


def mixed(numbers: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
    """SplitMix64's scrambling of 64-bit numbers; shifts of signed ones would bring in copies of the sign."""
    numbers = numbers ^ ((numbers >> 30) & 0x3FFFFFFFF)
    numbers.mul_(FIRST)
    numbers ^= (numbers >> 27) & 0x1FFFFFFFFF
    numbers.mul_(SECOND)
    numbers ^= (numbers >> 31) & 0x1FFFFFFFF
    return numbers


def number_of(*parts: str | int) -> int:
    """A key of 64 bits, signed."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "little", signed=True)
