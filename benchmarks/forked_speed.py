"""Do ten forked members cost no more than training one model with TRL?

Question   Seconds from the first pass to the gaps of all pairs by all members - the pass over the frozen model and the
           fit that the members' heads begin with (no feature in the cache), all steps, judging - against the training
           steps of a single model with TRL's RewardTrainer (batch of 8, float32, no gradient checkpointing) on the
           same pairs. TRL's one model has judged nothing by then.
             cross-fitted   every pair is left out by --num_judges of the members: what `audit --ensemble forked` does
             everywhere     every member learns from every pair
Workload   Blocks of pairs drawn from all of a set that fit in --max_length; each is trained to its end by every side
           from the same weights, in a process of its own, the order of the sides turning round.
Ceiling    Tokens below the fork once, forward only, and above it once a member: `work` is what the linear layers of
           the members' steps compute / what TRL's do (a frozen layer costs 2 passes over its weights above the fork
           and 1 below, a trained one 3). It leaves out the first pass and the last, attention and the optimiser.
Command    python benchmarks/forked_speed.py --data ../shared/data --output forked.jsonl
           A run that was killed goes on with the same command; needs the `benchmark` extra.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from pair_blocks import DATASETS, prepare
from side_by_side import Results, in_own_process, machine, serve, shown, spread
from train_speed import PAIRS_PER_STEP, PLAIN, TRL, train_trl

ARMS = ("cross-fitted", "everywhere", TRL)


def train_members(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: M forked members on a block, and their gaps of all its pairs."""
    import os
    import time

    import numpy as np
    import pyarrow.parquet as pq
    import torch
    from computed_tokens import TokenCount, cuda_peak_gib, digest

    from rewardsmith.engine.hardware.devices import use_all_cores
    from rewardsmith.engine.members.forked_training import train_forked
    from rewardsmith.engine.training.options import TrainOptions
    from rewardsmith.models.loading.embedded import resolve_model
    from rewardsmith.models.loading.reward_models import load_reward_model
    from rewardsmith.models.members.forked_model import default_fork_layer
    from rewardsmith.models.options import LoraOptions
    from rewardsmith.preferences.pairs.conversations import pair_conversations
    from rewardsmith.strength.ensembles.crossfit import member_weights
    from rewardsmith.strength.ensembles.head_start import probed_heads
    from rewardsmith.tokens.encoding import ConversationEncoder

    use_all_cores()
    model, tokenizer, _ = load_reward_model(spec["model"])
    num_layers = model.config.get_text_config().num_hidden_layers
    layer = default_fork_layer(model.config) if spec["fork_layer"] is None else spec["fork_layer"]
    encoder = ConversationEncoder(tokenizer, spec["max_length"])
    pairs = pq.read_table(spec["pairs"])
    groups = np.unique(pairs.column("split_group").to_pylist(), return_inverse=True)[1]
    weights, _ = member_weights(
        groups, spec["num_members"], spec["num_judges"], spec["crossfit"], np.random.default_rng(spec["seed"])
    )
    options = TrainOptions(
        learning_rate=spec["member_learning_rate"],
        per_device_train_batch_size=spec["pairs_per_step"],
        warmup_ratio=0.0,
        logging_steps=1,
    )
    tokens = TokenCount.of(model, training=False)
    os.environ["REWARDSMITH_CACHE"] = tempfile.mkdtemp(dir=spec["folder"])
    began = time.perf_counter()
    target = pairs["target"].to_numpy()
    heads = probed_heads(
        model, resolve_model(spec["model"]), encoder, pairs, target, weights, groups, spec["seed"], spec["device"]
    )
    start_s = time.perf_counter() - began
    lora = LoraOptions(lora_r=spec["lora_r"])
    outcome = train_forked(
        model, encoder, pairs, weights, layer, lora, options, spec["device"], spec["seed"], quiet=True, heads=heads
    )
    sides = [encoder.encode_many(side) for side in pair_conversations(pairs)]
    return {
        "start_s": start_s,
        "train_s": outcome.training.seconds,
        "judge_s": outcome.score_seconds,
        "steps_s": start_s + outcome.training.seconds + outcome.score_seconds,
        "num_steps": outcome.training.num_steps,
        "computed_tokens": tokens.total,
        "members_of_a_pair": float((weights > 0).sum(1).mean()),
        "share_above": (num_layers - layer) / num_layers,
        "fork_layer": layer,
        "loss": outcome.training.last["loss"],
        "gap_mean": float(outcome.gaps.mean()),
        "digest": digest(item.input_ids for pair in zip(*sides, strict=True) for item in pair),
        "threads": torch.get_num_threads(),
        "peak_gib": cuda_peak_gib(spec["device"]),
    }


