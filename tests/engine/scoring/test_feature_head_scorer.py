"""Heads on a frozen trunk as a scorer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rewardsmith.engine.features.extraction import extract_features
from rewardsmith.engine.scoring.feature_head_scorer import FeatureHeadScorer
from rewardsmith.errors import ModelError
from rewardsmith.metrics.aggregates import Aggregation
from rewardsmith.models.feature_head import FeatureHead, HeadPart
from rewardsmith.models.feature_spec import FeatureSpec
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.files import weights_fingerprint
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_architectures import CONVERSATIONS, conversation, save_tiny_model


@pytest.fixture
def head(tmp_path: Path) -> FeatureHead:
    """Three heads on a tiny trunk, at 64 tokens."""
    source = resolve_model(str(save_tiny_model(tmp_path / "trunk", "llama")))
    encoder = ConversationEncoder(load_tokenizer(source), 64)
    weights = np.random.default_rng(0).normal(size=(3, 32)).astype(np.float32)
    part = HeadPart(FeatureSpec(2, "mean"), weights, weights[0], np.ones(32, dtype=np.float32))
    return FeatureHead(source.name, weights_fingerprint(source), encoder.fingerprint, 64, "left", (part,))


def test_the_reward_is_the_mean_of_the_heads(head: FeatureHead) -> None:
    scorer = FeatureHeadScorer(head, "cpu")
    spec = head.specs[0]
    features = extract_features(scorer.source, scorer.encoder, CONVERSATIONS, [spec], "cpu").arrays[spec]
    expected = (features.astype(np.float64) - head.parts[0].centre) @ head.parts[0].weights.T.astype(np.float64)
    scores = scorer.score(CONVERSATIONS)
    np.testing.assert_allclose(scores.rewards, expected.mean(1), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(scores.members, expected.T, rtol=1e-4, atol=1e-4)


def test_every_member_is_linear_in_the_states(head: FeatureHead) -> None:
    first = replace(head.parts[0], spec=FeatureSpec(1, "last"), weights=head.parts[0].weights[:1])
    scorer = FeatureHeadScorer(replace(head, parts=(first, *head.parts)), "cpu")
    states = scorer.states(CONVERSATIONS)
    assert states.shape == (len(CONVERSATIONS), 64)
    rewards = np.concatenate([first.weights @ states[:, :32].T, head.parts[0].weights @ states[:, 32:].T])
    np.testing.assert_allclose(rewards, scorer.score(CONVERSATIONS).members, rtol=1e-4, atol=1e-4)


def test_heads_can_be_aggregated_otherwise(head: FeatureHead) -> None:
    careful = FeatureHeadScorer(head, "cpu", aggregation=Aggregation("min"))
    scores = careful.score(CONVERSATIONS)
    assert careful.num_members == head.num_members == len(scores.members)
    np.testing.assert_array_equal(scores.rewards, scores.members.min(0))
    assert careful.fingerprint != FeatureHeadScorer(head, "cpu").fingerprint


def test_truncated_conversations_are_counted(head: FeatureHead) -> None:
    long = conversation("q", "r" * 100)
    assert FeatureHeadScorer(head, "cpu").score([*CONVERSATIONS[:1], long, long]).num_truncated == 2


def test_another_trunk_or_tokenizer_is_refused(head: FeatureHead) -> None:
    with pytest.raises(ModelError, match="weights of"):
        FeatureHeadScorer(replace(head, trunk_fingerprint="sha256:0"), "cpu")
    with pytest.raises(ModelError, match="tokenizer or chat template"):
        FeatureHeadScorer(replace(head, tokens_fingerprint="sha256:0"), "cpu")
