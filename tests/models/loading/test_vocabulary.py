from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from rewardsmith.engine.scoring.local_scorer import load_local_scorer
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.errors import ModelError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_reward_model, load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model
from tiny_architectures import CONVERSATIONS, byte_tokenizer, save_tiny_model


def with_embeddings(folder: Path, size: int, pad: bool) -> str:
    """A reward model with so many embeddings, and no padding token in its configuration unless ``pad``."""
    source = resolve_model(str(save_tiny_model(folder / "base", "llama", byte_tokenizer())))
    tokenizer = load_tokenizer(source)
    model = new_reward_model(source, tokenizer)
    model.resize_token_embeddings(size)
    model.config.pad_token_id = model.config.pad_token_id if pad else None
    save_reward_model(model, tokenizer, folder / "rm", {"max_length": 96})
    return str(folder / "rm")


def test_padding_takes_a_token_that_the_model_knows(tmp_path: Path) -> None:
    size = len(byte_tokenizer())
    path = with_embeddings(tmp_path, size, pad=False)
    tokenizer = load_tokenizer(resolve_model(path))
    tokenizer.add_special_tokens({"pad_token": "<padding>"})  # a new one, beyond the embeddings
    assert tokenizer.pad_token_id == size
    tokenizer.save_pretrained(path)
    scores = load_local_scorer(path, ScoringOptions(device="cpu")).score(CONVERSATIONS).rewards
    model = AutoModelForSequenceClassification.from_pretrained(path)
    ids = [tokenizer.apply_chat_template(talk, tokenize=True)["input_ids"] for talk in CONVERSATIONS]
    with torch.no_grad():
        alone = [model(torch.tensor([one])).logits.item() for one in ids]
    assert scores.tolist() == pytest.approx(alone, abs=1e-5)


def test_a_tokenizer_of_another_model_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    path = with_embeddings(tmp_path, 100, pad=True)
    with pytest.raises(ModelError, match=r"tokens that the model has no embedding for, the first .* with id 100"):
        load_reward_model(path)
    with pytest.raises(ModelError, match="the model has 100"):
        new_reward_model(resolve_model(path), load_tokenizer(resolve_model(path)))
