"""Does the cheap ensemble say what the dear one says, and does it find what that one finds?

Question   Spearman correlation of strength by `forked` (and `probe`) with strength by `full`, beside that of `full`
           with a second `full` of other folds, orders and weights, which nothing can be expected to exceed; AUROC of
           20 % planted uniform flips for each ensemble on the same flips and the same groups; seconds of each.
           Strength is always that of members which did not train on a pair's group. `probe` is what an audit takes,
           with folds and judges of its own; `probe, same folds` has as many heads as `forked` has members, fitted on
           the pairs and weights of these, each on all layers and poolings that a probe may choose from.
Workload   --num_pairs pairs of a set, drawn at random over its subsets; every seed draws its own folds, weights and
           flips. `forked` and the second `full` have the same folds, so neither shares more with the first `full`.
           --full_arms leaves out what cannot be afforded: `agreement` needs two `full` a seed, `flips` one more. All
           draws are functions of the seed, so rows of several runs (--ensembles) belong together.
Ceiling    Spearman of full with full. AUROC: see audit_quality.py.
Command    python benchmarks/ensemble_agreement.py --data ../shared/data/hh_rlhf --num_pairs 2000 --work agreement/
           Finished members stay in --work; a run that was killed goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from side_by_side import Results, machine

from rewardsmith.metrics.ranking import auroc, rank_correlation
from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.ensembles.crossfit import fold_groups
from rewardsmith.strength.ensembles.design import Design
from rewardsmith.strength.ensembles.forked import train_forked_members
from rewardsmith.strength.ensembles.full import train_full
from rewardsmith.strength.ensembles.head_start import fit_member_heads
from rewardsmith.strength.ensembles.judgements import Judgements, as_labelled
from rewardsmith.strength.ensembles.model_ensemble import EnsembleJob
from rewardsmith.strength.ensembles.probe import probe_judgements
from rewardsmith.strength.ensembles.probe_ensemble import pair_features
from rewardsmith.strength.options import MemberOptions, StrengthOptions
from rewardsmith.strength.planted.planting import plant_flips, relabel

RATE = 0.2
OTHER_SEED = 1000
SAME_FOLDS = "probe, same folds"
CHEAP = ("probe", SAME_FOLDS, "forked")

Targets = NDArray[np.float32]


class Ensembles:
    """Strengths [N] of one set by ensemble, labels and seed, each computed once."""

    def __init__(self, pairs: pa.Table, args: argparse.Namespace, results: Results) -> None:
        self.pairs, self.args, self.results = pairs, args, results
        self.target: Targets = pairs["target"].to_numpy()
        self.groups = fold_groups(pairs, args.fold_by)
        self.model = ModelOptions(model_name_or_path=args.model, max_length=args.max_length)
        args.work.mkdir(parents=True, exist_ok=True)
        self.pairs_file = args.work / "pairs.parquet"
        pq.write_table(pairs, self.pairs_file)
        self.designs: list[Design] = []

    def strength(self, kind: str, seed: int, planted: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Mean gap of the members that did not train on the pair, in the direction of the label as given."""
        target = self.target if planted is None else relabel(self.target, planted)
        name = f"{kind}/{seed}/{'given' if planted is None else 'planted'}"

        def measured() -> dict[str, Any]:
            began = time.monotonic()
            judges: dict[str, Callable[[], Any]] = {"probe": lambda: self._probe(target, seed)}
            judges[SAME_FOLDS] = lambda: self._probe_in_folds(target, self._job(name, seed, "forked"))
            judges["forked"] = lambda: train_forked_members(self._job(name, seed, "forked"), target).judged
            judges["full"] = lambda: train_full(self._job(name, seed, "full"), target).judged
            found = judges[kind]().held_out().mean
            seconds = time.monotonic() - began
            print(f"{name}: {seconds:.0f} s", flush=True)
            return {"strength": found.tolist(), "seconds": seconds}

        return as_labelled(np.array(self.results.once(name, measured)["strength"]), target)

    def seconds(self, kind: str, seed: int) -> float:
        """What it took to fit the ensemble to the labels as given."""
        return float(self.results.once(f"{kind}/{seed}/given", dict)["seconds"])

    def _probe(self, target: Targets, seed: int) -> Judgements:
        return probe_judgements(self._designs(), target, self.groups, StrengthOptions(), seed)

    def _probe_in_folds(self, target: Targets, job: EnsembleJob) -> Judgements:
        weights, trained = job.membership()
        [rows] = [design.rows for design in self._designs() if design.candidate.name == "broad"]
        heads = fit_member_heads(rows, torch.tensor(target), torch.from_numpy(weights), self.groups, job.seed)
        return Judgements((rows @ heads.T).numpy(), trained, ("broad",) * len(heads))

    def _designs(self) -> list[Design]:
        self.designs = self.designs or pair_features(self.pairs, self.model, self.args.feature_dtype).designs
        return self.designs

    def _job(self, name: str, seed: int, kind: Any) -> EnsembleJob:
        members = MemberOptions(
            num_members=self.args.num_members,
            fork_layer=self.args.fork_layer,
            num_train_epochs=self.args.epochs,
            learning_rate=self.args.full_learning_rate if kind == "full" else self.args.forked_learning_rate,
            bf16=self.args.bf16,
        )
        return EnsembleJob(
            pairs_file=self.pairs_file,
            groups=self.groups,
            folder=self.args.work / name.replace("/", "-"),
            strength=StrengthOptions(ensemble=kind, num_judges=self.args.judges),
            members=members,
            model=self.model,
            lora=replace(LoraOptions(), lora_r=self.args.lora_r, lora_alpha=2 * self.args.lora_r),
            seed=seed,
            keep_models=False,
            description=name,
        )


