"""Do preferences that a reward model makes of samples teach the next one anything (West-of-N, arXiv 2401.12086)?

Question   A reward model of people's pairs puts the best of N responses above the worst. Does a model trained on both
           kinds of pairs, one to one, agree more with gold than one of people's pairs alone, and with which N?
Workload   The lexicon world, a seed each (lexicon, prompts and labels change with it). 1,000 pairs of
           `embedded/tiny-chat`, 25 % of the labels flipped; an ensemble of 3 trained on them makes 1,000 pairs of
           64 responses to each of 1,000 other prompts. The student begins as `embedded/tiny-reader`, 2 epochs at 1e-3.
Arms       people alone; people alone for twice as many epochs (as many steps as the other arms); 2,000 pairs of
           people; West-of-2, -4, -16 and -64; the best of 64 above any worse one, which the paper found to harm.
Measures   On prompts held out: accuracy by gold on 1,000 pairs, gold of the best of 64 on 64 prompts; how many of the
           made pairs are right by gold. Paired by seed.
Ceiling    Accuracy 1. What 1,000 more pairs of people give is what made ones should be compared with.
Cost       About fourteen minutes of one thread for a seed, half of them the samples and the ensemble.
Command    OMP_NUM_THREADS=1 python benchmarks/west_of_n.py --output_dir runs/west-of-n-study
"""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from policy_paths import gold_accuracy, rewards_of, sampler_of, several_answers, trained_reward_model
from seed_table import ArmCell, SeedTable

import rewardsmith
from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.metrics.best_of_n import best_of_n
from rewardsmith.policy.worlds.options import WorldOptions
from rewardsmith.policy.worlds.preferences import draw_pairs, label
from rewardsmith.policy.worlds.world import REWARD_MODEL, open_world
from rewardsmith.trials.cell_log import CellLog

NUM_PAIRS, NUM_MEMBERS, NUM_RESPONSES, NUM_EPOCHS = 1000, 3, 64, 2
NUM_TEST_PAIRS, NUM_BEST_PROMPTS = 1000, 64
BASELINE = "people"
MADE: dict[str, dict[str, Any]] = {
    "west of 2": {"num_responses": 2},
    "west of 4": {"num_responses": 4},
    "west of 16": {"num_responses": 16},
    "west of 64": {},
    "best of 64, random": {"against": "random"},
}
ARMS = (BASELINE, "people, twice", "people, 2,000", *MADE)
SHOWN = ("accuracy", "best_gold", "made_right", "longer_share", "seconds")


class Bench:
    """What all arms of a seed share: pairs of people, samples, the ensemble that makes pairs, and the tests."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.folder, self.seed = folder, seed
        folder.mkdir(parents=True, exist_ok=True)
        how = replace(WorldOptions(), world_seed=seed)
        world = open_world(how)
        sampler, gold = sampler_of(world), world.gold
        pairs = draw_pairs(sampler, gold, world.preference_prompts, 2 * NUM_PAIRS, seed)
        self.people = label(pairs, how, seed).rows
        self.tests = draw_pairs(sampler, gold, world.test_prompts, NUM_TEST_PAIRS, seed + 1)
        self.several = several_answers(sampler, world.test_prompts[:NUM_BEST_PROMPTS], NUM_RESPONSES, seed + 2)
        self.golds = gold.score(self.several).rewards.reshape(-1, NUM_RESPONSES)
        self.samples = folder / "samples.jsonl"
        if not self.samples.exists():
            prompts = world.policy_prompts[:NUM_PAIRS]
            talks = several_answers(sampler, prompts, NUM_RESPONSES, seed + 3)
            golds = gold.score(talks).rewards.reshape(-1, NUM_RESPONSES).tolist()
            texts = np.array([talk[-1]["content"] for talk in talks], dtype=object).reshape(-1, NUM_RESPONSES)
            rows = zip(prompts, texts.tolist(), golds, strict=True)
            write_jsonl(
                self.samples, ({"prompt": list(one), "responses": own, "gold": true} for one, own, true in rows)
            )

    @property
    def ensemble(self) -> str:
        """Names of the models that make pairs."""
        members = [self.folder / f"member-{number}" for number in range(NUM_MEMBERS)]
        for number, member in enumerate(members):
            if not (member / "manifest.json").exists():
                trained_reward_model(self.people[:NUM_PAIRS], REWARD_MODEL, member, 1000 * self.seed + number)
        return ",".join(map(str, members))


def main() -> None:
    """Runs what is missing, then prints a table and one JSON line. May be killed and given again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--only_show", action="store_true", help="print what is there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    set_quiet(True)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    log = CellLog(args.output_dir / "cells.jsonl", ArmCell)
    cells = [ArmCell(seed, arm) for seed in args.seeds for arm in ARMS]
    for seed in [] if args.only_show else args.seeds:
        missing = [cell for cell in log.missing(cells) if cell.seed == seed]
        bench = Bench(seed, args.output_dir / f"seed-{seed}") if missing else None
        for cell in missing:
            assert bench is not None
            log.add(measured(cell, bench))
            print(f"{cell.key}: {log.results([cell])[0]['seconds']:.0f} s", flush=True)
    SeedTable.of(log, cells).show(ARMS, BASELINE, SHOWN)


def measured(cell: ArmCell, bench: Bench) -> dict[str, Any]:
    """What the student of an arm is worth."""
    began = time.process_time()
    with TemporaryDirectory() as folder:
        rows, about = pairs_of(cell, bench, Path(folder))
        epochs = NUM_EPOCHS * (2 if cell.arm == "people, twice" else 1)
        trained_reward_model(rows, REWARD_MODEL, Path(folder) / "model", cell.seed, epochs)
        with closing(open_scorer(str(Path(folder) / "model"))) as scorer:
            accuracy = gold_accuracy(rewards_of(scorer, bench.tests), bench.tests)
            rewards = scorer.score(bench.several).rewards.reshape(bench.golds.shape)
    best = [best_of_n(gold, own)[-1] for gold, own in zip(bench.golds, rewards, strict=True)]
    return {
        **asdict(cell),
        "num_pairs": NUM_PAIRS,
        "num_epochs": epochs,
        "accuracy": accuracy,
        "best_gold": float(np.mean(best)),
        **about,
        "seconds": time.process_time() - began,
    }


def pairs_of(cell: ArmCell, bench: Bench, folder: Path) -> tuple[Any, dict[str, float | None]]:
    """What a student learns from, and what is known of the pairs that were made."""
    if cell.arm not in MADE:
        return bench.people[: 2 * NUM_PAIRS if cell.arm == "people, 2,000" else NUM_PAIRS], {}
    write_jsonl(folder / "people.jsonl", bench.people[:NUM_PAIRS])
    done = rewardsmith.west_of_n(
        bench.samples,
        reward_model_path=bench.ensemble,
        human_dataset_name=str(folder / "people.jsonl"),
        output_file=folder / "pairs.jsonl",
        seed=cell.seed,
        quiet=True,
        **MADE[cell.arm],
    )
    right, longer = done.metrics["gold_accuracy"]["value"], done.metrics["longer_share"]
    return done.path, {"made_right": right, "longer_share": longer}


if __name__ == "__main__":
    main()
