"""Weights under which a head serves several groups equally well (FairIF, arXiv 2201.05759), for the last layer.

Pairs keep their labels and get weights 1 + eps_i. To first order eps changes the mean loss of group g on judged pairs
by sum_i eps_i w_i d L_g / d w_i (``influence.py``). Of all eps that bring the groups' losses together, the smallest is
taken (least squares), the head is fitted again, and what is left to do is done from there: so the linear step only
has to point the right way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsmith.refining.influence import influence_scores
from rewardsmith.refining.last_layer import Array, LastLayer, Rows, fit_last_layer

NUM_ROUNDS = 8
CLOSE_ENOUGH = 1e-4  # of losses


@dataclass(frozen=True)
class GroupWeights:
    """How much more (or less) each pair is to count, and what that does."""

    change: Array
    """eps [N]: multiply the weights by 1 + eps."""
    losses_before: Array
    """Mean loss of each group [G] on the judged pairs."""
    losses_after: Array
    """The same for a head fitted with the new weights."""


def group_weights(
    rows: Rows, judged: Rows, group_of: NDArray[np.integer], l2: float, share: float = 1.0, limit: float = 0.5
) -> GroupWeights:
    """Closes ``share`` of the differences between the groups' losses, as far as |eps| <= ``limit`` (at most 1) allows.

    ``group_of`` [judged] has codes from 0; pairs of a negative code belong to no group. With fewer than two groups
    nothing changes. Both ways of bringing losses together count, that of the better group rising too.
    """
    groups = [judged.take(group_of == code) for code in np.unique(group_of[group_of >= 0])]
    change = np.zeros(len(rows))
    layer = fit_last_layer(rows, l2)
    before = losses = _losses(groups, layer)
    if len(groups) < 2:
        return GroupWeights(change, before, before)
    wanted = (1 - share) * (before - before.mean())
    for _ in range(NUM_ROUNDS):
        missing = wanted - (losses - losses.mean())
        if np.abs(missing).max() <= CLOSE_ENOUGH:
            break
        effects = np.stack([influence_scores(layer, rows, group) for group in groups]) * rows.weight
        effects -= effects.mean(axis=0)
        moved = np.clip(change + np.linalg.pinv(effects @ effects.T) @ missing @ effects, -limit, limit)
        if np.array_equal(moved, change):
            break
        change = moved
        layer = fit_last_layer(rows.weighing(rows.weight * (1 + change)), l2, layer.head)
        losses = _losses(groups, layer)
    return GroupWeights(change, before, losses)


def held_out_group_weights(
    rows: Rows,
    group_of: NDArray[np.integer],
    fold_of: NDArray[np.integer],
    l2: Sequence[float],
    share: float = 1.0,
    limit: float = 0.5,
) -> GroupWeights:
    """The same without pairs to judge by: the folds take turns, so that no pair is among those its weight is judged by.

    Fold k judges the head, of penalty ``l2[k]``, that was fitted to the other folds, and decides on their weights.
    Every pair has the mean change of the K - 1 folds that decided on it, and ``group_of`` [N] codes of all groups;
    the losses are means over folds. A fold that lacks one of the groups balances those it has.
    """
    codes = np.unique(group_of[group_of >= 0])
    change, losses, judged_by = np.zeros(len(rows)), np.zeros((2, len(codes))), np.zeros(len(codes))
    for fold, penalty in enumerate(l2):
        held = fold_of == fold
        found = group_weights(rows.take(~held), rows.take(held), group_of[held], penalty, share, limit)
        change[~held] += found.change / (len(l2) - 1)
        there = np.isin(codes, group_of[held])
        losses[:, there] += [found.losses_before, found.losses_after]
        judged_by += there
    before, after = losses / np.maximum(judged_by, 1)
    return GroupWeights(change, before, after)


def _losses(groups: list[Rows], layer: LastLayer) -> Array:
    return np.array([np.average(group.losses(layer.head), weights=group.weight) for group in groups])
