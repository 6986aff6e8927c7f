"""What should training keep of its activations: everything, what was dear to compute, or each block's input alone?

Question   Seconds of a training step and peak memory of the process for each way of keeping activations, and for norms
           and MLPs compiled by torch.compile, whose fused kernels keep less too (everything else as it is).
Workload   --pairs pairs of a set that fit in --max_length, steps of 8 from the same weights; every way is a process of
           its own, --repeats times, in turns. The first step makes Adam's moments and compiles; it is shown apart.
Floor      Time: keeping everything, which computes nothing twice. Memory: weights, gradients and moments, 16 bytes a
           parameter, and what Python and PyTorch take.
Command    python benchmarks/activations.py --data ../shared/data --output activations.jsonl
           A run that was killed goes on with the same command.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from pair_blocks import DATASETS, prepare
from side_by_side import Results, in_own_process, machine, serve, shown

WAYS: dict[str, dict[str, Any]] = {
    "everything": {"selective_checkpointing": "off"},
    "what was dear": {"selective_checkpointing": "on"},
    "inputs of blocks": {"gradient_checkpointing": True},
    "compiled norms and MLPs": {"selective_checkpointing": "off"},
}
PAIRS_PER_STEP = 8


def train(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: one way, once over all pairs; seconds of every step."""
    import pyarrow.parquet as pq
    import torch

    from rewardsmith.artifacts.runs.metrics_log import MetricsLog
    from rewardsmith.engine.hardware.devices import use_all_cores
    from rewardsmith.engine.training.accelerators import make_accelerator
    from rewardsmith.engine.training.options import TrainOptions
    from rewardsmith.engine.training.reward_step import reward_step
    from rewardsmith.engine.training.reward_training import train_reward_model
    from rewardsmith.models.loading.reward_models import load_reward_model
    from rewardsmith.tokens.encoding import ConversationEncoder

    use_all_cores()
    model, tokenizer, _ = load_reward_model(spec["model"])
    if spec["compiled"]:
        for module in model.modules():
            if type(module).__name__.endswith(("RMSNorm", "MLP")):
                module.compile(dynamic=True)
    options = TrainOptions(per_device_train_batch_size=PAIRS_PER_STEP, logging_steps=1, **spec["options"])
    log = MetricsLog(Path(tempfile.mkdtemp(dir=spec["folder"])) / "metrics.jsonl")
    encoder = ConversationEncoder(tokenizer, spec["max_length"])
    accelerator, pairs = make_accelerator("cpu", options.bf16), pq.read_table(spec["pairs"])
    train_reward_model(model, encoder, pairs, options, accelerator, reward_step, spec["seed"], log)
    steps = [json.loads(line) for line in log.path.read_text().splitlines()]
    return {
        "seconds": [PAIRS_PER_STEP / step["pairs_per_s"] for step in steps],
        "losses": [step["loss"] for step in steps],
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    """Prints a line a measurement, then the table, then one JSON line."""
    args = _arguments()
    shared = {name: getattr(args, name) for name in ("model", "dataset", "pairs", "max_length", "seed", "bf16")}
    results = Results(args.output, {**shared, **machine()})
    rows: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        spec = {**shared, "folder": folder, "data": args.data, "block_sizes": [args.pairs]}
        prepared = in_own_process(prepare, spec)
        [block] = prepared["blocks"]
        for repeat in range(args.repeats):
            for way in list(WAYS)[:: 1 if repeat % 2 == 0 else -1]:
                one = {**spec, **block, "model": prepared["model"], "compiled": way.startswith("compiled")}
                one["options"] = WAYS[way] | {"bf16": args.bf16}
                row = results.once(f"{way}/{repeat}", partial(in_own_process, train, one))
                rows[way].append(row)
                print(f"{way}, {repeat}: {sum(row['seconds']):.1f} s, {row['peak_gib']:.2f} GiB", flush=True)
    print(f"\n{block['num_pairs']} pairs, {block['distinct_tokens']:,} distinct tokens, {args.repeats} repeats")
    print("| kept | seconds of a later step | against the first row | first step, s | peak GiB | last loss |")
    print("|---|---|---|---|---|---|")
    for way, found in rows.items():
        later = [sum(row["seconds"][1:]) / (len(row["seconds"]) - 1) for row in found]
        base = [sum(row["seconds"][1:]) / (len(row["seconds"]) - 1) for row in rows["everything"]]
        ratio = [a / b for a, b in zip(later, base, strict=True)]
        first = median(row["seconds"][0] for row in found)
        print(
            f"| {way} | {shown(later)} | {shown(ratio)} | {first:.1f} | {shown([row['peak_gib'] for row in found])} "
            f"| {found[0]['losses'][-1]:.6f} |"
        )
    print(json.dumps({**shared, **machine(), "rows": rows}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with hh_rlhf/ and ukp_convarg.jsonl.gz; `made` needs none")
    parser.add_argument("--dataset", choices=DATASETS, default="hh")
    parser.add_argument("--model", default="embedded/smollm2-135m")
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--max_length", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--output", type=Path, help="a JSONL file that keeps every result; a killed run goes on")
    return parser.parse_args()


if __name__ == "__main__":
    serve([prepare, train])
    main()
