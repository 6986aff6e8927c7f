"""Which items train and which test, and the inner folds by which regularisation is chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsmith.errors import DataError
from rewardsmith.strength.ensembles.crossfit import assign_folds

NUM_INNER_FOLDS = 3
MIN_GROUPS = 2 * NUM_INNER_FOLDS


@dataclass(frozen=True)
class Split:
    """Positions of training and of test items, in rising order, and the inner fold of each training item."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    inner_fold: NDArray[np.int16]


def split_by_group(groups: NDArray[np.int64], test_share: float, seed: int) -> Split:
    """Whole groups [N] go to the test, in an order drawn by the seed, until ``test_share`` of the items is reached.

    Raises DataError for fewer than six groups: three must be left for the inner folds.
    """
    sizes = np.bincount(groups)
    present = np.flatnonzero(sizes)
    if len(present) < MIN_GROUPS:
        raise DataError(
            f"{len(present)} groups are too few for a study, which needs {MIN_GROUPS} or more to train, to choose and "
            "to test on. Keep less together (`fold_by` pair)."
        )
    rng = np.random.default_rng([seed, len(groups)])
    order = rng.permutation(present)
    num_test = int(np.searchsorted(np.cumsum(sizes[order]), test_share * len(groups))) + 1
    num_test = min(num_test, len(present) - NUM_INNER_FOLDS)
    tested = np.isin(groups, order[:num_test])
    train = np.flatnonzero(~tested)
    codes = np.unique(groups[train], return_inverse=True)[1].reshape(-1)
    return Split(train, np.flatnonzero(tested), assign_folds(codes, NUM_INNER_FOLDS, 1, rng)[0])
