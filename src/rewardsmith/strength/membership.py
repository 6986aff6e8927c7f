"""Which member trains on which pairs, and with what weight: balanced, so that every pair has equally many judges."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rewardsmith.errors import DataError
from rewardsmith.strength.crossfit import assign_folds

LEAST_WEIGHT = 1e-3  # an exponential draw may come out so near 0 that a pair counts as absent


def member_weights(
    groups: NDArray[np.int64],
    num_members: int,
    num_judges: int,
    crossfit: Literal["groups", "none"],
    rng: np.random.Generator,
    bootstrap: bool = True,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Training weights and who trained, both [N, M]. A weight is 0 exactly where the member did not train on the pair.

    The groups are dealt into M blocks of about as many pairs each; member m leaves out the ``num_judges`` blocks that
    begin with m, in a circle, so that every pair is left out by exactly that many members. With ``crossfit`` "none"
    every member trains on every pair. ``bootstrap``: each member gives each group a weight of its own from the
    exponential distribution (mean 1; the Bayesian bootstrap of Rubin 1981). Raises DataError for too few groups.
    """
    trained = np.ones((len(groups), num_members), dtype=np.bool_)
    if crossfit == "groups":
        check_blocks(groups, num_members)
        block = assign_folds(groups, num_members, 1, rng)[0]
        trained = (block[:, None] - np.arange(num_members)) % num_members >= num_judges
    weights = np.ones(trained.shape)
    if bootstrap:
        drawn = rng.exponential(size=(int(groups.max(initial=-1)) + 1, num_members))
        weights = np.maximum(drawn, LEAST_WEIGHT)[groups]
    return (weights * trained).astype(np.float32), trained


def check_blocks(groups: NDArray[np.int64], num_members: int) -> None:
    """Raises DataError where there are fewer groups than members."""
    num_groups = len(np.unique(groups))
    if num_groups < num_members:
        raise DataError(
            f"{num_groups} groups cannot be shared out among --num_members {num_members}. Ask for fewer members, "
            "keep less together (--fold_by pair), or train all of them on everything (--crossfit none)."
        )
