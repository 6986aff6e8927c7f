"""What a policy's answers to the test prompts say of it, and whose are better."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np
import torch

from rewardsmith.contracts.metrics.iterate import MatchNumbers, PolicyNumbers
from rewardsmith.metrics.intervals import Interval, group_bootstrap
from rewardsmith.metrics.win_rates import win_rate
from rewardsmith.objectives.policy import kl_k3
from rewardsmith.policy.networks.likelihood import Likelihoods
from rewardsmith.policy.rounds.round_samples import Floats, RoundSamples, usual_scale

TIE_BAND = 0.1
"""Standard deviations of what the first policy's responses are judged to be worth: what differs by less is a tie."""


@dataclass(frozen=True)
class JudgedSamples:
    """Responses to the test prompts, with all that is known of them."""

    samples: RoundSamples
    rewards: Floats
    """[P, k] by the round's reward model."""
    gold: Floats | None
    """[P, k]"""
    own: Likelihoods
    """Under the policy that wrote them; [P k] prompt by prompt, as ``first``."""
    first: Likelihoods
    """Under the first policy."""


def policy_numbers(
    judged: JudgedSamples,
    first_rewards: Floats,
    against_first: MatchNumbers | None,
    against_last: MatchNumbers | None,
    file: str,
) -> PolicyNumbers:
    """``first_rewards`` [P, k]: what the same reward model says of the first policy's responses.

    KLs are sums over the tokens of a response, mean over responses; the perplexity is that of all tokens together.
    ``RunError`` where ``first_rewards`` are all equal.
    """
    mean, std = usual_scale(first_rewards)
    log_ratios = judged.own.logprobs - judged.first.logprobs
    num_tokens = judged.own.num_tokens
    return {
        "reward": float(judged.rewards.mean()),
        "gold": mean_by_prompt(judged.gold).as_dict(),
        "kl": float(log_ratios.mean()),
        "kl_k3": _k3(judged.own, judged.first),
        "perplexity": exp(-judged.first.logprobs.sum() / max(1, num_tokens.sum())),
        "length": float(num_tokens.mean()),
        "share_without_end": 1 - float(np.mean(judged.samples.all_ended)),
        "against_first": against_first,
        "against_last": against_last,
        "reward_gap_first": (float(judged.rewards.mean()) - mean) / std,
        "samples": file,
    }


def mean_by_prompt(values: Floats | None) -> Interval:
    """Mean of values [P, k], with an interval over prompts; not defined where nothing is known."""
    if values is None:
        return group_bootstrap([], [])
    return group_bootstrap(values.mean(axis=1), np.arange(len(values)))


def match(ours: Floats, theirs: Floats, usual: Floats, seed: int = 0) -> MatchNumbers:
    """Two policies by what their responses [P, k] to the same prompts are judged to be worth.

    Each response to a prompt meets each of the other policy, k x k meetings, so that the shares are those of single
    responses, whatever k is. ``usual`` [P, k]: of the first policy's responses; a difference of less than a tenth of
    their standard deviation is a tie. The interval resamples prompts.
    """
    band = TIE_BAND * float(usual.std())
    gaps = ours[:, :, None] - theirs[:, None, :]
    won, lost = ((side > 0) & (side >= band) for side in (gaps, -gaps))
    win, lose = (side.mean(axis=(1, 2)) for side in (won, lost))
    rate = win_rate(0.5 + (win - lose) / 2, np.arange(len(win)), seed=seed)
    return {
        "win": float(win.mean()),
        "tie": 1 - float((win + lose).mean()),
        "lose": float(lose.mean()),
        "rate": {**rate.as_dict(), "value": rate.value},
    }


def _k3(own: Likelihoods, first: Likelihoods) -> float:
    both = (torch.from_numpy(np.concatenate(part.tokens)) for part in (own, first))
    return float(kl_k3(*both).sum()) / len(own.tokens)
