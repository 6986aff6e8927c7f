"""Which pairs make a step, and what a batch holds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsmith.engine.attention.flex_packing import token_numbers
from rewardsmith.engine.batches.batch_forms import BatchForm, PackedForm, PaddedForm
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs, encode_pairs
from rewardsmith.engine.batches.model_inputs import ModelInputs, PackedInputs, PaddedInputs
from rewardsmith.engine.training.pair_source import PairSource, steps_of_epoch
from rewardsmith.errors import DataError
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_reward_models import pair_table, some_rows, tiny_tokenizer

PADDED, PACKED = PaddedForm(pad_id=3), PackedForm()
both_forms = pytest.mark.parametrize("form", [PADDED, PACKED], ids=["padded", "packed"])


def encoded(num_pairs: int = 30, max_length: int = 128, **changes: object) -> EncodedPairs:
    rows = [{**row, **changes} for row in some_rows(num_pairs)]
    return encode_pairs(ConversationEncoder(tiny_tokenizer(), max_length), pair_table(rows), quiet=True)


def source_of(pairs: EncodedPairs, pairs_per_step: int = 4, form: BatchForm = PADDED, **changes: int) -> PairSource:
    arguments = {"seed": 0, "num_epochs": 1.0, **changes}
    return PairSource(pairs, form, pairs_per_step=pairs_per_step, **arguments)  # type: ignore[arg-type]


def tokens_of(inputs: ModelInputs, number: int) -> list[int]:
    """Tokens that lead to the end of one conversation, read from a batch."""
    if isinstance(inputs, PaddedInputs):
        return inputs.tensors["input_ids"][number][inputs.tensors["attention_mask"][number].bool()].tolist()
    assert isinstance(inputs, PackedInputs)
    group, branch, _ = token_numbers(inputs.layout, inputs.num_tokens)
    end = int(inputs.ends[number])
    seen = (group == group[end]) & ((branch == branch[end]) | (branch == 0)) & (torch.arange(len(group)) <= end)
    return inputs.input_ids[0][seen].tolist()


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 200), st.integers(1, 9), st.integers(0, 3), st.booleans())
def test_every_pair_comes_once_an_epoch(num_pairs: int, pairs_per_step: int, epoch: int, by_length: bool) -> None:
    lengths = np.random.default_rng(0).integers(1, 99, num_pairs)
    steps = steps_of_epoch(lengths, pairs_per_step, seed=1, epoch=epoch, by_length=by_length)
    assert sorted(np.concatenate(steps)) == list(range(num_pairs))
    assert sum(len(step) != pairs_per_step for step in steps) <= 1


@both_forms
def test_order_is_a_function_of_the_seed_and_changes_with_the_epoch(form: BatchForm) -> None:
    lengths = np.arange(50)

    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(steps_of_epoch(lengths, 4, seed, epoch, not form.packed)).tolist()

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(1, 0)
    assert order(0, 0) != order(0, 1)


def test_like_lengths_share_a_step_so_that_little_is_padded() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 1000)
    steps = steps_of_epoch(lengths, 8, seed=0, epoch=0, by_length=True)
    computed = sum(len(step) * lengths[step].max() for step in steps)
    assert computed / lengths.sum() < 1.1


@both_forms
def test_steps_do_not_depend_on_how_they_are_divided(form: BatchForm) -> None:
    pairs = encoded()
    ways = [list(source_of(pairs, 8, form, max_tokens=budget).steps()) for budget in (4096, 150, 50)]
    contents = [[sorted(i for batch in step for i in batch.indices) for _, step in way] for way in ways]
    assert contents[0] == contents[1] == contents[2]
    assert len({sum(len(step) for _, step in way) for way in ways}) == 3


@both_forms
def test_no_batch_has_more_tokens_than_allowed(form: BatchForm) -> None:
    batches = [batch for _, step in source_of(encoded(40), 16, form, max_tokens=150).steps() for batch in step]
    assert max(batch.inputs.num_tokens for batch in batches) <= 150
    assert np.mean([batch.inputs.num_tokens for batch in batches]) > 75


@both_forms
def test_pair_that_cannot_fit_is_named(form: BatchForm) -> None:
    pairs = encoded()
    longest = max(range(len(pairs)), key=lambda i: form.num_tokens(pairs.both(i)))
    with pytest.raises(DataError, match=rf"20 is too few: the pair in row {longest} .*Raise it, or lower `max_length`"):
        source_of(pairs, 4, form, max_tokens=20)


@both_forms
def test_two_processes_share_the_steps_of_one(form: BatchForm) -> None:
    pairs = encoded(25)  # the last step has one pair, for two processes
    alone = [step for _, step in source_of(pairs, 8, form, max_tokens=120).steps()]
    both = [list(source_of(pairs, 8, form, max_tokens=120, process=rank, num_processes=2).steps()) for rank in (0, 1)]
    for whole, (_, first), (_, second) in zip(alone, *both, strict=True):
        assert len(first) == len(second)
        parts = [batch for batch in first + second if batch.weight.sum() > 0]
        assert sorted(i for b in parts for i in b.indices) == sorted(i for b in whole for i in b.indices)
        assert {batch.total_weight for batch in first + second} == {whole[0].total_weight}


@both_forms
def test_no_process_idles_while_a_step_has_pairs_for_it(form: BatchForm) -> None:
    pairs = encoded(24)
    for rank in range(3):
        for _, step in source_of(pairs, 8, form, process=rank, num_processes=3).steps():
            assert any(batch.weight.sum() > 0 for batch in step)


@both_forms
def test_steps_after_a_resume_are_those_of_the_uninterrupted_run(form: BatchForm) -> None:
    whole = source_of(encoded(), 8, form, max_tokens=120, num_epochs=3.0)
    expected = [(epoch, [batch.indices.tolist() for batch in step]) for epoch, step in whole.steps()]
    for start in (0, 1, 4, 7, 12):
        rest = [(epoch, [batch.indices.tolist() for batch in step]) for epoch, step in whole.steps(start)]
        assert rest == expected[start:]


@both_forms
def test_batch_holds_chosen_then_rejected_with_their_columns(form: BatchForm) -> None:
    rows = some_rows(4)
    for i, row in enumerate(rows):
        row |= {"target": 0.1 * i, "margin": float(i), "weight": 1.0 + i}
    encoder = ConversationEncoder(tiny_tokenizer(), 128)
    pairs = encode_pairs(encoder, pair_table(rows), quiet=True)
    [(epoch, [batch])] = list(source_of(pairs, 4, form).steps())
    assert epoch == 1.0 and batch.total_weight == pytest.approx(10.0)
    for place, index in enumerate(batch.indices):
        assert batch.margin[place] == index
        assert batch.target[place].item() == pytest.approx(0.1 * index)
        for offset, side in ((0, "chosen"), (4, "rejected")):
            talk = [
                {"role": "user", "content": rows[index]["prompt"]},
                {"role": "assistant", "content": rows[index][side]},
            ]
            assert tokens_of(batch.inputs, offset + place) == encoder.encode(talk).input_ids


def test_epochs_may_be_a_fraction_and_max_steps_wins() -> None:
    pairs = encoded(30)
    assert source_of(pairs, 4, num_epochs=1.0).num_steps == 8
    assert source_of(pairs, 4, num_epochs=2.5).num_steps == 20  # type: ignore[arg-type]
    assert [round(epoch, 3) for epoch, _ in source_of(pairs, 4, max_steps=3).steps()] == [0.125, 0.25, 0.375]


def test_moved_batch_keeps_what_it_had() -> None:
    [(_, [batch])] = list(source_of(encoded(4), 4).steps())
    moved = batch.to("cpu")
    assert torch.equal(moved.weight, batch.weight) and moved.total_weight == batch.total_weight
