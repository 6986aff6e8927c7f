"""How much faster than the usual loops is scoring, and how much of what can be won is won?

Question   Rewards of both conversations of every pair by the same model in float32: seconds, peak memory, and whether
           the rewards are the same. Against
             one by one     a transformers loop, one conversation a call
             batches of 8   the same with batches in the order of the data, padded on the right
             reward-bench   batches of 8 pairs, the chosen ones in one call and the rejected ones in the next, padded on
                            the left: the loop of reward-bench's `run_rm.py`
Workload   Blocks of pairs drawn from all of a set that fit in --max_length; every side scores each block in a process
           of its own, the order of the sides turning round. Tokenising is part of the time, loading is not.
Ceiling    The tokens that the other side computes / the distinct tokens of the block.
Command    python benchmarks/score_speed.py --data ../shared/data --output scores.jsonl
           A run that was killed goes on with the same command.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from pair_blocks import DATASETS, prepare
from side_by_side import Results, in_own_process, machine, serve, shown, spread

OURS = "rewardsmith"
OTHERS: dict[str, dict[str, Any]] = {
    "one by one": {"batch_size": 1, "padding_side": "right", "sides_apart": False},
    "batches of 8": {"batch_size": 8, "padding_side": "right", "sides_apart": False},
    "reward-bench": {"batch_size": 8, "padding_side": "left", "sides_apart": True},
}
LARGEST_DIFFERENCE = 1e-3
"""Of rewards, whose spread is about 1."""


def score_ours(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: the scorer that `rewardsmith score` and `evaluate` use."""
    import pyarrow.parquet as pq
    from computed_tokens import TokenCount, cuda_peak_gib

    from rewardsmith.engine.scoring.local_scorer import LocalScorer
    from rewardsmith.models.loading.reward_models import load_reward_model
    from rewardsmith.preferences.pairs.conversations import pair_conversations
    from rewardsmith.tokens.encoding import ConversationEncoder

    model, tokenizer, _ = load_reward_model(spec["model"])
    chosen, rejected = pair_conversations(pq.read_table(spec["pairs"]))
    scorer = LocalScorer(model, ConversationEncoder(tokenizer, spec["max_length"]), device=spec["device"])
    packed = scorer.form.packed  # the check of the model belongs to loading
    tokens = TokenCount.of(model, training=False)
    began = time.perf_counter()
    rewards = scorer.score([*chosen, *rejected]).rewards
    return {
        "seconds": time.perf_counter() - began,
        "computed_tokens": tokens.total,
        "rewards": rewards.tolist(),
        "packed": packed,
        "peak_gib": cuda_peak_gib(spec["device"]),
    }


