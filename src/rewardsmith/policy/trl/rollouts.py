"""What TRL drew, as roll-outs of ours: their rewards are what it learns from, their figures what is logged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import copy
from typing import Any

import torch

from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.hardware.memory import max_memory_gib
from rewardsmith.engine.training.meter import Line
from rewardsmith.errors import InternalError
from rewardsmith.policy.networks.actor_critic import ActorCritic
from rewardsmith.policy.options import PolicyOptions
from rewardsmith.policy.rollouts.figures import rollout_means, rollout_totals, write_samples
from rewardsmith.policy.rollouts.maker import RolloutMaker
from rewardsmith.policy.rollouts.prompt_set import PromptSet, Tokens
from rewardsmith.policy.rollouts.rollout import Rollout


class TRLRollouts:
    """TRL asks for the rewards of each of its roll-outs once; policy and reference are read then, at no gradient."""

    def __init__(
        self, maker: RolloutMaker, model: ActorCritic, options: PolicyOptions, samples: MetricsLog | None
    ) -> None:
        self.model = model
        self.newest: Rollout | None = None
        self._maker, self._options, self._samples = maker, options, samples
        self._number = self._num_read = self._num_answered = 0
        self._since: dict[str, float] = {}
        self._all: dict[str, float] = {}
        self._read = time.perf_counter()
        if samples is not None:
            samples.cut_back(0)

    @property
    def prompts(self) -> PromptSet:
        return self._maker.prompts

    def rows(self) -> list[dict[str, Any]]:
        """A data set of TRL, in which a prompt says its number alone."""
        numbers = range(len(self.prompts.tokens))
        return [{"prompt": [{"role": "user", "content": str(number)}], "place": number} for number in numbers]

    def tokenizer(self) -> Any:
        """The policy's, except that a chat template makes of such a prompt the tokens that it has here."""
        known = copy(self.prompts.tokenizer)
        known.apply_chat_template = self._encoded
        return known

    def _encoded(self, conversation: Sequence[Conversation], **_: Any) -> dict[str, list[Tokens]]:
        self._num_read += len(conversation)
        return {"input_ids": [self.prompts.tokens[int(talk[0]["content"])] for talk in conversation]}

    def rewards(self, *, place: Sequence[int], completion_ids: Sequence[Tokens], **_: Any) -> list[float]:
        """A reward function of TRL. ``place``: which prompt each response answers."""
        self._num_answered += len(place)
        if self._num_read != self._num_answered:
            raise InternalError("This version of TRL encodes prompts in a way that is not known here.")
        scored = self._maker.rule.score(list(map(self.prompts.answered, place, completion_ids)))
        places = torch.tensor(place)
        self.newest = self._maker.of_responses(self.model, places, completion_ids, scored, self._options.kl.kl_coef)
        self._since = _sum(self._since, {name: float(value) for name, value in rollout_totals(self.newest).items()})
        if self._samples is not None:
            first_step = self._number * self._options.steps_per_rollout + 1
            write_samples(
                self._samples, self.newest, self.prompts, self._number, first_step, self._options.samples_to_read
            )
        self._number += 1
        rewards: list[float] = self.newest.rewards.tolist()
        return rewards

    def line(self, device: torch.device) -> Line:
        """Means over the roll-outs since the last line."""
        now = time.perf_counter()
        seconds, self._read = max(now - self._read, 1e-9), now
        totals, self._since = self._since, {}
        self._all = _sum(self._all, totals)
        per_pass = self._options.ppo.num_ppo_epochs
        speed = {f"{name}_per_s": per_pass * totals[f"num_{name}"] / seconds for name in ("responses", "tokens")}
        return {**rollout_means(totals, self._maker.rule.sees_gold), **speed, "max_memory_gib": max_memory_gib(device)}

    def counts(self) -> dict[str, int]:
        """Responses and tokens learned from, every pass over them."""
        per_pass = self._options.ppo.num_ppo_epochs
        return {name: per_pass * int(self._all[f"num_{name}"]) for name in ("responses", "tokens")}


def _sum(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + value for name, value in other.items()}
