"""What a policy's answers are worth, and against another's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from written_samples import written

from rewardsmith.policy.networks.likelihood import Likelihoods
from rewardsmith.policy.rounds.judged import JudgedSamples, match, mean_by_prompt, policy_numbers

USUAL = np.array([[0.0, 2.0], [0.0, 2.0]])  # of deviation 1, so that less than 0.1 is a tie
SAMPLES = written(["a", "b"], ["c", "d"], cut_off=["d"])


def of_tokens(*rows: list[float]) -> Likelihoods:
    return Likelihoods([np.array(row) for row in rows])


def test_a_policy_by_hand() -> None:
    own = of_tokens([-1.0, -1.0], [-2.0], [-1.0], [])
    first = of_tokens([-2.0, -1.5], [-2.0], [-3.0], [])
    judged = JudgedSamples(SAMPLES, np.array([[1.0, 2.0], [3.0, 6.0]]), np.array([[0.0, 1.0], [1.0, 1.0]]), own, first)
    found = policy_numbers(judged, USUAL, None, None, "round-1/test.jsonl")
    assert found["reward"] == 3 and found["reward_gap_first"] == 2
    assert found["gold"]["value"] == 0.75
    assert found["kl"] == pytest.approx((1.5 + 0 + 2 + 0) / 4)
    k3 = [math.exp(-d) - 1 + d for d in (1.0, 0.5, 2.0)]
    assert found["kl_k3"] == pytest.approx(sum(k3) / 4)
    assert found["perplexity"] == pytest.approx(math.exp(8.5 / 4))
    assert found["length"] == 1 and found["share_without_end"] == 0.25
    assert found["against_first"] is None and found["samples"] == "round-1/test.jsonl"


def test_the_first_policy_has_not_moved() -> None:
    same = of_tokens([-1.0], [-2.0], [-1.0], [-4.0])
    found = policy_numbers(JudgedSamples(SAMPLES, USUAL, None, same, same), USUAL, None, None, "test.jsonl")
    assert found["kl"] == found["kl_k3"] == found["reward_gap_first"] == 0
    assert found["gold"] == {"value": None, "low": None, "high": None}


def test_k1_and_k3_are_both_the_kl_of_two_known_distributions() -> None:
    rng = np.random.default_rng(0)
    pi, ref = np.array([0.7, 0.2, 0.1]), np.array([0.3, 0.3, 0.4])
    drawn = rng.choice(3, size=(4000, 5), p=pi)
    own, first = (Likelihoods(list(np.log(p)[drawn])) for p in (pi, ref))
    samples = written(*[["x"]] * 4000)
    rewards = np.arange(4000.0)[:, None]
    found = policy_numbers(JudgedSamples(samples, rewards, None, own, first), rewards, None, None, "")
    exact = 5 * float((pi * np.log(pi / ref)).sum())
    assert found["kl"] == pytest.approx(exact, abs=0.1) and found["kl_k3"] == pytest.approx(exact, abs=0.05)
    cross = -float((pi * np.log(ref)).sum())
    assert found["perplexity"] == pytest.approx(math.exp(cross), rel=0.02)


def test_every_response_meets_all_of_the_other_policy() -> None:
    found = match(np.array([[1.0, 3.0], [5.0, 5.0]]), np.array([[0.0, 2.0], [9.0, 5.05]]), USUAL)
    assert (found["win"], found["tie"], found["lose"]) == pytest.approx((3 / 8, 2 / 8, 3 / 8))
    assert found["rate"]["value"] == pytest.approx(0.5)


def test_two_policies_the_other_way_round() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = rng.normal(0.3, 1, (60, 3)), rng.normal(0, 1, (60, 3))
    one, other = match(ours, theirs, theirs), match(theirs, ours, theirs)
    assert one["win"] == other["lose"] and one["lose"] == other["win"]
    assert one["tie"] == pytest.approx(other["tie"])
    assert one["rate"]["value"] == pytest.approx(1 - other["rate"]["value"])
    assert one["rate"]["low"] == pytest.approx(1 - other["rate"]["high"], abs=0.02)  # type: ignore[operator]


def test_the_shares_are_those_of_single_responses_however_many_there_are() -> None:
    rng = np.random.default_rng(2)
    rates = []
    for k in (1, 4):
        ours, theirs = rng.normal(0.5, 1, (6000 // k, k)), rng.normal(0, 1, (6000 // k, k))
        rates.append(match(ours, theirs, theirs)["win"])
    assert rates == pytest.approx([0.61, 0.61], abs=0.02)  # P(N(0.5, sqrt 2) > 0.1) = 0.611


def test_the_interval_holds_the_true_rate_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    held = []
    for _ in range(100):
        levels = rng.normal(size=(40, 1))  # some prompts suit one policy
        ours, theirs = levels + rng.normal(size=(40, 4)), rng.normal(size=(40, 4))
        low, high = (match(ours, theirs, theirs)["rate"][end] for end in ("low", "high"))  # type: ignore[literal-required]
        held.append(low <= 0.5 <= high)
    assert 0.87 <= np.mean(held) <= 1


def test_winning_on_every_prompt_is_not_certain_to_win_on_all() -> None:
    found = match(np.ones((10, 2)), np.zeros((10, 2)), USUAL[:1])
    assert found["rate"]["value"] == 1 and 0.5 < found["rate"]["low"] < 0.9  # type: ignore[operator]
    one = match(np.ones((1, 2)), np.zeros((1, 2)), USUAL[:1])
    assert one["rate"] == {"value": 1.0, "low": None, "high": None}


def test_without_deviation_only_equal_ones_tie() -> None:
    found = match(np.array([[0.0, 1e-6]]), np.zeros((1, 2)), np.zeros((2, 2)))
    assert (found["win"], found["tie"], found["lose"]) == (0.5, 0.5, 0.0)


def test_means_are_clustered_by_prompt() -> None:
    values = np.repeat([[0.0], [1.0]] * 5, 50, axis=1)
    found = mean_by_prompt(values)
    assert found.value == 0.5 and found.low <= 0.2 and found.high >= 0.8
