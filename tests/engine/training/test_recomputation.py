"""Selective checkpointing is for CPUs and for models that bear it; others keep everything, and say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rewardsmith.engine.batches.batch_forms import batch_form
from rewardsmith.engine.training import recomputation
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.recomputation import what_again
from rewardsmith.errors import ConfigError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_architectures import save_tiny_model


def asked(folder: Path, device_type: str = "cpu", **options: Any) -> str:
    source = resolve_model(str(folder))
    tokenizer = load_tokenizer(source)
    model, encoder = new_reward_model(source, tokenizer), ConversationEncoder(tokenizer, 128)
    return what_again(model, encoder, batch_form(model, encoder), TrainOptions(**options), device_type)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the tiny models are not."""
    monkeypatch.setattr(recomputation, "NARROW", 32)


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "mistral", "gemma", "gpt2", "bert"])
def test_usual_models_compute_cheap_things_again_on_a_cpu(tmp_path: Path, architecture: str) -> None:
    assert asked(save_tiny_model(tmp_path, architecture)) == "cheap"


def test_narrow_states_are_kept_unless_asked_for(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recomputation, "NARROW", 33)
    assert asked(tiny_llama) == "nothing"
    assert asked(tiny_llama, selective_checkpointing="on") == "cheap"


def test_what_is_asked_for_is_done(tiny_llama: Path) -> None:
    assert asked(tiny_llama, selective_checkpointing="off") == "nothing"
    assert asked(tiny_llama, selective_checkpointing="on") == "cheap"
    assert asked(tiny_llama, gradient_checkpointing=True) == "all"


def test_elsewhere_than_on_a_cpu_it_cannot_be_had(tiny_llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(tiny_llama, device_type="cuda") == "nothing"
    assert "activations" not in capsys.readouterr().err
    with pytest.raises(ConfigError, match="`selective_checkpointing` on: it is for CPUs"):
        asked(tiny_llama, device_type="cuda", selective_checkpointing="on")


def doubled(product: Tensor) -> Tensor:
    """PyTorch does not see that what was kept has changed: it shares memory, but is no view."""
    return product.mul_(2.0)


def negated(product: Tensor) -> Tensor:
    """Gradients of the same size with other signs."""
    return product.neg_()


def doubled_as_a_view(product: Tensor) -> Tensor:
    return torch.mm(product[0], torch.eye(product.shape[-1])).mul_(2.0)[None]


@pytest.mark.parametrize("writes", [doubled, negated, doubled_as_a_view])
def test_a_model_that_writes_into_what_was_kept_keeps_everything(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], writes: Callable[..., Any]
) -> None:
    plain = torch.nn.Linear.forward
    monkeypatch.setattr(torch.nn.Linear, "forward", lambda self, given: writes(plain(self, given)))
    assert asked(tiny_llama) == "nothing"
    assert "All activations are kept: LlamaForSequenceClassification" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="`selective_checkpointing` on: LlamaForSequenceClassification"):
        asked(tiny_llama, selective_checkpointing="on")
