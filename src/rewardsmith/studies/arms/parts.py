"""Which pairs of a set train, which choose learning rates, and which test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.errors import DataError
from rewardsmith.strength.ensembles.crossfit import fold_groups
from rewardsmith.studies.arms.options import ArmsStudyOptions
from rewardsmith.trials.splits import split_by_group

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Positions in a table of pairs, in rising order; groups are never cut between the three."""

    test: Rows
    """The same for all seeds: no seed learns, or chooses, by what another is tested on."""
    held_out: dict[int, Rows]
    """By seed."""
    train: dict[int, Rows]
    """By seed."""


def parts_of(pairs: pa.Table, options: ArmsStudyOptions, seeds: Sequence[int]) -> Parts:
    """The first seed draws the test; each deals what is left. ``DataError`` where groups or pairs are too few."""
    groups = fold_groups(pairs, options.fold_by)
    test, rest = np.empty(0, np.int64), np.arange(len(pairs))
    if options.test_share:
        drawn = split_by_group(groups, options.test_share, seeds[0])
        test, rest = drawn.test, drawn.train
    held_out, train = {}, {}
    for seed in seeds:
        dealt = split_by_group(groups[rest], options.held_out_share, seed)
        held_out[seed] = rest[dealt.test]
        train[seed] = _sampled(rest[dealt.train], options.num_train_pairs, seed)
    return Parts(test, held_out, train)


def _sampled(rows: Rows, number: int | None, seed: int) -> Rows:
    if number is None:
        return rows
    if number > len(rows):
        raise DataError(
            f"`num_train_pairs` {number}: test and held-out part leave {len(rows)} pairs to train on (seed {seed}). "
            "Ask for fewer, or lower `test_share` or `held_out_share`."
        )
    return np.sort(np.random.default_rng(seed).choice(rows, number, replace=False))
