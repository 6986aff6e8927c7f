"""What does training only the top of a model cost in accuracy, and what does it save in time?

Question   `--train_layers` at several depths against training everything: accuracy on held-out groups, seconds of all
           training steps.
Workload   --num_pairs pairs of a set, drawn by each seed; a share of their groups is held out; the same pairs, first
           weights, learning rate and epochs at every depth, each in a process of its own. Depth 0 trains the head and
           what follows the last block (final norm, pooler).
Ceiling    Without a backward pass below, a frozen block costs a third of a trained one: of the time remains, at best,
           1/3 + 2/3 * trained blocks / all blocks.
Command    python benchmarks/partial_training.py --data ../shared/data/ukp_convarg.jsonl.gz --output partial.jsonl
           A run that was killed goes on with the same command.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from side_by_side import Results, in_own_process, machine, serve


def train(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: one depth, one seed."""
    import torch

    from rewardsmith.engine.hardware.devices import use_all_cores
    from rewardsmith.engine.scoring.local_scorer import LocalScorer
    from rewardsmith.engine.training.accelerators import make_accelerator
    from rewardsmith.engine.training.options import TrainOptions
    from rewardsmith.engine.training.reward_step import reward_step
    from rewardsmith.engine.training.reward_training import train_reward_model
    from rewardsmith.evaluation.reward_benchmark import benchmark_rewards
    from rewardsmith.models.loading.starting import starting_model
    from rewardsmith.models.options import ModelOptions
    from rewardsmith.preferences.load import load_preferences
    from rewardsmith.preferences.options import DataOptions
    from rewardsmith.preferences.pairs.grouping import hold_out_groups

    seed = spec["seed"]
    use_all_cores()
    pairs = load_preferences(spec["data"], DataOptions(max_pairs=spec["num_pairs"]), seed=seed).table
    learned, held_out = hold_out_groups(pairs, spec["test_share"], seed)
    options = TrainOptions(
        learning_rate=spec["learning_rate"], num_train_epochs=spec["epochs"], train_layers=spec["train_layers"]
    )
    torch.manual_seed(seed)
    start = starting_model(ModelOptions(model_name_or_path=spec["model"], max_length=spec["max_length"]), seed)
    accelerator = make_accelerator("cpu")
    outcome = train_reward_model(start.model, start.encoder, learned, options, accelerator, reward_step, seed).outcome
    found = benchmark_rewards(LocalScorer(start.model, start.encoder, quiet=True), held_out, seed, num_resamples=1)
    return {
        "steps_s": outcome.seconds,
        "accuracy": found.metrics["eval_accuracy_ties_half"],
        "num_train": len(learned),
        "num_test": len(held_out),
        "num_blocks": start.model.config.num_hidden_layers,
    }


def main() -> None:
    """Prints the table, then one JSON line."""
    args = _arguments()
    names = ("model", "num_pairs", "test_share", "max_length", "learning_rate", "epochs")
    shared = {"data": str(args.data), **{name: getattr(args, name) for name in names}}
    results = Results(args.output, shared | machine())
    found: dict[int, list[dict[str, Any]]] = {depth: [] for depth in args.train_layers}
    for seed in range(args.seeds):
        for depth in args.train_layers:
            spec = {**shared, "seed": seed, "train_layers": depth}
            row = results.once(f"{depth}/{seed}", lambda spec=spec: in_own_process(train, spec))
            print(f"--train_layers {depth}, seed {seed}: {row['accuracy']:.3f} in {row['steps_s']:.0f} s", flush=True)
            found[depth].append(row)
    everything = found[args.train_layers[0]]
    print(f"\n{everything[0]['num_train']} pairs trained on, {everything[0]['num_test']} tested (seed 0)")
    print("| `--train_layers` | accuracy | difference by seed, points | time / training everything | peak GiB |")
    print("|---|---|---|---|---|")
    for depth, rows in found.items():
        accuracy = [row["accuracy"] for row in rows]
        lost = [100 * (row["accuracy"] - whole["accuracy"]) for row, whole in zip(rows, everything, strict=True)]
        time = [row["steps_s"] / whole["steps_s"] for row, whole in zip(rows, everything, strict=True)]
        cells = [_shown(accuracy, 3), ", ".join(f"{value:+.1f}" for value in lost), _shown(time, 2)]
        print(f"| {depth} | {' | '.join(cells)} | {mean(row['peak_gib'] for row in rows):.2f} |")
    print(json.dumps({**shared, "found": found}))


def _shown(values: list[float], digits: int) -> str:
    return f"{mean(values):.{digits}f}" + (f" ± {stdev(values):.{digits}f}" if len(values) > 1 else "")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="embedded/minilm")
    parser.add_argument("--num_pairs", type=int, default=800)
    parser.add_argument("--test_share", type=float, default=0.5)
    parser.add_argument("--max_length", type=int, default=256)
    parser.add_argument("--learning_rate", type=float, default=1e-4)
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--train_layers", type=int, nargs="*", default=[-1, 3, 1, 0], help="the first one is compared to"
    )
    parser.add_argument("--output", type=Path, help="a JSONL file that keeps every result; a killed run goes on")
    return parser.parse_args()


if __name__ == "__main__":
    serve([train])
    main()
