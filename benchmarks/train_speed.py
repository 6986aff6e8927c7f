"""How much faster than TRL's RewardTrainer is training, and how much of what can be won is won?

Question   The same pairs, first weights, learning rate, schedule, precision and pairs a step: seconds of all training
           steps, peak memory, loss. Against TRL at its usual batch of 8 without gradient checkpointing in float32;
           --trl_as_shipped: against its defaults (gradient checkpointing, bf16 autocast); --trl_best: against the
           micro-batch size and sampling that are best for it here, found on a block of its own, pairs a step kept.
           --bf16: autocast on both sides, so that defaults and best of TRL meet ours in the same precision.
Workload   Blocks of pairs drawn from all of a set that fit in --max_length; each block is trained to its end by every
           side from the same weights, each in a process of its own, the order of the sides turning round from block
           to block. Loading and tokenising are not in the steps' time; they are in `process`.
           First both sides train on 8 pairs for 2 steps: tokens and losses must be the same.
Ceiling    Computing is what costs, and TRL computes padding and every prompt twice: its computed tokens / the distinct
           tokens of the block. The rate is that of float32 matrix products of the model's own shapes, measured beside
           every block; ours counts the linear layers alone, not attention, norms or the optimiser.
Command    python benchmarks/train_speed.py --data ../shared/data --trl_as_shipped --trl_best --output speed.jsonl
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

PAIRS_PER_STEP = 8
PARITY_EPOCHS = 2
FIRST_LOSS_TOLERANCE = 1e-4
PLAIN = {"gradient_checkpointing": False, "bf16": False}
OURS, TRL, SHIPPED, BEST = "rewardsmith", "trl", "trl as shipped", "trl at its best"


def train_ours(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: trains on a block; ``ours`` in ``spec`` is what is given to ``TrainOptions`` beyond what both share."""
    import pyarrow.parquet as pq
    import torch
    from computed_tokens import TokenCount, cuda_peak_gib, digest

    from rewardsmith.artifacts.runs.metrics_log import MetricsLog
    from rewardsmith.engine.hardware.devices import use_all_cores
    from rewardsmith.engine.training.accelerators import make_accelerator
    from rewardsmith.engine.training.options import TrainOptions
    from rewardsmith.engine.training.reward_step import reward_step
    from rewardsmith.engine.training.reward_training import train_reward_model
    from rewardsmith.models.loading.reward_models import load_reward_model
    from rewardsmith.tokens.encoding import ConversationEncoder

    options = TrainOptions(
        learning_rate=spec["learning_rate"],
        num_train_epochs=spec["epochs"],
        per_device_train_batch_size=spec["pairs_per_step"],
        warmup_ratio=0.0,
        logging_steps=1,
        **spec["ours"],
    )
    use_all_cores()
    accelerator = make_accelerator(spec["device"], options.bf16)
    model, tokenizer, _ = load_reward_model(spec["model"])
    tokens = TokenCount.of(model, training=True)
    log = MetricsLog(Path(tempfile.mkdtemp(dir=spec["folder"])) / "metrics.jsonl")
    encoder = ConversationEncoder(tokenizer, spec["max_length"])
    pairs = pq.read_table(spec["pairs"])
    trained = train_reward_model(model, encoder, pairs, options, accelerator, reward_step, spec["seed"], log)
    outcome, encoded = trained.outcome, trained.pairs
    linear = [module.weight.numel() for module in model.modules() if isinstance(module, torch.nn.Linear)]
    return {
        "steps_s": outcome.seconds,
        "num_steps": outcome.num_steps,
        "computed_tokens": tokens.total,
        "widest_batch_tokens": max(tokens.batches),
        "losses": [json.loads(line)["loss"] for line in log.path.read_text().splitlines()],
        "digest": digest(side.ids(i) for i in range(len(encoded)) for side in (encoded.chosen, encoded.rejected)),
        "linear_gflop": 6e-9 * sum(linear) * tokens.total,
        "threads": torch.get_num_threads(),
        "peak_gib": cuda_peak_gib(spec["device"]),
    }


