"""Calibration of a scorer on a set."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from rewardsmith.evaluation.calibration import ALL_AGREE, NONE_AGREE, ONE_PROMPT, TOO_WIDE, calibration_metrics
from rewardsmith.evaluation.scored_pairs import ScoredPairs
from rewardsmith.metrics.calibration import negative_log_likelihood, probability
from tiny_reward_models import pair_table


def scored(gap: Any, target: Any, prompts: Any = None) -> ScoredPairs:
    """Pairs of these gaps and targets, each of its own prompt unless said otherwise."""
    names = range(len(gap)) if prompts is None else prompts
    rows = [
        {"prompt": f"p{name}", "chosen": "a", "rejected": "b", "target": float(wanted)}
        for name, wanted in zip(names, target, strict=True)
    ]
    chosen = np.asarray(gap, dtype=np.float64)
    return ScoredPairs(pair_table(rows), chosen, np.zeros_like(chosen), 0, 0)


def simulated(num_pairs: int = 800, temperature: float = 3.0, seed: int = 0) -> ScoredPairs:
    rng = np.random.default_rng(seed)
    truth = rng.normal(scale=1.5, size=num_pairs)
    labels = rng.random(num_pairs) < probability(truth)
    return scored(truth * temperature, labels, prompts=np.arange(num_pairs) // 2)


def measured(pairs: ScoredPairs, kept: float | None = None) -> dict[str, Any]:
    return calibration_metrics(pairs, kept, seed=0, num_resamples=200)


def test_gaps_that_are_too_large_are_seen_and_mended() -> None:
    m = measured(simulated())
    assert m["eval_ece"] > 5 * m["eval_ece_by_chance"]
    assert m["eval_temperature_ci_low"] < 3.0 < m["eval_temperature_ci_high"]
    assert m["eval_ece_at_temperature"] < 1.5 * m["eval_ece_by_chance_at_temperature"]
    assert m["eval_brier_at_temperature"] < m["eval_brier"]


def test_numbers_at_the_temperature_are_cross_fitted() -> None:
    pairs = simulated(120)
    m = measured(pairs)
    in_sample = negative_log_likelihood(pairs.gap / m["eval_temperature"], pairs.target)
    assert m["eval_nll_at_temperature"] > in_sample + 1e-6


def test_the_temperature_that_the_model_carries_is_measured_too() -> None:
    pairs = simulated()
    m = measured(pairs, kept=2.0)
    assert m["eval_kept_temperature"] == 2.0
    assert m["eval_nll_at_kept_temperature"] == pytest.approx(negative_log_likelihood(pairs.gap / 2, pairs.target))
    assert measured(pairs)["eval_ece_at_kept_temperature"] is None


def test_reliability_counts_every_pair_once_and_explains_the_error() -> None:
    m = measured(simulated())
    for form, suffix in (("as_they_are", ""), ("at_temperature", "_at_temperature")):
        rows = m["reliability"][form]
        error = sum(row["count"] * abs(row["confidence"] - row["agreement"]) for row in rows) / 800
        assert sum(row["count"] for row in rows) == 800
        assert error == pytest.approx(m[f"eval_ece{suffix}"])
        assert all(row["agreement_ci_low"] <= row["agreement"] <= row["agreement_ci_high"] for row in rows)
    assert m["reliability"]["at_kept_temperature"] is None


@pytest.mark.parametrize("agree", [True, False])
def test_a_set_without_temperature_says_why(agree: bool) -> None:
    m = measured(scored([1.0, 2.0, -1.0], np.array([1, 1, 0]) if agree else np.array([0, 0, 1])))
    assert m["eval_temperature"] is None and m["eval_temperature_note"] == (ALL_AGREE if agree else NONE_AGREE)
    assert m["eval_nll_at_temperature"] is None and m["eval_ece"] is not None


def test_a_temperature_that_is_hardly_known_is_no_number() -> None:
    one_prompt = measured(scored([1.0, 1.0, 1.0], [1, 1, 0], prompts=[0, 0, 0]))
    few = measured(scored([1.0, -2.0, 0.5, 1.0, 3.0, -1.0], [1, 0, 1, 0, 1, 1]))
    for m, why in ((one_prompt, ONE_PROMPT), (few, TOO_WIDE)):
        assert m["eval_temperature_note"] == why
        names = ("temperature", "temperature_ci_low", "temperature_ci_high", "ece_at_temperature", "nll_at_temperature")
        assert [m[f"eval_{name}"] for name in names] == [None] * 5


def test_bins_follow_the_number_of_pairs() -> None:
    assert [len(measured(simulated(num))["reliability"]["as_they_are"]) for num in (8, 100, 1000)] == [2, 5, 10]


def test_everything_can_be_written_as_json() -> None:
    for pairs in (simulated(12), scored([0.0, 0.0], [1, 1]), scored([1e4, -1e4], [1, 1])):
        json.dumps(measured(pairs, kept=0.5), allow_nan=False)
