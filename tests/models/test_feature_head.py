from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rewardsmith.errors import ModelError
from rewardsmith.models.feature_head import FeatureHead, HeadPart, is_feature_head
from rewardsmith.models.feature_spec import FeatureSpec


def some_head() -> FeatureHead:
    rng = np.random.default_rng(0)

    def part(layer: int, num_members: int) -> HeadPart:
        values = rng.normal(size=(num_members + 2, 5)).astype(np.float32)
        return HeadPart(FeatureSpec(layer, "last"), values[2:], values[0], np.exp(values[1]))

    return FeatureHead("embedded/minilm", "sha256:a", "sha256:b", 128, "left", (part(1, 2), part(3, 4)))


def test_a_saved_head_gives_the_same_rewards(tmp_path: Path) -> None:
    head = some_head()
    head.save(tmp_path)
    again = FeatureHead.load(tmp_path)
    features = {spec: np.random.default_rng(1).normal(size=(7, 5)).astype(np.float16) for spec in head.specs}
    assert is_feature_head(tmp_path) and not is_feature_head(tmp_path / "nowhere")
    assert np.array_equal(again.member_rewards(features), head.member_rewards(features))
    assert again.member_rewards(features).shape == (again.num_members, 7) == (6, 7)
    assert again.fingerprint == head.fingerprint != replace(head, max_length=64).fingerprint


def test_the_reward_is_the_standardised_feature_times_the_weight() -> None:
    part = HeadPart(
        FeatureSpec(1, "mean"), np.array([[2.0, -1.0]], "f4"), np.array([1.0, 1.0], "f4"), np.array([0.5, 2.0], "f4")
    )
    assert part.rewards(np.array([[2.0, 5.0]])).item() == 2.0 * 2.0 - 1.0 * 2.0


def test_damaged_heads_are_refused(tmp_path: Path) -> None:
    some_head().save(tmp_path)
    config = json.loads((tmp_path / "feature_head.json").read_text())
    for broken in ({**config, "format_version": 9}, {**config, "parts": [{"layer": 1, "pooling": "max"}]}, {}):
        (tmp_path / "feature_head.json").write_text(json.dumps(broken))
        with pytest.raises(ModelError):
            FeatureHead.load(tmp_path)
    (tmp_path / "feature_head.json").write_text(json.dumps(config))
    (tmp_path / "feature_head.safetensors").write_bytes(b"not a file")
    with pytest.raises(ModelError, match="no feature head"):
        FeatureHead.load(tmp_path)
