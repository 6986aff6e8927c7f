"""A roll-out: responses that a policy drew, what was thought of them then, and what they turned out to be worth."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rewardsmith.objectives.advantages import (
    generalised_advantages,
    leave_one_out,
    over_spread,
    rewards_by_token,
    whitened,
)
from rewardsmith.objectives.policy import kl_k1
from rewardsmith.policy.networks.sequences import Sequences
from rewardsmith.policy.options import PPOOptions


@dataclass(frozen=True)
class Rollout:
    """N responses, those to one prompt behind each other; everything as of when they were drawn."""

    sequences: Sequences
    places: Int[Tensor, " N"]
    """Which prompt each answers."""
    ended: Bool[Tensor, " N"]
    """Whether it has an end of turn."""
    logprobs: Float[Tensor, "N R"]
    ref_logprobs: Float[Tensor, "N R"]
    values: Float[Tensor, "N R"]
    """0 without a critic."""
    scores: Float[Tensor, " N"]
    """What the reward model says."""
    disagreement: Float[Tensor, " N"]
    spread: Float[Tensor, " N"]
    """Standard deviation (divisor k) of the scores of the responses to the same prompt."""
    gold: Float[Tensor, " N"]
    """True rewards, to look at; 0 where there is no truth."""
    rewards: Float[Tensor, " N"]
    """What is made of the scores, before the KL cost."""
    kl_coef: Float[Tensor, ""]
    advantages: Float[Tensor, "N R"]
    returns: Float[Tensor, "N R"]

    @property
    def kl(self) -> Float[Tensor, " N"]:
        """log pi - log pi_ref of each response, in nats."""
        return kl_k1(self.logprobs, self.ref_logprobs).where(self.sequences.response_mask, 0.0).sum(1)

    def rows(self, index: Tensor) -> Rollout:
        """Some of the responses."""
        sequences = self.sequences.rows(index)
        num = sequences.num_columns
        taken = {
            name: value[index, :num] if value.ndim == 2 else value[index] if value.ndim else value
            for name, value in self._own().items()
        }
        return Rollout(sequences, **taken)

    def to(self, device: torch.device) -> Rollout:
        own = {name: value.to(device) for name, value in self._own().items()}
        return Rollout(self.sequences.to(device), **own)

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name, for a checkpoint."""
        return {**self._own(), **{f"sequences.{name}": value for name, value in vars(self.sequences).items()}}

    @classmethod
    def of_tensors(cls, tensors: dict[str, Tensor]) -> Rollout:
        """From what ``tensors`` gave."""
        sequences = Sequences(**{field.name: tensors[f"sequences.{field.name}"] for field in fields(Sequences)})
        return cls(sequences, **{field.name: tensors[field.name] for field in fields(cls)[1:]})

    def _own(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items() if name != "sequences"}


def with_advantages(rollout: Rollout, num_samples: int, options: PPOOptions) -> Rollout:
    """The roll-out with advantages and returns, whitened over all of its tokens where that is wanted.

    The KL cost is part of the reward and has no gradient: k1 so is unbiased (arXiv 2512.21852).
    """
    mask = rollout.sequences.response_mask
    if options.advantage != "gae":
        net = rollout.rewards - rollout.kl_coef * rollout.kl
        compared = leave_one_out if options.advantage == "rloo" else over_spread
        of_response = compared(net.view(-1, num_samples)).flatten()
        advantages = of_response[:, None].expand(mask.shape).where(mask, 0.0)
        returns = torch.zeros_like(advantages)
    else:
        costs = rollout.kl_coef * kl_k1(rollout.logprobs, rollout.ref_logprobs)
        rewards = rewards_by_token(rollout.rewards, costs, mask)
        advantages, returns = generalised_advantages(rewards, rollout.values, mask, options.gamma, options.gae_lambda)
    if options.whiten_advantages:
        advantages = whitened(advantages, mask)
    return replace(rollout, advantages=advantages.contiguous(), returns=returns)
