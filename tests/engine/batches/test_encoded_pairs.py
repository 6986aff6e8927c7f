"""What training learns from, what it leaves out, and why."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.engine.batches.encoded_pairs import EncodedPairs, encode_pairs
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_reward_models import pair_table, some_rows, tiny_tokenizer

LONG = "cat dog bird " * 20


def encoded(rows: list[dict[str, Any]], max_length: int = 128, leave_out_long: bool = False) -> EncodedPairs:
    return encode_pairs(ConversationEncoder(tiny_tokenizer(), max_length), pair_table(rows), True, leave_out_long)


def reasons(pairs: EncodedPairs) -> dict[int, str]:
    return {pair.row: pair.reason for pair in pairs.left_out}


def test_weight_zero_is_left_out() -> None:
    rows = some_rows(10)
    rows[3]["weight"] = rows[7]["weight"] = 0.0
    pairs = encoded(rows)
    assert reasons(pairs) == {3: "weight 0", 7: "weight 0"}
    assert pairs.row.tolist() == [0, 1, 2, 4, 5, 6, 8, 9]


def test_pairs_with_the_same_tokens_are_left_out() -> None:
    rows = some_rows(6)
    rows[2]["rejected"] = rows[2]["chosen"] + "  "
    pairs = encoded(rows)
    assert reasons(pairs) == {2: "same tokens"}
    assert pairs.row.tolist() == [0, 1, 3, 4, 5]


def test_long_pairs_are_cut_and_counted_or_left_out() -> None:
    rows = some_rows(6)
    rows[1]["chosen"] += LONG
    rows[4]["rejected"] += LONG
    cut, without = encoded(rows, 64), encoded(rows, 64, leave_out_long=True)
    assert (cut.num_truncated, len(cut), cut.left_out) == (2, 6, ())
    assert reasons(without) == {1: "too long", 4: "too long"}
    assert (without.num_truncated, without.num_left_out("too long"), without.row.tolist()) == (0, 2, [0, 2, 3, 5])


def test_what_only_truncation_makes_the_same_is_too_long_where_nothing_is_cut() -> None:
    rows = some_rows(4)
    rows[2] |= {"prompt": "cat", "chosen": "good " + LONG, "rejected": "bad " + LONG}
    assert reasons(encoded(rows, 32)) == {2: "same tokens"}  # cut on the left, where they differ
    assert reasons(encoded(rows, 32, leave_out_long=True)) == {2: "too long"}


def test_every_pair_of_the_table_is_learned_from_or_named() -> None:
    rows = [{**row, "target": 0.6 + 0.01 * i, "weight": 1.0 + i} for i, row in enumerate(some_rows(8))]
    rows[0]["weight"] = 0.0
    rows[5]["chosen"] += LONG
    pairs = encoded(rows, 64, leave_out_long=True)
    assert sorted([*pairs.row.tolist(), *reasons(pairs)]) == list(range(8))
    kept = [rows[i] for i in (1, 2, 3, 4, 6, 7)]
    assert pairs.target.tolist() == pytest.approx([row["target"] for row in kept])
    assert pairs.weight.tolist() == [row["weight"] for row in kept]
