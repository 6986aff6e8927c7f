from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from rewardsmith.engine.features.features import FeatureSpec, extract_features
from rewardsmith.engine.scoring.ensemble_scorer import load_scorers
from rewardsmith.engine.scoring.scorer import FeatureHeadScorer, LocalScorer, load_scorer
from rewardsmith.errors import ConfigError, ModelError
from rewardsmith.metrics.aggregates import Aggregation
from rewardsmith.models.embedded import resolve_model
from rewardsmith.models.feature_head import FeatureHead, HeadPart
from rewardsmith.models.files import weights_fingerprint
from rewardsmith.models.loading import load_tokenizer, save_reward_model
from rewardsmith.models.lora import add_lora
from rewardsmith.models.options import LoraOptions
from rewardsmith.models.starting import new_reward_model
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_architectures import CONVERSATIONS, conversation, save_tiny_model


@pytest.fixture
def saved(tmp_path: Path) -> str:
    """Folder of a tiny reward model that was trained at 64 tokens."""
    source = resolve_model(str(save_tiny_model(tmp_path / "trunk", "qwen3")))
    tokenizer = load_tokenizer(source)
    save_reward_model(new_reward_model(source, tokenizer), tokenizer, tmp_path / "saved", {"max_length": 64})
    return str(tmp_path / "saved")


def saved_head(folder: Path) -> FeatureHead:
    source = resolve_model(str(save_tiny_model(folder / "trunk", "llama")))
    encoder = ConversationEncoder(load_tokenizer(source), 64)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 32)).astype(np.float32)
    part = HeadPart(FeatureSpec(2, "mean"), weights, weights[0], np.ones(32, dtype=np.float32))
    head = FeatureHead(source.name, weights_fingerprint(source), encoder.fingerprint, 64, "left", (part,))
    head.save(folder / "head")
    return head


def test_rewards_come_in_the_order_given_whatever_the_batches(saved: str) -> None:
    one = load_scorer(saved, max_tokens=1, device="cpu").score(CONVERSATIONS)
    many = load_scorer(saved, max_tokens=200, device="cpu").score([*CONVERSATIONS, CONVERSATIONS[0]])
    assert one.dtype == np.float32 and one.shape == (4,)
    np.testing.assert_allclose(many, [*one, one[0]], rtol=0, atol=2e-6)
    assert load_scorer(saved, device="cpu").score([]).shape == (0,)


def test_a_batch_of_no_tokens_is_refused(saved: str) -> None:
    with pytest.raises(ConfigError, match="--max_tokens_per_batch 0 must be at least 1"):
        load_scorer(saved, max_tokens=0, device="cpu")


def test_the_length_of_training_is_kept_unless_another_is_asked_for(saved: str) -> None:
    scorer = load_scorer(saved, device="cpu")
    assert isinstance(scorer, LocalScorer) and scorer.encoder.max_length == 64
    longer = load_scorer(saved, max_length=96, device="cpu")
    assert isinstance(longer, LocalScorer) and longer.encoder.max_length == 96
    assert longer.fingerprint != scorer.fingerprint == load_scorer(saved, device="cpu").fingerprint
    scorer.score([conversation("q", "r" * 100)])
    assert scorer.num_cut == 1


def test_a_scorer_of_a_model_in_memory_follows_its_weights(saved: str) -> None:
    scorer = load_scorer(saved, device="cpu")
    assert isinstance(scorer, LocalScorer)
    first = LocalScorer(scorer.model, scorer.encoder, device="cpu").fingerprint
    scorer.model.score.weight.data += 1
    assert LocalScorer(scorer.model, scorer.encoder, device="cpu").fingerprint != first


def test_a_feature_head_scores_by_the_mean_of_its_members(tmp_path: Path) -> None:
    head = saved_head(tmp_path)
    scorer = load_scorer(str(tmp_path / "head"), device="cpu")
    assert isinstance(scorer, FeatureHeadScorer)
    spec = head.specs[0]
    features = extract_features(scorer.source, scorer.encoder, CONVERSATIONS, [spec], "cpu").arrays[spec]
    expected = (features.astype(np.float64) - head.parts[0].centre) @ head.parts[0].weights.T.astype(np.float64)
    np.testing.assert_allclose(scorer.score(CONVERSATIONS), expected.mean(1), rtol=1e-4, atol=1e-4)
    assert scorer.score_members(CONVERSATIONS).shape == (3, 4)
    assert scorer.fingerprint == head.fingerprint


def test_the_members_of_a_feature_head_can_be_aggregated(tmp_path: Path) -> None:
    head = saved_head(tmp_path)
    careful = load_scorers(str(tmp_path / "head"), device="cpu", aggregation=Aggregation("min"))
    members = careful.score_members(CONVERSATIONS)
    assert careful.num_members == head.num_members == len(members)
    np.testing.assert_array_equal(careful.score(CONVERSATIONS), members.min(0))


def test_a_feature_head_refuses_another_trunk_tokenizer_or_length(tmp_path: Path) -> None:
    head = saved_head(tmp_path)
    with pytest.raises(ModelError, match="fitted at 64 tokens"):
        load_scorer(str(tmp_path / "head"), max_length=128)
    with pytest.raises(ModelError, match="weights of"):
        FeatureHeadScorer(replace(head, trunk_fingerprint="sha256:0"), "cpu")
    with pytest.raises(ModelError, match="tokenizer or chat template"):
        FeatureHeadScorer(replace(head, tokens_fingerprint="sha256:0"), "cpu")


def test_a_device_that_is_not_there_is_refused(saved: str) -> None:
    with pytest.raises(ConfigError, match="--device tpu is not known"):
        load_scorer(saved, device="tpu")


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft's call
def test_the_weights_under_an_adapter_are_part_of_what_it_is(tmp_path: Path) -> None:
    trunk = save_tiny_model(tmp_path / "trunk", "llama")
    source = resolve_model(str(trunk))
    tokenizer = load_tokenizer(source)
    adapted = add_lora(new_reward_model(source, tokenizer), LoraOptions(lora_r=2))
    save_reward_model(adapted, tokenizer, tmp_path / "adapter", {"max_length": 64})
    before = load_scorer(str(tmp_path / "adapter"), device="cpu").fingerprint
    assert load_scorer(str(tmp_path / "adapter"), device="cpu").fingerprint == before
    weights = load_file(trunk / "model.safetensors")
    save_file({name: tensor * 1.01 for name, tensor in weights.items()}, trunk / "model.safetensors", {"format": "pt"})
    assert load_scorer(str(tmp_path / "adapter"), device="cpu").fingerprint != before
