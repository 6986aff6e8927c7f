"""Two models on the same pairs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from rewardsmith.evaluation.comparison import compare_models
from rewardsmith.evaluation.scored_pairs import ScoredPairs
from rewardsmith.metrics.calibration import negative_log_likelihood
from tiny_reward_models import pair_table


def scored(gap: Any, target: Any = 1.0) -> ScoredPairs:
    gaps = np.asarray(gap, dtype=np.float64)
    wanted = np.broadcast_to(np.asarray(target, dtype=np.float64), gaps.shape)
    rows = [{"prompt": f"p{i}", "chosen": "a", "rejected": "b", "target": float(wish)} for i, wish in enumerate(wanted)]
    return ScoredPairs(pair_table(rows), gaps, np.zeros_like(gaps), 0, 0)


def test_counts_of_who_is_right_where() -> None:
    target = [1] * 10 + [0.5]
    first = [2, 2, 2, 2, 1, 1, 1, -1, -1, 0, 3]
    second = [1, 1, 1, 1, -1, -1, 0, 1, 1, -1, 3]
    found = compare_models(scored(first, target), scored(second, target))
    names = ("num_both_right", "num_only_first_right", "num_only_second_right", "num_neither_right")
    assert [found[name] for name in names] == [4, 3, 2, 1]
    accuracy = found["accuracy_ties_half"]
    assert (accuracy["first"], accuracy["second"], accuracy["num_rows"]) == (7.5 / 10, 6.5 / 10, 10)
    assert accuracy["difference"] == pytest.approx(0.1) and not accuracy["is_clear"]


def test_each_measure_is_that_of_the_model_alone() -> None:
    first, second = scored([2.0, -1.0, 0.5]), scored([0.0, 0.0, 0.0])
    found = compare_models(first, second)
    assert found["nll"]["first"] == pytest.approx(negative_log_likelihood(first.gap))
    assert found["nll"]["second"] == pytest.approx(np.log(2)) and found["brier"]["second"] == 0.25
    assert found["nll"]["difference"] == pytest.approx(found["nll"]["first"] - np.log(2))


def test_a_model_is_not_better_than_itself_at_another_scale_once_both_have_their_temperature() -> None:
    rng = np.random.default_rng(0)
    gaps = rng.normal(size=300)
    labels = (rng.random(300) < 1 / (1 + np.exp(-gaps))).astype(float)
    found = compare_models(scored(gaps, labels), scored(10 * gaps, labels))
    assert found["nll"]["is_clear"] and found["nll"]["difference"] < -0.3
    assert found["nll_at_temperature"]["difference"] == pytest.approx(0.0, abs=1e-9)
    accuracy = found["accuracy_ties_half"]
    assert accuracy["difference"] == 0 and accuracy["difference_low"] < 0 < accuracy["difference_high"]


def test_a_small_steady_advantage_is_clear_where_two_intervals_would_overlap() -> None:
    rng = np.random.default_rng(1)
    hard = rng.random(1000) < 0.3
    first = np.where(hard, -1.0, 1.0)
    second = np.where(hard | (rng.random(1000) < 0.03), -1.0, 1.0)
    accuracy = compare_models(scored(first), scored(second))["accuracy_ties_half"]
    assert accuracy["is_clear"] and 0 < accuracy["difference"] < 0.04


def test_other_pairs_are_refused_and_numbers_are_json() -> None:
    with pytest.raises(ValueError, match="different pairs"):
        compare_models(scored([1.0, 1.0]), scored([1.0]))
    json.dumps(compare_models(scored([1.0, 2.0]), scored([0.0, 1.0])), allow_nan=False)
