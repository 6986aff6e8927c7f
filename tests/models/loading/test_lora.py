from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from rewardsmith.errors import ModelError
from rewardsmith.models.layers.heads import compute_rewards
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import add_lora, merge_lora
from rewardsmith.models.loading.reward_models import load_reward_model, load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.members.folders import save_member
from rewardsmith.models.members.forked_model import fork
from rewardsmith.models.options import LoraOptions
from rewardsmith.tokens.batching import pad_batch
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_architectures import CONVERSATIONS, byte_tokenizer, save_tiny_model


def adapted(
    architecture: str, folder: Path, tokenizer: Any = None, lost: str | None = None
) -> tuple[Any, dict[str, torch.Tensor], Any]:
    """A reward model with adapters and head moved by a few steps of training, a batch, and the tokenizer.

    ``lost``: the trunk's files lack the weights with this word in their name.
    """
    source = resolve_model(str(save_tiny_model(folder, architecture, tokenizer)))
    if lost:
        file = folder / "model.safetensors"
        kept = {name: tensor for name, tensor in load_file(file).items() if lost not in name}
        save_file(kept, file, metadata={"format": "pt"})
    tokenizer = load_tokenizer(source)
    model = add_lora(new_reward_model(source, tokenizer), LoraOptions(lora_r=4))
    encoder = ConversationEncoder(tokenizer, 96)
    batch = pad_batch(
        encoder.encode_many(CONVERSATIONS), model.config.pad_token_id, token_types=encoder.has_token_types
    )
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=0.02)
    for _ in range(3):
        compute_rewards(model, batch).pow(2).sum().backward()
        optimiser.step()
        optimiser.zero_grad()
    return model.eval(), batch, tokenizer


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert"])
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to False:UserWarning")  # GPT-2's Conv1D; peft corrects it
def test_an_adapter_folder_reloads_to_the_same_rewards_and_so_does_its_merge(architecture: str, tmp_path: Path) -> None:
    model, batch, tokenizer = adapted(architecture, tmp_path / "trunk")
    with torch.no_grad():
        expected = compute_rewards(model, batch)
        save_reward_model(model, tokenizer, tmp_path / "adapter", {})
        again, _, _ = load_reward_model(str(tmp_path / "adapter"))
        torch.testing.assert_close(compute_rewards(again, batch), expected, rtol=0, atol=1e-6)
        merged = merge_lora(again)
        torch.testing.assert_close(compute_rewards(merged, batch), expected, rtol=0, atol=1e-5)
        save_reward_model(merged, tokenizer, tmp_path / "merged", {})
        plain, _, _ = load_reward_model(str(tmp_path / "merged"))
        torch.testing.assert_close(compute_rewards(plain, batch), expected, rtol=0, atol=1e-5)


def test_a_pooler_that_the_trunk_lacks_is_saved_with_the_head(tmp_path: Path) -> None:
    model, batch, tokenizer = adapted("bert", tmp_path / "trunk", lost="pooler")
    save_reward_model(model, tokenizer, tmp_path / "adapter", {})
    again, _, _ = load_reward_model(str(tmp_path / "adapter"))
    with torch.no_grad():
        torch.testing.assert_close(compute_rewards(again, batch), compute_rewards(model, batch), rtol=0, atol=1e-6)


def test_an_adapter_keeps_the_choice_of_padding(tmp_path: Path) -> None:
    model, batch, tokenizer = adapted("llama", tmp_path / "trunk", byte_tokenizer(pad="</s>"))
    save_reward_model(model, tokenizer, tmp_path / "adapter", {})
    again, _, _ = load_reward_model(str(tmp_path / "adapter"))
    assert again.config.pad_token_id == model.config.pad_token_id != tokenizer.eos_token_id
    with torch.no_grad():
        plain = again(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, 0]
        torch.testing.assert_close(plain, compute_rewards(model, batch), rtol=0, atol=1e-6)


def test_only_adapters_and_head_are_trained(tmp_path: Path) -> None:
    model, _, _ = adapted("llama", tmp_path)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert any("score.modules_to_save" in name for name in trained)
    assert all("lora_" in name or "score" in name for name in trained)


def test_the_head_moves_with_training(tmp_path: Path) -> None:
    model, _, _ = adapted("llama", tmp_path)
    head = model.get_base_model().score
    assert not torch.equal(head.modules_to_save["default"].weight, head.original_module.weight)


def test_an_adapter_without_its_head_is_refused(tmp_path: Path) -> None:
    model, _, tokenizer = adapted("llama", tmp_path / "trunk")
    save_reward_model(model, tokenizer, tmp_path / "adapter", {})
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    save_file({name: tensor for name, tensor in load_file(file).items() if "score" not in name}, file)
    with pytest.raises(ModelError, match=r"without its head \(score\)"):
        load_reward_model(str(tmp_path / "adapter"))


def test_an_adapter_on_a_base_of_another_size_says_what_does_not_fit(tmp_path: Path) -> None:
    model, _, tokenizer = adapted("llama", tmp_path / "trunk")
    save_reward_model(model, tokenizer, tmp_path / "adapter", {})
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    save_file({name: torch.cat([tensor, tensor]) for name, tensor in load_file(file).items()}, file)
    with pytest.raises(ModelError, match=r"with score\.weight of the shape .*, and its base .* has \["):
        load_reward_model(str(tmp_path / "adapter"))


def test_an_adapter_with_another_vocabulary_says_both_shapes(tmp_path: Path) -> None:
    model, _, tokenizer = adapted("llama", tmp_path / "trunk")
    save_reward_model(model, tokenizer, tmp_path / "adapter", {})
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    more = {"base_model.model.model.embed_tokens.weight": torch.zeros(len(tokenizer) + 1, 32)}
    save_file({**load_file(file), **more}, file, metadata={"format": "pt"})
    shapes = rf"\[{len(tokenizer) + 1}, 32\], and its base .*trunk has \[{len(tokenizer)}, 32\]: another vocabulary"
    with pytest.raises(ModelError, match=shapes):
        load_reward_model(str(tmp_path / "adapter"))


def test_an_adapter_whose_base_is_gone_says_whose_base_it_was(tmp_path: Path) -> None:
    model, _, tokenizer = adapted("llama", tmp_path / "trunk")
    save_reward_model(model, tokenizer, tmp_path / "adapter", {})
    shutil.rmtree(tmp_path / "trunk")
    with pytest.raises(ModelError, match=r"base of the adapter .*adapter \(base_model_name_or_path.*trunk is no"):
        load_reward_model(str(tmp_path / "adapter"))


def test_unknown_target_modules_are_named(tmp_path: Path) -> None:
    source = resolve_model(str(save_tiny_model(tmp_path, "llama")))
    model = new_reward_model(source, load_tokenizer(source))
    with pytest.raises(ModelError, match="`lora_target_modules` nonsense"):
        add_lora(model, LoraOptions(lora_target_modules="nonsense"))


def test_an_adapter_says_which_revision_of_its_base_it_belongs_to(tmp_path: Path) -> None:
    source = replace(resolve_model(str(save_tiny_model(tmp_path / "trunk", "llama"))), revision="v1")
    tokenizer = load_tokenizer(source)
    assert add_lora(new_reward_model(source, tokenizer), LoraOptions()).peft_config["default"].revision == "v1"
    save_member(fork(new_reward_model(source, tokenizer), 1, 2, LoraOptions(), 0), 0, tokenizer, tmp_path / "m", {})
    assert json.loads((tmp_path / "m" / "adapter_config.json").read_text())["revision"] == "v1"
