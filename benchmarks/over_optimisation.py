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
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
import torch
from policy_paths import WINDOW, Climb, gold_accuracy, improved, rewards_of, sampler_of, smooth

import rewardsmith
from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.policy.worlds.options import WorldName, WorldOptions
from rewardsmith.policy.worlds.preferences import draw_pairs, draw_preferences
from rewardsmith.policy.worlds.world import World, open_world
from rewardsmith.sampling.local_sampler import LocalSampler

NUM_PAIRS, NUM_TEST_PAIRS = 2000, 400


def reward_model(world: World, sampler: LocalSampler, how: WorldOptions, folder: Path) -> tuple[Scorer, float]:
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
    sampler = sampler_of(world)
    with TemporaryDirectory() as folder:
        proxy, disagreement = reward_model(world, sampler, how, Path(folder) / "reward_model")
    tests = draw_pairs(sampler, world.gold, world.test_prompts, NUM_TEST_PAIRS, seed + 1)
    rewards = rewards_of(proxy, tests)
    accuracy = gold_accuracy(rewards, tests)
    before_policy = time.process_time()
    climb = Climb(arguments.num_rollouts, arguments.learning_rate, arguments.kl_coef, arguments.no_end_penalty)
    _, _, lines = improved(world, proxy, rewards, climb, seed)
    gold = smooth(lines, "gold")
    peak = int(gold.argmax())
    return {
        "seed": seed,
        "disagreement": disagreement,
        "accuracy": round(accuracy, 3),
        "gold_first": round(float(gold[0]), 3),
        "gold_peak": round(float(gold[peak]), 3),
        "gold_last": round(float(gold[-1]), 3),
        "peak_rollout": peak + WINDOW // 2,
        "kl_at_peak": round(float(np.mean([line["kl"] for line in lines[peak : peak + WINDOW]])), 1),
        "kl_last": round(float(np.mean([line["kl"] for line in lines[-WINDOW:]])), 1),
        "proxy_rise": round(float(np.mean([line["reward"] for line in lines[-WINDOW:]])), 2),
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
