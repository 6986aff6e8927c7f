"""Who trains on which pairs, and so may judge the others: every pair has exactly as many judges as was asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.errors import ConfigError, DataError

LEAST_WEIGHT = 1e-3  # an exponential draw may come out so near 0 that a pair counts as absent


def fold_groups(pairs: pa.Table, fold_by: Literal["prompt", "pair", "category"]) -> NDArray[np.int64]:
    """A code for every pair [N]; pairs of equal code stay together in every fold.

    ``prompt`` follows ``split_group``; ``category`` the column of that name. Duplicates of a pair, in either order of
    the responses, always stay together: with ``pair`` that is all, with ``category`` they follow the first of them.
    """
    if fold_by == "prompt":
        return _codes(pairs["split_group"].to_pylist())
    same_pair = _codes(_unordered_pairs(pairs))
    if fold_by == "pair":
        return same_pair
    names = pairs["category"]
    if names.null_count:
        raise ConfigError(f"`fold_by` category: {names.null_count} of {len(pairs)} pairs have no category.")
    first = np.unique(same_pair, return_index=True)[1]
    categories = _codes(names.to_pylist())[first[same_pair]]
    return np.unique(categories, return_inverse=True)[1].reshape(-1).astype(np.int64)


def independent_groups(pairs: pa.Table, fold_by: Literal["prompt", "pair", "category"]) -> NDArray[np.int64]:
    """A code for every pair [N]; pairs of equal code may err together: those of a fold group, at least of a prompt."""
    return fold_groups(pairs, "prompt" if fold_by == "pair" else fold_by)


def assign_folds(
    groups: NDArray[np.int64], num_folds: int, num_repeats: int, rng: np.random.Generator
) -> NDArray[np.int16]:
    """Fold of each pair in each repeat, shape [R, N]. Groups are never cut; folds are level in pairs.

    Within a repeat the groups are dealt in random order, large ones first, each to the smallest fold. Raises
    DataError where there are fewer groups than folds.
    """
    check_folds(groups, num_folds)
    sizes = np.bincount(groups)
    large = sizes > max(1, len(groups) // (20 * num_folds))
    folds = np.empty((num_repeats, len(sizes)), dtype=np.int16)
    for repeat in range(num_repeats):
        order = rng.permutation(len(sizes))
        order = order[np.argsort(~large[order], kind="stable")]
        load = [0] * num_folds
        for group in order.tolist():
            fold = min(range(num_folds), key=load.__getitem__)
            folds[repeat, group] = fold
            load[fold] += int(sizes[group])
    return folds[:, groups]


def check_folds(groups: NDArray[np.int64], num_folds: int) -> None:
    """Raises DataError where there are fewer groups than folds."""
    num_groups = len(np.unique(groups))
    if num_groups < num_folds:
        raise DataError(
            f"{num_groups} groups cannot be split into `num_folds` {num_folds}. Ask for fewer folds, "
            "or keep less together (`fold_by` pair)."
        )


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
            f"{num_groups} groups cannot be shared out among `num_members` {num_members}. Ask for fewer members, "
            "keep less together (`fold_by` pair), or train all of them on everything (`crossfit` none)."
        )


def _unordered_pairs(pairs: pa.Table) -> list[bytes]:
    keys = []
    for batch in pairs.select(["prompt_id", "chosen", "rejected"]).to_batches(10_000):
        for prompt, *responses in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            key = json.dumps([prompt, *sorted(map(json.dumps, responses))])
            keys.append(sha256(key.encode()).digest())
    return keys


def _codes(keys: Sequence[str | bytes]) -> NDArray[np.int64]:
    """A number for each distinct key, in order of first appearance."""
    seen: dict[str | bytes, int] = {}
    return np.fromiter((seen.setdefault(key, len(seen)) for key in keys), dtype=np.int64, count=len(keys))
