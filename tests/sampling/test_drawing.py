"""What is drawn, and its log-probabilities, are those of the policy, whatever else is in the batch."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from rewardsmith.errors import ModelError, RunError
from rewardsmith.sampling.drawing import Drawing, Drawn
from rewardsmith.sampling.settings import NAMED, SamplingSettings
from rewardsmith.sampling.token_choice import TokenChoice
from tiny_architectures import DECODERS
from tiny_writers import tiny_writer

END, PAD, NEW = 2, 3, 20
PROMPTS = [[5, 6, 7], [9] * 12, [20, 21, 22, 23, 24, 25, 26], [5, 6, 7]]
SEEDS = [1, -2, 3, 4]


def drawing(model: Any, settings: SamplingSettings = NAMED["policy"], new: int = NEW, ends: Any = (END,)) -> Drawing:
    return Drawing(model, TokenChoice(settings), ends, PAD, new)


def alone(how: Drawing) -> list[Drawn]:
    return [how.draw([prompt], [seed])[0] for prompt, seed in zip(PROMPTS, SEEDS, strict=True)]


def assert_same(found: list[Drawn], expected: list[Drawn], rounding: float = 1e-5) -> None:
    assert [(one.ids, one.ended) for one in found] == [(one.ids, one.ended) for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=rounding)


@pytest.mark.parametrize("architecture", DECODERS)
def test_the_likeliest_tokens_are_those_that_transformers_generates(architecture: str) -> None:
    model, _ = tiny_writer(architecture)
    found = drawing(model, SamplingSettings(temperature=0)).draw(PROMPTS, SEEDS)
    for prompt, drawn in zip(PROMPTS, found, strict=True):
        ids = torch.tensor([prompt])
        given = {"max_new_tokens": NEW, "eos_token_id": END, "pad_token_id": PAD, "do_sample": False}
        generated = model.generate(ids, attention_mask=torch.ones_like(ids), **given)
        assert drawn.ids == generated[0, len(prompt) :].tolist()


@pytest.mark.parametrize("architecture", DECODERS)
@pytest.mark.parametrize("named", NAMED)
def test_a_batch_draws_what_each_response_alone_does(architecture: str, named: str) -> None:
    how = drawing(tiny_writer(architecture)[0], NAMED[named])
    together = how.draw(PROMPTS, SEEDS)
    assert together[0].ids != together[3].ids  # one prompt, two seeds
    assert_same(together, alone(how))
    assert_same(how.draw(PROMPTS[::-1], SEEDS[::-1])[::-1], together)


@pytest.mark.parametrize("named", NAMED)
def test_log_probabilities_are_the_policys_own_at_temperature_1(named: str) -> None:
    model, _ = tiny_writer()
    for prompt, drawn in zip(PROMPTS, drawing(model, NAMED[named]).draw(PROMPTS, SEEDS), strict=True):
        with torch.no_grad():
            scores = model(torch.tensor([prompt + drawn.ids])).logits[0, len(prompt) - 1 : -1]
        expected = scores.log_softmax(-1).gather(1, torch.tensor(drawn.ids)[:, None])[:, 0]
        assert drawn.logprobs == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize("named", NAMED)
def test_a_response_that_ends_leaves_the_others_as_they_are(named: str) -> None:
    model, _ = tiny_writer()
    endless = drawing(model, NAMED[named], ends=()).draw(PROMPTS, SEEDS)
    end = endless[1].ids[4]  # so that the second response ends at its fifth token at the latest
    how = drawing(model, NAMED[named], ends=(end,))
    found = how.draw(PROMPTS, SEEDS)
    assert_same(found, alone(how))
    assert found[1].ended and len(found[1].ids) <= 5
    for one, whole in zip(found, endless, strict=True):
        assert one.ids == whole.ids[: len(one.ids)]
        assert one.ended == (one.ids[-1] == end) and end not in one.ids[:-1]
        assert one.ended or len(one.ids) == NEW


def test_fewer_new_tokens_are_the_first_of_more() -> None:
    model, _ = tiny_writer()
    long, short = drawing(model).draw(PROMPTS, SEEDS), drawing(model, new=5).draw(PROMPTS, SEEDS)
    assert [one.ids for one in short] == [one.ids[:5] for one in long]


def test_sequences_come_as_often_as_the_policy_says() -> None:
    """All sequences of two tokens over four candidates, each within four standard errors."""
    model, _ = tiny_writer()
    with torch.no_grad():
        model.lm_head.weight[4:] = 0  # the rest has a bias that no draw can overcome
        forbid = torch.zeros(model.config.vocab_size)
        forbid[4:] = -1e9
        model.lm_head.bias = torch.nn.Parameter(forbid)
        first = model(torch.tensor([[5, 6]])).logits[0, -1].softmax(0)
        second = [model(torch.tensor([[5, 6, token]])).logits[0, -1].softmax(0) for token in range(4)]
    many = 4000
    drawn = drawing(model, new=2, ends=()).draw([[5, 6]] * many, range(many))
    found = Counter(tuple(one.ids) for one in drawn)
    for one in range(4):
        for two in range(4):
            p = (first[one] * second[one][two]).item()
            assert abs(found[one, two] / many - p) < 4 * (p * (1 - p) / many) ** 0.5
    assert sum(found.values()) == many and all(max(ids) < 4 for ids in found)


def test_batches_hold_what_fits_longest_first_and_equal_prompts_together() -> None:
    how = drawing(None, new=8)
    prompts = [[1] * 2, [2] * 6, [1] * 2, [3] * 2, [1] * 2]
    assert [batch.tolist() for batch in how.batches(prompts, max_tokens=30)] == [[1, 0], [2, 4, 3]]
    assert [batch.tolist() for batch in how.batches(prompts, max_tokens=1)] == [[1], [0], [2], [4], [3]]


def test_a_prompt_is_read_once_for_all_its_responses() -> None:
    model, _ = tiny_writer()
    read: list[int] = []
    model.model.register_forward_pre_hook(
        lambda _, __, given: read.append(given["input_ids"].numel()), with_kwargs=True
    )
    drawing(model, new=2, ends=()).draw([[5, 6, 7]] * 8, range(8))
    assert read == [3, 8]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft's call
def test_adapters_are_part_of_the_policy() -> None:
    model, _ = tiny_writer()
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
    found = drawing(adapted.eval()).draw(PROMPTS, SEEDS)
    with adapted.disable_adapter():
        without = drawing(adapted).draw(PROMPTS, SEEDS)
    assert [one.ids for one in found] != [one.ids for one in without]
    assert_same(found, drawing(adapted.merge_and_unload()).draw(PROMPTS, SEEDS), rounding=1e-4)


def test_a_policy_that_has_diverged_is_no_policy() -> None:
    model, _ = tiny_writer()
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(RunError, match="not finite"):
        drawing(model).draw(PROMPTS, SEEDS)


def test_a_model_without_a_cache_is_refused() -> None:
    class Stateless:
        device = torch.device("cpu")

        def forward(self, ids: torch.Tensor) -> Any:
            return SimpleNamespace(logits=torch.zeros(*ids.shape, 9))

        __call__ = forward

    with pytest.raises(ModelError, match="Stateless keeps no cache"):
        drawing(Stateless()).draw(PROMPTS, SEEDS)
