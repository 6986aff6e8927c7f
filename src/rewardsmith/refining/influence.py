"""What the weight of one pair does to the loss of others: exact to first order, for the last layer (arXiv 2201.05759).

At the optimum of a head, a pair of gradient g_i that counts a little more moves the head by -H^-1 g_i for each unit of
weight, and so changes the mean loss L of other pairs by

    dL / dw_i = - grad L' H^-1 g_i

A pair that raises the loss of labels it was not fitted to is one that the rest of the data contradict: large values
are the suspicious ones. Where the labels of those others are trusted, this is FairIF's score of a wrong label; where
they are held out but as noisy as the rest, see ``cross_influence``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rewardsmith.refining.last_layer import Array, LastLayer, Rows, fit_last_layer


def influence_scores(layer: LastLayer, rows: Rows, judged: Rows) -> Array:
    """Change of the mean loss of ``judged`` for each unit of weight of a pair [N]; above 0: the pair does harm.

    ``layer`` is the fit to ``rows``. Their own weights do not enter: a pair of weight 0 has the score that it would
    begin with. Swapping a pair changes nothing. Where nothing judged has weight, every score is 0.
    """
    total = float(judged.weight.sum())
    gradient = judged.features.T @ (judged.weight * judged.residuals(layer.head)) / (total if total > 0 else 1.0)
    return np.asarray(-rows.residuals(layer.head) * (rows.features @ layer.solve(gradient)))


def cross_influence(rows: Rows, fold_of: NDArray[np.integer], l2: float) -> Array:
    """Influence of each pair on pairs of other folds [N], none of which was fitted with it in the same breath.

    For each fold a head is fitted to the others and judged on it; a pair has the mean of the scores it gets from the
    K - 1 heads that it was fitted to.
    """
    folds = np.unique(fold_of)
    total = np.zeros(len(rows))
    for fold in folds:
        outside = fold_of != fold
        train = rows.take(outside)
        total[outside] += influence_scores(fit_last_layer(train, l2), train, rows.take(~outside))
    return total / (len(folds) - 1)
