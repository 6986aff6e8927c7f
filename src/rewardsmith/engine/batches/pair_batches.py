"""Which pairs make an optimiser step, in which order, and how they become batches.

The order depends on the seed, the number of pairs in a step and the form of the batches alone: how a step is divided
among micro-batches and processes changes nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rewardsmith.engine.batches.batch_forms import DEFAULT_MAX_TOKENS, BatchForm
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs, Indices
from rewardsmith.engine.batches.model_inputs import ModelInputs
from rewardsmith.errors import DataError

WINDOW_STEPS = 32
"""Steps whose pairs are sorted by length together: enough to save most padding, few enough to stay shuffled."""


@dataclass(frozen=True)
class PairBatch:
    """One micro-batch: the chosen conversations first, then the rejected ones in the same order."""

    inputs: ModelInputs
    """What the model is called with."""
    target: Float[Tensor, " B"]
    margin: Float[Tensor, " B"]
    weight: Float[Tensor, "*members B"]
    total_weight: float
    """Weight of the whole optimiser step, by which its loss is normalised."""
    indices: Indices
    """Positions in the ``EncodedPairs``."""

    def to(self, device: torch.device | str) -> PairBatch:
        """The same batch on a device."""
        return replace(
            self,
            inputs=self.inputs.to(device),
            target=self.target.to(device),
            margin=self.margin.to(device),
            weight=self.weight.to(device),
        )


def steps_of_epoch(lengths: Indices, pairs_per_step: int, seed: int, epoch: int, by_length: bool) -> list[Indices]:
    """Optimiser steps of one pass: every pair once, in an order that seed and epoch decide alone.

    The pairs are shuffled and cut into steps; one step is smaller where they do not divide evenly. ``by_length``
    sorts them by length within windows of ``WINDOW_STEPS`` steps before the cut and shuffles the steps after it, which
    spares padding.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))
    if not by_length:
        return [order[begin : begin + pairs_per_step] for begin in range(0, len(order), pairs_per_step)]
    window = pairs_per_step * WINDOW_STEPS
    steps: list[Indices] = []
    for begin in range(0, len(order), window):
        members = order[begin : begin + window]
        members = members[np.argsort(-lengths[members], kind="stable")]
        steps += [members[i : i + pairs_per_step] for i in range(0, len(members), pairs_per_step)]
    return [steps[i] for i in rng.permutation(len(steps))]


def collate_pairs(
    pairs: EncodedPairs, indices: Sequence[int] | Indices, total_weight: float, form: BatchForm
) -> PairBatch:
    """One micro-batch of the pairs at these positions."""
    indices = np.asarray(indices, dtype=np.int64)
    encoded = [store.encoded(int(i)) for store in (pairs.chosen, pairs.rejected) for i in indices]
    return PairBatch(
        inputs=form.inputs(encoded),
        target=torch.from_numpy(pairs.target[indices]),
        margin=torch.from_numpy(pairs.margin[indices]),
        weight=torch.from_numpy(pairs.weight[indices]),
        total_weight=total_weight,
        indices=indices,
    )


class PairLoader:
    """The optimiser steps of a run, as micro-batches of one process. Iterate once for a whole run.

    A step has ``pairs_per_step`` pairs over all processes, and its micro-batches as many as fit ``max_tokens``.
    ``max_steps`` above 0 wins over ``num_epochs``, which may be a fraction. Every process gets the same number of
    micro-batches, since they meet after each; where a step does not divide evenly, copies of weight 0 fill up.

    Raises ``DataError`` where a pair alone is longer than ``max_tokens``; None takes the default or the longest pair.
    """

    def __init__(
        self,
        pairs: EncodedPairs,
        form: BatchForm,
        *,
        pairs_per_step: int,
        seed: int,
        max_tokens: int | None = None,
        usual_tokens: int = DEFAULT_MAX_TOKENS,
        num_epochs: float = 1.0,
        max_steps: int = -1,
        process: int = 0,
        num_processes: int = 1,
    ) -> None:
        self.pairs = pairs
        self._form, self._seed = form, seed
        self._process, self._num_processes = process, num_processes
        self._pairs_per_step = pairs_per_step
        self._lengths = pairs.lengths
        self.max_tokens = token_budget(pairs, form, max_tokens, usual_tokens)
        self.steps_per_epoch = ceil(len(pairs) / pairs_per_step)
        self.num_steps = max_steps if max_steps > 0 else max(1, ceil(self.steps_per_epoch * num_epochs))

    def __iter__(self) -> Iterator[tuple[float, list[PairBatch]]]:
        """The epoch reached after each step, and its micro-batches."""
        return self.from_step(0)

    def from_step(self, start: int) -> Iterator[tuple[float, list[PairBatch]]]:
        """The same without the first ``start`` steps, which are not even made."""
        steps: list[Indices] = []
        for number in range(start, self.num_steps):
            epoch, position = divmod(number, self.steps_per_epoch)
            if position == 0 or not steps:
                steps = steps_of_epoch(self._lengths, self._pairs_per_step, self._seed, epoch, not self._form.packed)
            yield (number + 1) / self.steps_per_epoch, self._batches(steps[position])

    def _batches(self, step: Indices) -> list[PairBatch]:
        total_weight = float(self.pairs.weight[step].sum(dtype=np.float64))
        units = [self.pairs.both(int(i)) for i in step]
        parts = [step[members] for members in self._form.plan(units, self.max_tokens)]
        while len(parts) < min(self._num_processes, len(step)):  # nobody idles while there is work to share
            largest = parts.pop(max(range(len(parts)), key=lambda i: len(parts[i])))
            parts += np.array_split(largest, 2)
        num_real = len(parts)
        parts += [parts[-1]] * (-num_real % self._num_processes)
        mine = range(self._process, len(parts), self._num_processes)
        batches = [collate_pairs(self.pairs, parts[i], total_weight, self._form) for i in mine]
        return [
            batch if i < num_real else replace(batch, weight=torch.zeros_like(batch.weight))
            for i, batch in zip(mine, batches, strict=True)
        ]


def token_budget(pairs: EncodedPairs, form: BatchForm, asked: int | None, usual: int = DEFAULT_MAX_TOKENS) -> int:
    """Tokens that a batch may have: ``usual``, or those of the longest pair, where nothing is ``asked`` for.

    ``DataError`` where a pair does not fit into what was asked for.
    """
    sizes = [form.num_tokens(pairs.both(i)) for i in range(len(pairs))]
    largest = max(sizes, default=0)
    if asked is None:
        return max(usual, largest)
    if largest > asked:
        i = int(np.argmax(sizes))
        raise DataError(
            f"--max_tokens_per_batch {asked} is too few: the pair in row {pairs.row[i]} ({pairs.pair_id[i][:12]}) "
            f"takes {largest} tokens alone. Raise it, or lower --max_length."
        )
    return asked
