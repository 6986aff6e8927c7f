from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from rewardsmith.tokens.batching import length_sorted_batches, pad_batch
from rewardsmith.tokens.encoding import Encoded

SHORT = Encoded([5, 6, 7], response_start=1, response_end=2, num_cut=0)
LONG = Encoded([1, 2, 3, 4], response_start=2, response_end=4, num_cut=3)


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 100))
def test_batches_hold_every_index_once_within_the_budget(lengths: list[int], max_tokens: int) -> None:
    batches = length_sorted_batches(lengths, max_tokens)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[index] for index in batch)
        assert len(batch) == 1 or longest * len(batch) <= max_tokens
    longest_first = [max(lengths[index] for index in batch) for batch in batches]
    assert longest_first == sorted(longest_first, reverse=True)


def test_no_lengths_give_no_batches() -> None:
    assert length_sorted_batches(np.array([], dtype=np.int64), 10) == []


def test_padding_on_either_side_marks_the_same_tokens() -> None:
    for side in ("right", "left"):
        batch = pad_batch([SHORT, LONG], 9, side, token_types=True, pad_to=6)
        assert batch["input_ids"].shape == (2, 6)
        real = batch["attention_mask"].bool()
        assert torch.equal(batch["input_ids"][real], torch.tensor([5, 6, 7, 1, 2, 3, 4]))
        assert (batch["input_ids"][~real] == 9).all()
        assert torch.equal(batch["input_ids"][batch["response_mask"]], torch.tensor([6, 3, 4]))
        assert torch.equal(batch["token_type_ids"][real], torch.tensor([0, 1, 1, 0, 0, 1, 1]))
        assert bool(real[0, 0]) is (side == "right")
