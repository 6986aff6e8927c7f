"""What there is to say of a roll-out, whoever learns from it: sums, means, and responses to read."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.objectives.policy import kl_k3
from rewardsmith.policy.rollouts.prompt_set import PromptSet
from rewardsmith.policy.rollouts.rollout import Rollout

OF_RESPONSES = ("score", "reward", "kl", "kl_k3", "spread", "disagreement", "kl_coef")


def rollout_totals(rollout: Rollout) -> dict[str, Tensor]:
    """Sums over responses, or over their tokens."""
    mask = rollout.sequences.response_mask
    k3 = kl_k3(rollout.logprobs, rollout.ref_logprobs).where(mask, 0.0)
    num = torch.tensor(len(rollout.places), device=mask.device)
    return {
        "num_responses": num,
        "num_tokens": mask.sum(),
        "ended": rollout.ended.sum(),
        "score": rollout.scores.sum(),
        "reward": rollout.rewards.sum(),
        "gold": rollout.gold.sum(),
        "disagreement": rollout.disagreement.sum(),
        "spread": rollout.spread.sum(),
        "kl": rollout.kl.sum(),
        "kl_k3": k3.sum(),
        "kl_coef": rollout.kl_coef * num,
        "ref_logprob": rollout.ref_logprobs.where(mask, 0.0).sum(),
    }


def rollout_means(totals: dict[str, float], sees_gold: bool) -> dict[str, float | None]:
    """What is logged of such sums. ``sees_gold``: whether there is a truth."""
    num, num_tokens = totals["num_responses"], totals["num_tokens"]
    return {
        **{name: totals[name] / num for name in OF_RESPONSES},
        "gold": totals["gold"] / num if sees_gold else None,
        "ref_perplexity": math.exp(min(-totals["ref_logprob"] / num_tokens, 700.0)),
        "response_length": num_tokens / num,
        "share_without_end": 1 - totals["ended"] / num,
    }


def write_samples(log: MetricsLog, rollout: Rollout, prompts: PromptSet, number: int, step: int, most: int) -> None:
    """Up to ``most`` responses of a roll-out, to be read. ``step``: the first that learns from them."""
    mask = rollout.sequences.response_mask
    for row in range(min(most, len(rollout.places))):
        place = int(rollout.places[row])
        *prompt, response = prompts.answered(place, rollout.sequences.responses[row][mask[row]].tolist())
        log.log(
            step=step,
            rollout=number,
            prompt=prompt,
            response=response["content"],
            score=rollout.scores[row],
            reward=rollout.rewards[row],
            kl=rollout.kl[row],
            ended=bool(rollout.ended[row]),
        )
