"""Prompts and responses as a policy reads them: prompts padded on the left, responses on the right.

So all responses begin at one column, and only what predicts their tokens needs logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True)
class Sequences:
    """N responses, each behind its prompt."""

    prompts: Int[Tensor, "N P"]
    prompt_mask: Bool[Tensor, "N P"]
    responses: Int[Tensor, "N R"]
    response_mask: Bool[Tensor, "N R"]

    @classmethod
    def of(
        cls, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], pad_id: int, num_columns: int = 1
    ) -> Sequences:
        """Padded to the longest, responses to ``num_columns`` at least."""
        left, left_mask = padded(prompts, pad_id, on_left=True)
        right, right_mask = padded([*responses, [pad_id] * num_columns], pad_id, on_left=False)
        return cls(left, left_mask, right[:-1], right_mask[:-1])

    @property
    def input_ids(self) -> Int[Tensor, "N P+R"]:
        return torch.cat([self.prompts, self.responses], 1)

    @property
    def num_columns(self) -> int:
        """R."""
        return self.responses.shape[1]

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of a Hugging Face decoder."""
        mask = torch.cat([self.prompt_mask, self.response_mask], 1).long()
        positions = (mask.cumsum(1) - 1).clamp_min(0)
        return {"input_ids": self.input_ids, "attention_mask": mask, "position_ids": positions}

    def rows(self, index: Tensor) -> Sequences:
        """Some of them, without columns that are padding in all."""
        num_prompt = int(self.prompt_mask[index].sum(1).max())
        num_response = max(1, int(self.response_mask[index].sum(1).max()))
        begin = self.prompts.shape[1] - num_prompt
        return Sequences(
            self.prompts[index, begin:],
            self.prompt_mask[index, begin:],
            self.responses[index, :num_response],
            self.response_mask[index, :num_response],
        )

    def to(self, device: torch.device) -> Sequences:
        return replace(self, **{name: tensor.to(device) for name, tensor in vars(self).items()})


def padded(rows: Sequence[Sequence[int]], pad_id: int, on_left: bool) -> tuple[Int[Tensor, "N T"], Bool[Tensor, "N T"]]:
    """Tokens, and which of them are real."""
    width = max(map(len, rows), default=0)
    tokens = torch.full((len(rows), width), pad_id)
    mask = torch.zeros(len(rows), width, dtype=torch.bool)
    for place, row in enumerate(rows):
        span = slice(width - len(row), width) if on_left else slice(0, len(row))
        tokens[place, span] = torch.tensor(row, dtype=torch.long)
        mask[place, span] = True
    return tokens, mask
