"""What a pair teaches: target, margin and weight, and whether its label has been flipped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Supervision:
    """Arrays [N] in the order of the input: ``chosen`` is the response that the input called chosen, always.

    A flip is ``target -> 1 - target`` with ``swapped`` set, until a rule after it writes the target anew or makes a
    tie of it. Margins keep the input's direction too, so a margin and a flip may come in either order.
    L(chosen, rejected, t, m) = L(rejected, chosen, 1 - t, -m), so training on these numbers equals training on what
    ``preferences/exports/outgoing.py`` makes of them, with the responses in their new places.
    """

    target: Floats
    margin: Floats
    weight: Floats
    swapped: Mask

    @classmethod
    def of(cls, pairs: pa.Table) -> Supervision:
        """As a table gives it. Nothing is swapped, unless the table is a ledger that says so."""
        target, margin, weight = (pairs[name].to_numpy().astype(np.float64) for name in ("target", "margin", "weight"))
        known = "swapped" in pairs.column_names
        swapped = np.asarray(pairs["swapped"].to_numpy(), bool) if known else np.zeros(len(target), dtype=bool)
        return cls(target, margin, weight, swapped)

    @classmethod
    def plain(cls, target: NDArray[Any]) -> Supervision:
        """These targets, no margins, every pair with weight 1."""
        target = np.asarray(target, dtype=np.float64)
        return cls(target, np.zeros(len(target)), np.ones(len(target)), np.zeros(len(target), dtype=bool))

    def __len__(self) -> int:
        return len(self.target)

    def changed(self, selected: Mask, **values: NDArray[Any] | float | bool) -> Supervision:
        """The same with new values of the named arrays where ``selected``; nothing else is touched."""
        fields = {name: np.where(selected, value, getattr(self, name)) for name, value in values.items()}
        return replace(self, **fields)

    def equal(self, other: Supervision) -> Mask:
        """Where both are the same in every number."""
        names = ("target", "margin", "weight", "swapped")
        return np.asarray(np.logical_and.reduce([getattr(self, n) == getattr(other, n) for n in names]))
