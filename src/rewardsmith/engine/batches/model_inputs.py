"""What a model is called with for a batch of conversations, and where in its output the conversations end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from rewardsmith.engine.attention.packing import Pack, PackLayout


@runtime_checkable
class ModelInputs(Protocol):
    """A batch of N conversations as a model reads it."""

    @property
    def token_keys(self) -> Int[Tensor, "rows T"] | None:
        """For dropout (`models/layers/dropout.py`), where it is wanted."""
        ...

    @property
    def num_responses(self) -> int:
        """N."""
        ...

    @property
    def num_tokens(self) -> int:
        """Tokens that the model computes, padding included."""
        ...

    @property
    def num_rows(self) -> int:
        """Rows of the batch: N where padded, 1 where packed."""
        ...

    def to(self, device: torch.device | str) -> ModelInputs:
        """The same on a device."""
        ...

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of a Hugging Face model."""
        ...

    def last(self, hidden: Tensor) -> Tensor:
        """Of hidden states [..., rows, T, D] those at the end of each conversation, [..., N, D]."""
        ...


@dataclass(frozen=True)
class PaddedInputs:
    """One conversation a row, padded on the right to the longest."""

    tensors: dict[str, Int[Tensor, "N T"]]
    """What ``pad_batch`` gives, less ``response_mask``."""
    token_keys: Int[Tensor, "N T"] | None = None
    """0 where padded."""

    @property
    def num_responses(self) -> int:
        return len(self.tensors["input_ids"])

    num_rows = num_responses

    @property
    def num_tokens(self) -> int:
        """Padding included."""
        return self.tensors["input_ids"].numel()

    def to(self, device: torch.device | str) -> PaddedInputs:
        tensors = {name: tensor.to(device) for name, tensor in self.tensors.items()}
        return PaddedInputs(tensors, None if self.token_keys is None else self.token_keys.to(device))

    def arguments(self) -> dict[str, Any]:
        """Tokens, mask, and token types where the model has them."""
        return dict(self.tensors)

    def last(self, hidden: Shaped[Tensor, "*batch N T D"]) -> Shaped[Tensor, "*batch N D"]:
        """The last real token of each row."""
        ends = self.tensors["attention_mask"].sum(1) - 1
        return hidden[..., torch.arange(len(ends), device=hidden.device), ends, :]


@dataclass(frozen=True)
class PackedInputs:
    """All conversations in one row, shared prompts once (`packing.py`). For models with packed attention only."""

    input_ids: Int[Tensor, "1 T"]
    position_ids: Int[Tensor, "1 T"]
    ends: Int[Tensor, " N"]
    layout: PackLayout
    token_keys: Int[Tensor, "1 T"] | None = None
    num_rows: int = 1

    @classmethod
    def of(cls, pack: Pack) -> PackedInputs:
        """Tensors of a pack."""
        return cls(
            torch.from_numpy(pack.input_ids)[None],
            torch.from_numpy(pack.position_ids)[None],
            torch.from_numpy(pack.ends),
            pack.layout,
            None if pack.token_keys is None else torch.from_numpy(pack.token_keys)[None],
        )

    @property
    def num_responses(self) -> int:
        return len(self.ends)

    @property
    def num_tokens(self) -> int:
        """Tokens of the row."""
        return self.input_ids.numel()

    def to(self, device: torch.device | str) -> PackedInputs:
        return replace(
            self,
            input_ids=self.input_ids.to(device),
            position_ids=self.position_ids.to(device),
            ends=self.ends.to(device),
            token_keys=None if self.token_keys is None else self.token_keys.to(device),
        )

    def arguments(self) -> dict[str, Any]:
        """Tokens, positions and layout; the empty mask keeps transformers from making one that nobody needs."""
        return {
            "input_ids": self.input_ids,
            "position_ids": self.position_ids,
            "attention_mask": torch.empty(1, 1, 0, 0, device=self.input_ids.device),
            "pack": self.layout,
        }

    def last(self, hidden: Shaped[Tensor, "*batch 1 T D"]) -> Shaped[Tensor, "*batch N D"]:
        """The end of each conversation."""
        return hidden[..., 0, self.ends, :]
