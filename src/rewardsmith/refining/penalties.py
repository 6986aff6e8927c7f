"""Rows that heads are fitted on, and how strongly such heads are to be penalised."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from rewardsmith.refining.last_layer import Array, Rows
from rewardsmith.strength.design import MAX_DIMENSIONS, Candidate, Design
from rewardsmith.strength.logistic import principal_axes
from rewardsmith.strength.probe import L2_GRID, choose


def in_principal_axes(features: NDArray[np.floating]) -> Array:
    """The same differences [N, E] in at most 320 orthogonal directions, those along which they differ most."""
    rows = torch.from_numpy(features.astype(np.float64))
    return np.asarray((rows @ principal_axes(rows, MAX_DIMENSIONS)).numpy())


def choose_penalties(rows: Rows, fold_of: NDArray[np.int16], num_folds: int) -> list[float]:
    """For the head without fold k, the l2 that predicts labels best among the other folds, as the probe ensemble does.

    ``rows`` stand in principal axes. Margins and weights do not enter.
    """
    design = Design(Candidate("rows", ()), torch.from_numpy(rows.features.astype(np.float32)))
    labels = torch.from_numpy(rows.target.astype(np.float32))
    return [L2_GRID[penalty] for _, penalty in choose([design], labels, fold_of, num_folds)]
