"""Does training grow in proportion to the pairs, in flat memory, and where does a step's time go?

Question   (a) Seconds and peak memory of training and of scoring over --sizes pairs: a line through the times, and how
           far the time per pair and the memory drift from the smallest set to the largest.
           (b) Share of processor time of the operators in training steps of the whole model.
Workload   (a) The first --layers blocks of the model, so that thousands of pairs take minutes; everything else is as
           for the whole one. Each size is a process of its own, medians of --repeats. (b) --profile_pairs pairs, all
           blocks; profiling slows steps down, so shares count and not seconds.
Floor      (a) the time per pair of the smallest set; (b) the matrix products.
Command    python benchmarks/engine_scaling.py --data ../shared/data --output scaling.jsonl
           A run that was killed goes on with the same command.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from pair_blocks import DATASETS, prepare
from side_by_side import Results, in_own_process, machine, serve, shown

KINDS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "aten::linear", "aten::matmul"),
    "attention": ("_scaled_dot_product", "flex_attention"),
    "optimiser": ("_fused_adam", "aten::_foreach", "adamw"),
    "copies": ("aten::copy_", "aten::cat", "aten::index", "aten::split", "aten::clone", "aten::gather", "aten::fill_"),
    "element by element": (
        "aten::mul", "aten::add", "aten::silu", "aten::pow", "aten::rsqrt", "aten::mean", "aten::neg", "aten::sum",
        "aten::div", "aten::gelu", "aten::tanh", "aten::native_layer_norm", "aten::sub", "aten::where",
    ),
    "embedding": ("aten::embedding",),
}  # fmt: skip


def train_size(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: trains the shortened model once on all pairs of a file."""
    model, encoder, pairs = _parts(spec, spec["layers"])
    return {"seconds": _train(model, encoder, pairs, spec["seed"]).seconds}


