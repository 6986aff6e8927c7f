"""What a reward model that is to be trained keeps of what it starts from, and what it draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from rewardsmith.errors import ModelError
from rewardsmith.models.layers.heads import compute_rewards, output_layer
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.reward_models import load_reward_model, load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import StartingModel, new_reward_model, starting_model
from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.tokens.batching import pad_batch
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_architectures import ARCHITECTURES, CONVERSATIONS, save_tiny_model, tokenizer_for

pytestmark = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"  # peft calls transformers' old name
)


def start(folder: Path, seed: int = 5) -> StartingModel:
    return starting_model(ModelOptions(str(folder), max_length=96), seed)


@torch.no_grad()
def rewards(model: Any, tokenizer: Any) -> torch.Tensor:
    encoder = ConversationEncoder(tokenizer, 96)
    pad_id = model.config.get_text_config().pad_token_id
    batch = pad_batch(encoder.encode_many(CONVERSATIONS), pad_id, token_types=encoder.has_token_types)
    return compute_rewards(model, batch)


def saved_reward_model(folder: Path, architecture: str, lora: bool = False) -> Path:
    """A reward model of seed 1 on disk, its weights moved so that nothing about it is fresh."""
    source = resolve_model(str(save_tiny_model(folder / "trunk", architecture)))
    tokenizer = load_tokenizer(source)
    model = new_reward_model(source, tokenizer, seed=1)
    if lora:
        model = add_lora(model, LoraOptions(lora_r=4))
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    save_reward_model(model, tokenizer, folder / "saved", {})
    return folder / "saved"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_reward_model_is_gone_on_from_with_its_own_head(
    architecture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved_reward_model(tmp_path, architecture)
    before, tokenizer, _ = load_reward_model(str(folder))
    capsys.readouterr()
    found = start(folder)
    assert torch.equal(rewards(found.model, found.tokenizer), rewards(before, tokenizer))
    assert "drawn" not in capsys.readouterr().err


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert"])
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to False:UserWarning")  # GPT-2's Conv1D; peft corrects it
def test_adapters_are_merged_and_all_of_the_model_is_trained_on(
    architecture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved_reward_model(tmp_path, architecture, lora=True)
    before, tokenizer, _ = load_reward_model(str(folder))
    found = start(folder)
    torch.testing.assert_close(rewards(found.model, found.tokenizer), rewards(before, tokenizer), rtol=0, atol=1e-5)
    assert "saved holds adapters: they are merged" in capsys.readouterr().err
    assert all(parameter.requires_grad for parameter in found.model.parameters())
    assert not any("lora" in name for name, _ in found.model.named_parameters())
    assert not any(module.p for module in found.model.modules() if isinstance(module, torch.nn.Dropout))


def test_adapters_on_a_folder_of_adapters_find_their_way_back(tmp_path: Path) -> None:
    first = start(saved_reward_model(tmp_path, "llama", lora=True))
    model = add_lora(first.model, LoraOptions(lora_r=2))
    output_layer(model.get_base_model()).weight.data += 0.5
    save_reward_model(model, first.tokenizer, tmp_path / "second", {})
    again, tokenizer, _ = load_reward_model(str(tmp_path / "second"))
    torch.testing.assert_close(rewards(again, tokenizer), rewards(model, first.tokenizer), rtol=0, atol=1e-5)


def test_adapters_on_a_classifier_of_two_outputs_bring_their_own_head(tmp_path: Path) -> None:
    save_tiny_model(tmp_path / "two", "llama")
    AutoModelForSequenceClassification.from_pretrained(tmp_path / "two", num_labels=2).save_pretrained(tmp_path / "two")
    found = start(tmp_path / "two")
    model = add_lora(found.model, LoraOptions(lora_r=2))
    save_reward_model(model, found.tokenizer, tmp_path / "adapter", {})
    again, tokenizer, _ = load_reward_model(str(tmp_path / "adapter"))
    assert torch.equal(rewards(again, tokenizer), rewards(model, found.tokenizer))


@pytest.mark.parametrize(("architecture", "drawn"), [("llama", "score"), ("bert", "classifier")])
def test_a_head_with_two_outputs_is_drawn_anew_and_said(
    architecture: str, drawn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_tiny_model(tmp_path, architecture)
    two = AutoModelForSequenceClassification.from_pretrained(tmp_path, num_labels=2)
    two.save_pretrained(tmp_path)
    found = start(tmp_path).model
    assert f"{tmp_path} has a head of 2 outputs: one is drawn from seed 5.\n" in capsys.readouterr().err
    (tmp_path / "trunk").mkdir()
    fresh = start(save_tiny_model(tmp_path / "trunk", architecture)).model
    assert torch.equal(found.get_parameter(f"{drawn}.weight"), fresh.get_parameter(f"{drawn}.weight"))
    kept = {name for name, value in two.state_dict().items() if torch.equal(value, found.state_dict()[name])}
    assert {name for name, _ in two.named_parameters()} - kept <= {f"{drawn}.weight", f"{drawn}.bias"}


def test_what_the_files_lack_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_tiny_model(tmp_path, "bert")
    file = tmp_path / "model.safetensors"
    save_file({k: v for k, v in load_file(file).items() if "pooler" not in k}, file, metadata={"format": "pt"})
    start(tmp_path)
    said = f"{tmp_path} has no reward head: one is drawn from seed 5, and so is bert.pooler.dense.weight."
    assert said in capsys.readouterr().err


def test_weights_of_another_model_are_refused_by_name(tmp_path: Path) -> None:
    save_tiny_model(tmp_path, "llama")
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    tensors["embed_tokens.weight"] = tensors["embed_tokens.weight"][:-3].clone()
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"embed_tokens.weight has the shape .* in the weights, and"):
        start(tmp_path)


def test_virtual_tokens_are_refused(tmp_path: Path) -> None:
    from peft import PrefixTuningConfig, TaskType, get_peft_model

    source = resolve_model(str(save_tiny_model(tmp_path / "trunk", "llama")))
    config = PrefixTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=3)
    get_peft_model(new_reward_model(source, tokenizer_for("llama")), config).save_pretrained(tmp_path / "prefix")
    load_tokenizer(source).save_pretrained(tmp_path / "prefix")
    for load in (start, lambda folder: load_reward_model(str(folder))):
        with pytest.raises(ModelError, match="holds virtual tokens"):
            load(tmp_path / "prefix")


def test_what_is_saved_beside_a_model_says_how_conversations_are_cut(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path, "llama")
    found = starting_model(ModelOptions(str(folder), max_length=64, truncation_side="right"), seed=0)
    assert found.extra == {
        "max_length": 64,
        "truncation_side": "right",
        "tokens_fingerprint": found.encoder.fingerprint,
        "trained_from": str(folder),
    }
