"""A batch of a forked ensemble: what each member learns of the same pairs, and what its trunk has made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.engine.batches.encoded_pairs import EncodedPairs, Indices
from rewardsmith.engine.batches.model_inputs import ModelInputs

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
    comes_back: bool = False
    """Whether the same pairs form a batch once more, so that their states are worth keeping."""

    def to(self, device: torch.device | str) -> ForkedBatch:
        return replace(self, **{name: value.to(device) for name, value in self._present("inputs", *BY_MEMBER)})

    def passes(self) -> Iterator[ForkedBatch]:
        """The same in parts, each for as many members as fit together."""
        for begin in range(0, len(self.members), self.members_per_pass):
            part = slice(begin, begin + self.members_per_pass)
            yield replace(self, **{name: value[part] for name, value in self._present(*BY_MEMBER)})

    def _present(self, *names: str) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in names if getattr(self, name) is not None]


@runtime_checkable
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
