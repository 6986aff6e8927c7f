"""What can be known of a reward model before a policy climbs it?

Question   Twenty reward models of one world: which measure, taken before any policy is trained, goes with the gold
           that their policies reach (objective mismatch, arXiv 2311.00168)?
Workload   The lexicon world. Reward models differ in pairs (250 to 2,000), wrong labels (0 to 40 %), passes (1, 2, 4),
           where they begin (`embedded/tiny-reader`, one in four `embedded/tiny-chat`, as large as the policy) and seed;
           every value equally often, combined at random. One policy each: RLOO without KL cost, rewards standardised
           by those of the first policy, the same prompts and draws for all.
Measures   On what the first policy answers to prompts held out: 400 pairs, and 16 responses to each of 64 prompts. On
           400 pairs of a policy that a reward model of its own moved. Those that end in "gold" need a true reward.
Ceiling    Rank correlation 1; with twenty models one of 0.45 is told from none.
Cost       A minute of one free thread for a reward model and its policy, after two that all share.
Command    OMP_NUM_THREADS=1 python benchmarks/objective_mismatch.py --output_dir runs/objective-mismatch
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from math import atanh, nan, sqrt, tanh
from pathlib import Path
from statistics import NormalDist
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from policy_paths import (
    Climb,
    Floats,
    gold_accuracy,
    improved,
    outcome,
    rewards_of,
    rounded_path,
    sampler_of,
    several_answers,
    trained_reward_model,
)

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.metrics.calibration import (
    agreement,
    calibration_error,
    confidence,
    equal_mass_bins,
    negative_log_likelihood,
)
from rewardsmith.metrics.intervals import Interval
from rewardsmith.metrics.ranking import rank_correlation
from rewardsmith.policy.worlds.options import WorldOptions
from rewardsmith.policy.worlds.preferences import DrawnPair, draw_pairs, label
from rewardsmith.policy.worlds.world import POLICY, REWARD_MODEL, World, open_world
from rewardsmith.sampling.local_sampler import LocalSampler
from rewardsmith.sampling.options import LocalSamplingOptions, SamplingOptions
from rewardsmith.trials.cell_log import CellLog

NUM_MODELS, NUM_POOL, NUM_TEST_PAIRS, NUM_BEST_PROMPTS, NUM_BEST = 20, 2000, 400, 64, 16
SHIFTING = Climb(num_rollouts=14, learning_rate=5e-4)
"""Of the policy whose samples are called shifted."""
DESIGN: dict[str, Sequence[Any]] = {
    "num_pairs": (250, 500, 1000, 2000),
    "flip_rate": (0.0, 0.15, 0.25, 0.4),
    "num_epochs": (1, 2, 4),
    "begins_as": (REWARD_MODEL, REWARD_MODEL, REWARD_MODEL, POLICY),
}
MEASURES = (
    "accuracy on noisy labels",
    "log-likelihood of noisy labels",
    "minus calibration error",
    "spread within prompts",
    "spread, shifted by first",
    "accuracy, gold",
    "rank correlation within prompts, gold",
    "best of 16, gold",
    "accuracy, shifted, gold",
)
MIN_PAIRS = 4
OUTCOMES = ("gold_peak", "gold_last", "gold_at_kl_3", "gold_at_kl_6", "kl_last")


@dataclass(frozen=True)
class ModelCell:
    """A reward model and its policy."""

    world_seed: int
    number: int

    @property
    def key(self) -> str:
        return f"{self.world_seed}/{self.number}"


class Bench:
    """What the reward models of a world are made from and measured on. Samples are kept in a folder."""

    def __init__(self, world_seed: int, folder: Path) -> None:
        self.how = replace(WorldOptions(), world_seed=world_seed)
        self.world: World = open_world(self.how)
        self._folder = folder
        sampler, gold = sampler_of(self.world), self.world.gold
        self.pool = self._kept(
            "pool", lambda: draw_pairs(sampler, gold, self.world.preference_prompts, NUM_POOL, world_seed)
        )
        self.tests = self._kept(
            "tests", lambda: draw_pairs(sampler, gold, self.world.test_prompts, NUM_TEST_PAIRS, world_seed + 1)
        )
        self.test_labels = np.array([row["meta"]["truth"]["wrong"] for row in label(self.tests, self.how, 1).rows])
        self.shifted = self._kept("shifted", self._shifted_pairs)
        self.several = several_answers(sampler, self.world.test_prompts[:NUM_BEST_PROMPTS], NUM_BEST, world_seed + 2)
        self.golds = gold.score(self.several).rewards.reshape(-1, NUM_BEST)

    def scorer(self, design: dict[str, Any], seed: int, folder: Path) -> Scorer:
        """A reward model of pairs drawn from the pool, trained and opened."""
        chosen = np.random.default_rng([seed, 4]).permutation(len(self.pool))[: design["num_pairs"]]
        how = replace(self.how, flip_rate=design["flip_rate"])
        rows = label([self.pool[i] for i in chosen], how, seed).rows
        trained_reward_model(rows, design["begins_as"], folder, seed, design["num_epochs"])
        return open_scorer(str(folder))

    def _shifted_pairs(self) -> list[DrawnPair]:
        with TemporaryDirectory() as folder:
            design = {"num_pairs": 1000, "flip_rate": 0.25, "num_epochs": 2, "begins_as": REWARD_MODEL}
            with closing(self.scorer(design, 10_000, Path(folder) / "reward_model")) as scorer:
                rewards = rewards_of(scorer, self.tests)
                policy, tokenizer, lines = improved(self.world, scorer, rewards, SHIFTING, 10_000)
        print(f"The shifted policy: KL {lines[-1]['kl']:.1f}, gold {lines[-1]['gold']:.2f}.", flush=True)
        sampling = SamplingOptions(max_new_tokens=self.world.max_new_tokens)
        sampler = LocalSampler(policy.eval(), tokenizer, sampling, LocalSamplingOptions(device="cpu"))
        return draw_pairs(sampler, self.world.gold, self.world.test_prompts, NUM_TEST_PAIRS, 10_000)

    def _kept(self, name: str, make: Callable[[], list[DrawnPair]]) -> list[DrawnPair]:
        path = self._folder / f"{name}-{self.how.world_seed}.jsonl"
        if not path.exists():
            write_jsonl(path, [asdict(pair) for pair in make()])
        rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        return [DrawnPair(row["prompt"], tuple(row["responses"]), tuple(row["gold"])) for row in rows]


def main() -> None:
    """Runs what is missing, then prints correlations and one JSON line. May be killed and given again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--world_seed", type=int, default=0)
    parser.add_argument("--num_models", type=int, default=NUM_MODELS)
    parser.add_argument("--num_rollouts", type=int, default=30)
    parser.add_argument("--learning_rate", type=float, default=5e-4)
    parser.add_argument("--only_show", action="store_true", help="print what is there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    set_quiet(True)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    log = CellLog(args.output_dir / "cells.jsonl", ModelCell)
    cells = [ModelCell(args.world_seed, number) for number in range(args.num_models)]
    climb = Climb(args.num_rollouts, args.learning_rate)
    if not args.only_show and (missing := log.missing(cells)):
        bench = Bench(args.world_seed, args.output_dir)
        for cell in missing:
            log.add(measured(cell, bench, climb))
            print(f"{cell.key}: {log.results([cell])[0]['seconds']:.0f} s", flush=True)
    results = log.results([cell for cell in cells if not log.missing([cell])])
    print(json.dumps(correlations(results)))


def designs(num_models: int = NUM_MODELS) -> list[dict[str, Any]]:
    """Every value equally often, combined at random."""
    rng = np.random.default_rng(0)
    columns = {name: [values[i % len(values)] for i in range(num_models)] for name, values in DESIGN.items()}
    shuffled = {name: [values[i] for i in rng.permutation(num_models)] for name, values in columns.items()}
    return [{name: values[i] for name, values in shuffled.items()} for i in range(num_models)]


def measured(cell: ModelCell, bench: Bench, climb: Climb) -> dict[str, Any]:
    """What is known of a reward model, and what its policy reached."""
    began = time.process_time()
    design = designs()[cell.number]
    with TemporaryDirectory() as folder, closing(bench.scorer(design, cell.number, Path(folder) / "model")) as scorer:
        rewards = rewards_of(scorer, bench.tests)
        measures = offline(scorer, rewards, bench)
        before_policy = time.process_time()
        _, _, lines = improved(bench.world, scorer, rewards, climb, bench.how.world_seed)
    return {
        **asdict(cell),
        **design,
        **asdict(climb),
        **measures,
        **outcome(lines),
        "reward_model_s": before_policy - began,
        "seconds": time.process_time() - began,
        "path": rounded_path(lines),
    }


def offline(scorer: Scorer, rewards: Floats, bench: Bench) -> dict[str, float | None]:
    """The measures, each the better the higher where it means what it is taken to mean."""
    gold_first = np.array([pair.gap > 0 for pair in bench.tests])
    targets = (gold_first != bench.test_labels).astype(float)
    gaps = rewards[:, 0] - rewards[:, 1]
    sure, agree = confidence(gaps), agreement(gaps, targets)
    several = scorer.score(bench.several).rewards.reshape(-1, NUM_BEST).astype(float)
    shifted = rewards_of(scorer, bench.shifted)
    best = bench.golds[np.arange(len(several)), several.argmax(1)]
    within = [rank_correlation(own, gold) for own, gold in zip(several, bench.golds.astype(float), strict=True)]
    found = (
        float(agree.mean()),
        -negative_log_likelihood(gaps, targets),
        -calibration_error(sure, agree, equal_mass_bins(sure)),
        float(several.std(1).mean() / several.std()),
        float(np.abs(shifted[:, 0] - shifted[:, 1]).mean() / np.abs(gaps).mean()),
        gold_accuracy(rewards, bench.tests),
        float(np.mean([rho for rho in within if rho is not None])),
        float(best.mean() - bench.golds.mean()),
        gold_accuracy(shifted, bench.shifted),
    )
    return dict(zip(MEASURES, found, strict=True))


def correlations(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Spearman's rho of every measure with every outcome, printed, over the reward models that have both."""
    print(f"{len(results)} reward models")
    print(f"{'':38} " + " ".join(f"{name:>24}" for name in OUTCOMES))
    found = []
    for measure in MEASURES:
        texts = []
        for reached in OUTCOMES:
            pairs = [(result[measure], result[reached]) for result in results]
            known = np.array([pair for pair in pairs if None not in pair], dtype=float).reshape(-1, 2)
            interval = rho_with_interval(known)
            found.append({"measure": measure, "outcome": reached, "num": len(known), **interval.as_dict()})
            texts.append(f"{interval.value:+.2f} ({interval.low:+.2f} to {interval.high:+.2f}) {len(known):2d}")
        print(f"{measure:38} " + " ".join(f"{text:>24}" for text in texts))
    return found


def rho_with_interval(pairs: Floats) -> Interval:
    """tanh(artanh rho +- 1.96 sqrt((1 + rho^2 / 2) / (n - 3))) (Bonett and Wright 2000); NaN from under five pairs."""
    rho = rank_correlation(pairs[:, 0], pairs[:, 1]) if len(pairs) > MIN_PAIRS else None
    if rho is None:
        return Interval(nan, nan, nan)
    half = NormalDist().inv_cdf(0.975) * sqrt((1 + rho**2 / 2) / (len(pairs) - 3))
    centre = atanh(np.clip(rho, -0.999, 0.999))
    return Interval(rho, min(rho, tanh(centre - half)), max(rho, tanh(centre + half)))


if __name__ == "__main__":
    main()
