"""Rewards of a batch and the state that they are read from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rewardsmith.engine.batches.batch_forms import PaddedForm, batch_form
from rewardsmith.engine.batches.reward_module import RewardModule, rewards_of
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.models.layers.heads import output_layer
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.options import LoraOptions
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded
from tiny_architectures import ARCHITECTURES, CONVERSATIONS, DECODERS, save_tiny_model


def case(folder: Path, architecture: str) -> tuple[RewardModule, ConversationEncoder, PaddedForm, list[Encoded]]:
    source = resolve_model(str(save_tiny_model(folder, architecture)))
    tokenizer = load_tokenizer(source)
    module = RewardModule(new_reward_model(source, tokenizer))
    encoder = ConversationEncoder(tokenizer, 96)
    return (
        module,
        encoder,
        PaddedForm(module.model.config.pad_token_id, encoder.has_token_types),
        encoder.encode_many(CONVERSATIONS),
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rewards_are_products_of_the_states_and_both_have_gradients(architecture: str, tmp_path: Path) -> None:
    module, _, form, encoded = case(tmp_path, architecture)
    rewards, states = module(form.inputs(encoded))
    layer = output_layer(module.model)
    assert states.shape == (len(encoded), 32)
    torch.testing.assert_close(states @ layer.weight[0], rewards, rtol=1e-5, atol=1e-5)
    assert torch.equal(rewards, rewards_of(module.model, form.inputs(encoded)))
    states.pow(3).sum().backward()
    trunk = getattr(module.model, module.model.base_model_prefix)
    first = trunk.get_input_embeddings().weight
    assert first.grad is not None and first.grad.abs().sum() > 0
    assert layer.weight.grad is None


@pytest.mark.parametrize("architecture", DECODERS)
def test_packed_states_are_padded_states_and_so_are_their_gradients(architecture: str, tmp_path: Path) -> None:
    module, encoder, padded, encoded = case(tmp_path, architecture)
    found = []
    for form in (padded, batch_form(module.model, encoder)):
        module.zero_grad()
        states = module(form.inputs(encoded)).states
        states.pow(3).sum().backward()
        gradient = torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])
        found.append((states.detach(), gradient))
    torch.testing.assert_close(found[1][0], found[0][0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[1][1], found[0][1], rtol=1e-3, atol=1e-4 * found[0][1].abs().max().item())


@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_adapters_and_the_wrapper_of_accelerate_leave_the_pair_as_it_is(architecture: str, tmp_path: Path) -> None:
    module, _, form, encoded = case(tmp_path, architecture)
    expected = module(form.inputs(encoded))
    adapted = RewardModule(add_lora(module.model, LoraOptions(lora_r=2)))
    for wrapped in (adapted, make_accelerator("cpu").prepare(adapted)):
        found = wrapped(form.inputs(encoded))
        assert torch.equal(found.rewards, expected.rewards)
        assert torch.equal(found.states, expected.states)
