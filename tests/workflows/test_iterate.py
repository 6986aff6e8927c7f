"""Rounds in a small world: what a loop leaves, and what it does again and what not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import rewardsmith

TINY: dict[str, Any] = {
    "num_pairs": 64,
    "num_rounds": 2,
    "num_shift_prompts": 6,
    "shift_samples": 2,
    "num_test_prompts": 6,
    "num_rollouts": 2,
    "prompts_per_rollout": 4,
    "num_samples": 2,
    "max_prompt_length": 48,
    "max_new_tokens": 16,
    "advantage": "rloo",
    "num_ppo_epochs": 1,
    "policy_learning_rate": 4e-4,
    "learning_rate": 1e-3,
    "per_device_train_batch_size": 16,
    "max_length": 96,
    "stop_early": False,
    "device": "cpu",
    "quiet": True,
}


def looped(folder: Path, **options: Any) -> dict[str, Any]:
    found = rewardsmith.iterate("embedded/world", output_dir=folder, **{**TINY, **options})
    assert found.metrics == json.loads((folder / "metrics.json").read_text())
    return dict(found.metrics)


def test_two_rounds_in_a_world(tmp_path: Path) -> None:
    metrics = looped(tmp_path / "loop")
    assert [one["round"] for one in metrics["rounds"]] == [1, 2] and metrics["judged_by"] == "gold"
    for number, one in enumerate(metrics["rounds"], 1):
        folder = tmp_path / "loop" / f"round-{number}"
        assert len(one["path"]) == 2 and one["path"][0]["gold"] is not None
        assert [stage["stage"] for stage in one["stages"]] == ["sample", "adapt", "look", "improve", "evaluate"]
        assert one["policy"]["samples"] == f"round-{number}/test.jsonl"
        for name in ("policy", "reward_model"):
            assert (folder / name / "model.safetensors").is_file()
            assert not list(folder.glob(f"{name}.*"))
    assert metrics["start"]["kl"] == pytest.approx(0.0, abs=1e-9)
    assert (tmp_path / "loop" / "manifest.json").is_file()
