"""How much a label harms what other pairs teach: its influence on the loss of pairs of other prompts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rewardsmith.errors import DataError
from rewardsmith.refining.influence import cross_influence
from rewardsmith.refining.last_layer import Array, Rows
from rewardsmith.strength.crossfit import assign_folds

NUM_FOLDS = 4


def label_influence(
    features: NDArray[np.floating], target: Array, margin: Array, weight: Array, groups: NDArray[np.int64]
) -> Array:
    """``cross_influence`` [N] of the pairs, by folds of groups: above 0, the label makes others' loss larger.

    ``features``: differences [N, E]. NaN for ties and for pairs of weight 0. The penalty is the median of those that
    predict labels best without each fold. ``DataError`` where there are fewer groups than folds.
    """
    from rewardsmith.refining.penalties import choose_penalties, in_principal_axes  # torch: only who asks needs it

    used = weight > 0
    prompts = np.unique(groups[used], return_inverse=True)[1].reshape(-1)
    if len(np.unique(prompts)) < NUM_FOLDS:
        raise DataError(f"influence_quantile holds out whole groups of prompts in turn, and needs {NUM_FOLDS} of them.")
    fold_of = assign_folds(prompts, NUM_FOLDS, 1, np.random.default_rng(0))[0]
    rows = Rows(in_principal_axes(features[used]), target[used], margin[used], weight[used])
    penalty = float(np.median(choose_penalties(rows, fold_of, NUM_FOLDS)))
    found = np.full(len(target), np.nan)
    found[used] = cross_influence(rows, fold_of, penalty)
    found[target == 0.5] = np.nan
    return found