def train_trl(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: the other side."""
    import trl_side  # heavy, and only this worker needs it

    return trl_side.train_trl(spec)


def matrix_rate(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: GFLOP/s of the matrix products of one block's linear layers, forward and both of the backward."""
    from matrix_products import block_rate

    return block_rate(spec["model"], spec["device"], "ours" in spec and spec["ours"].get("bf16", False))


def main() -> None:
    """Prints a line a measurement, then the table, then one JSON line."""
    args = _arguments()
    sizes = [PAIRS_PER_STEP, args.search_pairs, *[args.pairs_per_block] * args.blocks]
    shared = {name: getattr(args, name) for name in ("model", "dataset", "max_length", "learning_rate", "seed", "bf16")}
    shared |= {"device": args.device, "sizes": sizes, **machine()}
    results = Results(args.output, shared)
    with tempfile.TemporaryDirectory() as folder:
        spec = {**shared, "folder": folder, "data": args.data, "block_sizes": sizes}
        prepared = in_own_process(prepare, spec)
        spec |= {"model": prepared["model"], "pairs_per_step": PAIRS_PER_STEP, "epochs": 1, "trl": PLAIN, "ours": {}}
        parity, search, *blocks = prepared["blocks"]
        bf16 = {"bf16": True} if args.bf16 else {}
        spec |= {"ours": bf16, "trl": PLAIN | bf16}
        check = _parity({**spec, **parity, "epochs": PARITY_EPOCHS}, results, args.bf16)
        arms = {OURS: (train_ours, spec)} | ({} if args.skip_trl_batch_8 else {TRL: (train_trl, spec)})
        for words in args.ours_also:
            arms[f"{OURS} {words}"] = (train_ours, {**spec, "ours": bf16 | _options(words)})
        if args.trl_as_shipped:
            arms[SHIPPED] = (train_trl, {**spec, "trl": {}})
        if args.trl_best:
            arms[BEST] = (train_trl, {**spec, "trl": _best({**spec, **search}, args.search_batch_sizes, results)})
        rows = [_block(number, block, arms, results) for number, block in enumerate(blocks)]
    print(json.dumps({**shared, "parity": check, **_report(rows, blocks, list(arms))}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with hh_rlhf/ and ukp_convarg.jsonl.gz; `made` needs none")
    parser.add_argument("--dataset", choices=DATASETS, default="hh")
    parser.add_argument("--model", default="embedded/smollm2-135m")
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--pairs_per_block", type=int, default=64)
    parser.add_argument("--max_length", type=int, default=512)
    parser.add_argument("--learning_rate", type=float, default=1e-5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true", help="bf16 on both sides")
    parser.add_argument(
        "--ours_also",
        nargs="*",
        default=[],
        metavar="OPTIONS",
        help='also ours with other options, each a word like "bf16 gradient_checkpointing max_tokens_per_batch=2048"',
    )
    parser.add_argument("--skip_trl_batch_8", action="store_true", help="do not time the first of TRL's ways again")
    parser.add_argument("--trl_as_shipped", action="store_true")
    parser.add_argument("--trl_best", action="store_true")
    parser.add_argument("--search_pairs", type=int, default=32, help="pairs of the block on which the best is found")
    parser.add_argument("--search_batch_sizes", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--output", type=Path, help="a JSONL file that keeps every result; a killed run goes on")
    return parser.parse_args()


def _options(words: str) -> dict[str, bool | int | str]:
    """Options as a command line has them, switches, numbers and words, without their dashes."""
    pairs = (word.partition("=") for word in words.split())
    return {name: (int(value) if value.isdecimal() else value) if value else True for name, _, value in pairs}


def _parity(spec: dict[str, Any], results: Results, bf16: bool) -> dict[str, Any]:
    """Both sides over and over the same 8 pairs: one batch each step, whatever order they take them in."""
    ours = results.once("parity/ours", partial(in_own_process, train_ours, spec))
    theirs = results.once("parity/trl", partial(in_own_process, train_trl, spec))
    print("losses of the same steps:", ours["losses"], theirs["losses"], flush=True)
    if ours["digest"] != theirs["digest"]:
        raise SystemExit("the two sides do not have the same tokens")
    differences = [abs(a - b) for a, b in zip(ours["losses"], theirs["losses"], strict=True)]
    if differences[0] > FIRST_LOSS_TOLERANCE and not bf16:
        raise SystemExit(f"the first step's loss differs by {differences[0]:.2g}: the two do not train the same")
    return {"ours": ours["losses"], "trl": theirs["losses"], "greatest_difference": max(differences)}


def _best(spec: dict[str, Any], batch_sizes: list[int], results: Results) -> dict[str, Any]:
    """The arguments with which TRL needs least time on the search block; every choice has the same pairs a step."""
    tried = {}
    for size in batch_sizes:
        for sampling in ("random", "group_by_length"):
            chosen = {
                "per_device_train_batch_size": size,
                "gradient_accumulation_steps": PAIRS_PER_STEP // size,
                "train_sampling_strategy": sampling,
            }
            one = {**spec, "trl": {**spec["trl"], **chosen}}
            row = results.once(f"search/{size}/{sampling}", partial(in_own_process, train_trl, one))
            print(f"search: batch {size}, {sampling}: {row['steps_s']:.1f} s, {row['peak_gib']:.2f} GiB", flush=True)
            tried[size, sampling] = (row["steps_s"], one["trl"])
    return min(tried.values(), key=lambda pair: pair[0])[1]


def _block(
    number: int, block: dict[str, Any], arms: dict[str, tuple[Any, dict[str, Any]]], results: Results
) -> dict[str, dict[str, Any]]:
    """All sides on one block."""
    rows: dict[str, dict[str, Any]] = {}
    first = next(iter(arms.values()))[1]
    rows["rate"] = results.once(f"rate/{number}", partial(in_own_process, matrix_rate, first))
    for name in list(arms)[:: 1 if number % 2 == 0 else -1]:
        worker, spec = arms[name]
        key = f"{name} {json.dumps(spec['trl'] if worker is train_trl else spec['ours'], sort_keys=True)}/{number}"
        row = results.once(key, partial(in_own_process, worker, {**spec, **block}))
        rows[name] = row
        mean = sum(row["losses"]) / len(row["losses"])
        print(
            f"block {number} {name}: {row['steps_s']:.1f} s, {block['num_pairs'] / row['steps_s']:.2f} pairs/s, "
            f"{row['computed_tokens']:,} tokens computed, {row['peak_gib']:.2f} GiB, mean loss {mean:.4f}",
            flush=True,
        )
    if len({row["digest"] for name, row in rows.items() if name != "rate"}) > 1:
        raise SystemExit(f"block {number}: the sides do not have the same tokens")
    return rows


def _report(rows: list[dict[str, dict[str, Any]]], blocks: list[dict[str, Any]], arms: list[str]) -> dict[str, Any]:
    """The table; the same numbers for a machine."""
    report: dict[str, Any] = {"blocks": blocks, "arms": {}}
    distinct = [block["distinct_tokens"] for block in blocks]
    print(f"\n{len(blocks)} blocks, {sum(b['num_pairs'] for b in blocks)} pairs, {sum(distinct):,} distinct tokens")
    heads = ("side", "pairs/s", "computed / distinct tokens", "ours is faster by", "share of it", "peak GiB")
    print(f"| {' | '.join(heads)} | mean loss | outside the steps, s |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arms:
        mine = [row[name] for row in rows]
        pairs_per_s = [block["num_pairs"] / row["steps_s"] for block, row in zip(blocks, mine, strict=True)]
        ceiling = [row["computed_tokens"] / tokens for row, tokens in zip(mine, distinct, strict=True)]
        speedup = [row[name]["steps_s"] / row[OURS]["steps_s"] for row in rows]
        share = [a / b for a, b in zip(speedup, ceiling, strict=True)]
        peak = [row["peak_gib"] for row in mine]
        loss = [sum(row["losses"]) / len(row["losses"]) for row in mine]
        outside = [row["process_s"] - row["steps_s"] for row in mine]
        print(
            f"| {name} | {shown(pairs_per_s)} | {shown(ceiling)} | {shown(speedup)} | {shown(share)} "
            f"| {shown(peak)} | {sum(loss) / len(loss):.4f} | {shown(outside, 1)} |"
        )
        report["arms"][name] = {
            "pairs_per_s": spread(pairs_per_s),
            "token_ratio": spread(ceiling),
            "speedup_of_ours": spread(speedup),
            "share_of_ceiling": spread(share),
            "peak_gib": spread(peak),
            "process_s": spread([row["process_s"] for row in mine]),
            "seconds_outside_steps": spread(outside),
            "mean_loss": sum(loss) / len(loss),
        }
    rate = [row["rate"]["gflop_per_s"] for row in rows]
    done = [row[OURS]["linear_gflop"] / row[OURS]["steps_s"] for row in rows]
    of_peak = [a / b for a, b in zip(done, rate, strict=True)]
    print(f"our linear layers: {shown(done, 0)} GFLOP/s of {shown(rate, 0)} measured, a share of {shown(of_peak)}\n")
    return {**report, "gflop_per_s": spread(done), "matrix_gflop_per_s": spread(rate), "share_of_rate": spread(of_peak)}


if __name__ == "__main__":
    serve([prepare, train_ours, train_trl, matrix_rate])
    main()
