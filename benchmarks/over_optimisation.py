"""Can over-optimisation be seen in the worlds, and how soon?

Question   A policy learns from a small reward model of noisy preferences. Does gold rise and then fall, while the
           proxy rises all along?
Workload   A world of `policy/worlds`, a seed each: 2,000 pairs of `embedded/tiny-chat`, 25 % of the labels flipped; a
           reward model from `embedded/tiny-reader`, 2 epochs at 1e-3; then roll-outs of 16 prompts with 4 responses
           each, one step of RLOO at 2e-4 from each, rewards standardised by those of the first policy, no KL cost.
Ceiling    Gold is at most 1; the mean of usual responses is about 0.4.
Command    OMP_NUM_THREADS=1 python benchmarks/over_optimisation.py --world lexicon --seeds 0 1 2 3
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
import torch

import rewardsmith
from rewardsmith.artifacts.progress import set_quiet
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.sampler import Sampler
from rewardsmith.contracts.scorer import Scorer, Scores
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.models.embedded import resolve_model
from rewardsmith.models.policies import load_policy
from rewardsmith.policy.options import (
    KLOptions,
    PolicyOptimizerOptions,
    PolicyOptions,
    PPOOptions,
    RewardOptions,
    RolloutOptions,
)
from rewardsmith.policy.policy_training import train_policy
from rewardsmith.policy.worlds.options import WorldName, WorldOptions
from rewardsmith.policy.worlds.preferences import draw_pairs, draw_preferences
from rewardsmith.policy.worlds.world import World, open_world
from rewardsmith.sampling.local_sampler import load_local_sampler
from rewardsmith.sampling.options import LocalSamplingOptions, SamplingOptions

NUM_PAIRS, NUM_TEST_PAIRS, PEAK_WINDOW = 2000, 400, 5


class Observed:
    """The proxy, with gold looked at beside it."""

    num_members, device, num_bytes = 1, "cpu", 0

    def __init__(self, proxy: Scorer, gold: Scorer) -> None:
        self.proxy, self.gold, self.fingerprint = proxy, gold, proxy.fingerprint
        self.golds: list[float] = []

    def score(self, conversations: Sequence[Conversation]) -> Scores:
        self.golds.append(float(self.gold.score(conversations).rewards.mean()))
        return self.proxy.score(conversations)

    def refusals(self, conversations: Sequence[Conversation]) -> dict[int, str]:
        return self.proxy.refusals(conversations)

    def close(self) -> None:
        self.proxy.close()


class Lines:
    """A log in memory."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def cut_back(self, step: int) -> None:
        """No run is resumed."""

    def log(self, **fields: Any) -> None:
        self.lines.append(fields)


def options_of(world: World, proxies: np.ndarray, arguments: argparse.Namespace) -> PolicyOptions:
    return PolicyOptions(
        sampling=SamplingOptions(max_new_tokens=world.max_new_tokens),
        rollouts=RolloutOptions(num_rollouts=arguments.num_rollouts, max_prompt_length=48),
        rewards=RewardOptions(
            reward_mean=float(proxies.mean()), reward_std=float(proxies.std()), no_end_penalty=arguments.no_end_penalty
        ),
        kl=KLOptions(kl_coef=arguments.kl_coef),
        ppo=PPOOptions(advantage="rloo", num_ppo_epochs=1),
        optimizer=PolicyOptimizerOptions(
            policy_learning_rate=arguments.learning_rate, policy_lr_scheduler_type="constant"
        ),
    )


def reward_model(world: World, sampler: Sampler, how: WorldOptions, folder: Path) -> tuple[Scorer, float]:
    """A proxy of noisy preferences, and the share of wrong labels."""
    made = draw_preferences(sampler, world.gold, world.preference_prompts, NUM_PAIRS, how, how.world_seed)
    rewardsmith.train(
        made.rows,
        model_name_or_path=world.reward_model,
        output_dir=folder,
        learning_rate=1e-3,
        num_train_epochs=2,
        per_device_train_batch_size=32,
        max_length=128,
        seed=how.world_seed,
    )
    return open_scorer(str(folder)), made.disagreement


def run(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One policy, from the world to its last roll-out."""
    began = time.process_time()
    how = replace(WorldOptions(), world=arguments.world, world_seed=seed)
    world = open_world(how)
    sampling = SamplingOptions(max_new_tokens=world.max_new_tokens)
    sampler = load_local_sampler(world.policy, None, sampling, LocalSamplingOptions(device="cpu"))
    with TemporaryDirectory() as folder:
        proxy, disagreement = reward_model(world, sampler, how, Path(folder) / "reward_model")
    tests = draw_pairs(sampler, world.gold, world.test_prompts, NUM_TEST_PAIRS, seed + 1)
    proxies = proxy.score([[*pair.prompt, response] for pair in tests for response in pair.responses]).rewards
    gaps = proxies[0::2] - proxies[1::2]
    accuracy = float(np.mean((gaps > 0) == np.array([pair.gap > 0 for pair in tests])))
    before_policy = time.process_time()
    log, observed = Lines(), Observed(proxy, world.gold)
    policy, tokenizer = load_policy(resolve_model(world.policy))
    options = options_of(world, proxies, arguments)
    accelerator = make_accelerator("cpu")
    train_policy(policy, tokenizer, world.policy_prompts, observed, options, accelerator, seed, log=log, quiet=True)
    smooth = np.convolve(observed.golds, np.ones(PEAK_WINDOW) / PEAK_WINDOW, "valid")
    peak = int(smooth.argmax())
    lines = [line | {"gold": gold} for line, gold in zip(log.lines, observed.golds, strict=True)]
    return {
        "seed": seed,
        "disagreement": disagreement,
        "accuracy": round(accuracy, 3),
        "gold_first": round(float(smooth[0]), 3),
        "gold_peak": round(float(smooth[peak]), 3),
        "gold_last": round(float(smooth[-1]), 3),
        "peak_rollout": peak + PEAK_WINDOW // 2,
        "kl_at_peak": round(float(np.mean([line["kl"] for line in lines[peak : peak + PEAK_WINDOW]])), 1),
        "kl_last": round(float(np.mean([line["kl"] for line in lines[-PEAK_WINDOW:]])), 1),
        "proxy_rise": round(float(np.mean([line["reward"] for line in lines[-PEAK_WINDOW:]])), 2),
        "setup_s": round(before_policy - began, 1),
        "policy_s": round(time.process_time() - before_policy, 1),
        "path": [{key: round(line[key], 3) for key in ("kl", "reward", "gold", "response_length")} for line in lines],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Gold and proxy while a policy is improved.")
    parser.add_argument("--world", choices=get_args(WorldName), default="lexicon")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--num_rollouts", type=int, default=60)
    parser.add_argument("--learning_rate", type=float, default=2e-4)
    parser.add_argument("--kl_coef", type=float, default=0.0)
    parser.add_argument("--no_end_penalty", type=float, default=0.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    set_quiet(True)
    results = []
    for seed in arguments.seeds:
        results.append(result := run(arguments, seed))
        print(", ".join(f"{key} {value}" for key, value in result.items() if key != "path"), flush=True)
        for number, line in enumerate(result["path"]):
            if number % 5 == 0 or number + 1 == len(result["path"]):
                print(f"  {number:3d}  " + "  ".join(f"{key} {value:.2f}" for key, value in line.items()))
    print(json.dumps({"arguments": vars(arguments), "results": results}))


if __name__ == "__main__":
    main()
