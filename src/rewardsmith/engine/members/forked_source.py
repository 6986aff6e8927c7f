"""Which pairs make an optimiser step of a forked ensemble, and which members learn from which of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.engine.batches.batch_forms import BatchForm
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs, Indices, encode_all
from rewardsmith.engine.members.forked_batches import ForkedBatch, MemberLabels
from rewardsmith.engine.training.pair_source import PairSource, steps_of_epoch
from rewardsmith.engine.training.subject import Source
from rewardsmith.errors import DataError
from rewardsmith.tokens.encoding import ConversationEncoder

DEFAULT_MAX_ROWS = 4096
"""Tokens times members in a pass above the fork."""


class ForkedSource(Source):
    """The optimiser steps of all members: every pair that somebody learns from once an epoch, in an order of the seed.

    ``weights`` [N, M]: what each pair counts for each member. ``labels`` None: those of the pairs. With ``whole``,
    steps are not divided by who learns from what, and every batch is for all members: less work where nearly every pair
    has members of its own. ``learnable`` [N]: the pairs that steps are made of, so that they do not depend on which
    members there are; None: those that some member learns from.
    """

    items: ClassVar[str] = "losses"
    advice: ClassVar[str] = PairSource.advice

    def __init__(
        self,
        pairs: EncodedPairs,
        weights: NDArray[np.float32],
        form: BatchForm,
        *,
        pairs_per_step: int,
        seed: int,
        max_rows: int | None = None,
        num_epochs: float = 1.0,
        max_steps: int = -1,
        labels: MemberLabels | None = None,
        whole: bool = False,
        learnable: NDArray[np.bool_] | None = None,
    ) -> None:
        if learnable is not None and not whole:
            raise ValueError("steps of given pairs take whole batches: a part of one might be for nobody")
        self.pairs = pairs
        self._weights, self._form, self._whole = weights, form, whole
        self._labels = labels or MemberLabels.of_table(pairs, weights.shape[1])
        self._pairs_per_step, self._seed = pairs_per_step, seed
        self._max_rows = max_rows or DEFAULT_MAX_ROWS
        self.learned = np.flatnonzero((weights > 0).any(axis=1) if learnable is None else learnable)
        self.steps_per_epoch = -(-len(self.learned) // pairs_per_step)
        wanted = int(np.ceil(self.steps_per_epoch * num_epochs))
        self.num_steps = max_steps if max_steps > 0 else max(1, wanted)

    def steps(self, done: int = 0, model: Any = None) -> Iterator[tuple[float, list[ForkedBatch]]]:
        """The same whatever the model. Batches of the last epoch come back in ``all_pairs``."""
        steps: list[Indices] = []
        for number in range(done, self.num_steps):
            epoch, position = divmod(number, self.steps_per_epoch)
            if position == 0 or not steps:
                steps = self._steps_of(epoch)
            batches = [replace(batch, comes_back=epoch == self._last_epoch) for batch in self._step(steps[position])]
            yield (number + 1) / self.steps_per_epoch, batches

    def names(self, batch: ForkedBatch, which: Tensor | None = None) -> list[str]:
        """Rows and ids of pairs, each with the member that learns from it."""
        members = batch.members.tolist()
        which = torch.ones(len(members), len(batch.indices)) if which is None else which
        return [
            f"{self.pairs.name(int(batch.indices[pair]))}, member {members[member]}"
            for member, pair in which.nonzero().tolist()
        ]

    @property
    def _last_epoch(self) -> int:
        return (self.num_steps - 1) // self.steps_per_epoch

    def all_pairs(self) -> Iterator[ForkedBatch]:
        """Every pair once, for all members: to judge them. Pairs that shared a batch in the last epoch do so again."""
        for step in self._steps_of(self._last_epoch):
            yield from self._judged(step)
        yield from self.to_judge(np.setdiff1d(np.arange(len(self.pairs)), self.learned))

    def to_judge(self, indices: Indices) -> Iterator[ForkedBatch]:
        """These pairs once, in this order, for all members."""
        for begin in range(0, len(indices), self._pairs_per_step):
            yield from self._judged(indices[begin : begin + self._pairs_per_step])

    def _judged(self, indices: Indices) -> Iterator[ForkedBatch]:
        everyone = np.arange(self._weights.shape[1])
        for _, part in self._parts(indices):
            yield self._batch(part, everyone, np.ones(len(everyone)))

    def _steps_of(self, epoch: int) -> list[Indices]:
        lengths = self.pairs.lengths[self.learned]
        steps = steps_of_epoch(lengths, self._pairs_per_step, self._seed, epoch, not self._form.packed)
        return [self.learned[step] for step in steps]

    def _step(self, step: Indices) -> Iterator[ForkedBatch]:
        total = self._weights[step].sum(axis=0, dtype=np.float64)
        for members, part in self._parts(step):
            yield self._batch(part, members, total[members])

    def _parts(self, step: Indices) -> Iterator[tuple[Indices, Indices]]:
        """Members, and the pairs of one batch for them. Pairs that nobody learns from go together."""
        learns = (self._weights[step] > 0) | self._whole
        patterns, pattern_of = np.unique(learns, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            members, indices = np.flatnonzero(pattern), step[pattern_of.ravel() == number]
            units = [self.pairs.both(int(i)) for i in indices]
            for part in self._form.plan(units, max(1, self._max_rows // max(1, len(members)))):
                yield members, indices[part]

    def _batch(self, indices: Indices, members: Indices, total: NDArray[np.float64]) -> ForkedBatch:
        units = [self.pairs.both(int(i)) for i in indices]
        inputs = self._form.inputs([unit[side] for side in (0, 1) for unit in units])
        rates = self._labels.error_rates
        return ForkedBatch(
            inputs=inputs,
            target=_by_member(self._labels.target, indices, members),
            margin=_by_member(self._labels.margin, indices, members),
            error_rates=None if rates is None else _by_member(rates, indices, members),
            weight=_by_member(self._weights, indices, members),
            total_weight=torch.from_numpy(total.astype(np.float32)),
            indices=indices,
            members=torch.from_numpy(members),
            members_per_pass=even_share(len(members), self._max_rows // inputs.num_tokens),
        )


def _by_member(values: NDArray[np.float32], indices: Indices, members: Indices) -> Float[Tensor, "m B *rest"]:
    return torch.from_numpy(np.ascontiguousarray(values[np.ix_(indices, members)].swapaxes(0, 1)))


def even_share(count: int, most: int) -> int:
    """Size of the fewest parts of at most ``most`` (and at least one) that ``count`` falls into, as even as can be."""
    num_parts = -(-count // max(1, most))
    return -(-count // num_parts)


def encode_for_members(
    encoder: ConversationEncoder, pairs: pa.Table, member_weights: NDArray[np.float32], quiet: bool = False
) -> tuple[EncodedPairs, NDArray[np.float32]]:
    """Tokens of all pairs, also of those that nobody learns from, and what each counts for each member [N, M].

    That is the pair's own weight times the member's; nothing where both responses have the same tokens. ``DataError``
    for a member that would learn from no pair.
    """
    if member_weights.ndim != 2 or len(member_weights) != len(pairs):
        raise ValueError(f"member weights of shape {member_weights.shape} for {len(pairs)} pairs")
    encoded = encode_all(encoder, pairs, quiet)
    own, differs = encoded.weight, encoded.differs()
    weights = np.where(differs[:, None], own[:, None] * member_weights, 0.0).astype(np.float32)
    without = np.flatnonzero(~(weights > 0).any(axis=0))
    if len(without):
        raise DataError(
            f"Member {without[0]} of {weights.shape[1]} has no pair to learn from: of {len(pairs)} pairs, "
            f"{int((own <= 0).sum())} have weight 0 and {int((~differs).sum())} are the same twice after truncation to "
            f"{encoder.max_length} tokens."
        )
    return encoded, weights
