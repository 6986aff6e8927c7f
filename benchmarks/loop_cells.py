"""Arms of `rewardsmith iterate` in a world, seed by seed: what the benchmarks of the loop share."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from policy_paths import MATCHED_KLS, QUICK, WINDOW, crossing

import rewardsmith
from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.metrics.iterate import IterateMetrics
from rewardsmith.policy.worlds.options import WorldName
from rewardsmith.trials.cell_log import CellLog

Options = dict[str, Any]
Results = dict[tuple[str, int], dict[str, Any]]
"""By arm and seed."""

KL_COEF = 0.05
RESET: Options = {"reference": "last"}
COMMON: Options = {
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
GIVEN = ("num_rounds", "num_rollouts", "policy_learning_rate", "num_pairs")
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


def loop_parser(document: str | None, arms: Mapping[str, Options], baseline: str) -> argparse.ArgumentParser:
    """What every benchmark of the loop may be told."""
    parser = argparse.ArgumentParser(description=document, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--world", choices=get_args(WorldName), default="lexicon")
    parser.add_argument("--baseline", choices=arms, default=baseline, help="what differences are to; always run")
    parser.add_argument("--arms", nargs="*", choices=arms, default=list(arms))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(8)))
    parser.add_argument("--num_rounds", type=int, default=6)
    parser.add_argument("--num_rollouts", type=int, default=12, help="of a round")
    parser.add_argument("--policy_learning_rate", type=float, default=4e-4)
    parser.add_argument("--num_pairs", type=int, default=2000)
    parser.add_argument("--num_prompts", type=int, default=128, help="to look on, and to test on")
    parser.add_argument("--only_show", action="store_true", help="print what is there")
    return parser


def options_of(args: argparse.Namespace, arm: Options) -> Options:
    """Those of `iterate`. An arm of fewer rounds has as many roll-outs in all."""
    options = COMMON | {name: getattr(args, name) for name in GIVEN}
    options |= {"num_shift_prompts": args.num_prompts, "num_test_prompts": args.num_prompts} | arm
    if options["num_rounds"] != args.num_rounds:
        options["num_rollouts"] *= args.num_rounds
    return options


def finished(
    args: argparse.Namespace,
    arms: Sequence[str],
    options: Callable[[LoopCell], Options],
    result: Callable[[IterateMetrics, argparse.Namespace], dict[str, Any]],
    num_threads: int = 1,
) -> Results:
    """Runs what is missing, seed after seed, and gives all that is there. May be killed and called again."""
    torch.set_num_threads(num_threads)
    set_quiet(True)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    log = CellLog(args.output_dir / "cells.jsonl", LoopCell)
    cells = [LoopCell(args.world, seed, arm) for seed in args.seeds for arm in arms]
    for cell in [] if args.only_show else log.missing(cells):
        folder = args.output_dir / cell.key
        log.add(asdict(cell) | result(rounds_of(cell, folder, options), args))
        for weights in (path for name in WEIGHTS for path in folder.glob(f"round-*/{name}")):
            shutil.rmtree(weights)
        print(f"{cell.key}: {log.results([cell])[0]['seconds']:.0f} s", flush=True)
    done = [cell for cell in cells if not log.missing([cell])]
    return {(cell.arm, cell.seed): with_gain(found) for cell, found in zip(done, log.results(done), strict=True)}


def with_gain(result: dict[str, Any]) -> dict[str, Any]:
    """Its peak over round 1 as well: what a comparison of the best round with plain RL would show."""
    return result | {"peak_over_round_1": result["gold_peak"] - result["gold_1"]}


def rounds_of(cell: LoopCell, folder: Path, options: Callable[[LoopCell], Options]) -> IterateMetrics:
    """What ``iterate`` says of an arm; a folder that is begun is gone on with."""
    if (folder / "manifest.json").exists():
        found: IterateMetrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return found
    done = rewardsmith.iterate(
        "embedded/world",
        output_dir=folder,
        world=cell.world,
        world_seed=cell.seed,
        seed=cell.seed,
        quiet=True,
        **options(cell),
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


def by_round(num_rounds: int, *names: str) -> list[str]:
    return [f"{name}_{number}" for name in names for number in range(1, num_rounds + 1)]


def shown_numbers(num_rounds: int) -> list[str]:
    matched = [f"gold_at_kl_{kl:g}" for kl in MATCHED_KLS]
    ends = ["gold_peak", "peak_over_round_1", "peak_round", "gold_last", *matched, "kl_last", "perplexity_last"]
    costs = ["sample_s", "label_s", "adapt_s", "improve_s", "evaluate_s", "seconds"]
    return [*ends, "gold_0", *by_round(num_rounds, "gold", "accuracy", "spread"), *costs]
