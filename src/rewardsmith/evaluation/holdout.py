"""Setting pairs aside for evaluation so that nothing close to them is trained on."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from rewardsmith.errors import DataError


def hold_out_groups(pairs: pa.Table, fraction: float, seed: int) -> tuple[pa.Table, pa.Table]:
    """Training pairs and held-out pairs; a split group is wholly in one of them. Both keep the order of rows.

    Groups are drawn by the seed until ``fraction`` of the pairs is reached. ``DataError`` where one side is empty.
    """
    names, codes = np.unique(np.asarray(pairs.column("split_group").to_pylist()), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    reached = np.cumsum(np.bincount(codes)[order])
    num_held = int(np.searchsorted(reached, fraction * len(pairs))) + 1
    if num_held >= len(names):
        raise DataError(
            f"--eval_fraction {fraction} leaves nothing to train on: the set has {len(names)} groups of prompts. "
            "Give a smaller fraction, more prompts, or --eval_dataset_name."
        )
    held = np.isin(codes, order[:num_held])
    return pairs.filter(pa.array(~held)), pairs.filter(pa.array(held))
