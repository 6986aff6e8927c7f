"""From what a scorer says of responses to the rewards that a policy is trained on. All of it is here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.errors import ConfigError, RunError
from rewardsmith.metrics.aggregates import Aggregation
from rewardsmith.objectives.advantages import whitened
from rewardsmith.policy.options import RewardOptions


class Scored(NamedTuple):
    """What the reward model says, before anything is made of it."""

    scores: Float[Tensor, " N"]
    disagreement: Float[Tensor, " N"]
    """Standard deviation (divisor M) between the members of an ensemble; 0 of a single model."""
    gold: Float[Tensor, " N"]
    """True rewards, which nothing learns from; 0 where there is no truth."""


class RewardRule:
    """A scorer, and how its scores become rewards. ``ConfigError`` for options that do not fit it.

    ``gold`` is looked at beside it, where there is a truth.
    """

    def __init__(self, scorer: Scorer, options: RewardOptions, gold: Scorer | None = None) -> None:
        self.options = options
        self._scorer, self._gold = scorer, gold
        self._said_cut = False
        try:
            self._aggregation = Aggregation(options.aggregate, options.aggregate_coefficient)
        except ValueError as error:
            raise ConfigError(f"`aggregate_coefficient`: {error}.") from error
        if scorer.num_members == 1 and self._aggregation != Aggregation():
            raise ConfigError(f"`aggregate` {options.aggregate} needs several members, and this is one model.")

    @property
    def sees_gold(self) -> bool:
        """Whether there is a truth."""
        return self._gold is not None

    @property
    def needs_reference(self) -> bool:
        """Whether a response of the reference to the same prompt has to be scored as well."""
        return self.options.reward_shape != "plain"

    def score(self, conversations: Sequence[Conversation]) -> Scored:
        """The last message of each conversation is its response; ``RunError`` where a reward is not finite."""
        found = self._scorer.score(conversations)
        if found.num_truncated and not self._said_cut:
            say(f"The reward model cuts {found.num_truncated} of {len(conversations)} conversations (`max_length`).")
            self._said_cut = True
        scores = torch.from_numpy(self._aggregation(found.members)).float()
        if not bool(scores.isfinite().all()):
            raise RunError(f"{int((~scores.isfinite()).sum())} of {len(scores)} rewards are not finite numbers.")
        gold = torch.zeros_like(scores)
        if self._gold is not None:
            gold = torch.from_numpy(self._gold.score(conversations).rewards).float()
        return Scored(scores, torch.from_numpy(found.members.std(0)).float(), gold)

    def rewards(
        self, scores: Float[Tensor, " N"], reference: Float[Tensor, " N"] | None, ended: Bool[Tensor, " N"]
    ) -> Float[Tensor, " N"]:
        """Rewards of the responses of a whole roll-out, in the order of the options.

        ``reference``: the score of the reference's response to the same prompt, where ``needs_reference``. A response
        without end of turn is penalised last, so that nothing scales or clips the penalty, and once.
        """
        options = self.options
        rewards = (scores - options.reward_mean) / options.reward_std
        if options.reward_shape != "plain":
            assert reference is not None
            rewards = rewards - (reference - options.reward_mean) / options.reward_std
        if options.reward_shape == "par":
            rewards = rewards.sigmoid()
        if options.whiten_rewards:
            rewards = whitened(rewards, torch.ones_like(rewards, dtype=torch.bool))
        if options.reward_clip:
            rewards = rewards.clamp(-options.reward_clip, options.reward_clip)
        kept = rewards if options.no_end == "subtract" else torch.zeros_like(rewards)
        return torch.where(ended, rewards, kept - options.no_end_penalty)
