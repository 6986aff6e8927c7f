"""Several models as one scorer."""

from __future__ import annotations

import json
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rewardsmith.engine.scoring import ensemble_scorer
from rewardsmith.engine.scoring.ensemble_scorer import load_scorers
from rewardsmith.engine.scoring.scorer import load_scorer
from rewardsmith.errors import ConfigError, ModelError
from rewardsmith.metrics.aggregates import Aggregation
from rewardsmith.models.embedded import resolve_model
from rewardsmith.models.loading import load_tokenizer, save_reward_model
from rewardsmith.models.starting import new_reward_model
from tiny_architectures import CONVERSATIONS, conversation, save_tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of two tiny reward models that differ in their heads."""
    root = tmp_path_factory.mktemp("ensemble")
    source = resolve_model(str(save_tiny_model(root / "trunk", "qwen3")))
    for seed in (0, 1):
        tokenizer = load_tokenizer(source)
        model = new_reward_model(source, tokenizer, seed)
        save_reward_model(model, tokenizer, root / "members" / f"0{seed}", {"max_length": 64})
    index = {"kind": "full", "members": ["members/00", "members/01"]}
    (root / "ensemble.json").write_text(json.dumps(index))
    return root


def alone(folder: Path, member: str) -> np.ndarray:
    return load_scorer(str(folder / "members" / member), device="cpu").score(CONVERSATIONS)


def test_a_folder_and_a_list_are_the_same_ensemble(folder: Path) -> None:
    by_folder = load_scorers(str(folder), device="cpu")
    by_list = load_scorers(f"{folder}/members/00, {folder}/members/01", device="cpu")
    expected = np.stack([alone(folder, "00"), alone(folder, "01")])
    np.testing.assert_array_equal(by_folder.score_members(CONVERSATIONS), expected)
    np.testing.assert_array_equal(by_list.score_members(CONVERSATIONS), expected)
    assert by_folder.num_members == 2 and by_folder.fingerprint == by_list.fingerprint
    np.testing.assert_allclose(by_folder.score(CONVERSATIONS), expected.mean(0), rtol=0, atol=1e-6)


def test_the_aggregate_is_part_of_what_an_ensemble_is(folder: Path) -> None:
    careful = load_scorers(str(folder), device="cpu", aggregation=Aggregation("min"))
    np.testing.assert_array_equal(careful.score(CONVERSATIONS), np.minimum(alone(folder, "00"), alone(folder, "01")))
    assert careful.fingerprint != load_scorers(str(folder), device="cpu").fingerprint


def test_models_that_do_not_fit_together_are_loaded_in_turn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = load_scorers(str(folder), device="cpu")
    monkeypatch.setattr(ensemble_scorer, "free_memory", lambda device: 1)
    in_turn = load_scorers(str(folder), device="cpu")
    assert len(in_turn._kept) < len(together._kept) == 2
    np.testing.assert_array_equal(in_turn.score_members(CONVERSATIONS), together.score_members(CONVERSATIONS))


def test_one_model_stays_loaded_and_is_its_own_member(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble_scorer, "free_memory", lambda device: 1)
    scorer = load_scorers(str(folder / "members" / "00"), device="cpu")
    assert scorer.num_members == 1 and len(scorer._kept) == 1
    assert scorer.fingerprint == load_scorer(str(folder / "members" / "00"), device="cpu").fingerprint
    scorer.score([conversation("q", "r" * 100)])
    assert scorer.num_cut == 1


def test_an_aggregate_of_one_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="--aggregate min needs several members"):
        load_scorers(str(folder / "members" / "00"), device="cpu", aggregation=Aggregation("min"))


@pytest.mark.parametrize("content", ["{", "[]", '{"members": []}', '{"members": ["members/00", "members/99"]}'])
def test_a_broken_index_is_told(folder: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "ensemble.json").write_text(content)
    (tmp_path / "members").symlink_to(folder / "members")
    with pytest.raises(ModelError, match="ensemble.json"):
        load_scorers(str(tmp_path), device="cpu")


@pytest.mark.parametrize("paths", ["", " ,"])
def test_a_model_must_be_named(paths: str) -> None:
    with pytest.raises(ConfigError, match="--reward_model_path is missing"):
        load_scorers(paths)


def test_an_ensemble_named_beside_another_model_counts_once(folder: Path) -> None:
    scorer = load_scorers(f"{folder}, {folder}/members/00", device="cpu")
    one, other = alone(folder, "00"), alone(folder, "01")
    assert scorer.num_members == 2
    np.testing.assert_allclose(scorer.score_members(CONVERSATIONS), [(one + other) / 2, one], rtol=0, atol=1e-6)


def test_models_loaded_in_turn_are_never_there_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models: list[weakref.ref[Any]] = []

    def watched(*arguments: Any) -> Any:
        assert all(model() is None for model in models)
        scorer = load_scorer(*arguments)
        models.append(weakref.ref(scorer.model))
        return scorer

    monkeypatch.setattr(ensemble_scorer, "load_scorer", watched)
    monkeypatch.setattr(ensemble_scorer, "free_memory", lambda device: 1)
    load_scorers(str(folder), device="cpu").score(CONVERSATIONS)
    assert len(models) == 4
