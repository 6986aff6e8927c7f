"""Which pairs make a step, and what a batch holds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsmith.engine.pair_batches import EncodedPairs, PairLoader, encode_pairs, steps_of_epoch
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_reward_models import pair_table, some_rows, tiny_tokenizer


def encoded(num_pairs: int = 30, max_length: int = 128, **changes: object) -> EncodedPairs:
    rows = [{**row, **changes} for row in some_rows(num_pairs)]
    return encode_pairs(ConversationEncoder(tiny_tokenizer(), max_length), pair_table(rows), quiet=True)


def loader(pairs: EncodedPairs, batch_size: int = 4, accumulation: int = 1, **changes: int) -> PairLoader:
    arguments = {"seed": 0, "num_epochs": 1.0, **changes}
    return PairLoader(pairs, pad_id=3, token_types=False, batch_size=batch_size, accumulation=accumulation, **arguments)  # type: ignore[arg-type]


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 200), st.integers(1, 9), st.integers(0, 3))
def test_every_pair_comes_once_an_epoch(num_pairs: int, pairs_per_step: int, epoch: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 99, num_pairs)
    steps = steps_of_epoch(lengths, pairs_per_step, seed=1, epoch=epoch)
    assert sorted(np.concatenate(steps)) == list(range(num_pairs))
    assert sum(len(step) != pairs_per_step for step in steps) <= 1


def test_order_is_a_function_of_the_seed_and_changes_with_the_epoch() -> None:
    lengths = np.arange(50)

    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(steps_of_epoch(lengths, 4, seed, epoch)).tolist()

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(1, 0)
    assert order(0, 0) != order(0, 1)


def test_like_lengths_share_a_step_so_that_little_is_padded() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 1000)
    steps = steps_of_epoch(lengths, 8, seed=0, epoch=0)
    computed = sum(len(step) * lengths[step].max() for step in steps)
    assert computed / lengths.sum() < 1.1


def test_steps_do_not_depend_on_how_they_are_divided() -> None:
    pairs = encoded()
    ways = [loader(pairs, 8, 1), loader(pairs, 4, 2), loader(pairs, 1, 8)]
    contents = [[sorted(i for batch in step for i in batch.indices) for _, step in way] for way in ways]
    assert contents[0] == contents[1] == contents[2]


def test_two_processes_share_the_steps_of_one() -> None:
    pairs = encoded(25)  # the last step has one pair, for two processes
    alone = [step for _, step in loader(pairs, 8)]
    both = [list(loader(pairs, 4, process=rank, num_processes=2)) for rank in (0, 1)]
    for whole, (_, first), (_, second) in zip(alone, *both, strict=True):
        assert len(first) == len(second)
        parts = [batch for batch in first + second if batch.weight.sum() > 0]
        assert sorted(i for b in parts for i in b.indices) == sorted(i for b in whole for i in b.indices)
        assert {batch.total_weight for batch in first + second} == {whole[0].total_weight}


def test_weight_zero_never_reaches_a_batch() -> None:
    rows = some_rows(10)
    rows[3]["weight"] = rows[7]["weight"] = 0.0
    pairs = encode_pairs(ConversationEncoder(tiny_tokenizer(), 128), pair_table(rows), quiet=True)
    assert pairs.num_without_weight == 2
    assert pairs.row.tolist() == [0, 1, 2, 4, 5, 6, 8, 9]


def test_pairs_with_the_same_tokens_are_left_out_and_counted() -> None:
    rows = some_rows(6)
    rows[2]["rejected"] = rows[2]["chosen"] + "  "
    pairs = encode_pairs(ConversationEncoder(tiny_tokenizer(), 128), pair_table(rows), quiet=True)
    assert pairs.num_identical == 1 and len(pairs) == 5
    assert 2 not in pairs.row


def test_truncated_pairs_are_counted() -> None:
    assert encoded(10, max_length=128).num_truncated == 0
    assert encoded(10, max_length=10).num_truncated > 0


def test_batch_holds_chosen_then_rejected_with_their_columns() -> None:
    rows = some_rows(4)
    for i, row in enumerate(rows):
        row |= {"target": 0.1 * i, "margin": float(i), "weight": 1.0 + i}
    encoder = ConversationEncoder(tiny_tokenizer(), 128)
    pairs = encode_pairs(encoder, pair_table(rows), quiet=True)
    [(epoch, [batch])] = list(loader(pairs, 4))
    assert epoch == 1.0 and batch.total_weight == pytest.approx(10.0)
    for place, index in enumerate(batch.indices):
        assert batch.margin[place] == index
        assert batch.target[place].item() == pytest.approx(0.1 * index)
        for offset, side in ((0, "chosen"), (4, "rejected")):
            talk = [
                {"role": "user", "content": rows[index]["prompt"]},
                {"role": "assistant", "content": rows[index][side]},
            ]
            ids = batch.inputs["input_ids"][offset + place][batch.inputs["attention_mask"][offset + place].bool()]
            assert ids.tolist() == encoder.encode(talk).input_ids


def test_epochs_may_be_a_fraction_and_max_steps_wins() -> None:
    pairs = encoded(30)
    assert loader(pairs, 4, num_epochs=1).num_steps == 8
    assert loader(pairs, 4, num_epochs=2.5).num_steps == 20  # type: ignore[arg-type]
    assert [round(epoch, 3) for epoch, _ in loader(pairs, 4, max_steps=3)] == [0.125, 0.25, 0.375]


def test_moved_batch_keeps_what_it_had() -> None:
    [(_, [batch])] = list(loader(encoded(4), 4))
    moved = batch.to("cpu")
    assert torch.equal(moved.weight, batch.weight) and moved.total_weight == batch.total_weight
