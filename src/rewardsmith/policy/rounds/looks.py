"""A look at the reward model of a round, where the policy is now and where it was first."""

from __future__ import annotations

import numpy as np
import torch

from rewardsmith.contracts.conversations import key_of
from rewardsmith.contracts.metrics.iterate import GAP_QUANTILES, RewardModelNumbers
from rewardsmith.metrics.intervals import Interval
from rewardsmith.metrics.win_rates import win_rate
from rewardsmith.metrics.within_prompts import gold_credits, pairs_within, within_prompt_spread
from rewardsmith.objectives.meta import meta_objective
from rewardsmith.policy.rounds.round_samples import (
    Floats,
    RoundSamples,
    SampleScores,
    usual_scale,
)


def reward_model_numbers(
    samples: RoundSamples,
    here: SampleScores,
    first: SampleScores,
    gold: Floats | None,
    judged: Floats | None,
    num_pairs: int,
    held_out_accuracy: float | None,
) -> RewardModelNumbers:
    """Of a reward model that says ``here`` of the ``samples`` of the round and ``first`` of those of round 1.

    ``gold`` and ``judged``, a judge's rewards, [P, k] of the samples of the round, where they are known. ``RunError``
    where ``first`` are all equal.
    """
    mean, std = usual_scale(first.rewards)
    by_gold, num_gold_pairs = accuracy_within(samples, here.rewards, gold)
    by_judge, num_judge_pairs = accuracy_within(samples, here.rewards, judged)
    return {
        "num_pairs": num_pairs,
        "held_out_accuracy": held_out_accuracy,
        "spread_here": within_prompt_spread(here.rewards),
        "spread_first": within_prompt_spread(first.rewards),
        "objective": meta_objective(torch.from_numpy(here.rewards)).item(),
        "disagreement": disagreement(here),
        "drift": (float(here.rewards.mean()) - mean) / std,
        "gap_quantiles_here": gap_quantiles(here.rewards),
        "gap_quantiles_first": gap_quantiles(first.rewards),
        "gold_accuracy": by_gold.as_dict(),
        "num_gold_pairs": num_gold_pairs,
        "judge_accuracy": by_judge.as_dict(),
        "num_judge_pairs": num_judge_pairs,
    }


def disagreement(scores: SampleScores) -> float | None:
    """Standard deviation (divisor M) between the members' rewards over the spread within prompts.

    Of each member the mean over a prompt's responses is taken off: what it adds to all of them changes no preference.
    None of a single member, or where the rewards of each prompt are equal.
    """
    if len(scores.members) == 1 or not np.ptp(scores.rewards, axis=1).any():
        return None
    around = scores.members - scores.members.mean(axis=2, keepdims=True)
    return float(around.std(axis=0).mean()) / within_prompt_spread(scores.rewards)


def gap_quantiles(rewards: Floats) -> list[float]:
    """Of |gap| over all pairs of responses to a prompt, at ``GAP_QUANTILES``."""
    i, j = pairs_within(rewards.shape[1])
    found: list[float] = np.quantile(np.abs(rewards[:, i] - rewards[:, j]), GAP_QUANTILES).tolist()
    return found


def accuracy_within(samples: RoundSamples, rewards: Floats, truth: Floats | None) -> tuple[Interval, int]:
    """Share of the pairs of different texts and unequal ``truth``, gold or a judge's rewards, that are ordered alike.

    Both responses are to one prompt. Equal rewards are half right. The interval is clustered by prompt.
    """
    if truth is None:
        return win_rate([], []), 0
    credits, prompts = gold_credits(rewards, truth, [[key_of(one) for one in own] for own in samples.responses])
    return win_rate(credits, prompts), len(credits)