def main() -> None:
    """Prints the tables, then one JSON line."""
    args = _arguments()
    pairs = load_preferences(str(args.data), DataOptions(max_pairs=args.num_pairs), seed=args.sample_seed).table
    settings = {
        name: str(value)
        for name, value in vars(args).items()
        if name not in ("work", "seeds", "full_arms", "ensembles")
    }
    ensembles = Ensembles(pairs, args, Results(args.work / "results.jsonl", settings | machine()))
    agreement: dict[str, list[float]] = {}
    found: dict[str, list[float]] = {}
    accuracy: dict[str, list[float]] = {}
    decided = ensembles.target != 0.5
    for seed in range(args.seeds):
        clean = {kind: ensembles.strength(kind, seed) for kind in args.ensembles}
        if "agreement" in args.full_arms:
            first = ensembles.strength("full", seed + OTHER_SEED)
            clean["full"] = ensembles.strength("full", seed)
            for kind, strength in clean.items():
                agreement.setdefault(kind, []).append(rank_correlation(strength, first) or 0.0)
        for kind, strength in clean.items():
            accuracy.setdefault(kind, []).append(float((strength[decided] > 0).mean()))
        rng = np.random.default_rng(seed)
        planted = plant_flips("uniform", decided, np.full(len(pairs), 0.5), RATE, rng)
        for kind in (*args.ensembles, *(["full"] if "flips" in args.full_arms else [])):
            strength = ensembles.strength(kind, seed, planted)
            found.setdefault(kind, []).append(auroc(-strength[decided], planted[decided]))
    print(f"\n{len(pairs):,} pairs, {args.model}, {args.num_members} members, {args.judges} judges a pair")
    print("| ensemble | Spearman with `full` | AUROC of planted flips | accuracy | seconds |")
    print("|---|---|---|---|---|")
    for kind in accuracy:
        seconds = [ensembles.seconds(kind, seed) for seed in range(args.seeds)]
        row = [agreement.get(kind, []), found.get(kind, []), accuracy[kind]]
        print(f"| {kind} | {' | '.join(_shown(values) for values in row)} | {mean(seconds):.0f} |")
    if "forked" in agreement:
        ratio = [a / b for a, b in zip(agreement["forked"], agreement["full"], strict=True)]
        print(f"Spearman(forked, full) / Spearman(full, full): {_shown(ratio)}")
    print(json.dumps({**settings, "agreement": agreement, "auroc": found, "accuracy": accuracy}))


def _shown(values: list[float]) -> str:
    if not values:
        return ""
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--model", default="embedded/smollm2-135m")
    parser.add_argument("--num_pairs", type=int, default=2000)
    parser.add_argument("--max_length", type=int, default=512)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sample_seed", type=int, default=0)
    parser.add_argument("--fold_by", default="prompt")
    parser.add_argument("--num_members", type=int, default=10)
    parser.add_argument("--judges", type=int, default=4)
    parser.add_argument("--fork_layer", type=int)
    parser.add_argument("--lora_r", type=int, default=16)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--full_learning_rate", type=float)
    parser.add_argument("--forked_learning_rate", type=float)
    parser.add_argument("--feature_dtype", default="bfloat16")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--ensembles", nargs="*", default=CHEAP, choices=CHEAP, help="beside `full`")
    parser.add_argument("--full_arms", nargs="*", default=["agreement"], choices=["agreement", "flips"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
