"""What the options of training do to a reward model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rewardsmith.engine import recomputation
from rewardsmith.engine.accelerators import make_accelerator
from rewardsmith.engine.options import TrainOptions
from rewardsmith.engine.reward_training import train_reward_model
from rewardsmith.models.embedded import resolve_model
from rewardsmith.models.loading import load_tokenizer, new_reward_model
from rewardsmith.models.lora import add_lora
from rewardsmith.models.options import LoraOptions
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_reward_models import pair_table, some_rows

pytestmark = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"  # peft calls transformers' old name
)


def trained(folder: Path, lora: bool = False, **changes: Any) -> dict[str, torch.Tensor]:
    options = TrainOptions(**{"learning_rate": 3e-3, **changes})
    source = resolve_model(str(folder))
    tokenizer = load_tokenizer(source)
    model = new_reward_model(source, tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if lora:
            model = add_lora(model, LoraOptions(lora_r=4, lora_dropout=0.2))
        encoder = ConversationEncoder(tokenizer, 128)
        train_reward_model(model, encoder, pair_table(some_rows(24)), options, make_accelerator("cpu"))
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def largest_difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return max((one[name] - other[name]).abs().max().item() for name in one)


@pytest.mark.parametrize("lora", [False, True], ids=["full", "adapters with dropout"])
@pytest.mark.parametrize("packing", ["auto", "off"])
def test_recomputed_activations_teach_the_same(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, lora: bool, packing: str
) -> None:
    kept = trained(tiny_llama, lora, packing=packing)
    calls = []
    checkpoint = recomputation.checkpoint
    monkeypatch.setattr(
        recomputation, "checkpoint", lambda *given, **named: calls.append(1) or checkpoint(*given, **named)
    )
    recomputed = trained(tiny_llama, lora, packing=packing, gradient_checkpointing=True)
    assert len(calls) >= 6
    assert largest_difference(kept, recomputed) == 0.0


def numbers_kept(model: Any, recompute: bool) -> int:
    sizes: list[int] = []

    def noted(tensor: torch.Tensor) -> torch.Tensor:
        sizes.append(tensor.numel())
        return tensor

    with recomputation.recomputed_blocks(model, recompute), torch.autograd.graph.saved_tensors_hooks(noted, noted):
        model(input_ids=torch.arange(4, 64)[None], use_cache=False)
    return sum(sizes)


def test_recomputing_keeps_less(tiny_llama: Path) -> None:
    source = resolve_model(str(tiny_llama))
    model = new_reward_model(source, load_tokenizer(source)).train()
    assert numbers_kept(model, recompute=True) < 0.3 * numbers_kept(model, recompute=False)
    assert not any("forward" in vars(module) for module in model.modules())


def test_frozen_layers_stay_and_the_top_learns_on(tiny_llama: Path) -> None:
    before = trained(tiny_llama, learning_rate=1e-30)
    after = trained(tiny_llama, train_layers=1)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    top = {name for name in before if "layers.1." in name or name in ("model.norm.weight", "score.weight")}
    assert moved == top
