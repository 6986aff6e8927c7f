"""Which rows must stay together in splits and folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import as_text
from rewardsmith.errors import DataError
from rewardsmith.preferences.pairs.identity import first_user_turn
from rewardsmith.preferences.pairs.near_duplicates import near_duplicate_groups, normalised
from rewardsmith.preferences.pairs.preference_set import Finding

NEAR_DUPLICATE_LIMIT = 100_000
"""`near_duplicates auto` compares no more distinct first turns (or pairs) than this: a few seconds on one core."""
NearDuplicates = Literal["auto", "on", "off"]


def group_of_column(record: Mapping[str, object], column: str | None) -> str | None:
    """The row's value of ``group_by`` as text; None where there is no such option or no value."""
    value = None if column is None else record.get(column)
    return None if value is None or value == "" else str(value)


def join_near_duplicate_prompts(table: pa.Table, mode: NearDuplicates) -> tuple[pa.Table, list[Finding]]:
    """The table with one ``split_group`` for prompts whose first user turns are almost the same."""
    encoded = table["split_group"].combine_chunks().dictionary_encode()
    group = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    num_groups = len(encoded.dictionary)
    if mode == "off" or num_groups < 2:
        return table, []
    if mode == "auto" and num_groups > NEAR_DUPLICATE_LIMIT:
        return table, [not_looked_for("near_duplicate_prompts", f"{num_groups:,} distinct first turns")]
    _, first_row = np.unique(group, return_index=True)
    prompts = table["prompt"].take(pa.array(first_row)).to_pylist()
    with_prompt = np.array([bool(prompt) for prompt in prompts])
    joined = np.arange(num_groups)
    positions = np.flatnonzero(with_prompt)
    joined[positions] = positions[near_duplicate_groups([first_user_turn(prompts[i]) for i in positions])]
    num_joined = int((joined != np.arange(num_groups)).sum())
    if not num_joined:
        return table, []
    names = encoded.dictionary.take(pa.array(joined[group]))
    column = table.schema.get_field_index("split_group")
    message = (
        f"of {num_groups:,} distinct first turns are almost the same as another and share its split group; "
        f"the largest group now holds {_largest_share(joined[group]):.1%} of the rows"
    )
    found = Finding("near_duplicate_prompts", num_joined, "joined", message)
    return table.set_column(column, table.schema.field(column), names), [found]


def near_duplicate_pairs(table: pa.Table) -> NDArray[np.bool_]:
    """Rows that differ from an earlier row only in case, spacing and punctuation (exact duplicates are none)."""
    found = np.zeros(table.num_rows, dtype=np.bool_)
    seen: dict[int, str] = {}
    columns = (table[name].to_pylist() for name in ("pair_id", "prompt", "chosen", "rejected"))
    for row, (pair_id, *conversations) in enumerate(zip(*columns, strict=True)):
        key = hash(tuple(normalised(as_text(m)) for messages in conversations for m in messages))
        exact = pair_id.partition("-")[0]
        found[row] = seen.setdefault(key, exact) != exact
    return found


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
            f"`eval_fraction` {fraction} leaves nothing to train on: the set has {len(names)} groups of prompts. "
            "Give a smaller fraction, more prompts, or a set of its own to test on."
        )
    held = np.isin(codes, order[:num_held])
    return pairs.filter(pa.array(~held)), pairs.filter(pa.array(held))


def not_looked_for(check: str, size: str) -> Finding:
    """The finding that says what was left undone because of size."""
    return Finding(
        check,
        0,
        "kept",
        f"of {size} were compared: above {NEAR_DUPLICATE_LIMIT:,} this needs `near_duplicates` on",
    )


def _largest_share(group: NDArray[np.int64]) -> float:
    return float(np.bincount(group).max() / len(group))
