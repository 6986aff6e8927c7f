"""Whether a model and a set can do what the `forked` trainer asks of them: found out before anything costly is done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.artifacts.progress import say
from rewardsmith.engine.batches.encoded_pairs import encode_all
from rewardsmith.errors import DataError
from rewardsmith.models.options import ModelOptions
from rewardsmith.models.starting import starting_model
from rewardsmith.strength.crossfit import fold_groups
from rewardsmith.studies.noise.forked_trainer import fork_arms, learnable_pairs
from rewardsmith.studies.noise.options import ForkedArmOptions, NoiseStudyOptions
from rewardsmith.studies.noise.splits import split_pairs


def check_forked(
    pairs: pa.Table, model: ModelOptions, arms: ForkedArmOptions, study: NoiseStudyOptions, seeds: Sequence[int]
) -> None:
    """Says of how many pairs truncation takes something or everything that tells the two sides apart.

    ModelError for a model that cannot be forked, DataError for a seed that leaves arms nothing to learn from.
    """
    start = starting_model(model, seed=0)
    fork_arms(start.model, 2, arms)
    encoded = encode_all(start.encoder, pairs)
    differs = encoded.differs()
    if num_identical := int((~differs).sum()):
        say(
            f"{num_identical:,} pairs have the same tokens on both sides (--max_length): arms neither learn "
            "from them nor judge them."
        )
    if encoded.num_truncated:
        share, side = encoded.num_truncated / len(encoded), start.encoder.truncation_side
        say(f"{encoded.num_truncated:,} pairs ({share:.1%}) are cut on the {side} (--max_length).")
    check_learnable(differs, fold_groups(pairs, study.fold_by), study.test_share, seeds, start.encoder.max_length)


def check_learnable(
    differs: NDArray[np.bool_], groups: NDArray[np.int64], test_share: float, seeds: Sequence[int], max_length: int
) -> None:
    """Raises DataError for a seed that leaves no pair whose sides differ after truncation."""
    for seed in seeds:
        if not learnable_pairs(split_pairs(groups, test_share, seed), differs).any():
            raise DataError(
                f"Seed {seed} leaves arms no pair to learn from: of {len(differs)} pairs, {int((~differs).sum())} have "
                f"the same tokens on both sides after truncation to {max_length} tokens. Raise --max_length, or cut on "
                "the other side (--truncation_side)."
            )
