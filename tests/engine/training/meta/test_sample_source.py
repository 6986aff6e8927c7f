"""Which prompts and responses a meta batch has: a function of seed and step, however it is cut."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from rewardsmith.engine.batches.batch_forms import PackedForm, PaddedForm
from rewardsmith.engine.batches.sample_batches import EncodedSamples, encode_samples, usual_number
from rewardsmith.engine.training.meta.sample_source import SampleSource
from rewardsmith.errors import DataError
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_reward_models import sample_table, tiny_tokenizer

NUM_PROMPTS, NUM_RESPONSES = 7, 4


@pytest.fixture(scope="module")
def samples() -> EncodedSamples:
    return encode_samples(ConversationEncoder(tiny_tokenizer(), 96), sample_table(NUM_PROMPTS, NUM_RESPONSES), True)


def source_of(samples: EncodedSamples, **options: Any) -> SampleSource:
    given = {"form": PackedForm(), "prompts_per_step": 3, "num_samples": NUM_RESPONSES, "seed": 0}
    return SampleSource(samples, **{**given, **options})


def prompts_of(source: SampleSource, step: int) -> list[int]:
    return sorted(int(i) for batch in source.batches(step) for i in batch.indices[batch.counts.numpy()])


def drawn(source: SampleSource, step: int) -> dict[int, list[float]]:
    """Gold of the responses drawn for each prompt, which no two share."""
    return {
        int(i): gold.tolist()
        for batch in source.batches(step)
        for i, gold, counts in zip(batch.indices, batch.gold, batch.counts, strict=True)
        if counts
    }


def test_a_pass_has_every_prompt_once_and_steps_run_over_its_end(samples: EncodedSamples) -> None:
    source = source_of(samples)
    seen = Counter(i for step in range(NUM_PROMPTS) for i in prompts_of(source, step))
    assert seen == dict.fromkeys(range(NUM_PROMPTS), 3)
    assert [len(prompts_of(source, step)) for step in range(5)] == [3] * 5
    assert prompts_of(source, 0) != prompts_of(source_of(samples, seed=1), 0)


def test_every_pass_has_an_order_of_its_own(samples: EncodedSamples) -> None:
    source = source_of(samples, prompts_per_step=1)
    order = [i for step in range(2 * NUM_PROMPTS) for i in prompts_of(source, step)]
    assert order[:NUM_PROMPTS] != order[NUM_PROMPTS:] and sorted(order[:NUM_PROMPTS]) == list(range(NUM_PROMPTS))


def test_cuts_and_processes_change_nothing_about_a_step(samples: EncodedSamples) -> None:
    whole = source_of(samples, num_samples=2)
    small = source_of(samples, num_samples=2, max_tokens=60)
    assert len(small.batches(1)) > 1 == len(whole.batches(1))
    assert drawn(small, 1) == drawn(whole, 1)
    shares = [source_of(samples, num_samples=2, process=process, num_processes=2) for process in (0, 1)]
    batches = [share.batches(1) for share in shares]
    assert len(batches[0]) == len(batches[1])
    assert drawn(shares[0], 1) | drawn(shares[1], 1) == drawn(whole, 1)
    assert {batch.num_prompts for share in batches for batch in share} == {3}


def test_processes_without_a_prompt_get_copies_that_do_not_count(samples: EncodedSamples) -> None:
    batches = [
        source_of(samples, prompts_per_step=1, process=process, num_processes=3).batches(0)[0] for process in range(3)
    ]
    assert [batch.counts.tolist() for batch in batches] == [[True], [False], [False]]
    assert len({int(batch.indices[0]) for batch in batches}) == 1


def test_other_responses_are_drawn_at_each_pass(samples: EncodedSamples) -> None:
    source = source_of(samples, num_samples=2, prompts_per_step=NUM_PROMPTS)
    found = [drawn(source, step) for step in range(3)]
    assert all(len(set(gold)) == 2 for step in found for gold in step.values())
    assert found[0] != found[1] != found[2]
    assert source.batches(1)[0].gold.shape == (NUM_PROMPTS, 2)


def test_values_are_read_prompt_by_prompt(samples: EncodedSamples) -> None:
    (batch,) = source_of(samples, prompts_per_step=NUM_PROMPTS, num_samples=NUM_RESPONSES).batches(0)
    by_position = torch.from_numpy(samples.gold.reshape(NUM_PROMPTS, NUM_RESPONSES))
    torch.testing.assert_close(batch.gold, by_position[batch.indices])
    torch.testing.assert_close(batch.by_prompt(batch.gold.reshape(-1)), batch.gold)
    assert batch.inputs.num_responses == NUM_PROMPTS * NUM_RESPONSES


def test_packed_a_prompt_stands_once(samples: EncodedSamples) -> None:
    (packed,) = source_of(samples, prompts_per_step=1).batches(0)
    (padded,) = source_of(samples, prompts_per_step=1, form=PaddedForm(pad_id=3)).batches(0)
    i = int(packed.indices[0])
    responses = samples.encoded(range(samples.begin[i], samples.begin[i + 1]))
    lengths = [len(one.input_ids) for one in responses]
    shared = responses[0].response_start
    assert packed.inputs.num_tokens <= sum(lengths) - (NUM_RESPONSES - 1) * shared
    assert padded.inputs.num_tokens == NUM_RESPONSES * max(lengths)


def test_the_usual_number_is_the_most_frequent_one(samples: EncodedSamples) -> None:
    uneven = EncodedSamples(samples.responses, np.array([0, 4, 6, 8, 28]), samples.gold, np.arange(4))
    assert usual_number(samples) == NUM_RESPONSES
    assert usual_number(uneven) == 2
    assert source_of(uneven).num_left_out == 2
    assert {i for step in range(4) for i in prompts_of(source_of(uneven), step)} == {0, 3}


def test_what_cannot_be_is_an_error(samples: EncodedSamples) -> None:
    with pytest.raises(DataError, match="`meta_samples` 9: none of the 7 prompts has so many responses; the most is 4"):
        source_of(samples, num_samples=9)
    with pytest.raises(DataError, match=r"`max_tokens_per_batch` 8 is too few: 4 responses to the meta prompt in row"):
        source_of(samples, max_tokens=8)
