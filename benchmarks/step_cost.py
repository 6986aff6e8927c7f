"""What does an optimiser step of each objective cost, against a plain one?

Question   Processor time of whole optimiser steps (gradient, clipping, AdamW, what the objective itself learns) of each
           arm over that of a plain step on the same pairs, cut into micro-batches alike.
Workload   --num_pairs pairs of the embedded dialogues, cut to --max_length tokens, the same in every step: in one
           micro-batch, or ("cut") in as many as --max_tokens_per_batch makes of them. All arms in turns, --repeats
           times, in one process with one thread.
Floor      Two views are two plain steps, 2.0, and so are samples of as many tokens as the pairs have; a second pass
           without a graph adds 2/3 of a plain step where a backward pass costs twice a forward pass.
Command    python benchmarks/step_cost.py --model embedded/minilm
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import pyarrow as pa
import torch
from side_by_side import machine, shown

from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.tables import SAMPLES
from rewardsmith.engine.batches.batch_forms import batch_form
from rewardsmith.engine.batches.encoded_pairs import encode_pairs
from rewardsmith.engine.batches.reward_module import RewardModule
from rewardsmith.engine.batches.sample_batches import encode_samples
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.contrastive.contrastive_options import ContrastiveOptions
from rewardsmith.engine.training.contrastive.contrastive_step import contrastive_step
from rewardsmith.engine.training.meta.meta_options import MetaOptions
from rewardsmith.engine.training.meta.meta_source import MetaSource
from rewardsmith.engine.training.meta.meta_step import MetaStep
from rewardsmith.engine.training.meta.sample_source import SampleSource
from rewardsmith.engine.training.optimizers import make_optimizer
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.pair_source import PairSource
from rewardsmith.engine.training.recomputation import recomputed_blocks, what_again
from rewardsmith.models.layers.dropout import dropout_sites
from rewardsmith.models.layers.heads import core_of, output_layer
from rewardsmith.models.loading.starting import StartingModel, starting_model
from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions

ONE_PASS = 1_000_000


@dataclass(frozen=True)
class Arm:
    """A kind of step, and whose time its own is divided by."""

    against: str
    cut: bool = False
    """Whether the step has several micro-batches."""
    train: dict[str, Any] = field(default_factory=dict)
    contrastive: dict[str, Any] = field(default_factory=dict)
    meta: dict[str, Any] | None = None
    """Its samples are the responses of the pairs, so they have as many tokens."""


ARMS = {
    "plain": Arm("plain"),
    "plain, cut": Arm("plain, cut", cut=True),
    "dropout 0.05": Arm("plain", train={"dropout": 0.05}),
    "norm_bt": Arm("plain", train={"norm_bt": True}),
    "simcse": Arm("plain", contrastive={"contrastive": "simcse"}),
    "simcse, cut": Arm("plain, cut", cut=True, contrastive={"contrastive": "simcse"}),
    "swav": Arm("plain", contrastive={"contrastive": "swav"}),
    "swav, cut": Arm("plain, cut", cut=True, contrastive={"contrastive": "swav"}),
    "metarm": Arm("plain", meta={}),
    "metarm, cut": Arm("plain, cut", cut=True, meta={}),
    "metarm global": Arm("plain", meta={"meta_step_unit": "global"}),
    "metarm standardised": Arm("plain", meta={"meta_objective": "standardised"}),
    "metarm standardised, cut": Arm("plain, cut", cut=True, meta={"meta_objective": "standardised"}),
}


def main() -> None:
    """Prints a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded/minilm")
    parser.add_argument("--num_pairs", type=int, default=16)
    parser.add_argument("--max_length", type=int, default=128)
    parser.add_argument("--max_tokens_per_batch", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--arms", nargs="*", default=list(ARMS), help="some of them; plain ones always come along")
    given = parser.parse_args()
    torch.set_num_threads(1)
    set_quiet(True)
    start = starting_model(ModelOptions(given.model, max_length=given.max_length), seed=0)
    data = DataOptions(max_pairs=given.num_pairs)
    pairs = load_preferences("embedded/dialogues", data, seed=0).table
    chosen = {name: arm for name, arm in ARMS.items() if name in given.arms or name == arm.against}
    optimizer = make_optimizer(start.model, TrainOptions(learning_rate=1e-9), torch.device("cpu"))
    steps = {name: _step(start, pairs, optimizer, arm, given.max_tokens_per_batch) for name, arm in chosen.items()}
    for step in steps.values():
        step()  # warms up
    turns = [{name: _seconds(step) for name, step in steps.items()} for _ in range(given.repeats)]
    table = {}
    for name, arm in chosen.items():
        times = [turn[arm.against] for turn in turns]
        ratios = [turn[name] / base for turn, base in zip(turns, times, strict=True)]
        table[name] = {"seconds": median(turn[name] for turn in turns), "ratios": ratios}
        print(f"{name:24} {table[name]['seconds']:7.2f} s   {shown(ratios)} times {arm.against}")
    print(json.dumps({**vars(given), "arms": table, "machine": machine()}))


def _step(start: StartingModel, pairs: pa.Table, optimizer: Any, arm: Arm, max_tokens: int) -> Callable[[], None]:
    """One optimiser step of an arm, on the weights that all of them share."""
    contrastive = ContrastiveOptions(**arm.contrastive)
    views = {"dropout": contrastive.contrast_dropout} if contrastive.num_views > 1 else {}
    options, accelerator = TrainOptions(**views, **arm.train), make_accelerator("cpu")
    dropout = options.dropout
    encoded = encode_pairs(start.encoder, pairs, quiet=True)
    form = batch_form(start.model, start.encoder, dropout=dropout > 0)
    source = PairSource(
        encoded,
        form,
        pairs_per_step=len(encoded),
        max_tokens=max_tokens if arm.cut else ONE_PASS,
        seed=0,
        num_views=contrastive.num_views,
    )
    step = contrastive_step(encoded, options, contrastive, output_layer(core_of(start.model)).in_features)
    if arm.meta is not None:
        samples = encode_samples(start.encoder, _as_samples(pairs), quiet=True)
        num, budget = len(encoded), source.max_tokens
        source = MetaSource(
            source, SampleSource(samples, form, prompts_per_step=num, num_samples=2, seed=0, max_tokens=budget)
        )
        step = MetaStep(step, MetaOptions(**arm.meta))
    [(_, batches)] = source.steps(0, None)
    again = what_again(start.model, start.encoder, form, options, "cpu")

    def take() -> None:
        with recomputed_blocks(start.model, again), dropout_sites(start.model, dropout, seed=0) as dropped:
            module = RewardModule(start.model, dropped).train()
            step.gradient(module, batches, accelerator)
            step.clip(module, options.max_grad_norm, accelerator)
            optimizer.step()
            optimizer.zero_grad()
            step.finish(accelerator)

    return take


def _as_samples(pairs: pa.Table) -> pa.Table:
    """The pairs without their labels."""
    both = zip(pairs["chosen"].to_pylist(), pairs["rejected"].to_pylist(), strict=True)
    columns = {"responses": list(both), "prompt": pairs["prompt"].to_pylist(), "row": pairs["row"].to_pylist()}
    return pa.table({name: columns.get(name, [None] * len(pairs)) for name in SAMPLES.names}, schema=SAMPLES)


def _seconds(step: Callable[[], None]) -> float:
    began = time.process_time()
    step()
    return time.process_time() - began


if __name__ == "__main__":
    main()
