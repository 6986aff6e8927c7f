"""What the structured audit knows of pairs besides features: lengths, categories, groups, responses that recur."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.preferences.pairs.pair_table import response_lengths

MIN_CATEGORIES = 2
MAX_CLUSTERS = 50_000
"""More would cost gigabytes, and groups that small have no rates of their own to be seen."""


@dataclass(frozen=True)
class PairStructure:
    """Arrays of N pairs. No label has gone into them."""

    longer: NDArray[np.float64]
    """1 where chosen is the longer response, -1 where rejected is, 0 where they are as long."""
    clusters: NDArray[np.int64]
    """Numbers from 0 of what may have rates of wrong labels of its own."""
    groups: NDArray[np.int64]
    """What judges leave out together."""
    together: NDArray[np.int64]
    """What may err together: prompts at least."""
    responses: NDArray[np.int64]
    """[N, 2]: a number for each distinct response (with its prompt) on the chosen and the rejected side."""


@dataclass(frozen=True)
class Clusters:
    """Numbers [N], and the names of these numbers where they are categories."""

    codes: NDArray[np.int64]
    categories: tuple[str, ...] | None
    """In the order of the numbers; empty text for pairs without a category. None where clusters are no categories."""


def pair_structure(pairs: pa.Table, groups: NDArray[np.int64], together: NDArray[np.int64]) -> PairStructure:
    """Of a table of pairs; ``groups`` [N] are those of ``fold_groups``, ``together`` of ``independent_groups``."""
    return PairStructure(longer_side(pairs), clusters_of(pairs).codes, groups, together, response_codes(pairs))


def longer_side(pairs: pa.Table) -> NDArray[np.float64]:
    """The sign [N] of chosen less rejected in characters."""
    chosen_length, rejected_length = response_lengths(pairs)
    return np.asarray(np.sign(chosen_length - rejected_length), dtype=np.float64)


def clusters_of(pairs: pa.Table) -> Clusters:
    """A number for each category, or for each split group where the set does not have two categories.

    Where there are more of them than ``MAX_CLUSTERS``, all pairs are one cluster.
    """
    category = pairs["category"]
    by_category = len(category.unique().drop_null()) >= MIN_CATEGORIES
    column = category.fill_null("") if by_category else pairs["split_group"]
    if len(column.unique()) > MAX_CLUSTERS:
        return Clusters(np.zeros(len(pairs), dtype=np.int64), None)
    names, codes = np.unique(np.asarray(column.to_pylist()), return_inverse=True)
    return Clusters(codes.reshape(-1).astype(np.int64), tuple(names.tolist()) if by_category else None)


def response_codes(pairs: pa.Table) -> NDArray[np.int64]:
    """[N, 2]: equal numbers for equal texts under equal prompts, by first appearance, all chosen ones first."""
    seen: dict[bytes, int] = {}
    codes: list[int] = []
    for side in ("chosen", "rejected"):
        for batch in pairs.select(["prompt_id", side]).to_batches(10_000):
            for key in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                codes.append(seen.setdefault(sha256(json.dumps(key).encode()).digest(), len(seen)))
    return np.array(codes, dtype=np.int64).reshape(2, len(pairs)).T.copy()