def score_plain(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: transformers alone, as its documentation shows it."""
    import pyarrow.parquet as pq
    import torch
    from computed_tokens import TokenCount, cuda_peak_gib
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(spec["model"], padding_side=spec["padding_side"])
    model = AutoModelForSequenceClassification.from_pretrained(spec["model"], dtype=torch.float32)
    model = model.to(spec["device"]).eval()
    rows = pq.read_table(spec["pairs"], columns=["prompt", "chosen", "rejected"]).to_pylist()
    conversations = [(row["prompt"] or []) + row[side] for side in ("chosen", "rejected") for row in rows]
    batches = _batches(len(rows), spec["batch_size"], spec["sides_apart"])
    tokens = TokenCount.of(model, training=False)
    rewards = [0.0] * len(conversations)
    began = time.perf_counter()
    for batch in batches:
        texts = [tokenizer.apply_chat_template(conversations[index], tokenize=False) for index in batch]
        inputs = tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=spec["max_length"],
            add_special_tokens=False,
            return_tensors="pt",
        ).to(spec["device"])
        with torch.no_grad():
            found = model(**inputs).logits[:, 0].float().tolist()
        for index, reward in zip(batch, found, strict=True):
            rewards[index] = reward
    return {
        "seconds": time.perf_counter() - began,
        "computed_tokens": tokens.total,
        "rewards": rewards,
        "peak_gib": cuda_peak_gib(spec["device"]),
    }


def _batches(num_pairs: int, size: int, sides_apart: bool) -> list[list[int]]:
    """Positions among all chosen conversations followed by all rejected ones."""
    if sides_apart:
        parts = [range(i, min(i + size, num_pairs)) for i in range(0, num_pairs, size)]
        return [[side * num_pairs + index for index in part] for part in parts for side in (0, 1)]
    order = [side * num_pairs + index for index in range(num_pairs) for side in (0, 1)]
    return [order[i : i + size] for i in range(0, len(order), size)]


def main() -> None:
    """Prints a line a measurement, then the table, then one JSON line."""
    args = _arguments()
    sizes = [args.pairs_per_block] * args.blocks
    shared = {name: getattr(args, name) for name in ("model", "dataset", "max_length", "seed", "device")}
    shared |= {"sizes": sizes, **machine()}
    results = Results(args.output, shared)
    with tempfile.TemporaryDirectory() as folder:
        spec = {**shared, "folder": folder, "data": args.data, "block_sizes": sizes}
        prepared = in_own_process(prepare, spec)
        spec["model"] = prepared["model"]
        rows = [_block(number, block, spec, results) for number, block in enumerate(prepared["blocks"])]
    print(json.dumps({**shared, **_report(rows, prepared["blocks"])}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with hh_rlhf/ and ukp_convarg.jsonl.gz; `made` needs none")
    parser.add_argument("--dataset", choices=DATASETS, default="hh")
    parser.add_argument("--model", default="embedded/smollm2-135m")
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--pairs_per_block", type=int, default=64)
    parser.add_argument("--max_length", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, help="a JSONL file that keeps every result; a killed run goes on")
    return parser.parse_args()


def _block(number: int, block: dict[str, Any], spec: dict[str, Any], results: Results) -> dict[str, dict[str, Any]]:
    """All sides on one block; stops where they do not agree."""
    rows = {}
    for name in [OURS, *OTHERS][:: 1 if number % 2 == 0 else -1]:
        worker = score_ours if name == OURS else score_plain
        one = {**spec, **block, **OTHERS.get(name, {})}
        row = rows[name] = results.once(f"{name}/{number}", partial(in_own_process, worker, one))
        print(
            f"block {number} {name}: {row['seconds']:.1f} s, {block['num_pairs'] / row['seconds']:.2f} pairs/s, "
            f"{row['computed_tokens']:,} tokens computed, {row['peak_gib']:.2f} GiB",
            flush=True,
        )
    for name in OTHERS:
        off = _difference(rows[OURS]["rewards"], rows[name]["rewards"])
        if off > LARGEST_DIFFERENCE:
            raise SystemExit(f"block {number}: rewards of {name} differ by up to {off:.2g}")
    return rows


def _difference(first: list[float], second: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def _report(rows: list[dict[str, dict[str, Any]]], blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """The table; the same numbers for a machine."""
    report: dict[str, Any] = {"blocks": blocks, "arms": {}}
    distinct = [block["distinct_tokens"] for block in blocks]
    print(f"\n{len(blocks)} blocks, {sum(b['num_pairs'] for b in blocks)} pairs, {sum(distinct):,} distinct tokens")
    print(
        "| side | pairs/s | computed / distinct tokens | ours is faster by | share of it | peak GiB | rewards off by |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in (OURS, *OTHERS):
        mine = [row[name] for row in rows]
        pairs_per_s = [block["num_pairs"] / row["seconds"] for block, row in zip(blocks, mine, strict=True)]
        ceiling = [row["computed_tokens"] / tokens for row, tokens in zip(mine, distinct, strict=True)]
        speedup = [row[name]["seconds"] / row[OURS]["seconds"] for row in rows]
        share = [a / b for a, b in zip(speedup, ceiling, strict=True)]
        peak = [row["peak_gib"] for row in mine]
        off = max(_difference(row[OURS]["rewards"], row[name]["rewards"]) for row in rows)
        print(
            f"| {name} | {shown(pairs_per_s)} | {shown(ceiling)} | {shown(speedup)} | {shown(share)} "
            f"| {shown(peak)} | {off:.1e} |"
        )
        report["arms"][name] = {
            "pairs_per_s": spread(pairs_per_s),
            "token_ratio": spread(ceiling),
            "speedup_of_ours": spread(speedup),
            "share_of_ceiling": spread(share),
            "peak_gib": spread(peak),
            "greatest_difference": off,
        }
    print()
    return report


if __name__ == "__main__":
    serve([prepare, score_ours, score_plain])
    main()
