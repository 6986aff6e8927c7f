"""Batches of encoded conversations: which ones go together, what they share, and how they are padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.tokens.encoding import Encoded

Ids = NDArray[np.int32]


def length_sorted_batches(lengths: Sequence[int] | NDArray[np.int64], max_tokens: int) -> list[NDArray[np.int64]]:
    """Indices grouped so that a padded batch holds at most ``max_tokens`` tokens, longest batch first.

    Longest first, so that a batch that does not fit in memory fails at once. A conversation longer than
    ``max_tokens`` gets a batch of its own.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    batches: list[NDArray[np.int64]] = []
    begin = 0
    while begin < len(order):
        size = max(1, max_tokens // max(1, int(lengths[order[begin]])))
        batches.append(order[begin : begin + size])
        begin += size
    return batches


def shared_prefix_length(sequences: Sequence[Ids]) -> int:
    """Tokens that all sequences begin with; every sequence keeps at least its last token to itself.

    A reward is read at the last token of a conversation, so that one has to stay its own even where a conversation
    is the beginning of another.
    """
    first = sequences[0]
    shared = min(len(sequence) for sequence in sequences) - 1
    for other in sequences[1:]:
        differs = first[:shared] != other[:shared]
        if differs.any():
            shared = int(differs.argmax())
    return shared


def pad_batch(
    encoded: Sequence[Encoded],
    pad_id: int,
    padding_side: Literal["right", "left"] = "right",
    token_types: bool = False,
    pad_to: int | None = None,
) -> dict[str, Tensor]:
    """``input_ids``, ``attention_mask`` and ``response_mask`` of shape [B, T]; True (or 1) = a real token.

    With ``token_types`` also ``token_type_ids``: 1 from the response on, as BERT expects its second segment.
    """
    longest = max((len(item.input_ids) for item in encoded), default=0)
    width = max(longest, pad_to or 0)
    shape = (len(encoded), width)
    input_ids = torch.full(shape, pad_id, dtype=torch.long)
    attention_mask = torch.zeros(shape, dtype=torch.long)
    response_mask = torch.zeros(shape, dtype=torch.bool)
    types = torch.zeros(shape, dtype=torch.long)
    for row, item in enumerate(encoded):
        length = len(item.input_ids)
        start = width - length if padding_side == "left" else 0
        input_ids[row, start : start + length] = torch.tensor(item.input_ids, dtype=torch.long)
        attention_mask[row, start : start + length] = 1
        response_mask[row, start + item.response_start : start + item.response_end] = True
        types[row, start + item.response_start : start + length] = 1
    batch = {"input_ids": input_ids, "attention_mask": attention_mask, "response_mask": response_mask}
    return {**batch, "token_type_ids": types} if token_types else batch
