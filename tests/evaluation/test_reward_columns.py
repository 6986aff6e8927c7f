"""Rewards as columns: hand-made numbers in, hand-computed columns and sums out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rewardsmith.evaluation.reward_columns import count_rewards, reward_columns, reward_schema, summarise_counts
from rewardsmith.metrics.aggregates import Aggregation
from rewardsmith.preferences.files.raw_row import RawRow
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.unlabelled.streaming import Kind, ScoringRow

RAW = RawRow({}, "{}", 1)
BAD = ScoringRow(1, RAW, problem=BadRowError("missing_field", 'there is no "x"'), place="f.jsonl line 2")


def row(number: int, size: int) -> ScoringRow:
    return ScoringRow(number, RAW, [[{"role": "assistant", "content": "x"}]] * size, f"id{number}", None, "here")


def test_pairs_of_one_model() -> None:
    rewards = np.array([[2.0, 0.5, -1.0, -1.0]], dtype=np.float32)
    table = reward_columns("pair", [row(0, 2), BAD, row(2, 2)], rewards, Aggregation())
    assert table.schema.equals(reward_schema("pair", 1))
    first, bad, last = table.to_pylist()
    assert (first["reward_chosen"], first["reward_rejected"], first["gap"], first["reason"]) == (2.0, 0.5, 1.5, None)
    assert (bad["row"], bad["gap"], bad["reason"]) == (1, None, "missing_field")
    assert bad["problem"] == 'f.jsonl line 2: there is no "x"'
    assert (last["pair_id"], last["gap"]) == ("id2", 0.0)
    counts = count_rewards("pair", table)
    assert counts["num_bad_rows"] == 1 and counts["num_chosen_higher"] == 1 and counts["num_ties"] == 1


def test_probability_is_of_the_aggregate_s_gap() -> None:
    members = np.array([[3.0, 1.0], [5.0, 1.0]], dtype=np.float32)
    table = reward_columns("pair", [row(0, 2), BAD], members, Aggregation("min"), temperature=2.0)
    assert table.schema.equals(reward_schema("pair", 2, probabilities=True))
    assert table.column("probability").to_pylist() == [pytest.approx(1 / (1 + math.exp(-1))), None]


def test_members_of_a_pair_are_judged_by_their_gaps() -> None:
    members = np.array([[3.0, 1.0], [5.0, 1.0]], dtype=np.float32)  # gaps 2 and 4
    (entry,) = reward_columns("pair", [row(0, 2)], members, Aggregation("mean_minus_std", 1.0)).to_pylist()
    assert entry["reward_chosen"] == 3.0 and entry["reward_rejected"] == 1.0 and entry["gap"] == 2.0
    assert (entry["gap_mean"], entry["gap_std"]) == (3.0, 1.0)
    assert (entry["reward_chosen_mean"], entry["reward_chosen_std"]) == (4.0, 1.0)
    assert entry["reward_chosen_members"] == [3.0, 5.0] and entry["reward_rejected_members"] == [1.0, 1.0]


def test_lists_have_their_best_response() -> None:
    members = np.array([[1.0, 4.0, 4.0, 9.0], [3.0, 0.0, 0.0, 9.0]], dtype=np.float32)
    table = reward_columns("responses", [row(0, 3), BAD, row(2, 1)], members, Aggregation("min"))
    first, bad, last = table.to_pylist()
    assert first["rewards"] == [1.0, 0.0, 0.0] and first["best"] == 0
    assert first["rewards_mean"] == [2.0, 2.0, 2.0] and first["rewards_std"] == [1.0, 2.0, 2.0]
    assert first["rewards_members"] == [[1.0, 3.0], [4.0, 0.0], [4.0, 0.0]]
    assert bad["rewards"] is None and bad["best"] is None
    assert last["rewards"] == [9.0] and last["best"] == 0
    assert count_rewards("responses", table)["num_responses"] == 4


@pytest.mark.parametrize("kind", ["response", "responses", "pair"])
def test_a_reward_that_is_no_number_is_a_bad_row(kind: Kind) -> None:
    size = 2 if kind == "pair" else 1
    rewards = np.array([[math.nan, 1.0][:size] + [math.inf] * size], dtype=np.float32)
    table = reward_columns(kind, [row(0, size), row(1, size)], rewards, Aggregation())
    assert table.column("reason").to_pylist() == ["not_finite"] * 2
    counts = count_rewards(kind, table)
    assert counts["num_responses"] == 0 and counts["lowest"] is None
    assert summarise_counts(kind, [{**counts, "num_cut": 0}])["mean_reward"] is None


def test_counts_of_parts_add_up_to_those_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    rewards = rng.normal(size=(1, 20)).astype(np.float32)
    rewards[0, 1] = rewards[0, 0]  # a tie is neither higher nor lower
    rows = [row(i, 2) for i in range(10)]
    parts = [(rows[:3], rewards[:, :6]), ([BAD], rewards[:, :0]), (rows[3:], rewards[:, 6:])]
    tables = [reward_columns("pair", *part, Aggregation()) for part in parts]
    summary = summarise_counts("pair", [{**count_rewards("pair", table), "num_cut": 1} for table in tables])
    gap = rewards[0, ::2] - rewards[0, 1::2]
    assert summary["num_rows"] == 11 and summary["num_pairs"] == 10 and summary["num_cut"] == 3
    assert summary["mean_reward"] == pytest.approx(rewards.mean(), abs=1e-6)
    assert summary["std_reward"] == pytest.approx(rewards.std(), abs=1e-6)
    assert summary["gap_mean"] == pytest.approx(gap.mean(), abs=1e-6)
    assert summary["num_ties"] == 1 and summary["share_chosen_higher"] == (gap > 0).sum() / 9
    assert (summary["min_reward"], summary["max_reward"]) == (rewards.min(), rewards.max())
