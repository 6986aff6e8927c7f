"""A column for what noise may ride on: learned from, and 0 where the head is read.

An annotator who takes length for quality adds a step at equal length to what the labels say. A head that has a column
for the step puts it there, and not into the features that go along with length (the idea of ODIN, arXiv 2402.07319, for
a linear head). What length is truly worth stays in the features, as far as it is no step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.strength.design import Design
from rewardsmith.strength.logistic import principal_axes

SCALE = 4.0
"""Of the column; features have about unit norm, so its penalty is next to none."""


def with_nuisance(
    rows: Float[Tensor, "N E"], nuisance: NDArray[np.float64]
) -> tuple[Float[Tensor, "N F"], Float[Tensor, "E+1 F"]]:
    """The rows with ``nuisance`` [N] as one more column, in new principal axes, and these axes."""
    column = torch.from_numpy(SCALE * nuisance).to(rows)[:, None]
    joined = torch.cat([rows, column], dim=1)
    axes = principal_axes(joined, joined.shape[1])
    return joined @ axes, axes


def without_nuisance(rows: Float[Tensor, "N E"], axes: Float[Tensor, "E+1 F"]) -> Float[Tensor, "N F"]:
    """The same axes, the column being 0."""
    return rows @ axes[:-1]


def debiased(designs: Sequence[Design], nuisance: NDArray[np.float64]) -> list[Design]:
    """Designs whose heads learn with the column and judge without it."""
    found = []
    for design in designs:
        rows, axes = with_nuisance(design.rows, nuisance)
        found.append(Design(design.candidate, rows, judged=without_nuisance(design.rows, axes)))
    return found
