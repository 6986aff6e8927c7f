"""Pairs as heads on their features see them, in folds of whole groups: a head is judged where it was not fitted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from rewardsmith.errors import DataError
from rewardsmith.refining.evidence import Evidence
from rewardsmith.refining.influence import cross_influence
from rewardsmith.refining.last_layer import Array, Rows
from rewardsmith.refining.supervision import Mask, Supervision
from rewardsmith.strength.ensembles.crossfit import assign_folds
from rewardsmith.strength.ensembles.design import MAX_DIMENSIONS, Candidate, Design
from rewardsmith.strength.ensembles.logistic import principal_axes
from rewardsmith.strength.ensembles.probe import L2_GRID, choose

NUM_FOLDS = 4


class FoldedRows(NamedTuple):
    """Pairs, and how heads are fitted to all of them but one fold."""

    rows: Rows
    fold_of: NDArray[np.int16]
    penalties: list[float]
    """The l2 of the head without each fold."""


def folded_rows(evidence: Evidence, labels: Evidence | Supervision, used: Mask, asked_by: str) -> FoldedRows:
    """The ``used`` pairs with target, margin and weight of ``labels``, by folds of groups.

    ``DataError`` without features, and with fewer groups than folds; it begins with ``asked_by``.
    """
    if evidence.rows is None:
        raise DataError(f"{asked_by} needs features of the pairs, and there are none.")
    groups = np.unique(evidence.groups[used], return_inverse=True)[1].reshape(-1)
    if len(np.unique(groups)) < NUM_FOLDS:
        raise DataError(f"{asked_by} holds out whole groups of prompts in turn, and needs {NUM_FOLDS} of them.")
    features = in_principal_axes(evidence.rows[used])
    rows = Rows(features, labels.target[used], labels.margin[used], labels.weight[used])
    fold_of = assign_folds(groups, NUM_FOLDS, 1, np.random.default_rng(0))[0]
    return FoldedRows(rows, fold_of, choose_penalties(rows, fold_of, NUM_FOLDS))


def label_influence(evidence: Evidence) -> Array:
    """How much each given label harms what other pairs teach [N]: above 0, pairs of other prompts lose by it.

    NaN for ties and for pairs of weight 0. One penalty for all heads: the median of those that suit them.
    """
    used = evidence.weight > 0
    rows, fold_of, penalties = folded_rows(evidence, evidence, used, "influence_quantile")
    found = np.full(len(evidence), np.nan)
    found[used] = cross_influence(rows, fold_of, float(np.median(penalties)))
    found[~evidence.decided] = np.nan
    return found


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