def main() -> None:
    """Prints a line a measurement, then the table, then one JSON line."""
    args = _arguments()
    sizes = [args.pairs_per_block] * args.blocks
    names = (
        "model", "dataset", "max_length", "learning_rate", "member_learning_rate", "seed", "device",
        "num_members", "num_judges", "fork_layer", "lora_r",
    )  # fmt: skip
    shared = {name: getattr(args, name) for name in names} | {"sizes": sizes, **machine()}
    results = Results(args.output, shared)
    with tempfile.TemporaryDirectory() as folder:
        spec = {**shared, "folder": folder, "data": args.data, "block_sizes": sizes}
        prepared = in_own_process(prepare, spec)
        spec |= {"model": prepared["model"], "pairs_per_step": PAIRS_PER_STEP, "epochs": 1, "trl": PLAIN}
        rows = [_block(number, block, spec, results) for number, block in enumerate(prepared["blocks"])]
    print(json.dumps({**shared, **_report(rows, prepared["blocks"])}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with hh_rlhf/ and ukp_convarg.jsonl.gz; `made` needs none")
    parser.add_argument("--dataset", choices=DATASETS, default="hh")
    parser.add_argument("--model", default="embedded/smollm2-135m")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--pairs_per_block", type=int, default=64)
    parser.add_argument("--max_length", type=int, default=512)
    parser.add_argument("--num_members", type=int, default=10)
    parser.add_argument("--num_judges", type=int, default=4)
    parser.add_argument("--fork_layer", type=int, help="default: three quarters up")
    parser.add_argument("--lora_r", type=int, default=16)
    parser.add_argument("--learning_rate", type=float, default=1e-5)
    parser.add_argument("--member_learning_rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, help="a JSONL file that keeps every result; a killed run goes on")
    return parser.parse_args()


def _block(number: int, block: dict[str, Any], spec: dict[str, Any], results: Results) -> dict[str, dict[str, Any]]:
    """All sides on one block."""
    rows = {}
    for name in ARMS[:: 1 if number % 2 == 0 else -1]:
        worker = train_trl if name == TRL else train_members
        one = {**spec, **block, "crossfit": "groups" if name == "cross-fitted" else "none"}
        row = rows[name] = results.once(f"{name}/{number}", partial(in_own_process, worker, one))
        parts = " ({start_s:.1f} heads, {train_s:.1f} steps, {judge_s:.1f} judging)" if name != TRL else ""
        print(
            f"block {number} {name}: {row['steps_s']:.1f} s{parts.format(**row)}, {row['peak_gib']:.2f} GiB", flush=True
        )
    if len({row["digest"] for row in rows.values()}) > 1:
        raise SystemExit(f"block {number}: the sides do not have the same tokens")
    return rows


def _report(rows: list[dict[str, dict[str, Any]]], blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """The table; the same numbers for a machine."""
    report: dict[str, Any] = {"blocks": blocks, "arms": {}}
    print(f"\n{len(blocks)} blocks, {sum(b['num_pairs'] for b in blocks)} pairs")
    print("| side | seconds a block | heads | judging | time / TRL's one model | work / TRL's | peak GiB |")
    print("|---|---|---|---|---|---|---|")
    for name in ARMS:
        mine = [row[name] for row in rows]
        seconds = [row["steps_s"] for row in mine]
        starting, judging = ([row.get(part, 0.0) for row in mine] for part in ("start_s", "judge_s"))
        ratio = [row[name]["steps_s"] / row[TRL]["steps_s"] for row in rows]
        work = [_work(row[name], row[TRL], block) for row, block in zip(rows, blocks, strict=True)]
        peak = [row["peak_gib"] for row in mine]
        print(
            f"| {name} | {shown(seconds, 1)} | {shown(starting, 1)} | {shown(judging, 1)} | {shown(ratio)} "
            f"| {shown(work)} | {shown(peak)} |"
        )
        report["arms"][name] = {
            "seconds": spread(seconds),
            "start_s": spread(starting),
            "judge_s": spread(judging),
            "time_over_trl": spread(ratio),
            "work_over_trl": spread(work),
            "peak_gib": spread(peak),
        }
    print()
    return report


def _work(row: dict[str, Any], trl: dict[str, Any], block: dict[str, Any]) -> float:
    """Products of the linear layers, as a share of TRL's 3 passes over all of its computed tokens."""
    if "share_above" not in row:
        return 1.0
    above = row["share_above"]
    passes = (1 - above) + 2 * above * row["members_of_a_pair"]
    return float(block["distinct_tokens"] * passes / (3 * trl["computed_tokens"]))


if __name__ == "__main__":
    serve([prepare, train_members, train_trl])
    main()
