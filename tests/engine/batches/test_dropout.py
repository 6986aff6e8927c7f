"""Dropout in a reward model: the same however batches are cut, packed or padded, kept or computed again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rewardsmith.engine.batches.batch_forms import BatchForm, PackedForm, PaddedForm, batch_form
from rewardsmith.engine.batches.reward_module import RewardModule, rewards_of
from rewardsmith.engine.training.recomputation import Again, recomputed_blocks
from rewardsmith.models.layers.blocks import train_top_layers
from rewardsmith.models.layers.dropout import Dropout, dropout_sites
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.options import LoraOptions
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded
from tiny_architectures import ARCHITECTURES, DECODERS, conversation, save_tiny_model

TALKS = [
    conversation("Why is the sky blue?", "Because short waves scatter more."),
    conversation("Why is the sky blue?", "It is not."),
    conversation("Say hi.", "Hi!"),
    conversation("Why is the sky blue?", "Because short waves scatter more, and that is what one sees."),
]


@dataclass(frozen=True)
class Case:
    model: Any
    padded: Any
    best: Any
    """Packed for decoders."""
    encoded: list[Encoded]

    def in_views(self, *views: int) -> list[Encoded]:
        return [replace(item, view=view) for view in views for item in self.encoded]


def case(folder: Path, architecture: str = "llama", lora: bool = False, train_layers: int = -1) -> Case:
    source = resolve_model(str(save_tiny_model(folder, architecture)))
    tokenizer = load_tokenizer(source)
    model = new_reward_model(source, tokenizer)
    if lora:
        model = add_lora(model, LoraOptions(lora_r=4))
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(0))
    train_top_layers(model, train_layers)
    encoder = ConversationEncoder(tokenizer, 96)
    padded, best = (batch_form(model, encoder, packing, dropout=True) for packing in ("off", "auto"))
    assert isinstance(best, PackedForm if architecture in DECODERS else PaddedForm)
    return Case(model, padded, best, encoder.encode_many(TALKS))


def rewards_in_training(model: Any, dropout: Dropout | None, form: BatchForm, encoded: list[Encoded]) -> Tensor:
    rewards: Tensor = RewardModule(model, dropout).train()(form.inputs(encoded)).rewards
    return rewards


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kind", [{}, {"lora": True}, {"train_layers": 1}], ids=["full", "adapters", "partial"])
def test_rewards_are_the_same_packed_padded_and_in_any_company(
    architecture: str, kind: dict[str, Any], tmp_path: Path
) -> None:
    given = case(tmp_path, architecture, **kind)
    with dropout_sites(given.model, 0.3, seed=1) as dropout, torch.no_grad():
        expected = rewards_in_training(given.model, dropout, given.padded, given.encoded)
        for order in ([0, 1, 2, 3], [3, 2, 0, 1], [2], [1, 3], [0, 0, 2]):
            for form in (given.padded, given.best):
                found = rewards_in_training(given.model, dropout, form, [given.encoded[i] for i in order])
                torch.testing.assert_close(found, expected[order], rtol=1e-5, atol=1e-5)
    plain = rewards_of(given.model.eval(), given.padded.inputs(given.encoded))
    assert (plain - expected).abs().min() > 1e-4
    assert not any(layer._forward_hooks for layer in given.model.modules())


@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_views_steps_and_seeds_differ_and_evaluation_drops_nothing(architecture: str, tmp_path: Path) -> None:
    given = case(tmp_path, architecture)
    found = []
    with torch.no_grad():
        for seed, step in ((0, 1), (0, 2), (1, 1)):
            with dropout_sites(given.model, 0.3, seed) as dropout:
                assert dropout is not None
                dropout.begin(step)
                found += rewards_in_training(given.model, dropout, given.best, given.in_views(0, 1)).split(4)
                evaluated = RewardModule(given.model, dropout).eval()(given.best.inputs(given.encoded)).rewards
        plain = RewardModule(given.model).eval()(given.best.inputs(given.encoded)).rewards
    assert torch.equal(evaluated, plain)
    differences = torch.stack([(one - other).abs().min() for i, one in enumerate(found) for other in found[:i]])
    assert differences.min() > 1e-5


def test_views_of_a_conversation_stand_apart_in_a_pack(tmp_path: Path) -> None:
    given = case(tmp_path)
    alone, both, twice = (given.best.inputs(given.in_views(*views)).num_tokens for views in ((0,), (0, 1), (0, 0)))
    assert both == 2 * alone == 2 * twice
    assert given.best.num_tokens(given.in_views(0, 1)) == both


def test_no_dropout_is_to_the_bit_what_it_was(tmp_path: Path) -> None:
    given = case(tmp_path)
    with dropout_sites(given.model, 0.0, seed=1) as dropout:
        found = rewards_in_training(given.model, dropout, given.best, given.encoded)
    plain = replace(given.best, keys=None)
    assert plain.inputs(given.encoded).token_keys is None
    assert torch.equal(found, rewards_in_training(given.model, None, plain, given.encoded))


def gradients(given: Case, again: Again) -> list[Tensor]:
    """Of a loss over two views that ran forward one after the other, before one backward pass."""
    given.model.zero_grad()
    with recomputed_blocks(given.model, again), dropout_sites(given.model, 0.3, seed=1) as dropout:
        assert dropout is not None
        dropout.begin(4)
        first, second = (rewards_in_training(given.model, dropout, given.best, given.in_views(view)) for view in (0, 1))
        dropout.begin(5)  # what comes next does not touch what was computed
        (first - 2 * second).pow(2).sum().backward()
    return [p.grad.clone() for p in given.model.parameters() if p.grad is not None]


@pytest.mark.parametrize("again", ["cheap", "all"])
@pytest.mark.parametrize("lora", [False, True], ids=["full", "adapters"])
def test_a_block_that_is_computed_again_drops_what_it_dropped(again: Again, lora: bool, tmp_path: Path) -> None:
    given = case(tmp_path, lora=lora)
    kept, found = gradients(given, "nothing"), gradients(given, again)
    assert len(kept) == len(found)
    assert all(torch.equal(one, other) for one, other in zip(kept, found, strict=True))


def test_states_are_dropped_too_and_have_gradients(tmp_path: Path) -> None:
    given = case(tmp_path)
    with dropout_sites(given.model, 0.3, seed=1) as dropout:
        module = RewardModule(given.model, dropout).train()
        one, other = module(given.best.inputs(given.in_views(0, 1))).states.split(4)
    assert (one - other).abs().amax(1).min() > 1e-3
    torch.nn.functional.cosine_similarity(one, other).sum().backward()
    assert all(parameter.grad is not None for parameter in given.model.model.parameters())
