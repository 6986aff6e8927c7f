"""Scorers by what names them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.scoring import open_scorer as scorers
from rewardsmith.engine.scoring.feature_head_scorer import FeatureHeadScorer
from rewardsmith.engine.scoring.local_scorer import LocalScorer
from rewardsmith.engine.scoring.open_scorer import ScorerKind, open_scorer
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.errors import ConfigError, ModelError
from rewardsmith.models.feature_head import FeatureHead, HeadPart
from rewardsmith.models.feature_spec import FeatureSpec
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.files import weights_fingerprint
from rewardsmith.models.loading.reward_models import load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.tokens.encoding import ConversationEncoder
from stub_scorer import StubScorer
from tiny_architectures import CONVERSATIONS, save_tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of two tiny reward models that differ in their heads, and a feature head on their trunk."""
    root = tmp_path_factory.mktemp("ensemble")
    source = resolve_model(str(save_tiny_model(root / "trunk", "qwen3")))
    for seed in (0, 1):
        tokenizer = load_tokenizer(source)
        model = new_reward_model(source, tokenizer, seed)
        save_reward_model(model, tokenizer, root / "members" / f"0{seed}", {"max_length": 64})
    index = {"kind": "full", "members": ["members/00", "members/01"]}
    (root / "ensemble.json").write_text(json.dumps(index))
    encoder = ConversationEncoder(load_tokenizer(source), 64)
    weights = np.random.default_rng(0).normal(size=(3, 32)).astype(np.float32)
    part = HeadPart(FeatureSpec(2, "mean"), weights, weights[0], np.ones(32, dtype=np.float32))
    FeatureHead(source.name, weights_fingerprint(source), encoder.fingerprint, 64, "left", (part,)).save(root / "head")
    return root


def opened(name: object, **options: Any) -> Scorer:
    return open_scorer(str(name), ScoringOptions(device="cpu", **options))


def alone(folder: Path, member: str) -> np.ndarray:
    return opened(folder / "members" / member).score(CONVERSATIONS).rewards


def test_a_folder_and_a_list_are_the_same_ensemble(folder: Path) -> None:
    by_folder, by_list = opened(folder), opened(f"{folder}/members/00, {folder}/members/01")
    expected = np.stack([alone(folder, "00"), alone(folder, "01")])
    for scorer in (by_folder, by_list):
        np.testing.assert_array_equal(scorer.score(CONVERSATIONS).members, expected)
    assert by_folder.num_members == 2 and by_folder.fingerprint == by_list.fingerprint
    np.testing.assert_allclose(by_folder.score(CONVERSATIONS).rewards, expected.mean(0), rtol=0, atol=1e-6)


def test_the_aggregate_is_part_of_what_an_ensemble_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    careful = opened(folder, aggregate="min")
    assert "`aggregate` min: no scales are known" in capsys.readouterr().err
    least = np.minimum(alone(folder, "00"), alone(folder, "01"))
    np.testing.assert_array_equal(careful.score(CONVERSATIONS).rewards, least)
    assert careful.fingerprint != opened(folder).fingerprint


def test_one_model_is_its_own_member(folder: Path) -> None:
    scorer = opened(folder / "members" / "00")
    assert isinstance(scorer, LocalScorer) and scorer.num_members == 1
    scores = scorer.score(CONVERSATIONS)
    np.testing.assert_array_equal(scores.members, scores.rewards[None])


def test_an_ensemble_of_one_is_that_one(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ensemble.json").write_text(json.dumps({"members": ["00"]}))
    (tmp_path / "00").symlink_to(folder / "members" / "00")
    assert opened(tmp_path).fingerprint == opened(folder / "members" / "00").fingerprint


def test_a_feature_head_is_opened_at_its_own_length(folder: Path) -> None:
    scorer = opened(folder / "head", aggregate="min")
    assert isinstance(scorer, FeatureHeadScorer) and scorer.aggregation.how == "min"
    assert scorer.fingerprint == opened(folder / "head", aggregate="min", max_length=64).fingerprint
    with pytest.raises(ModelError, match="`max_length` 128: .* was fitted at 64 tokens"):
        opened(folder / "head", max_length=128)


def test_an_aggregate_of_one_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="`aggregate` min needs several members"):
        opened(folder / "members" / "00", aggregate="min")
    with pytest.raises(ConfigError, match="`aggregate_coefficient`: mean takes no coefficient"):
        opened(folder, aggregate_coefficient=1.0)


@pytest.mark.parametrize("content", ["{", "[]", '{"members": []}', '{"members": ["members/00", "members/99"]}'])
def test_a_broken_index_is_told(folder: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "ensemble.json").write_text(content)
    (tmp_path / "members").symlink_to(folder / "members")
    with pytest.raises(ModelError, match="ensemble.json"):
        opened(tmp_path)


@pytest.mark.parametrize("name", ["", " ,"])
def test_a_model_must_be_named(name: str) -> None:
    with pytest.raises(ConfigError, match="`reward_model_path` is missing"):
        opened(name)


def test_a_device_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="tpu is not known"):
        open_scorer(f"{folder}/members/00", ScoringOptions(device="tpu"))  # type: ignore[arg-type]


def test_an_ensemble_named_beside_another_model_counts_once(folder: Path) -> None:
    scorer = opened(f"{folder}, {folder}/members/00")
    one, other = alone(folder, "00"), alone(folder, "01")
    assert scorer.num_members == 2
    members = scorer.score(CONVERSATIONS).members
    np.testing.assert_allclose(members, [(one + other) / 2, one], rtol=0, atol=1e-6)


def test_another_kind_of_scorer_is_one_entry(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = ScorerKind(lambda name: name.startswith("http://"), lambda name, *_: StubScorer(len, fingerprint=name))
    monkeypatch.setattr(scorers, "SCORER_KINDS", (remote, *scorers.SCORER_KINDS))
    assert opened("http://rewards").fingerprint == "http://rewards"
    both = opened(f"http://rewards, {folder}/members/00")
    lengths = [len(talk[-1]["content"]) for talk in CONVERSATIONS]
    np.testing.assert_array_equal(both.score(CONVERSATIONS).members, [lengths, alone(folder, "00")])


def test_members_with_scales_count_alike_whatever_their_constants(folder: Path, tmp_path: Path) -> None:
    names = [str(folder / "members" / f"0{seed}") for seed in (0, 1)]
    plain = np.stack([alone(folder, "00"), alone(folder, "01")]).astype(np.float64)
    scales = np.column_stack([plain.mean(axis=1) + np.array([0, 5]), plain.std(axis=1)])
    (tmp_path / "ensemble.json").write_text(json.dumps({"members": names, "scales": scales.tolist()}))
    scorer = opened(tmp_path, aggregate="min")
    expected = (plain - scales[:, :1]) / scales[:, 1:]
    found = scorer.score(CONVERSATIONS)
    np.testing.assert_allclose(found.members, expected, atol=1e-5)
    np.testing.assert_allclose(found.rewards, expected.min(axis=0), atol=1e-5)
    assert scorer.fingerprint != opened(folder, aggregate="min").fingerprint


@pytest.mark.parametrize("scales", [[[0, 1]], [[0, 1], [0, 0]], [[0, 1], "x"]])
def test_scales_that_fit_no_members_are_refused(folder: Path, tmp_path: Path, scales: Any) -> None:
    names = [str(folder / "members" / f"0{seed}") for seed in (0, 1)]
    (tmp_path / "ensemble.json").write_text(json.dumps({"members": names, "scales": scales}))
    with pytest.raises(ModelError, match="is no index of an ensemble"):
        opened(tmp_path)
