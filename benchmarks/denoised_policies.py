"""Does denoising a reward model's labels pay when a policy is trained on it?

Question   A policy learns from reward models of the same noisy preferences, treated in different ways. How high does
           gold rise, where does it end, how does KL grow, and does the text stay likely under the first policy?
Workload   The lexicon world, a seed each: 2,000 pairs of `embedded/tiny-chat`, 25 % of the labels flipped;
           `embedded/tiny-reader`, 2 epochs at 1e-3; RLOO on roll-outs of 16 prompts with 4 responses each, rewards
           standardised by those of the first policy, no KL cost. The same pairs, first weights, prompts and draws in
           all arms of a seed.
Arms       plain; flip_margin and soft_label: recipes of `refine` by an audit with its defaults; contrastive: simcse;
           ensemble: mean of four, each on the scale of what the first policy writes; careful: mean less one deviation
           of the same four; true_labels: nothing flipped, which no denoising can beat.
Cost       A minute of one free thread for an arm of a seed, more for `contrastive` and `ensemble`: 40 minutes.
Command    OMP_NUM_THREADS=1 python benchmarks/denoised_policies.py --output_dir runs/denoised-policies
"""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from policy_paths import (
    MATCHED_KLS,
    Climb,
    gold_accuracy,
    improved,
    outcome,
    rewards_of,
    rounded_path,
    sampler_of,
    trained_reward_model,
)
from seed_table import ArmCell, SeedTable

import rewardsmith
from rewardsmith.artifacts.files.atomic import write_json
from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.engine.scoring.open_scorer import ENSEMBLE_FILE, open_scorer
from rewardsmith.metrics.aggregates import Aggregate
from rewardsmith.policy.worlds.options import WorldOptions
from rewardsmith.policy.worlds.preferences import draw_pairs, label
from rewardsmith.policy.worlds.world import World, open_world
from rewardsmith.trials.cell_log import CellLog

PLAIN = "plain"
RECIPES = {"flip_margin": "flip+margin", "soft_label": "soft_label"}
AGGREGATES: dict[str, Aggregate] = {"ensemble": "mean", "careful": "mean_minus_std"}
ARMS = (PLAIN, *RECIPES, "contrastive", *AGGREGATES, "true_labels")
NUM_PAIRS, NUM_TEST_PAIRS, NUM_MEMBERS = 2000, 400, 4
SHOWN = (
    "accuracy",
    "gold_peak",
    "gold_last",
    *(f"gold_at_kl_{kl:g}" for kl in MATCHED_KLS),
    "kl_last",
    "kl_line",
    "perplexity_peak",
    "perplexity_last",
)


class Bench:
    """A seed's world, its pairs, and what the arms share of them."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder
        how = replace(WorldOptions(), world_seed=seed)
        self.world: World = open_world(how)
        sampler = sampler_of(self.world)
        drawn = draw_pairs(sampler, self.world.gold, self.world.preference_prompts, NUM_PAIRS, seed)
        self.noisy, self.true = label(drawn, how, seed).rows, label(drawn, replace(how, flip_rate=0.0), seed).rows
        self.tests = draw_pairs(sampler, self.world.gold, self.world.test_prompts, NUM_TEST_PAIRS, seed + 1)

    def reward_model(self, arm: str) -> Path:
        """The folder of what the arm is judged by."""
        if arm in AGGREGATES:
            return self._ensemble()
        if arm == "contrastive":
            return self._trained(arm, self.noisy, contrastive="simcse")
        return self._trained(arm, self._preferences(arm))

    def _ensemble(self) -> Path:
        """Each member on the scale of what the first policy writes, as ``iterate`` has it."""
        members = [self._trained(f"member-{number}", self.noisy, number) for number in range(NUM_MEMBERS)]
        scales = []
        for member in members:
            with closing(open_scorer(str(member))) as scorer:
                rewards = rewards_of(scorer, self.tests)
            scales.append([float(rewards.mean()), float(rewards.std())])
        index = {"kind": "members", "members": [member.name for member in members], "scales": scales}
        write_json(self.folder / ENSEMBLE_FILE, index)
        return self.folder

    def _preferences(self, arm: str) -> Any:
        if arm in RECIPES:
            audit, refined = self.folder / "audit", self.folder / f"refined-{arm}"
            if not (audit / "manifest.json").exists():
                rewardsmith.audit(self.noisy, output_dir=audit, seed=self.seed, quiet=True)
            rewardsmith.refine(audit, recipe=RECIPES[arm], output_dir=refined, quiet=True)
            return refined
        return self.true if arm == "true_labels" else self.noisy

    def _trained(self, name: str, preferences: Any, member: int = 0, **options: Any) -> Path:
        path = self.folder / f"reward-model-{name}"
        if not (path / "manifest.json").exists():
            trained_reward_model(preferences, self.world.reward_model, path, self.seed + 1000 * member, **options)
        return path


def main() -> None:
    """Runs what is missing, seed after seed, then prints a table and one JSON line. May be killed and given again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=ARMS, help="plain is always among them")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--num_rollouts", type=int, default=30)
    parser.add_argument("--learning_rate", type=float, default=5e-4)
    parser.add_argument("--only_show", action="store_true", help="print what is there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    set_quiet(True)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    log = CellLog(args.output_dir / "cells.jsonl", ArmCell)
    climb = Climb(args.num_rollouts, args.learning_rate)
    arms = list(dict.fromkeys([PLAIN, *args.arms]))
    cells = [ArmCell(seed, arm) for seed in args.seeds for arm in arms]
    for seed in [] if args.only_show else args.seeds:
        missing = [cell for cell in log.missing(cells) if cell.seed == seed]
        if missing:
            with TemporaryDirectory() as folder:
                bench = Bench(seed, Path(folder))
                for cell in missing:
                    log.add(measured(cell, bench, climb))
                    print(f"{cell.key}: {log.results([cell])[0]['seconds']:.0f} s", flush=True)
    SeedTable.of(log, cells).show(arms, PLAIN, SHOWN)


def measured(cell: ArmCell, bench: Bench, climb: Climb) -> dict[str, Any]:
    """A reward model, and the policy that climbs it."""
    began = time.process_time()
    aggregate = AGGREGATES.get(cell.arm, "mean")
    with closing(open_scorer(str(bench.reward_model(cell.arm)))) as scorer:
        before_policy = time.process_time()
        rewards = rewards_of(scorer, bench.tests, aggregate)
        _, _, lines = improved(bench.world, scorer, rewards, climb, cell.seed, aggregate)
    return {
        **asdict(cell),
        **asdict(climb),
        "accuracy": gold_accuracy(rewards, bench.tests),
        **outcome(lines),
        "reward_model_s": before_policy - began,
        "seconds": time.process_time() - began,
        "path": rounded_path(lines),
    }


if __name__ == "__main__":
    main()
