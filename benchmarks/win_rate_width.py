"""How wide is the interval of a win rate between two policies, and does it hold?

Question   How many test prompts does a round of `iterate` need to see a gain?
Workload   Two samplings of one policy in each world, so that the truth is one half: 64, 128 and 256 prompts with 4
           responses each, judged by gold. Then 400 simulated matches of equals, with 20 and with 128 prompts.
Ceiling    The interval should hold one half in 95 % of the matches.
Command    OMP_NUM_THREADS=1 python benchmarks/win_rate_width.py
"""

from __future__ import annotations

from typing import get_args

import numpy as np
from policy_paths import sampler_of

from rewardsmith.policy.rounds.judged import match
from rewardsmith.policy.worlds.options import WorldName, WorldOptions
from rewardsmith.policy.worlds.world import World, open_world

NUM_SAMPLES, NUM_MATCHES = 4, 400


def golds(world: World, num_prompts: int, seed: int) -> np.ndarray:
    """[P, k] of the first policy."""
    prompts = world.test_prompts[:num_prompts]
    answers = sampler_of(world).sample(prompts, NUM_SAMPLES, seed)
    talks = [[*prompt, one.response] for prompt, own in zip(prompts, answers, strict=True) for one in own.samples]
    return world.gold.score(talks).rewards.reshape(-1, NUM_SAMPLES).astype(np.float64)


def main() -> None:
    for name in get_args(WorldName):
        world = open_world(WorldOptions(world=name))
        first, second = (golds(world, 256, seed) for seed in (0, 1))
        for num in (64, 128, 256):
            rate = match(first[:num], second[:num], first[:num])["rate"]
            assert rate["low"] is not None and rate["high"] is not None
            print(f"{name}, {num} prompts: {rate['value']:.3f}, half width {(rate['high'] - rate['low']) / 2:.3f}")
    rng = np.random.default_rng(0)
    for num in (20, 128):
        held = []
        for _ in range(NUM_MATCHES):
            prompts = rng.normal(size=(num, 1))
            ours, theirs = prompts + rng.normal(size=(2, num, NUM_SAMPLES))
            rate = match(ours, theirs, theirs)["rate"]
            held.append(rate["low"] <= 0.5 <= rate["high"])
        print(f"simulated, {num} prompts: the interval holds one half in {np.mean(held):.1%} of {NUM_MATCHES} matches")


if __name__ == "__main__":
    main()