def score_size(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: scores both conversations of all pairs of a file with the shortened model."""
    from rewardsmith.engine.scoring.local_scorer import LocalScorer
    from rewardsmith.preferences.pairs.conversations import pair_conversations

    model, encoder, pairs = _parts(spec, spec["layers"])
    chosen, rejected = pair_conversations(pairs)
    scorer = LocalScorer(model, encoder, device="cpu")
    began = time.perf_counter()
    scorer.score([*chosen, *rejected])
    return {"seconds": time.perf_counter() - began}


def profile_steps(spec: dict[str, Any]) -> dict[str, Any]:
    """Worker: own processor time of every operator during training steps of the whole model."""
    from torch.profiler import ProfilerActivity, profile

    model, encoder, pairs = _parts(spec, None)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        _train(model, encoder, pairs, spec["seed"])
    own = {event.key: float(event.self_cpu_time_total) for event in profiled.key_averages()}
    total = sum(own.values())
    kinds = dict.fromkeys([*KINDS, "everything else"], 0.0)
    for name, spent in own.items():
        kinds[_kind(name)] += spent / total
    largest = sorted(own, key=lambda name: -own[name])[:15]
    return {"kinds": kinds, "largest": {name: own[name] / total for name in largest}}


def main() -> None:
    """Prints a line a measurement, then the tables, then one JSON line."""
    args = _arguments()
    shared = {name: getattr(args, name) for name in ("model", "dataset", "max_length", "seed", "layers", "sizes")}
    shared |= {"profile_pairs": args.profile_pairs, **machine()}
    results = Results(args.output, shared)
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        spec = {**shared, "folder": folder, "data": args.data, "block_sizes": [args.profile_pairs]}
        for size in sorted(args.sizes):  # a set of each size on its own: all from the same draw
            Path(folder, str(size)).mkdir()
        whole = in_own_process(prepare, spec)
        spec["model"] = whole["model"]
        profiled = results.once(
            "profile", partial(in_own_process, profile_steps, {**spec, "pairs": whole["blocks"][0]["pairs"]})
        )
        for name, share in profiled["kinds"].items():
            print(f"{name}: {share:.1%}", flush=True)
        for size in sorted(args.sizes):
            one = {**shared, "folder": str(Path(folder, str(size))), "data": args.data, "block_sizes": [size]}
            block = in_own_process(prepare, one)["blocks"][0]
            for worker in (train_size, score_size):
                what = f"{worker.__name__.split('_')[0]} {size}"
                runs = [
                    results.once(f"{what}/{i}", partial(in_own_process, worker, {**spec, **block}))
                    for i in range(args.repeats)
                ]
                report[what] = {
                    "seconds": median(run["seconds"] for run in runs),
                    "peak_gib": median(run["peak_gib"] for run in runs),
                    "distinct_tokens": block["distinct_tokens"],
                }
                seconds, memory = ([run[name] for run in runs] for name in ("seconds", "peak_gib"))
                print(f"{what} pairs: {shown(seconds, 1)} s, {shown(memory)} GiB", flush=True)
    print(json.dumps({**shared, "profile": profiled, **_scaling(report, sorted(args.sizes))}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with hh_rlhf/ and ukp_convarg.jsonl.gz; `made` needs none")
    parser.add_argument("--dataset", choices=DATASETS, default="hh")
    parser.add_argument("--model", default="embedded/smollm2-135m")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 2000, 4000, 8000])
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--profile_pairs", type=int, default=16)
    parser.add_argument("--max_length", type=int, default=1024, help="hh has 8,000 pairs that fit in 1024 tokens")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="a JSONL file that keeps every result; a killed run goes on")
    return parser.parse_args()


def _parts(spec: dict[str, Any], num_layers: int | None) -> tuple[Any, Any, Any]:
    """Model (its first blocks only, if so many are asked for), encoder, pairs."""
    import pyarrow.parquet as pq
    from torch import nn

    from rewardsmith.engine.hardware.devices import use_all_cores
    from rewardsmith.models.loading.reward_models import load_reward_model
    from rewardsmith.tokens.encoding import ConversationEncoder

    use_all_cores()
    model, tokenizer, _ = load_reward_model(spec["model"])
    if num_layers is not None:
        trunk = getattr(model, model.base_model_prefix)
        name = next(name for name, module in trunk.named_children() if isinstance(module, nn.ModuleList))
        setattr(trunk, name, getattr(trunk, name)[:num_layers])
        model.config.num_hidden_layers = num_layers
    return model, ConversationEncoder(tokenizer, spec["max_length"]), pq.read_table(spec["pairs"])


def _train(model: Any, encoder: Any, pairs: Any, seed: int) -> Any:
    from rewardsmith.engine.training.accelerators import make_accelerator
    from rewardsmith.engine.training.options import TrainOptions
    from rewardsmith.engine.training.reward_step import reward_step
    from rewardsmith.engine.training.reward_training import train_reward_model

    return train_reward_model(model, encoder, pairs, TrainOptions(), make_accelerator("cpu"), reward_step, seed).outcome


def _kind(name: str) -> str:
    for kind, beginnings in KINDS.items():
        if any(beginning in name for beginning in beginnings):
            return kind
    return "everything else"


def _scaling(report: dict[str, Any], sizes: list[int]) -> dict[str, Any]:
    """The table; drifts from the smallest size to the largest."""
    drifts = {}
    print("\n| pairs | distinct tokens | training s | us a token | peak GiB | scoring s | us a token | peak GiB |")
    print("|---|---|---|---|---|---|---|---|")
    for size in sizes:
        train, score = report[f"train {size}"], report[f"score {size}"]
        cells = [f"{size:,}", f"{train['distinct_tokens']:,}"]
        for row in (train, score):
            row["us_per_token"] = 1e6 * row["seconds"] / row["distinct_tokens"]
            cells += [f"{row['seconds']:.1f}", f"{row['us_per_token']:.0f}", f"{row['peak_gib']:.2f}"]
        print(f"| {' | '.join(cells)} |")
    for what in ("train", "score"):
        first, last = report[f"{what} {sizes[0]}"], report[f"{what} {sizes[-1]}"]
        drifts[what] = {name: last[name] / first[name] for name in ("us_per_token", "peak_gib")}
        print(f"{what}: time per token x {drifts[what]['us_per_token']:.2f}, memory x {drifts[what]['peak_gib']:.2f}")
    print()
    return {"sizes": report, "drift": drifts}


if __name__ == "__main__":
    serve([prepare, train_size, score_size, profile_steps])
    main()
