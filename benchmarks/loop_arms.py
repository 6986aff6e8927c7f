"""What keeps a reward model valid over rounds of RLHF?

Question   At equal RL steps and samples: how high does gold rise, and where does it end, when the reward model is kept,
           trained anew in one way or another, or given fresh labels, and when the reference moves along or stays?
Workload   A world, a seed each (lexicon, prompts and labels change with it): 2,000 pairs of `embedded/tiny-chat`, 25 %
           of the labels flipped; reward models from `embedded/tiny-reader`, 2 epochs at 1e-3; rounds of RLOO on
           roll-outs of 16 prompts with 4 responses each, KL cost 0.05 a nat, rewards standardised by those of the first
           policy. The policy goes on from round to round. Arms of a seed share pairs, prompts and draws.
Arms       `ARMS` below, options of `rewardsmith iterate`. PAR's rewards rise a quarter as steeply, and so does its KL
           cost.
Ceiling    Gold is at most 1; the mean of usual responses is about 0.4.
Cost       Four to five minutes of one free thread for an arm of a seed: 72 of them take five hours and a half.
Command    OMP_NUM_THREADS=1 python benchmarks/loop_arms.py --output_dir runs/loop-arms
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from policy_paths import MATCHED_KLS, QUICK, WINDOW, crossing
from seed_table import SeedTable

import rewardsmith
from rewardsmith.artifacts.progress import set_quiet
from rewardsmith.contracts.metrics.iterate import IterateMetrics
from rewardsmith.policy.worlds.options import WorldName
from rewardsmith.trials.cell_log import CellLog

KL_COEF = 0.05
RESET = {"reference": "last"}
ARMS: dict[str, dict[str, Any]] = {
    "reset": RESET,
    "one long": {"num_rounds": 1},
    "no reset": {},
    "retrained": RESET | {"adapt": "retrain"},
    "metarm": RESET | {"adapt": "metarm", "meta_step_size": 0.01},
    "ocrm": RESET | {"adapt": "ocrm"},
    "par": RESET | {"reward_shape": "par", "kl_coef": KL_COEF / 4},
    "uwo": RESET | {"num_members": 4, "aggregate": "mean_minus_variance"},
    "fresh labels": RESET | {"adapt": "retrain", "labels": "gold"},
}
BASELINE = "reset"
"""The same reward model in all rounds, the reference the policy of the round before."""
COMMON: dict[str, Any] = {
    "adapt": "none",
    "reference": "sft",
    "policy_start": "last",
    "preference_data": "all",
    "stop_early": False,
    "eval_fraction": 0.0,
    "learning_rate": 1e-3,
    "num_train_epochs": 2,
    "per_device_train_batch_size": 32,
    "max_length": 128,
    **QUICK,
    "max_prompt_length": 48,
    "max_new_tokens": 32,
    "advantage": "rloo",
    "num_ppo_epochs": 1,
    "policy_lr_scheduler_type": "constant",
    "kl_coef": KL_COEF,
    "no_end_penalty": 0.0,
}
WEIGHTS = ("policy", "reward_model")


@dataclass(frozen=True)
class LoopCell:
    """One arm in one world with one seed."""

    world: str
    seed: int
    arm: str

    @property
    def key(self) -> str:
        return f"{self.world}-{self.seed}-{self.arm.replace(' ', '_')}"


def main() -> None:
    """Runs what is missing, seed after seed, then prints a table and one JSON line. May be killed and given again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--world", choices=get_args(WorldName), default="lexicon")
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=list(ARMS), help="reset is always among them")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(8)))
    parser.add_argument("--num_rounds", type=int, default=6)
    parser.add_argument("--num_rollouts", type=int, default=12, help="of a round")
    parser.add_argument("--policy_learning_rate", type=float, default=4e-4)
    parser.add_argument("--num_pairs", type=int, default=2000)
    parser.add_argument("--labels_per_round", type=int, default=200)
    parser.add_argument("--num_prompts", type=int, default=128, help="to look on, and to test on")
    parser.add_argument("--only_show", action="store_true", help="print what is there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    set_quiet(True)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    log = CellLog(args.output_dir / "cells.jsonl", LoopCell)
    arms = list(dict.fromkeys([BASELINE, *args.arms]))
    cells = [LoopCell(args.world, seed, arm) for seed in args.seeds for arm in arms]
    for cell in [] if args.only_show else log.missing(cells):
        folder = args.output_dir / cell.key
        log.add(asdict(cell) | result_of(rounds_of(cell, folder, args), args))
        for weights in (path for name in WEIGHTS for path in folder.glob(f"round-*/{name}")):
            shutil.rmtree(weights)
        print(f"{cell.key}: {log.results([cell])[0]['seconds']:.0f} s", flush=True)
    done = [cell for cell in cells if not log.missing([cell])]
    table = SeedTable({(cell.arm, cell.seed): result for cell, result in zip(done, log.results(done), strict=True)})
    shown = shown_numbers(args.num_rounds)
    table.print(arms, BASELINE, shown)
    print(json.dumps(table.rows(arms, BASELINE, shown)))


def rounds_of(cell: LoopCell, folder: Path, args: argparse.Namespace) -> IterateMetrics:
    """What ``iterate`` says of an arm; a folder that is begun is gone on with."""
    if (folder / "manifest.json").exists():
        found: IterateMetrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return found
    given = ("num_rounds", "num_rollouts", "policy_learning_rate", "num_pairs", "labels_per_round")
    options = COMMON | {name: getattr(args, name) for name in given}
    options |= {"num_shift_prompts": args.num_prompts, "num_test_prompts": args.num_prompts} | ARMS[cell.arm]
    if options["num_rounds"] != args.num_rounds:
        options["num_rollouts"] *= args.num_rounds
    done = rewardsmith.iterate(
        "embedded/world",
        output_dir=folder,
        world=cell.world,
        world_seed=cell.seed,
        seed=cell.seed,
        quiet=True,
        **options,
    )
    return done.metrics


def result_of(metrics: IterateMetrics, args: argparse.Namespace) -> dict[str, Any]:
    """Gold by round on the test prompts, and what comes of it; cost by stage."""
    rounds = metrics["rounds"]
    kls, golds = ends_of(metrics, args)
    stages = [stage for one in rounds for stage in one["stages"]]
    names = dict.fromkeys(stage["stage"] for stage in stages)
    looks = [one["reward_model"] for one in rounds]
    return {
        "num_rounds": args.num_rounds,
        "num_rollouts": args.num_rollouts,
        "gold_peak": max(golds),
        "gold_last": golds[-1],
        "peak_round": int(np.argmax(golds)),
        **{f"gold_at_kl_{kl:g}": crossing(kls, golds, kl) for kl in MATCHED_KLS},
        **{f"gold_{number}": gold for number, gold in enumerate(golds)},
        **{f"kl_{number}": kl for number, kl in enumerate(kls)},
        **{f"accuracy_{number}": look["gold_accuracy"]["value"] for number, look in enumerate(looks, 1)},
        **{f"spread_{number}": look["spread_here"] / look["spread_first"] for number, look in enumerate(looks, 1)},
        "kl_last": kls[-1],
        "perplexity_last": rounds[-1]["policy"]["perplexity"],
        "seconds": metrics["seconds"],
        **{f"{name}_s": sum(one["seconds"] for one in stages if one["stage"] == name) for name in names},
    }


def ends_of(metrics: IterateMetrics, args: argparse.Namespace) -> tuple[list[float], list[float]]:
    """KL to the first policy and gold, at the start and after each round.

    Of a single long round: means over the last roll-outs of each of so many parts of it, and the test at its end.
    """
    policies = [metrics["start"], *(one["policy"] for one in metrics["rounds"])]
    kls, golds = [one["kl"] for one in policies], [one["gold"]["value"] for one in policies]
    if len(metrics["rounds"]) < args.num_rounds:
        path = metrics["rounds"][0]["path"]
        parts = [path[end - WINDOW : end] for end in range(args.num_rollouts, len(path), args.num_rollouts)]
        kls[1:1] = [float(np.mean([point["kl"] for point in part])) for part in parts]
        golds[1:1] = [float(np.mean([point["gold"] for point in part])) for part in parts]
    return kls, golds


def shown_numbers(num_rounds: int) -> Sequence[str]:
    by_round = [f"{name}_{number}" for name in ("gold", "accuracy", "spread") for number in range(1, num_rounds + 1)]
    matched = [f"gold_at_kl_{kl:g}" for kl in MATCHED_KLS]
    return ["gold_peak", "peak_round", "gold_last", *matched, "kl_last", "perplexity_last", *by_round, "seconds"]


if __name__ == "__main__":
    main()
