"""Batches of a forked ensemble: which pairs go through the trunk together, and for which members.

A pass computes a pair only for members that learn from it. With groups dealt out evenly, as cross-fitting does, that
saves the share of the members that a group is kept from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.engine.batches.batch_forms import BatchForm
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs, Indices, encode_all
from rewardsmith.engine.batches.model_inputs import ModelInputs
from rewardsmith.engine.batches.pair_batches import steps_of_epoch
from rewardsmith.errors import DataError
from rewardsmith.tokens.encoding import ConversationEncoder

DEFAULT_MAX_ROWS = 4096
"""Tokens times members in a pass above the fork."""
KEPT_BYTES = 1 << 30
"""Memory for the trunk's states of pairs that come back."""
BY_MEMBER = ("target", "margin", "error_rates", "weight", "total_weight", "members")
"""Parts of a batch whose first axis is the member."""


@dataclass(frozen=True)
class MemberLabels:
    """What N pairs teach each of M members."""

    target: NDArray[np.float32]
    """[N, M]"""
    margin: NDArray[np.float32]
    """[N, M]"""
    error_rates: NDArray[np.float32] | None = None
    """[N, M, 2]: P(labelled better | worse) of the chosen and of the rejected response (`objectives/noise_aware.py`);
    None: labels are taken as they are."""

    @classmethod
    def of_table(cls, pairs: EncodedPairs, num_members: int) -> MemberLabels:
        """The pairs' own, the same for all members."""
        shape = (len(pairs), num_members)
        return cls(*(np.broadcast_to(column[:, None], shape) for column in (pairs.target, pairs.margin)))


@dataclass(frozen=True)
class ForkedBatch:
    """Pairs whose members are the same, in one pass through the trunk: the chosen conversations, then the rejected."""

    inputs: ModelInputs
    target: Float[Tensor, "m B"]
    margin: Float[Tensor, "m B"]
    error_rates: Float[Tensor, "m B 2"] | None
    weight: Float[Tensor, "m B"]
    """What each pair counts for each of ``members``."""
    total_weight: Float[Tensor, " m"]
    """Weights of the whole optimiser step, by which the members' losses are normalised."""
    indices: Indices
    """Positions of the pairs."""
    members: Int[Tensor, " m"]
    members_per_pass: int
    """Members that fit together above the fork."""

    def to(self, device: torch.device | str) -> ForkedBatch:
        """The same on a device."""
        return replace(self, **{name: value.to(device) for name, value in self._present("inputs", *BY_MEMBER)})

    def passes(self) -> Iterator[ForkedBatch]:
        """The same in parts, each for as many members as fit together."""
        for begin in range(0, len(self.members), self.members_per_pass):
            part = slice(begin, begin + self.members_per_pass)
            yield replace(self, **{name: value[part] for name, value in self._present(*BY_MEMBER)})

    def _present(self, *names: str) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in names if getattr(self, name) is not None]


class ForkedLoader:
    """The optimiser steps of all members: every pair that somebody learns from once an epoch, in an order of the seed.

    ``weights`` [N, M]: what each pair counts for each member. ``labels`` None: those of the pairs. With ``whole``,
    steps are not divided by who learns from what, and every batch is for all members: less work where nearly every pair
    has members of its own. ``learnable`` [N]: the pairs that steps are made of, so that they do not depend on which
    members there are; None: those that some member learns from.
    """

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
        self.pairs = pairs
        self._weights, self._form, self._whole = weights, form, whole
        self._labels = labels or MemberLabels.of_table(pairs, weights.shape[1])
        self._pairs_per_step, self._seed = pairs_per_step, seed
        self._max_rows = max_rows or DEFAULT_MAX_ROWS
        self.learned = np.flatnonzero((weights > 0).any(axis=1) if learnable is None else learnable)
        self.steps_per_epoch = -(-len(self.learned) // pairs_per_step)
        wanted = int(np.ceil(self.steps_per_epoch * num_epochs))
        self.num_steps = max_steps if max_steps > 0 else max(1, wanted)

    def from_step(self, start: int) -> Iterator[tuple[float, list[ForkedBatch]]]:
        """The epoch reached after each step and its batches, without the first ``start`` steps."""
        steps: list[Indices] = []
        for number in range(start, self.num_steps):
            epoch, position = divmod(number, self.steps_per_epoch)
            if position == 0 or not steps:
                steps = self._steps_of(epoch)
            yield (number + 1) / self.steps_per_epoch, list(self._step(steps[position]))

    def active(self, batches: list[ForkedBatch]) -> Bool[Tensor, " M"]:
        """Members that learn something in a step [M], on the CPU."""
        active = torch.zeros(self._weights.shape[1], dtype=torch.bool)
        for batch in batches:
            active[batch.members[batch.total_weight > 0].cpu()] = True
        return active

    def in_last_epoch(self, number: int) -> bool:
        """Whether the batches of a step (counted from 1) come back in ``all_pairs``."""
        return (number - 1) // self.steps_per_epoch == (self.num_steps - 1) // self.steps_per_epoch

    def all_pairs(self) -> Iterator[ForkedBatch]:
        """Every pair once, for all members: to judge them. Pairs that shared a batch in the last epoch do so again."""
        for step in self._steps_of((self.num_steps - 1) // self.steps_per_epoch):
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


class StoredStates(Protocol):
    """Where states that the trunk made of batches are laid down."""

    def keep(self, batch: ForkedBatch, states: Tensor) -> None:
        """Of a batch whose pairs come back."""
        ...

    def take(self, batch: ForkedBatch) -> Float[Tensor, "R T D"] | None:
        """Those of a batch; None: they have to be computed."""
        ...


class KeptStates:
    """What the trunk made of batches that come back, as long as there is room."""

    def __init__(self, max_bytes: int = KEPT_BYTES) -> None:
        self._left = max_bytes
        self._states: dict[bytes, Tensor] = {}

    def keep(self, batch: ForkedBatch, states: Tensor) -> None:
        """Keeps the states of a batch."""
        size = states.numel() * states.element_size()
        if size <= self._left:
            self._left -= size
            self._states[batch.indices.tobytes()] = states

    def take(self, batch: ForkedBatch) -> Tensor | None:
        """States of a batch of the same pairs, once; None where they were not kept."""
        states = self._states.pop(batch.indices.tobytes(), None)
        self._left += 0 if states is None else states.numel() * states.element_size()
        return states


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
