"""Scoring any number of conversations by one model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.batches.batch_forms import BatchForm, batch_form
from rewardsmith.engine.scoring import scoring
from rewardsmith.engine.scoring.scoring import distinct_by_prompt, score_conversations
from rewardsmith.models.embedded import resolve_model
from rewardsmith.models.heads import compute_rewards
from rewardsmith.models.loading import load_tokenizer
from rewardsmith.models.starting import new_reward_model
from rewardsmith.tokens.batching import pad_batch
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_architectures import conversation, save_tiny_model

MIXED: list[Conversation] = [
    conversation("one", "a"),
    conversation("two", "b c d"),
    conversation("one", "e"),
    conversation("one", "a"),
    conversation("two", ""),
    conversation("three " * 30, "f"),
]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ConversationEncoder, BatchForm]:
    """A tiny reward model, its encoder and how it takes batches."""
    source = resolve_model(str(save_tiny_model(tmp_path_factory.mktemp("trunk"), "llama")))
    encoder = ConversationEncoder(load_tokenizer(source), 32)
    model = new_reward_model(source, encoder.tokenizer)
    return model, encoder, batch_form(model, encoder)


def test_equal_conversations_are_kept_once_and_prompts_side_by_side() -> None:
    unique = distinct_by_prompt(MIXED)
    assert unique.conversations == [MIXED[0], MIXED[2], MIXED[1], MIXED[4], MIXED[5]]
    assert unique.position.tolist() == [0, 2, 1, 0, 3, 4]


def test_roles_and_turns_tell_conversations_apart() -> None:
    answer = {"role": "assistant", "content": "x"}
    alike: list[Any] = [
        [{"role": "user", "content": "a"}, answer],
        [{"role": "system", "content": "a"}, answer],
        [{"role": "user", "content": "a"}, answer, answer],
    ]
    assert distinct_by_prompt(alike).position.tolist() == [0, 1, 2]


def test_rewards_are_those_of_each_conversation_alone(parts: Any) -> None:
    model, encoder, form = parts
    assert form.packed
    scored = score_conversations(model, encoder, form, MIXED, max_tokens=64)
    with torch.inference_mode():
        alone = [compute_rewards(model, pad_batch([encoder.encode(c)], 0)).item() for c in MIXED]
    np.testing.assert_allclose(scored.rewards, alone, rtol=0, atol=1e-5)
    assert scored.rewards[0] == scored.rewards[3] and np.ptp(scored.rewards) > 0.01
    assert scored.num_cut == 1


def test_windows_and_batches_change_nothing(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, encoder, form = parts
    whole = score_conversations(model, encoder, form, MIXED, max_tokens=1000).rewards
    monkeypatch.setattr(scoring, "WINDOW", 2)
    np.testing.assert_allclose(
        score_conversations(model, encoder, form, MIXED, max_tokens=1).rewards, whole, rtol=0, atol=1e-5
    )


def test_each_distinct_conversation_is_computed_once(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, encoder, form = parts
    computed = []
    real = scoring.rewards_of
    monkeypatch.setattr(
        scoring, "rewards_of", lambda m, inputs: computed.append(inputs.num_responses) or real(m, inputs)
    )
    score_conversations(model, encoder, form, MIXED * 3, max_tokens=1000)
    assert sum(computed) == 5


def test_nothing_to_score_gives_nothing(parts: Any) -> None:
    assert score_conversations(*parts, [], max_tokens=64).rewards.shape == (0,)
