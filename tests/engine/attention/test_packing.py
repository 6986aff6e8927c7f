"""Packed batches: the rewards and gradients of conversations on their own, with every shared prompt computed once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rewardsmith.engine.attention import flex_packing, packed_attention
from rewardsmith.engine.attention.flex_packing import token_numbers
from rewardsmith.engine.attention.packing import Group, pack, packed_length
from rewardsmith.engine.batches import packing_check
from rewardsmith.engine.batches.batch_forms import PackedForm, PaddedForm, batch_form, usual_training_tokens
from rewardsmith.engine.batches.model_inputs import PackedInputs
from rewardsmith.engine.batches.packing_check import why_not_packed
from rewardsmith.engine.batches.reward_module import rewards_of
from rewardsmith.models.layers.dropout import causal_keys
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.tokens.batching import shared_prefix_length
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded
from tiny_architectures import DECODERS, conversation, save_tiny_model

TALKS = [
    conversation("Why is the sky blue?", "Because short waves scatter more."),
    conversation("Why is the sky blue?", "It is not."),
    conversation("Say hi.", "Hi!"),
    conversation("Why is the sky blue?", "Because short waves scatter more, and that is what one sees."),
    conversation("Say hi.", "Hi!"),
    conversation("Say hi. " * 12, "No."),
]


def reward_model(folder: Path, max_length: int = 128, side: Any = "left") -> tuple[Any, ConversationEncoder]:
    source = resolve_model(str(folder))
    tokenizer = load_tokenizer(source)
    return new_reward_model(source, tokenizer), ConversationEncoder(tokenizer, max_length, side)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: save_tiny_model(tmp_path_factory.mktemp(name), name) for name in DECODERS}


def rewards_and_gradient(model: Any, form: Any, encoded: list[Encoded]) -> tuple[Tensor, Tensor]:
    model.zero_grad()
    rewards = rewards_of(model, form.inputs(encoded))
    (rewards * torch.arange(1.0, len(encoded) + 1)).sum().backward()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    return rewards.detach(), gradient


@pytest.mark.parametrize("architecture", DECODERS)
@pytest.mark.parametrize(("max_length", "side"), [(128, "left"), (40, "left"), (40, "right")])
def test_rewards_and_gradients_are_those_of_padded_batches(
    folders: dict[str, Path], architecture: str, max_length: int, side: str
) -> None:
    model, encoder = reward_model(folders[architecture], max_length, side)
    encoded = encoder.encode_many(TALKS)
    padded = PaddedForm(model.config.pad_token_id)
    expected = rewards_and_gradient(model, padded, encoded)
    form = batch_form(model, encoder)
    assert form.packed
    for order in ([0, 1, 2, 3, 4, 5], [5, 3, 4, 1, 0, 2]):
        rewards, _ = rewards_and_gradient(model, form, [encoded[i] for i in order])
        torch.testing.assert_close(rewards, expected[0][order], rtol=1e-5, atol=1e-5)
    again = rewards_and_gradient(model, form, encoded)
    torch.testing.assert_close(again[1], expected[1], rtol=1e-4, atol=1e-4 * expected[1].abs().max().item())


@pytest.mark.parametrize("architecture", DECODERS)
def test_padded_batches_of_a_packing_model_are_as_before(folders: dict[str, Path], architecture: str) -> None:
    model, encoder = reward_model(folders[architecture])
    padded, encoded = PaddedForm(model.config.pad_token_id), encoder.encode_many(TALKS)
    with torch.no_grad():
        before = rewards_of(model, padded.inputs(encoded))
        assert batch_form(model, encoder).packed
        torch.testing.assert_close(rewards_of(model, padded.inputs(encoded)), before, rtol=1e-6, atol=1e-6)


def test_no_company_changes_a_reward(folders: dict[str, Path]) -> None:
    model, encoder = reward_model(folders["qwen3"])
    form, encoded = batch_form(model, encoder), encoder.encode_many(TALKS)
    with torch.no_grad():
        together = rewards_of(model, form.inputs(encoded))
        alone = torch.cat([rewards_of(model, form.inputs([item])) for item in encoded])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")  # uncompiled on a CPU, on purpose
def test_flex_attention_agrees_with_sdpa(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for architecture in ("llama", "mistral"):  # Mistral has a sliding window
        model, encoder = reward_model(folders[architecture])
        form, encoded = batch_form(model, encoder), encoder.encode_many(TALKS)
        with torch.no_grad():
            expected = rewards_of(model, form.inputs(encoded))
            monkeypatch.setattr(packed_attention, "flex_is_usable", lambda query: True)
            torch.testing.assert_close(rewards_of(model, form.inputs(encoded)), expected, rtol=1e-5, atol=1e-5)
            monkeypatch.undo()


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flex_attention_that_cannot_be_compiled_is_not_used(monkeypatch, capsys) -> None:
    cpu, on_cuda = torch.device("cpu"), SimpleNamespace(is_cuda=True, device=torch.device("cpu"))
    assert flex_packing.kernel_works.__wrapped__(cpu)
    assert capsys.readouterr().err == ""

    def failing(*_: Any, **__: Any) -> Any:
        raise RuntimeError("Failed to find C compiler.\nPlease specify via CC")

    monkeypatch.setattr(flex_packing, "_kernel", lambda compiled: failing)
    monkeypatch.setattr(flex_packing, "kernel_works", flex_packing.kernel_works.__wrapped__)
    assert not flex_packing.flex_is_usable(on_cuda)
    assert "(Failed to find C compiler.): packs are attended to response by response" in capsys.readouterr().err


def test_model_that_ignores_the_layout_falls_back_and_says_why(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, encoder = reward_model(folders["llama"])
    encoded = encoder.encode_many(TALKS)
    with torch.no_grad():
        before = rewards_of(model, PaddedForm(model.config.pad_token_id).inputs(encoded))
    attend = packed_attention.packed_attention
    monkeypatch.setattr(
        packed_attention,
        "packed_attention",
        lambda module, query, key, value, mask, pack=None, **named: attend(
            module, query, key, value, None if pack else mask, **named
        ),
    )
    form = batch_form(model, encoder)
    assert not form.packed
    assert "LlamaForSequenceClassification gives other rewards when packed" in capsys.readouterr().err
    with torch.no_grad():
        assert torch.equal(rewards_of(model, form.inputs(encoded)), before)


def test_a_window_that_attention_does_not_name_is_refused(folders, monkeypatch, capsys) -> None:
    attend = packed_attention.packed_attention
    monkeypatch.setattr(
        packed_attention,
        "packed_attention",
        lambda *given, sliding_window=None, **named: attend(*given, **named),
    )
    model, encoder = reward_model(folders["mistral"], max_length=16)  # no conversation is longer than the window
    assert batch_form(model, encoder).packed
    monkeypatch.setattr(packing_check, "PROMPTS", ("Hi.",))
    monkeypatch.setattr(packing_check, "RESPONSES", ("a", "b"))  # the check itself cannot see the difference
    model, encoder = reward_model(folders["mistral"], max_length=64)
    model.config.sliding_window = 60
    assert not batch_form(model, encoder).packed
    assert "has a sliding window of 60 tokens that its attention does not name" in capsys.readouterr().err


def test_attention_that_packing_cannot_do_is_refused_by_name(folders: dict[str, Path]) -> None:
    model, encoder = reward_model(folders["llama"])
    attention = model.model.layers[0].self_attn
    forward = attention.forward
    attention.forward = lambda *arguments, **named: forward(*arguments, **named, softcap=30.0)
    padded = PaddedForm(model.config.pad_token_id)
    reason = why_not_packed(model, encoder, padded, PackedForm())
    assert reason is not None and "softcap" in reason
    assert model.config._attn_implementation != packed_attention.NAME


def test_a_model_whose_own_code_fails_on_a_pack_is_padded(folders, monkeypatch, capsys) -> None:
    def failing(model: Any, inputs: Any) -> torch.Tensor:
        if isinstance(inputs, PackedInputs):
            raise RuntimeError("view size is not compatible\nand more")
        return rewards_of(model, inputs)

    monkeypatch.setattr(packing_check, "rewards_of", failing)
    model, encoder = reward_model(folders["llama"])
    assert not batch_form(model, encoder).packed
    assert "LlamaForSequenceClassification: view size is not compatible\n" in capsys.readouterr().err


def test_all_processes_pad_where_one_has_to(folders, capsys) -> None:
    model, encoder = reward_model(folders["llama"])
    assert not batch_form(model, encoder, everywhere=lambda answer: False).packed
    assert "the check failed in another process" in capsys.readouterr().err
    assert batch_form(model, encoder, everywhere=lambda answer: answer).packed


@pytest.mark.parametrize("slips", [1, 2])
def test_a_difference_that_does_not_come_again_is_not_the_models(folders, slips, monkeypatch, capsys) -> None:
    model, encoder = reward_model(folders["llama"])
    calls = []

    def slipping(model: Any, inputs: Any) -> torch.Tensor:
        calls.append(inputs)
        return rewards_of(model, inputs) * (1.001 if len(calls) in (2, 4)[:slips] else 1)  # 1 and 3 are padded

    monkeypatch.setattr(packing_check, "rewards_of", slipping)
    reason = why_not_packed(model, encoder, PaddedForm(model.config.pad_token_id), PackedForm())
    assert len(calls) == 4
    assert (reason is None) == (slips == 1)
    assert ("when asked again" in capsys.readouterr().err) == (slips == 1)
    assert (model.config._attn_implementation == packed_attention.NAME) == (slips == 1)


def test_under_autocast_a_processor_takes_larger_passes() -> None:
    assert usual_training_tokens("cpu", True) > usual_training_tokens("cpu", False)
    assert usual_training_tokens("cuda", True) == usual_training_tokens("cuda", False)


def sequences_of(texts: list[list[int]], start: int) -> list[Encoded]:
    return [Encoded(ids, min(start, len(ids) - 1), len(ids), 0) for ids in texts]


token_lists = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=9), min_size=1, max_size=8)


@settings(deadline=None, derandomize=True)
@given(token_lists, st.integers(0, 4), st.integers(1, 2))
def test_every_conversation_can_be_read_from_the_pack(texts: list[list[int]], start: int, num_views: int) -> None:
    encoded = [replace(item, view=i % num_views) for i, item in enumerate(sequences_of(texts, start))]
    packed = pack(encoded, [causal_keys(item) for item in encoded])
    assert packed.token_keys is not None
    group, branch, position = (numbers.numpy() for numbers in token_numbers(packed.layout, len(packed.input_ids)))
    assert np.array_equal(position, packed.position_ids)
    for item, end in zip(encoded, packed.ends, strict=True):
        mine = (group == group[end]) & ((branch == branch[end]) | (branch == 0)) & (np.arange(len(group)) <= end)
        assert packed.input_ids[mine].tolist() == item.input_ids
        assert packed.position_ids[mine].tolist() == list(range(len(item.input_ids)))
        assert np.array_equal(packed.token_keys[mine], causal_keys(item))
    assert len(packed.input_ids) == packed.layout.num_tokens == PackedForm().num_tokens(encoded)


def test_views_share_nothing() -> None:
    encoded = sequences_of([[1, 2, 3, 4], [1, 2, 3, 5]], 2)
    packed = pack([replace(item, view=view) for view in (0, 1) for item in encoded])
    assert packed.layout.groups == (Group(3, (1, 1)), Group(3, (1, 1)))


def test_prompt_stands_once_and_equal_conversations_once() -> None:
    encoded = sequences_of([[1, 2, 3, 4], [1, 2, 3, 5, 6], [1, 2, 3, 4], [9, 9]], 2)
    packed = pack(encoded)
    assert packed.input_ids.tolist() == [1, 2, 3, 4, 5, 6, 9, 9]
    assert packed.ends.tolist() == [3, 5, 3, 7]
    assert packed.layout.groups == (Group(3, (1, 2)), Group(0, (2,)))


def test_conversation_that_begins_another_keeps_its_last_token_to_itself() -> None:
    assert shared_prefix_length([np.array([1, 2, 3], np.int32), np.array([1, 2, 3, 4], np.int32)]) == 2
    assert packed_length(sequences_of([[1, 2, 3], [1, 2, 3, 4]], 1)) == 5


@settings(deadline=None, derandomize=True)
@given(token_lists, st.integers(1, 30), st.booleans())
def test_plan_covers_everything_once_within_the_budget(texts: list[list[int]], budget: int, packed: bool) -> None:
    form: Any = PackedForm() if packed else PaddedForm(0)
    units = [(item,) for item in sequences_of(texts, 2)]
    batches = form.plan(units, budget)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(units)))
    for batch in batches:
        assert len(batch) == 1 or form.inputs([units[i][0] for i in batch]).num_tokens <= budget
