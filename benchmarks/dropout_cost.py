"""What do masks of our own cost a training step?

Question   Processor time of one forward and backward pass of SmolLM2-135M with and without dropout, for what is kept of
           activations: with `cheap`, the default on a CPU, every mask is made twice.
Workload   Six conversations of three prompts in one pack (about 600 tokens), one thread; both sides in turns, --repeats
           times, making the batch (and its keys) included.
Floor      0 %: dropout that costs nothing.
Command    python benchmarks/dropout_cost.py
"""

from __future__ import annotations

import argparse
import json
import random
import time
from statistics import median

import torch

from rewardsmith.engine.batches.batch_forms import batch_form
from rewardsmith.engine.batches.reward_module import RewardModule
from rewardsmith.engine.training.recomputation import Again, recomputed_blocks
from rewardsmith.models.layers.dropout import dropout_sites
from rewardsmith.models.loading.starting import StartingModel, starting_model
from rewardsmith.models.options import ModelOptions
from rewardsmith.tokens.encoding import Encoded

WORDS = ("tree", "river", "the", "blue", "sky", "runs", "why")
KEPT: tuple[Again, ...] = ("cheap", "nothing")


def main() -> None:
    """Prints a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded/smollm2-135m")
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    start = starting_model(ModelOptions(given.model), seed=0)
    encoded = start.encoder.encode_many(_conversations())
    _seconds(start, encoded, 0.0, "nothing")  # warms up
    found = {}
    for again in KEPT:
        turns = [[_seconds(start, encoded, rate, again) for rate in (0.0, given.rate)] for _ in range(given.repeats)]
        extra = [dropped / plain - 1 for plain, dropped in turns]
        found[again] = {"plain_s": median(plain for plain, _ in turns), "extra": median(extra), "extra_all": extra}
        shown = ", ".join(f"{share:+.1%}" for share in sorted(extra))
        print(f"{again:8} computed again: {found[again]['plain_s']:.2f} s without, {median(extra):+.1%} with ({shown})")
    print(json.dumps({"model": given.model, "rate": given.rate, **found}))


def _conversations() -> list[list[dict[str, str]]]:
    generator = random.Random(0)

    def text(num_words: int) -> str:
        return " ".join(generator.choice(WORDS) for _ in range(num_words))

    return [
        [{"role": "user", "content": prompt}, {"role": "assistant", "content": text(60)}]
        for prompt in (text(40), text(40), text(40))
        for _ in range(2)
    ]


def _seconds(start: StartingModel, encoded: list[Encoded], rate: float, again: Again) -> float:
    form = batch_form(start.model, start.encoder, dropout=rate > 0)
    with recomputed_blocks(start.model, again), dropout_sites(start.model, rate, seed=0) as dropout:
        module = RewardModule(start.model, dropout).train()
        began = time.process_time()
        module(form.inputs(encoded)).rewards.pow(2).sum().backward()
        seconds = time.process_time() - began
    start.model.zero_grad(set_to_none=True)
    return seconds


if __name__ == "__main__":
    main()
