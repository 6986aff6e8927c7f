"""A policy that runs here answers conversations, each prompt and number by a seed of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rewardsmith.contracts.sampler import Answers, Sampler
from rewardsmith.errors import ConfigError, ModelError
from rewardsmith.models.options import EndpointOptions
from rewardsmith.sampling.local_sampler import LocalSampler
from rewardsmith.sampling.open_sampler import open_sampler
from rewardsmith.sampling.options import LocalSamplingOptions, SamplingOptions
from rewardsmith.sampling.settings import NAMED
from tiny_architectures import ROLE_TOKENS, STRICT_TEMPLATE, byte_tokenizer, save_tiny_model
from tiny_writers import save_tiny_writer, tiny_writer

NEW = 12


def asked(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


PROMPTS = [asked("Hi."), asked("Why is the sky blue?"), [{"role": "system", "content": "Be brief."}, *asked("Hi.")]]


def sampler(architecture: str = "llama", tokenizer: Any = None, max_tokens: int = 4096, **how: Any) -> LocalSampler:
    model, tokenizer = tiny_writer(architecture, tokenizer)
    where = LocalSamplingOptions(max_prompt_length=48, max_tokens_per_batch=max_tokens, device="cpu")
    return LocalSampler(model, tokenizer, SamplingOptions(max_new_tokens=NEW, **how), where)


def texts(answers: list[Answers]) -> list[list[str]]:
    return [[sample.response["content"] for sample in one.samples] for one in answers]


@pytest.fixture(scope="module")
def four() -> list[Answers]:
    """Four responses to each prompt."""
    return sampler().sample(PROMPTS, 4, seed=0)


def test_a_sampler_is_one() -> None:
    assert isinstance(sampler(), Sampler)


@pytest.mark.parametrize("max_tokens", [1, 70, 150])
def test_batches_and_order_change_nothing(four: list[Answers], max_tokens: int) -> None:
    found = sampler(max_tokens=max_tokens).sample(PROMPTS[::-1], 4, seed=0)[::-1]
    assert texts(found) == texts(four)
    for one, other in zip(found, four, strict=True):
        logprobs = [sample.logprob for sample in other.samples]
        assert [sample.logprob for sample in one.samples] == pytest.approx(logprobs, abs=1e-4)


def test_prompt_seed_and_number_decide_and_nothing_else(four: list[Answers]) -> None:
    assert texts(sampler().sample([PROMPTS[1]] * 2, 2, seed=0)) == [texts(four)[1][:2]] * 2
    assert len({text for one in texts(four) for text in one}) == 12
    assert not set(texts(sampler().sample(PROMPTS[:1], 4, seed=1))[0]) & set(texts(four)[0])


@pytest.mark.slow
@pytest.mark.parametrize("named", NAMED)
def test_batches_change_nothing_of_a_real_policy(named: Any) -> None:
    how = SamplingOptions(sampling=named, max_new_tokens=24)
    found = []
    for max_tokens in (8192, 1):
        where = LocalSamplingOptions(max_tokens_per_batch=max_tokens, device="cpu")
        policy = open_sampler("embedded/smollm2-135m", None, how, where, EndpointOptions())
        found.append(policy.sample(PROMPTS, 3, seed=0))
        policy.close()
    together, alone = found
    assert texts(together) == texts(alone)
    for one, other in zip(together, alone, strict=True):
        logprobs = [sample.logprob for sample in other.samples]
        assert [sample.logprob for sample in one.samples] == pytest.approx(logprobs, abs=1e-3)


def test_no_random_state_of_the_process_is_read_or_changed(four: list[Answers]) -> None:
    torch.manual_seed(123)
    before = torch.get_rng_state()
    assert texts(sampler().sample(PROMPTS[:1], 4, seed=0)) == texts(four)[:1]
    assert torch.equal(torch.get_rng_state(), before)


def test_a_response_is_what_comes_before_the_end_of_turn() -> None:
    model, tokenizer = tiny_writer()
    with torch.no_grad():  # the end comes nearly always, everything else is as likely as anything
        model.lm_head.weight.zero_()
        model.lm_head.bias = torch.nn.Parameter(torch.zeros(len(tokenizer)))
        model.lm_head.bias[tokenizer.eos_token_id] = 10.0
    where = LocalSamplingOptions(device="cpu")
    [one] = LocalSampler(model, tokenizer, SamplingOptions(max_new_tokens=NEW), where).sample(PROMPTS[:1], 50, 0)
    ended = [sample for sample in one.samples if sample.finish_reason == "stop"]
    assert len(ended) > 45
    for sample in ended:
        assert sample.num_tokens is not None and "</s>" not in sample.response["content"]
        expected = torch.log_softmax(model.lm_head.bias, 0)
        other = (sample.num_tokens - 1) * expected[-1].item()
        assert sample.logprob == pytest.approx(expected[tokenizer.eos_token_id].item() + other, abs=1e-3)


def test_special_tokens_in_a_response_are_no_text() -> None:
    model, tokenizer = tiny_writer()
    with torch.no_grad():
        model.lm_head.weight.zero_()  # one token in sixty or so is that of a role
    how, where = SamplingOptions(max_new_tokens=40), LocalSamplingOptions(device="cpu")
    [one] = LocalSampler(model, tokenizer, how, where).sample(PROMPTS[:1], 20, 0)
    written = " ".join(texts([one])[0])
    assert len(written) > 400 and not any(role in written for role in ROLE_TOKENS)


def test_what_is_cut_off_says_so(four: list[Answers]) -> None:
    samples = [sample for one in four for sample in one.samples]
    assert {sample.finish_reason for sample in samples if sample.num_tokens == NEW} >= {"length"}
    assert all(sample.num_tokens == NEW for sample in samples if sample.finish_reason == "length")


def test_a_long_prompt_loses_its_beginning_and_says_so() -> None:
    long = asked("x" * 100 + "Why is the sky blue?")
    [cut, whole] = sampler().sample([long, PROMPTS[1]], 1, seed=0)
    assert cut.num_cut > 0 and whole.num_cut == 0


def test_a_prompt_that_the_template_refuses_costs_only_itself() -> None:
    strict = byte_tokenizer(template=STRICT_TEMPLATE)
    refused = [{"role": "tool", "content": "4"}, *asked("Hi.")]
    found = sampler(tokenizer=strict).sample([PROMPTS[0], refused, PROMPTS[1]], 2, seed=0)
    assert [one.problem is None for one in found] == [True, False, True]
    assert "roles must alternate" in str(found[1].problem) and found[1].samples == []
    assert texts(found)[::2] == texts(sampler(tokenizer=strict).sample(PROMPTS[:2], 2, seed=0))


def test_a_base_model_continues_a_transcript() -> None:
    [one] = sampler("gpt2").sample([asked("Hi.")], 3, seed=0)
    assert len(one.samples) == 3 and not any(sample.response["content"].startswith(" ") for sample in one.samples)


def test_only_own_settings_are_on_policy() -> None:
    assert sampler().on_policy and not sampler(sampling="paper").on_policy


def test_the_fingerprint_is_that_of_weights_and_tokenizer() -> None:
    one, same = sampler(), sampler(sampling="paper")
    assert one.fingerprint == same.fingerprint
    assert sampler(tokenizer=byte_tokenizer(template=STRICT_TEMPLATE)).fingerprint != one.fingerprint
    other, tokenizer = tiny_writer(seed=1)
    assert LocalSampler(other, tokenizer, SamplingOptions(), LocalSamplingOptions()).fingerprint != one.fingerprint


def test_more_tokens_than_positions_are_refused() -> None:
    model, tokenizer = tiny_writer("gpt2")
    with pytest.raises(ConfigError, match="make 129 tokens; the policy reads 128"):
        LocalSampler(model, tokenizer, SamplingOptions(max_new_tokens=65), LocalSamplingOptions(max_prompt_length=64))


@pytest.mark.parametrize("name", ["max_prompt_length", "max_tokens_per_batch"])
def test_lengths_that_hold_nothing_are_refused(name: str) -> None:
    model, tokenizer = tiny_writer()
    with pytest.raises(ConfigError, match=f"`{name}` 0 must be at least"):
        LocalSampler(model, tokenizer, SamplingOptions(), LocalSamplingOptions(**{name: 0}))


def test_a_folder_is_opened_and_what_cannot_write_is_not(tmp_path: Path) -> None:
    options = (SamplingOptions(max_new_tokens=NEW), LocalSamplingOptions(device="cpu"), EndpointOptions())
    opened = open_sampler(str(save_tiny_writer(tmp_path / "llama")), None, *options)
    assert texts(opened.sample(PROMPTS, 4, seed=0))
    opened.close()
    with pytest.raises(ModelError, match="is an encoder"):
        open_sampler(str(save_tiny_model(tmp_path / "bert", "bert")), None, *options)
    with pytest.raises(ModelError, match="is no policy"):
        open_sampler(str(save_tiny_model(tmp_path / "trunk", "llama")), None, *options)
