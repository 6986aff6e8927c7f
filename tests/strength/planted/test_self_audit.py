from dataclasses import replace

import numpy as np
import pytest

from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.label_noise.posterior import estimate_label_noise
from rewardsmith.strength.planted.planted_copy import Pairs, planted_copy
from rewardsmith.strength.planted.self_audit import merge_repeats, planted_findings, reliability
from rewardsmith.strength.rivals import Rival


@pytest.fixture(scope="module")
def oracle_set():
    rng = np.random.default_rng(0)
    gap = np.abs(rng.normal(size=2000)) * 3
    groups = np.arange(2000) // 2
    noise = estimate_label_noise(gap, groups)
    return gap, Pairs(np.ones(2000, dtype=np.float32), groups, noise.belief(gap)), noise


def oracle(gap):
    """A judge that knows the true gaps and reads no label."""
    members = np.repeat(gap[:, None], 3, axis=1).astype(np.float32)
    return lambda target, seed: Judgements(members, np.zeros(members.shape, dtype=bool), ("oracle",) * 3)


def findings(pairs, noise, judge, kind="uniform", rivals=()):
    return planted_findings(planted_copy(kind, pairs, judge, 0.2, seed=1), pairs.num_judged, list(rivals), noise)


def test_an_oracle_finds_every_planted_flip(oracle_set):
    gap, pairs, noise = oracle_set
    found = findings(pairs, noise, oracle(gap))
    assert found["auroc"]["value"] == 1.0
    at_half = next(row for row in found["by_threshold"] if row["threshold"] == 0.5)
    assert at_half["num_positive"] == 400
    assert at_half["precision"] == 1.0
    assert at_half["recall"] > 0.9
    assert found["noise_found"]["value"] == pytest.approx(found["noise_expected"], abs=0.03)  # sampling error


def test_a_judge_that_knows_nothing_is_at_chance(oracle_set):
    _, pairs, noise = oracle_set
    guesses = np.random.default_rng(3).normal(size=2000)
    found = findings(pairs, noise, oracle(guesses))
    assert found["auroc"]["low"] < 0.5 < found["auroc"]["high"]


def test_repeats_give_the_mean_of_their_aurocs():
    first, second = (
        {
            "auroc": {"value": v, "low": v - 0.1, "high": v + 0.1},
            "review": None,
            "baselines": [{"method": "us", "auroc": v}],
        }
        for v in (0.6, 0.8)
    )
    merged = merge_repeats([first, second])
    assert merged["repeats"] == 2
    assert merged["auroc"]["value"] == merged["baselines"][0]["auroc"] == pytest.approx(0.7)
    assert merged["auroc"]["std"] == pytest.approx(0.2 / 2**0.5)


def test_uniform_flips_say_what_reading_is_worth(oracle_set):
    gap, pairs, noise = oracle_set
    noisy = replace(noise, value=0.1, low=0.05, high=0.2)
    blind = Rival("blind", np.zeros(2000), None, "")
    found = findings(pairs, noisy, oracle(gap), rivals=[blind])["review"]
    assert found["num_pairs"] == 2000
    assert found["first"]["found"] == pytest.approx(100)  # an oracle is never wrong
    assert found["first"]["at_random"] == pytest.approx(10)
    assert found["others"][0]["method"] == "blind"
    assert found["others"][0]["found"] == pytest.approx([0.1 * step["num_read"] for step in found["steps"]])
    assert findings(pairs, noisy, oracle(gap), "hard")["review"] is None


def test_reliability_sets_promised_against_found():
    p_wrong, planted = np.array([0.05, 0.15, 0.15, 1.0]), np.array([False, True, False, True])
    # half of the wrong labels are flips, and 1 in 17 of the right ones
    low, middle, high = reliability(p_wrong, planted, rate=0.2, share=0.2)
    assert (low["low"], low["count"], low["found"]) == (0.0, 1, 0.0)
    half = {"promised": pytest.approx(0.15), "expected": pytest.approx(0.125), "found": 0.5}
    assert middle == {"low": 0.1, "high": 0.2, "count": 2, **half}
    assert (high["high"], high["promised"], high["found"]) == (1.0, 1.0, 1.0)
