"""The two language models that come inside the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy, save_policy
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.preferences.rows.messages import assistant, user
from rewardsmith.tokens.encoding import ConversationEncoder
from rewardsmith.tokens.turns import encode_prompts, end_tokens

NAMES = ("embedded/tiny-chat", "embedded/tiny-reader")
TALK = [user("How do I make “tea”?"), assistant("You can boil some water.")]


def nats_a_token(model: Any, tokenizer: Any, text: str) -> float:
    encoded = ConversationEncoder(tokenizer).encode([user("how do i make tea?"), assistant(text)])
    ids = torch.tensor([encoded.input_ids])
    with torch.no_grad():
        losses = model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])
    return -float(losses[encoded.response_start - 1 :].mean())


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_and_its_files_are_there(name: str) -> None:
    folder = Path(resolve_model(name).path_or_id)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 5e6
    assert {"model.safetensors", "tokenizer.json", "chat_template.jinja"} <= {file.name for file in folder.iterdir()}


@pytest.mark.parametrize("name", NAMES)
def test_a_sentence_is_likelier_than_its_words_in_another_order(name: str) -> None:
    model, tokenizer = load_policy(resolve_model(name))
    assert nats_a_token(model, tokenizer, "you can use it to make a good one.") + 1 < nats_a_token(
        model, tokenizer, "good use one you to it a make can."
    )


def test_the_template_marks_turns_and_a_policy_begins_behind_the_mark_of_its_own() -> None:
    tokenizer = load_tokenizer(resolve_model(NAMES[0]))
    encoded = ConversationEncoder(tokenizer).encode(TALK)
    assert tokenizer.decode(encoded.input_ids) == (
        '<|user|>how do i make "tea"?<|end|><|assistant|>you can boil some water.<|end|>'
    )
    [prompt] = encode_prompts(tokenizer, [TALK[:1]], 64)
    assert tokenizer.decode(prompt.input_ids).endswith("<|end|><|assistant|>")
    assert end_tokens(tokenizer) == {tokenizer.eos_token_id} and tokenizer.pad_token_id not in end_tokens(tokenizer)


def test_both_read_the_same_tokens() -> None:
    first, second = (load_tokenizer(resolve_model(name)) for name in NAMES)
    assert first.get_vocab() == second.get_vocab() and first.chat_template == second.chat_template


def test_saved_and_read_again_it_says_the_same(tmp_path: Path) -> None:
    model, tokenizer = load_policy(resolve_model(NAMES[0]))
    save_policy(model, tokenizer, tmp_path)
    again, its_tokenizer = load_policy(resolve_model(str(tmp_path)))
    ids = torch.tensor([ConversationEncoder(its_tokenizer).encode(TALK).input_ids])
    with torch.no_grad():
        assert torch.equal(model(ids).logits, again(ids).logits)
