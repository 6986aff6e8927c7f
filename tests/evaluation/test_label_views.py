"""Accuracy by labels, by second labels, and where both agree."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.evaluation.label_views import compare_views, label_views
from rewardsmith.evaluation.scored_pairs import ScoredPairs

NAN = float("nan")


def scored(gap: list[float], target: list[float]) -> ScoredPairs:
    """Two pairs a prompt."""
    pairs = pa.table({"target": target, "prompt_id": [f"p{i // 2}" for i in range(len(gap))]})
    return ScoredPairs(pairs, np.array(gap), np.zeros(len(gap)), 0, 0)


def test_the_three_accuracies_are_of_the_pairs_on_which_both_labels_decide() -> None:
    model = scored([1, 1, -1, 0, 1, 1, 1], [1, 0, 1, 1, 0.5, 1, 1])
    second = np.array([1, 1, 0.2, 1, 1, 0.5, NAN])
    found = label_views(model, second)
    assert (found["num_pairs"], found["num_both"]) == (4, 2)  # the last three: a tie, a tie, nothing
    assert found["given"]["value"] == pytest.approx((1 + 0 + 0 + 0.5) / 4)
    assert found["second"]["value"] == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert found["both"]["value"] == pytest.approx((1 + 0.5) / 2)
    assert found["second_above_given"]["difference"] == pytest.approx(0.5)
    assert found["both_above_given"]["value"] == pytest.approx(0.75 - 0.375)


def test_a_model_that_learned_the_errors_of_its_labels_is_found_out() -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(400) < 0.2
    second = np.where(wrong, 0.0, 1.0)
    noise_fitter, truthful = scored([1.0] * 400, [1.0] * 400), scored(list(np.where(wrong, -1.0, 1.0)), [1.0] * 400)
    fitted, true = label_views(noise_fitter, second), label_views(truthful, second)
    assert fitted["second_above_given"]["is_clear"] and fitted["second_above_given"]["difference"] < -0.15
    assert true["second_above_given"]["is_clear"] and true["second_above_given"]["difference"] > 0.15
    against = compare_views(truthful, noise_fitter, second)
    assert against["given"]["difference"] == pytest.approx(-wrong.mean()) == -against["second"]["difference"]
    assert against["both"]["difference"] == 0


def test_without_a_pair_on_which_both_decide_there_is_no_number() -> None:
    found = label_views(scored([1, 1], [1, 1]), np.array([0.5, NAN]))
    assert found["num_pairs"] == 0
    assert found["given"]["value"] is found["both"]["value"] is found["both_above_given"]["value"] is None
