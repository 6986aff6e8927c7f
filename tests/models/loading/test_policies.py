"""Policies: what is loaded is what was saved, with adapters or without, and what cannot write is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rewardsmith.artifacts.terminal import progress
from rewardsmith.errors import ConfigError, ModelError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import add_policy_lora, load_policy, save_policy
from rewardsmith.models.options import LoraOptions
from tiny_architectures import save_tiny_model
from tiny_writers import save_tiny_writer

TOKENS = torch.tensor([[1, 40, 50, 60, 70]])


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_saved_policy_writes_the_same_again(architecture: str, tmp_path: Path) -> None:
    policy, tokenizer = load_policy(resolve_model(str(save_tiny_writer(tmp_path / "first", architecture))))
    save_policy(policy, tokenizer, tmp_path / "second")
    again, _ = load_policy(resolve_model(str(tmp_path / "second")))
    with torch.no_grad():
        assert torch.equal(again(TOKENS).logits, policy(TOKENS).logits)
    assert not policy.training and tokenizer.pad_token_id not in (tokenizer.eos_token_id, None)


def test_adapters_are_saved_by_themselves_and_loaded_into_their_base(tmp_path: Path) -> None:
    policy, tokenizer = load_policy(resolve_model(str(save_tiny_writer(tmp_path / "base"))))
    adapted = add_policy_lora(policy, LoraOptions(use_peft=True, lora_r=4))
    trained = {name for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    assert trained and all("lora_" in name for name in trained)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1)
    save_policy(adapted, tokenizer, tmp_path / "adapters")
    assert not (tmp_path / "adapters" / "model.safetensors").exists()
    merged, _ = load_policy(resolve_model(str(tmp_path / "adapters")))
    assert not hasattr(merged, "peft_config") and all(parameter.requires_grad for parameter in merged.parameters())
    with torch.no_grad():
        torch.testing.assert_close(merged(TOKENS).logits, adapted(TOKENS).logits, atol=1e-4, rtol=1e-4)


def test_equal_seeds_draw_equal_adapters_and_nothing_else_is_drawn(tmp_path: Path) -> None:
    source = resolve_model(str(save_tiny_writer(tmp_path)))
    before = torch.get_rng_state()
    drawn = []
    for seed in (1, 1, 2):
        adapted = add_policy_lora(load_policy(source)[0], LoraOptions(use_peft=True, lora_r=4), seed)
        drawn.append([parameter for name, parameter in adapted.named_parameters() if "lora_A" in name])
    first, again, other = drawn
    assert all(map(torch.equal, first, again)) and not any(map(torch.equal, first, other))
    assert torch.equal(torch.get_rng_state(), before)


def test_what_cannot_write_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is an encoder: it reads and does not write"):
        load_policy(resolve_model(str(save_tiny_model(tmp_path / "bert", "bert"))))
    with pytest.raises(ModelError, match=r"is no policy: its files lack lm_head\.weight"):
        load_policy(resolve_model(str(save_tiny_model(tmp_path / "trunk", "llama"))))


def test_adapters_with_dropout_or_for_no_layer_are_refused(tmp_path: Path) -> None:
    policy, _ = load_policy(resolve_model(str(save_tiny_writer(tmp_path))))
    with pytest.raises(ConfigError, match="`lora_dropout` 0.1"):
        add_policy_lora(policy, LoraOptions(lora_dropout=0.1))
    with pytest.raises(ModelError, match="`lora_target_modules` nothing"):
        add_policy_lora(policy, LoraOptions(lora_target_modules="nothing"))


def test_a_slow_load_is_said_with_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_tiny_writer(tmp_path)
    capsys.readouterr()
    monkeypatch.setattr(progress, "LATE_S", 0.0)
    load_policy(resolve_model(str(folder)))
    assert capsys.readouterr().err == f"Loading {folder} (0 MB).\n"
