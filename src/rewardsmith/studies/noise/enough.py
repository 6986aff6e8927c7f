"""Whether a set is enough for a study, with every one of its seeds: asked before anything costly is done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.errors import DataError
from rewardsmith.strength.crossfit import fold_groups
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.studies.noise.options import NoiseStudyOptions
from rewardsmith.studies.noise.planting import Kind
from rewardsmith.studies.noise.splits import NUM_INNER_FOLDS, split_pairs
from rewardsmith.studies.noise.study_pairs import drawn_together

MIN_PAIRS = 200
NUM_FOLDS = StrengthOptions().num_folds


def check_enough(pairs: pa.Table, kinds: Sequence[Kind], options: NoiseStudyOptions, seeds: Sequence[int]) -> None:
    """Raises DataError for too few pairs, too few groups to train, judge or test on, and votes that are missing."""
    if len(pairs) < MIN_PAIRS:
        raise DataError(f"{len(pairs)} pairs are too few for a study, which needs {MIN_PAIRS} or more.")
    groups, judged = fold_groups(pairs, options.fold_by), fold_groups(pairs, options.audit_fold_by)
    together, voted = drawn_together(pairs, options.fold_by), has_votes(pairs)
    tested: set[int] = set()
    for seed in seeds:
        split = split_pairs(groups, options.test_share, seed)
        tested.update(together[split.test].tolist())
        number = min(len(np.unique(judged[split.train[split.inner_fold != fold]])) for fold in range(NUM_INNER_FOLDS))
        if number < NUM_FOLDS:
            raise DataError(
                f"Seed {seed} leaves {number} groups to train on, beside those that test and those that choose "
                f"(--audit_fold_by {options.audit_fold_by}); judges of their labels need {NUM_FOLDS} or more. Keep "
                f"less together (--audit_fold_by pair), or lower --test_share {options.test_share:g}."
            )
        if "votes" in kinds and not voted[split.train].any():
            raise DataError(
                f"--kinds votes: with seed {seed}, no pair to train on carries votes. Leave the kind out, or name the "
                "columns of the votes."
            )
    if len(tested) < 2:
        raise DataError(
            f"All seeds test on one and the same group (--fold_by {options.fold_by}), which says nothing of others. "
            "Keep less together (--fold_by prompt), or raise --test_share or --num_seeds."
        )


def has_votes(pairs: pa.Table) -> NDArray[np.bool_]:
    """Which pairs [N] carry a vote."""
    votes = [pairs[f"votes_{side}"].cast(pa.float64()).to_numpy() for side in ("chosen", "rejected", "tie")]
    return np.asarray(np.nan_to_num(np.stack(votes)).sum(axis=0) > 0)
