"""Which pairs make an optimiser step, in which order, and how they become padded batches.

The order depends on the seed and on the number of pairs in a step alone: how a step is divided among micro-batches and
processes changes nothing about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.engine.pair_conversations import pair_conversations
from rewardsmith.engine.token_store import TokenStore
from rewardsmith.tokens.batching import pad_batch
from rewardsmith.tokens.encoding import ConversationEncoder

WINDOW_STEPS = 32
"""Steps whose pairs are sorted by length together: enough to save most padding, few enough to stay shuffled."""

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs ready for training: tokens and the three numbers of their supervision. Position i is one pair."""

    chosen: TokenStore
    rejected: TokenStore
    target: NDArray[np.float32]
    margin: NDArray[np.float32]
    weight: NDArray[np.float32]
    pair_id: list[str]
    row: Indices
    num_without_weight: int
    """Pairs of weight 0, left out."""
    num_identical: int
    """Pairs whose two conversations have the same tokens after truncation, left out: they can teach nothing."""
    num_truncated: int
    """Pairs kept of which a conversation lost tokens."""

    def __len__(self) -> int:
        return len(self.pair_id)

    @property
    def lengths(self) -> Indices:
        """Tokens of the longer conversation of each pair."""
        return np.maximum(self.chosen.lengths, self.rejected.lengths)


@dataclass(frozen=True)
class PairBatch:
    """One micro-batch: the chosen conversations first, then the rejected ones in the same order."""

    inputs: dict[str, Int[Tensor, "B2 T"]]
    """What the model is called with."""
    target: Float[Tensor, " B"]
    margin: Float[Tensor, " B"]
    weight: Float[Tensor, " B"]
    total_weight: float
    """Weight of the whole optimiser step, by which its loss is normalised."""
    indices: Indices
    """Positions in the ``EncodedPairs``."""

    def to(self, device: torch.device | str) -> PairBatch:
        """The same batch on a device."""
        return replace(
            self,
            inputs={name: tensor.to(device) for name, tensor in self.inputs.items()},
            target=self.target.to(device),
            margin=self.margin.to(device),
            weight=self.weight.to(device),
        )


def encode_pairs(encoder: ConversationEncoder, pairs: pa.Table, quiet: bool = False) -> EncodedPairs:
    """Tokens of all pairs that can teach something; the others are counted."""
    weight = pairs.column("weight").to_numpy()
    counted = pairs.filter(pa.array(weight > 0))
    chosen, rejected = (TokenStore.of(encoder, side, quiet) for side in pair_conversations(counted))
    differs = [not np.array_equal(chosen.ids(i), rejected.ids(i)) for i in range(len(chosen))]
    kept = np.flatnonzero(differs)
    usable = counted.take(pa.array(kept))
    return EncodedPairs(
        chosen=chosen.take(kept),
        rejected=rejected.take(kept),
        target=usable.column("target").to_numpy().astype(np.float32),
        margin=usable.column("margin").to_numpy().astype(np.float32),
        weight=usable.column("weight").to_numpy().astype(np.float32),
        pair_id=usable.column("pair_id").to_pylist(),
        row=usable.column("row").to_numpy().astype(np.int64),
        num_without_weight=len(pairs) - len(counted),
        num_identical=len(counted) - len(kept),
        num_truncated=int(((chosen.num_cut > 0) | (rejected.num_cut > 0))[kept].sum()),
    )


def steps_of_epoch(lengths: Indices, pairs_per_step: int, seed: int, epoch: int) -> list[Indices]:
    """Optimiser steps of one pass: every pair once, pairs of like length together, in a shuffled order.

    Pairs are shuffled, sorted by length within windows of some steps, cut into steps, and the steps shuffled. One
    step is smaller where the pairs do not divide evenly.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))
    window = pairs_per_step * WINDOW_STEPS
    steps: list[Indices] = []
    for begin in range(0, len(order), window):
        members = order[begin : begin + window]
        members = members[np.argsort(-lengths[members], kind="stable")]
        steps += [members[i : i + pairs_per_step] for i in range(0, len(members), pairs_per_step)]
    return [steps[i] for i in rng.permutation(len(steps))]


def micro_batches(step: Indices, lengths: Indices, batch_size: int) -> list[Indices]:
    """A step in parts of at most ``batch_size`` pairs, like lengths together."""
    ordered = step[np.argsort(-lengths[step], kind="stable")]
    return [ordered[begin : begin + batch_size] for begin in range(0, len(ordered), batch_size)]


def collate_pairs(
    pairs: EncodedPairs, indices: Sequence[int] | Indices, total_weight: float, pad_id: int, token_types: bool
) -> PairBatch:
    """A padded batch of some pairs."""
    indices = np.asarray(indices, dtype=np.int64)
    encoded = [store.encoded(int(i)) for store in (pairs.chosen, pairs.rejected) for i in indices]
    inputs = pad_batch(encoded, pad_id, token_types=token_types)
    del inputs["response_mask"]
    return PairBatch(
        inputs=inputs,
        target=torch.from_numpy(pairs.target[indices]),
        margin=torch.from_numpy(pairs.margin[indices]),
        weight=torch.from_numpy(pairs.weight[indices]),
        total_weight=total_weight,
        indices=indices,
    )


class PairLoader:
    """The optimiser steps of a run, as micro-batches of one process. Iterate once for a whole run.

    ``max_steps`` above 0 wins over ``num_epochs``, which may be a fraction. Every process gets the same number of
    micro-batches, since they meet after each; where a step does not divide evenly, copies of weight 0 fill up.
    """

    def __init__(
        self,
        pairs: EncodedPairs,
        *,
        pad_id: int,
        token_types: bool,
        batch_size: int,
        accumulation: int,
        seed: int,
        num_epochs: float = 1.0,
        max_steps: int = -1,
        process: int = 0,
        num_processes: int = 1,
    ) -> None:
        self.pairs = pairs
        self._pad_id, self._token_types = pad_id, token_types
        self._batch_size, self._seed = batch_size, seed
        self._process, self._num_processes = process, num_processes
        self._pairs_per_step = batch_size * accumulation * num_processes
        self.steps_per_epoch = ceil(len(pairs) / self._pairs_per_step)
        self.num_steps = max_steps if max_steps > 0 else max(1, ceil(self.steps_per_epoch * num_epochs))

    def __iter__(self) -> Iterator[tuple[float, list[PairBatch]]]:
        """The epoch reached after each step, and its micro-batches."""
        lengths = self.pairs.lengths
        for number in range(self.num_steps):
            epoch, position = divmod(number, self.steps_per_epoch)
            if position == 0:
                steps = steps_of_epoch(lengths, self._pairs_per_step, self._seed, epoch)
            yield (number + 1) / self.steps_per_epoch, self._batches(steps[position], lengths)

    def _batches(self, step: Indices, lengths: Indices) -> list[PairBatch]:
        total_weight = float(self.pairs.weight[step].sum(dtype=np.float64))
        parts = micro_batches(step, lengths, self._batch_size)
        num_real = len(parts)
        parts += [parts[-1]] * (-num_real % self._num_processes)
        mine = range(self._process, len(parts), self._num_processes)
        batches = [collate_pairs(self.pairs, parts[i], total_weight, self._pad_id, self._token_types) for i in mine]
        return [
            batch if i < num_real else replace(batch, weight=torch.zeros_like(batch.weight))
            for i, batch in zip(mine, batches, strict=True)
        ]
