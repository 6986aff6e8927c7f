"""Which pairs make an optimiser step, in which order, and how they become batches.

The order depends on the seed, the number of pairs in a step and the form of the batches alone: how a step is divided
among micro-batches and processes changes nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from rewardsmith.engine.batches.batch_forms import DEFAULT_MAX_TOKENS, BatchForm
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs, Indices
from rewardsmith.engine.batches.pair_batches import PairBatch, collate_pairs
from rewardsmith.engine.batches.shares import share_of
from rewardsmith.engine.training.subject import Source
from rewardsmith.errors import DataError

WINDOW_STEPS = 32
"""Steps whose pairs are sorted by length together: enough to save most padding, few enough to stay shuffled."""


class PairSource(Source):
    """The optimiser steps of a run over fixed pairs, as micro-batches of one process.

    A step has ``pairs_per_step`` pairs over all processes, and its micro-batches as many as fit ``max_tokens``.
    ``num_views``: how often the model reads each pair in a step. ``max_steps`` above 0 wins over ``num_epochs``, which
    may be a fraction. Every process gets the same number of micro-batches, since they meet after each; where a step
    does not divide evenly, copies of weight 0 fill up.

    Raises ``DataError`` where a pair alone is longer than ``max_tokens``; None takes the default or the longest pair.
    """

    items: ClassVar[str] = "pairs"
    advice: ClassVar[str] = "Look at these pairs (margin, length, characters). "

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
        num_views: int = 1,
        process: int = 0,
        num_processes: int = 1,
    ) -> None:
        self.pairs = pairs
        self._form, self._seed, self._num_views = form, seed, num_views
        self._process, self._num_processes = process, num_processes
        self.pairs_per_step = pairs_per_step
        self._lengths = pairs.lengths
        self.max_tokens = token_budget(pairs, form, max_tokens, usual_tokens, num_views)
        self.steps_per_epoch = ceil(len(pairs) / pairs_per_step)
        self.num_steps = max_steps if max_steps > 0 else max(1, ceil(self.steps_per_epoch * num_epochs))

    def steps(self, done: int = 0, model: Any = None) -> Iterator[tuple[float, list[PairBatch]]]:
        """The same whatever the model; steps that are done are not even made."""
        steps: list[Indices] = []
        for number in range(done, self.num_steps):
            epoch, position = divmod(number, self.steps_per_epoch)
            if position == 0 or not steps:
                steps = steps_of_epoch(self._lengths, self.pairs_per_step, self._seed, epoch, not self._form.packed)
            yield (number + 1) / self.steps_per_epoch, self._batches(steps[position])

    def names(self, batch: PairBatch, which: Tensor | None = None) -> list[str]:
        indices = batch.indices if which is None else batch.indices[which.cpu().numpy()]
        return [self.pairs.name(i) for i in indices.tolist()]

    def _batches(self, step: Indices) -> list[PairBatch]:
        total_weight = float(self.pairs.weight[step].sum(dtype=np.float64))
        units = [self.pairs.views(int(i), self._num_views) for i in step]
        parts = [step[members] for members in self._form.plan(units, self.max_tokens)]
        batches = []
        for indices, counts in share_of(self._process, self._num_processes, parts):
            batch = collate_pairs(self.pairs, indices, total_weight, self._form, self._num_views)
            batches.append(batch if counts else replace(batch, weight=torch.zeros_like(batch.weight)))
        return batches


def token_budget(
    pairs: EncodedPairs, form: BatchForm, asked: int | None, usual: int = DEFAULT_MAX_TOKENS, num_views: int = 1
) -> int:
    """Tokens that a batch may have: ``usual``, or those of the longest pair, where nothing is ``asked`` for.

    ``DataError`` where a pair does not fit into what was asked for.
    """
    sizes = [form.num_tokens(pairs.views(i, num_views)) for i in range(len(pairs))]
    largest = max(sizes, default=0)
    if asked is None:
        return max(usual, largest)
    if largest > asked:
        i = int(np.argmax(sizes))
        raise DataError(
            f"`max_tokens_per_batch` {asked} is too few: the pair in {pairs.name(i)} takes {largest} tokens alone. "
            "Raise it, or lower `max_length`."
        )
    return asked


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
