"""Scoring any number of conversations by one model that runs here."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.scoring import local_scorer
from rewardsmith.engine.scoring.local_scorer import LocalScorer, distinct_by_prompt, load_local_scorer
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.errors import ConfigError
from rewardsmith.models.layers.heads import RewardOutput, compute_rewards
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.reward_models import load_reward_model, load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.options import LoraOptions
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


Scorers = Callable[[int], LocalScorer]


@pytest.fixture(scope="module")
def scorers(tmp_path_factory: pytest.TempPathFactory) -> Scorers:
    """Scorers of one tiny model at 32 tokens, by how many tokens share a forward pass."""
    source = resolve_model(str(save_tiny_model(tmp_path_factory.mktemp("trunk"), "llama")))
    encoder = ConversationEncoder(load_tokenizer(source), 32)
    model = new_reward_model(source, encoder.tokenizer)
    return lambda max_tokens: LocalScorer(model, encoder, max_tokens, "cpu")


@pytest.fixture
def saved(tmp_path: Path) -> str:
    """Folder of a tiny reward model that was trained at 64 tokens."""
    source = resolve_model(str(save_tiny_model(tmp_path / "trunk", "qwen3")))
    tokenizer = load_tokenizer(source)
    save_reward_model(new_reward_model(source, tokenizer), tokenizer, tmp_path / "saved", {"max_length": 64})
    return str(tmp_path / "saved")


def load(path: str, **options: Any) -> LocalScorer:
    return load_local_scorer(path, ScoringOptions(device="cpu", **options))


def test_equal_conversations_are_kept_once_and_prompts_side_by_side() -> None:
    unique, position = distinct_by_prompt(MIXED)
    assert unique == [MIXED[0], MIXED[2], MIXED[1], MIXED[4], MIXED[5]]
    assert position.tolist() == [0, 2, 1, 0, 3, 4]


def test_rewards_are_those_of_each_conversation_alone(scorers: Scorers) -> None:
    scorer = scorers(64)
    assert scorer.form.packed
    scored = scorer.score(MIXED)
    with torch.inference_mode():
        alone = [compute_rewards(scorer.model, pad_batch([scorer.encoder.encode(c)], 0)).item() for c in MIXED]
    np.testing.assert_allclose(scored.rewards, alone, rtol=0, atol=1e-5)
    assert scored.rewards[0] == scored.rewards[3] and np.ptp(scored.rewards) > 0.01
    assert scored.num_truncated == 1
    np.testing.assert_array_equal(scored.members, scored.rewards[None])


def test_rewards_are_the_head_times_the_states(scorers: Scorers) -> None:
    scorer = scorers(64)
    states, head = scorer.states(MIXED), scorer.model.score.weight.detach().numpy()
    assert states.shape == (len(MIXED), 32) and states.dtype == np.float32
    np.testing.assert_allclose((states @ head.T)[:, 0], scorer.score(MIXED).rewards, rtol=0, atol=1e-5)
    assert scorer.states([]).shape == (0, 32)


def test_two_views_drop_differently_and_alike_however_they_are_cut_into_batches(scorers: Scorers) -> None:
    views, states = scorers(1000).views(MIXED, 0.2), scorers(1000).states(MIXED)
    assert views.shape == (2, len(MIXED), 32)
    for one, other in ((views[0], views[1]), (views[0], states), (views[1], states)):
        assert np.abs(one - other).max(1).min() > 0.01, "every conversation"
    np.testing.assert_allclose(scorers(1).views(MIXED, 0.2), views, rtol=0, atol=1e-5)
    assert not np.allclose(scorers(1000).views(MIXED, 0.2, seed=1), views, atol=1e-2)
    np.testing.assert_array_equal(scorers(1000).states(MIXED), states)


def test_adapters_and_frozen_blocks_have_views_too(saved: str) -> None:
    model, tokenizer, _ = load_reward_model(saved)
    model = add_lora(model, LoraOptions(lora_r=2)).requires_grad_(False)
    first, second = LocalScorer(model, ConversationEncoder(tokenizer, 64), 64, "cpu").views(MIXED, 0.2)
    assert np.abs(first - second).max(1).min() > 0.01


def test_an_encoder_shows_its_pooled_states(tmp_path: Path) -> None:
    source = resolve_model(str(save_tiny_model(tmp_path / "trunk", "bert")))
    encoder = ConversationEncoder(load_tokenizer(source), 64)
    model = new_reward_model(source, encoder.tokenizer)
    scorer = LocalScorer(model, encoder, 64, "cpu")
    rewards = scorer.states(MIXED) @ model.classifier.weight.detach().numpy().T + model.classifier.bias.item()
    np.testing.assert_allclose(rewards[:, 0], scorer.score(MIXED).rewards, rtol=0, atol=1e-5)


def test_windows_and_batches_change_nothing(scorers: Scorers, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scorers(1000).score(MIXED).rewards
    monkeypatch.setattr(local_scorer, "WINDOW", 2)
    np.testing.assert_allclose(scorers(1).score(MIXED).rewards, whole, rtol=0, atol=1e-5)


def test_each_distinct_conversation_is_computed_once(scorers: Scorers, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []
    real = local_scorer.read_head
    scorer = scorers(1000)
    assert scorer.form.packed  # found out by a batch of its own

    def counted(*arguments: Any) -> RewardOutput:
        output = real(*arguments)
        computed.append(len(output.rewards))
        return output

    monkeypatch.setattr(local_scorer, "read_head", counted)
    assert scorer.score(MIXED * 3).num_truncated == 3
    assert sum(computed) == 5


def test_nothing_to_score_gives_nothing(scorers: Scorers) -> None:
    nothing = scorers(64).score([])
    assert (nothing.rewards.shape, nothing.members.shape, nothing.num_truncated) == ((0,), (1, 0), 0)


def test_requests_at_the_same_time_get_their_own_counts(scorers: Scorers) -> None:
    long = conversation("three " * 30, "f")
    requests = [[*MIXED, *[long] * number] for number in range(8)]
    scorer = scorers(64)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(scorer.score, requests))
    assert [scores.num_truncated for scores in found] == list(range(1, 9))
    for request, scores in zip(requests, found, strict=True):
        np.testing.assert_allclose(scores.rewards, scorer.score(request).rewards, rtol=0, atol=1e-5)


def test_a_closed_scorer_lets_its_model_go(saved: str) -> None:
    scorer = load(saved)
    scorer.score(MIXED)
    model = weakref.ref(scorer.model)
    scorer.close()
    gc.collect()
    assert model() is None


def test_a_batch_of_no_tokens_is_refused(saved: str) -> None:
    with pytest.raises(ConfigError, match="`max_tokens_per_batch` 0 must be at least 1"):
        load(saved, max_tokens_per_batch=0)


def test_the_length_of_training_is_kept_unless_another_is_asked_for(saved: str) -> None:
    scorer, longer = load(saved), load(saved, max_length=96)
    assert (scorer.encoder.max_length, longer.encoder.max_length) == (64, 96)
    assert longer.fingerprint != scorer.fingerprint == load(saved).fingerprint
    too_long = [conversation("q", "r" * 80)]
    assert (scorer.score(too_long).num_truncated, longer.score(too_long).num_truncated) == (1, 0)
    with pytest.raises(ConfigError, match="`max_length` 0 must be at least 1"):
        load(saved, max_length=0)


def test_a_scorer_of_a_model_in_memory_follows_its_weights(saved: str) -> None:
    scorer = load(saved)
    first = LocalScorer(scorer.model, scorer.encoder, device="cpu").fingerprint
    scorer.model.score.weight.data += 1
    assert LocalScorer(scorer.model, scorer.encoder, device="cpu").fingerprint != first


def test_the_weights_under_an_adapter_are_part_of_what_it_is(tmp_path: Path) -> None:
    trunk = save_tiny_model(tmp_path / "trunk", "llama")
    source = resolve_model(str(trunk))
    tokenizer = load_tokenizer(source)
    adapted = add_lora(new_reward_model(source, tokenizer), LoraOptions(lora_r=2))
    save_reward_model(adapted, tokenizer, tmp_path / "adapter", {"max_length": 64})
    before = load(str(tmp_path / "adapter")).fingerprint
    assert load(str(tmp_path / "adapter")).fingerprint == before
    weights = load_file(trunk / "model.safetensors")
    save_file({name: tensor * 1.01 for name, tensor in weights.items()}, trunk / "model.safetensors", {"format": "pt"})
    assert load(str(tmp_path / "adapter")).fingerprint != before
