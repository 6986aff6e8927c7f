"""Which learning rate, fork layer, rank and number of members should `forked` have unless told otherwise?

Question   AUROC of 20 % planted uniform flips, share of the labels as given that strength agrees with, and seconds, as
           one option after the other moves away from a base. Strength is that of members which did not train on a
           pair's group, and all of them learn from the flipped labels.
Workload   --num_pairs pairs of a set, drawn at random over its subsets; every seed draws its own flips, folds and
           weights, the same ones for all settings with as many members.
Ceiling    AUROC: see audit_quality.py. Accuracy: at most what the labels agree with each other.
Command    python benchmarks/forked_defaults.py --data ../shared/data/ukp_convarg.jsonl.gz --base learning_rate=3e-3 \\
               --settings "" "fork_layer=2" "lora_r=64" "num_members=16 num_judges=6" --output defaults.jsonl
           A run that was killed goes on with the same command.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from side_by_side import Results, in_own_process, machine, serve

RATE = 0.2


def judge(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: one setting, one seed."""
    import numpy as np
    import pyarrow.parquet as pq

    from rewardsmith.metrics.ranking import auroc
    from rewardsmith.models.options import LoraOptions, ModelOptions
    from rewardsmith.preferences.load import load_preferences
    from rewardsmith.preferences.options import DataOptions
    from rewardsmith.strength.ensembles.crossfit import fold_groups
    from rewardsmith.strength.ensembles.forked import train_forked_members
    from rewardsmith.strength.ensembles.judgements import as_labelled
    from rewardsmith.strength.ensembles.model_ensemble import EnsembleJob
    from rewardsmith.strength.options import MemberOptions, StrengthOptions
    from rewardsmith.strength.planted.planting import plant_flips, relabel

    seed, setting = spec["seed"], spec["setting"]
    pairs = load_preferences(spec["data"], DataOptions(max_pairs=spec["num_pairs"]), seed=spec["sample_seed"]).table
    target = pairs["target"].to_numpy()
    decided = target != 0.5
    flipped = plant_flips("uniform", decided, np.full(len(pairs), 0.5), RATE, np.random.default_rng(seed))
    learned = relabel(target, flipped)
    with tempfile.TemporaryDirectory() as folder:
        pairs_file = Path(folder) / "pairs.parquet"
        pq.write_table(pairs, pairs_file)
        job = EnsembleJob(
            pairs_file=pairs_file,
            groups=fold_groups(pairs, spec["fold_by"]),
            folder=Path(folder) / "members",
            strength=_with(StrengthOptions(ensemble="forked"), setting),
            members=_with(MemberOptions(save_steps=0), setting),
            model=ModelOptions(model_name_or_path=spec["model"], max_length=spec["max_length"]),
            lora=_with(LoraOptions(lora_alpha=2 * setting.get("lora_r", LoraOptions.lora_r)), setting),
            seed=seed,
            keep_models=False,
        )
        began = time.monotonic()
        gap = train_forked_members(job, learned).judged.held_out().mean
        seconds = time.monotonic() - began
    as_learned, as_given = as_labelled(gap, learned), as_labelled(gap, target)
    found = auroc(-as_learned[decided], flipped[decided])
    return {"auroc": found, "accuracy": float((as_given[decided] > 0).mean()), "seconds": seconds}


def _with(options: Any, setting: dict[str, float]) -> Any:
    names = {field.name for field in fields(options)}
    return replace(options, **{name: value for name, value in setting.items() if name in names})


def main() -> None:
    """Prints a line a measurement, then the table, then one JSON line."""
    args = _arguments()
    names = ("model", "num_pairs", "max_length", "fold_by", "sample_seed")
    shared = {"data": str(args.data), **{name: getattr(args, name) for name in names}}
    results = Results(args.output, shared | machine())
    found: dict[str, list[dict[str, Any]]] = {}
    for words in args.settings:
        setting = _options(args.base) | _options(words)
        name = " ".join(f"{key}={value:g}" for key, value in sorted(setting.items())) or "defaults"
        for seed in range(args.seeds):
            spec = {**shared, "setting": setting, "seed": seed}
            row = results.once(f"{name}/{seed}", partial(in_own_process, judge, spec))
            print(f"{name}, seed {seed}: AUROC {row['auroc']:.3f}, accuracy {row['accuracy']:.3f}", flush=True)
            found.setdefault(name, []).append(row)
    print(f"\n{args.num_pairs} pairs, {args.model}, {args.seeds} seeds")
    print("| setting | AUROC of planted flips | accuracy | seconds |")
    print("|---|---|---|---|")
    for name, rows in found.items():
        cells = [_shown([row["auroc"] for row in rows]), _shown([row["accuracy"] for row in rows])]
        print(f"| {name} | {' | '.join(cells)} | {mean(row['seconds'] for row in rows):.0f} |")
    print(json.dumps({**shared, "found": found}))


def _shown(values: list[float]) -> str:
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def _options(words: str) -> dict[str, float]:
    """Numbers of ``MemberOptions``, ``StrengthOptions`` and ``LoraOptions`` by name."""
    pairs = (word.split("=") for word in words.split())
    return {name: json.loads(value) for name, value in pairs}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="embedded/minilm")
    parser.add_argument("--num_pairs", type=int, default=400)
    parser.add_argument("--max_length", type=int, default=256)
    parser.add_argument("--fold_by", default="prompt")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sample_seed", type=int, default=0)
    parser.add_argument("--base", default="", metavar="OPTIONS", help='what all settings share, "learning_rate=3e-3"')
    parser.add_argument("--settings", nargs="+", default=[""], metavar="OPTIONS", help='each changes it, "lora_r=64"')
    parser.add_argument("--output", type=Path, help="a JSONL file that keeps every result; a killed run goes on")
    return parser.parse_args()


if __name__ == "__main__":
    serve([judge])
    main()
