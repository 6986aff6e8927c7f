"""An experiment of the least kind: a cell's result is the square of its number."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rewardsmith.errors import DataError, InputError

Values = dict[str, Any]


@dataclass(frozen=True)
class Square:
    """A cell."""

    number: int

    @property
    def key(self) -> str:
        """``number 3``."""
        return f"number {self.number}"


def open_squares(given: Values) -> Callable[[Values], Values]:
    """What computes a cell; ``given`` says which numbers are trouble."""
    threads = int(os.environ["OMP_NUM_THREADS"])

    def compute(cell: Values) -> Values:
        number = cell["number"]
        if number == given.get("too_large"):
            raise DataError("it is too large")
        if number == given.get("gone"):
            raise InputError("its file is gone")
        if number == given.get("deadly"):
            raise ZeroDivisionError("division by zero")
        return {**cell, "square": number * number, "threads": threads}

    return compute
