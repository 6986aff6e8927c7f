from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from full_disk import files_of_at_most
from rewardsmith.errors import ModelError, OutputError, RunError
from rewardsmith.models.layers.heads import compute_rewards, head_names, output_layer
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_reward_model, load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.tokens.batching import pad_batch
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_architectures import (
    ARCHITECTURES,
    CONVERSATIONS,
    STRICT_TEMPLATE,
    byte_tokenizer,
    encoder_tokenizer,
    save_tiny_model,
)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ConversationEncoder]:
    """A new reward model of each architecture, its head made large enough to see, and its encoder."""
    return make(request.param, tmp_path_factory.mktemp(request.param))


def make(architecture: str, folder: Path, tokenizer: Any = None) -> tuple[Any, ConversationEncoder]:
    source = resolve_model(str(save_tiny_model(folder, architecture, tokenizer)))
    tokenizer = load_tokenizer(source)
    model = new_reward_model(source, tokenizer, seed=1)
    return model, ConversationEncoder(tokenizer, max_length=96)


@torch.no_grad()
def rewards(model: Any, encoder: ConversationEncoder, turns: list[Any], **padding: Any) -> torch.Tensor:
    pad_id = model.config.get_text_config().pad_token_id
    batch = pad_batch(encoder.encode_many(turns), pad_id, token_types=encoder.has_token_types, **padding)
    return compute_rewards(model, batch)


def test_batch_mates_padding_side_and_amount_change_nothing(made: tuple[Any, ConversationEncoder]) -> None:
    together = rewards(*made, CONVERSATIONS)
    alone = torch.cat([rewards(*made, [turns]) for turns in CONVERSATIONS])
    assert together.std() > 0.002
    torch.testing.assert_close(together, alone, rtol=0, atol=2e-6)
    for side in ("right", "left"):
        torch.testing.assert_close(
            rewards(*made, CONVERSATIONS, padding_side=side, pad_to=110), alone, rtol=0, atol=2e-6
        )


def test_plain_transformers_reloads_to_the_same_rewards(made: tuple[Any, ConversationEncoder], tmp_path: Path) -> None:
    model, encoder = made
    save_reward_model(model, encoder.tokenizer, tmp_path, {"max_length": 96})
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.pad_token_id == plain.config.pad_token_id
    ids = [encoder.encode(turns).input_ids for turns in CONVERSATIONS]
    inputs = tokenizer.pad({"input_ids": ids}, padding_side="right", return_tensors="pt")
    if encoder.has_token_types:
        batch = pad_batch(encoder.encode_many(CONVERSATIONS), 0, token_types=True)
        inputs["token_type_ids"] = batch["token_type_ids"]
    with torch.no_grad():
        logits = plain(**inputs).logits[:, 0]
    torch.testing.assert_close(logits, rewards(model, encoder, CONVERSATIONS), rtol=0, atol=2e-6)


def test_our_own_reload_gives_the_same_rewards_and_the_extra_facts(
    made: tuple[Any, ConversationEncoder], tmp_path: Path
) -> None:
    model, encoder = made
    save_reward_model(model, encoder.tokenizer, tmp_path, {"max_length": 96})
    again, tokenizer, extra = load_reward_model(str(tmp_path))
    assert extra["max_length"] == 96
    reloaded = rewards(again, ConversationEncoder(tokenizer, 96), CONVERSATIONS)
    assert torch.equal(reloaded, rewards(model, encoder, CONVERSATIONS))


def test_the_new_head_is_small_seeded_and_without_dropout(made: tuple[Any, ConversationEncoder]) -> None:
    model, _ = made
    assert head_names(model) == (["classifier"] if model.config.model_type in ("bert", "roberta") else ["score"])
    layer = output_layer(model)
    expected = torch.randn(1, 32, generator=torch.Generator().manual_seed(1)) / math.sqrt(33)
    assert torch.equal(layer.weight, expected)
    assert layer.bias is None or not layer.bias.any()
    rates = {name: value for name, value in model.config.to_dict().items() if "drop" in name and value}
    assert rates == {}


def test_padding_equal_to_the_end_of_a_conversation_is_replaced_before_it_can_hide_the_last_token(
    tmp_path: Path,
) -> None:
    model, encoder = make("llama", tmp_path, byte_tokenizer(pad="</s>"))
    assert model.config.pad_token_id == encoder.tokenizer.pad_token_id == encoder.tokenizer.unk_token_id
    batch = pad_batch(encoder.encode_many(CONVERSATIONS), model.config.pad_token_id)
    with torch.no_grad():
        plain = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, 0]
    torch.testing.assert_close(plain, compute_rewards(model, batch).detach(), rtol=0, atol=2e-6)


def test_equal_seeds_give_equal_models_and_leave_the_global_generator_alone(tmp_path: Path) -> None:
    source = resolve_model(str(save_tiny_model(tmp_path, "roberta")))  # its head has two layers that files lack
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second, third = (new_reward_model(source, encoder_tokenizer(True), seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected)
    states = [model.state_dict() for model in (first, second, third)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["classifier.dense.weight"], states[2]["classifier.dense.weight"])


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    save_tiny_model(tmp_path, "llama")
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pytorch_model.bin, a pickle file"):
        new_reward_model(resolve_model(str(tmp_path)), byte_tokenizer())
    with pytest.raises(ModelError, match="pytorch_model.bin, a pickle file"):
        load_reward_model(str(tmp_path))


def test_weights_that_were_cut_short_are_named(tmp_path: Path) -> None:
    model, encoder = make("llama", tmp_path / "tiny")
    save_reward_model(model, encoder.tokenizer, tmp_path / "saved", {})
    weights = tmp_path / "saved" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"the reward model of .*saved cannot be loaded: SafetensorError"):
        load_reward_model(str(tmp_path / "saved"))


def test_code_beside_a_model_is_not_run(tmp_path: Path) -> None:
    save_tiny_model(tmp_path, "llama")
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "surprise", "auto_map": {"AutoConfig": "surprise.C", "AutoModel": "surprise.M"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "surprise.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelError):
        load_reward_model(str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_a_trunk_without_head_is_no_reward_model(tmp_path: Path) -> None:
    save_tiny_model(tmp_path, "llama")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "id2label": {"0": "LABEL_0"}}))
    with pytest.raises(ModelError, match="lack score.weight"):
        load_reward_model(str(tmp_path))


def test_a_model_with_two_labels_is_no_reward_model(tmp_path: Path) -> None:
    save_tiny_model(tmp_path, "bert")
    AutoModelForSequenceClassification.from_pretrained(tmp_path, num_labels=2).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="has 2 labels"):
        load_reward_model(str(tmp_path))


def test_a_changed_template_is_refused(tmp_path: Path) -> None:
    model, encoder = make("llama", tmp_path / "trunk")
    save_reward_model(model, encoder.tokenizer, tmp_path / "saved", {})
    (tmp_path / "saved" / "chat_template.jinja").write_text(STRICT_TEMPLATE)
    with pytest.raises(ModelError, match="another tokenizer or chat template"):
        load_reward_model(str(tmp_path / "saved"))


@pytest.mark.parametrize("num_bytes", [0, 1000, 50_000])
def test_a_full_disk_and_a_place_that_cannot_be_written_are_told(tmp_path: Path, num_bytes: int) -> None:
    model, encoder = make("llama", tmp_path / "trunk")
    with files_of_at_most(num_bytes), pytest.raises(RunError, match="rm: no space left to write it"):
        save_reward_model(model, encoder.tokenizer, tmp_path / "rm", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made there"):
        save_reward_model(model, encoder.tokenizer, tmp_path / "file" / "rm", {})
