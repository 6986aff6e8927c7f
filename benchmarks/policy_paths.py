"""A policy on its way: gold beside the proxy at every roll-out, and what a path comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rewardsmith
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.sampler import Sampler
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.metrics.aggregates import Aggregate, Aggregation
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy
from rewardsmith.policy.options import (
    KLOptions,
    PolicyOptimizerOptions,
    PolicyOptions,
    PPOOptions,
    RewardOptions,
    RolloutOptions,
)
from rewardsmith.policy.ppo.training import train_policy
from rewardsmith.policy.worlds.preferences import DrawnPair
from rewardsmith.policy.worlds.world import World
from rewardsmith.sampling.local_sampler import LocalSampler, load_local_sampler
from rewardsmith.sampling.options import LocalSamplingOptions, SamplingOptions

WINDOW = 5
"""Roll-outs that a number of a path is the mean of."""
MATCHED_KLS = (3.0, 6.0, 12.0)
"""Nats at which gold is compared."""
QUICK: dict[str, Any] = {"packing": "off", "selective_checkpointing": "off", "max_tokens_per_batch": 8192}
"""Twice as fast for a model so small, and the same numbers but for rounding."""
PATH = ("kl", "reward", "gold", "ref_perplexity", "response_length", "spread")
Floats = NDArray[np.float64]
Line = dict[str, Any]


class Lines:
    """A log in memory."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def cut_back(self, step: int) -> None:
        """No run is resumed."""

    def log(self, **fields: Any) -> None:
        self.lines.append(fields)


@dataclass(frozen=True)
class Climb:
    """RLOO, one step from each roll-out, at a constant rate."""

    num_rollouts: int
    learning_rate: float
    kl_coef: float = 0.0
    no_end_penalty: float = 0.0

    def options(self, rewards: Floats, aggregate: Aggregate, max_new_tokens: int) -> PolicyOptions:
        """``rewards`` of the first policy give the scale."""
        return PolicyOptions(
            sampling=SamplingOptions(max_new_tokens=max_new_tokens),
            rollouts=RolloutOptions(num_rollouts=self.num_rollouts, max_prompt_length=48),
            rewards=RewardOptions(
                aggregate=aggregate,
                reward_mean=float(rewards.mean()),
                reward_std=float(rewards.std()),
                no_end_penalty=self.no_end_penalty,
            ),
            kl=KLOptions(kl_coef=self.kl_coef),
            ppo=PPOOptions(advantage="rloo", num_ppo_epochs=1),
            optimizer=PolicyOptimizerOptions(
                policy_learning_rate=self.learning_rate, policy_lr_scheduler_type="constant"
            ),
        )


def sampler_of(world: World) -> LocalSampler:
    """The first policy."""
    sampling = SamplingOptions(max_new_tokens=world.max_new_tokens)
    return load_local_sampler(world.policy, None, sampling, LocalSamplingOptions(device="cpu"))


def several_answers(
    sampler: Sampler, prompts: Sequence[Conversation], num_answers: int, seed: int
) -> list[Conversation]:
    """So many conversations for each prompt, prompt by prompt."""
    answers = sampler.sample(prompts, num_answers, seed)
    return [
        [*prompt, sample.response] for prompt, answer in zip(prompts, answers, strict=True) for sample in answer.samples
    ]


def trained_reward_model(
    preferences: Any, begins_as: str, folder: Path, seed: int, num_epochs: float = 2, **options: Any
) -> None:
    """The reward model of these experiments, in a folder."""
    rewardsmith.train(
        preferences,
        model_name_or_path=begins_as,
        output_dir=folder,
        learning_rate=1e-3,
        num_train_epochs=num_epochs,
        per_device_train_batch_size=32,
        max_length=128,
        seed=seed,
        quiet=True,
        **QUICK,
        **options,
    )


def improved(
    world: World, proxy: Scorer, rewards: Floats, climb: Climb, seed: int, aggregate: Aggregate = "mean"
) -> tuple[Any, Any, list[Line]]:
    """The policy at the end of its climb, its tokenizer, and a line for every roll-out with gold in it."""
    log = Lines()
    policy, tokenizer = load_policy(resolve_model(world.policy))
    options = climb.options(rewards, aggregate, world.max_new_tokens)
    accelerator = make_accelerator("cpu")
    prompts, gold = world.policy_prompts, world.gold
    train_policy(policy, tokenizer, prompts, proxy, options, accelerator, seed, log=log, quiet=True, gold=gold)
    return policy, tokenizer, log.lines


def rewards_of(scorer: Scorer, pairs: Sequence[DrawnPair], aggregate: Aggregate = "mean") -> Floats:
    """[B, 2], as drawn."""
    talks = [[*pair.prompt, response] for pair in pairs for response in pair.responses]
    return Aggregation(aggregate)(scorer.score(talks).members).reshape(-1, 2)


def gold_accuracy(rewards: Floats, pairs: Sequence[DrawnPair]) -> float:
    """How often gold agrees with a reward model."""
    return float(np.mean((rewards[:, 0] > rewards[:, 1]) == np.array([pair.gap > 0 for pair in pairs])))


def smooth(lines: Sequence[Line], key: str) -> Floats:
    """Means over ``WINDOW`` roll-outs, one for every place that has so many."""
    return np.convolve([line[key] for line in lines], np.ones(WINDOW) / WINDOW, "valid")


def crossing(kls: Sequence[float] | Floats, golds: Sequence[float] | Floats, kl: float) -> float | None:
    """Gold where the KL first reaches a value, on a line from the point before; None where it never does."""
    reached = [place for place, value in enumerate(kls) if value >= kl]
    if not reached:
        return None
    after = reached[0]
    if not after:
        return float(golds[0])
    share = (kl - kls[after - 1]) / (kls[after] - kls[after - 1])
    return float(golds[after - 1] + share * (golds[after] - golds[after - 1]))


def outcome(lines: Sequence[Line]) -> dict[str, float | None]:
    """What a path comes to: gold, KL and perplexity, means over windows."""
    gold, kl, perplexity = (smooth(lines, key) for key in ("gold", "kl", "ref_perplexity"))
    return {
        "gold_first": float(gold[0]),
        "gold_peak": float(gold.max()),
        "gold_last": float(gold[-1]),
        **{f"gold_at_kl_{at:g}": crossing(kl, gold, at) for at in MATCHED_KLS},
        "kl_last": float(kl[-1]),
        "kl_line": straightness(kl),
        "perplexity_first": float(perplexity[0]),
        "perplexity_peak": float(perplexity[gold.argmax()]),
        "perplexity_last": float(perplexity[-1]),
    }


def straightness(values: Floats) -> float:
    """R^2 of a straight line through a path."""
    return float(np.corrcoef(np.arange(len(values)), values)[0, 1] ** 2)


def rounded_path(lines: Sequence[Line]) -> dict[str, list[float]]:
    """Columns of a path, short enough for a log."""
    return {key: [round(float(line[key]), 4) for line in lines] for key in PATH}
