"""A loop whose policy TRL trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rewardsmith
from rewardsmith.errors import ConfigError

BY_TRL: dict[str, Any] = {
    "policy_trainer": "trl_rloo",
    "advantage": "rloo",
    "num_ppo_epochs": 1,
    "whiten_advantages": False,
    "loss_mean": "response_sums",
    "num_pairs": 64,
    "num_rounds": 1,
    "num_shift_prompts": 6,
    "shift_samples": 2,
    "num_test_prompts": 6,
    "num_rollouts": 2,
    "prompts_per_rollout": 4,
    "num_samples": 2,
    "max_prompt_length": 48,
    "max_new_tokens": 16,
    "policy_learning_rate": 4e-4,
    "per_device_train_batch_size": 16,
    "max_length": 96,
    "device": "cpu",
    "quiet": True,
}


def looped(folder: Path, **options: Any) -> Any:
    return rewardsmith.iterate("embedded/world", output_dir=folder, **{**BY_TRL, **options}).metrics["rounds"][0]


@pytest.mark.slow
def test_a_loop_by_trl_leaves_what_ours_leaves_and_the_same_again(tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="needs pip install 'rewardsmith[rl]'")
    one, again = looped(tmp_path / "loop"), looped(tmp_path / "again")
    assert len(one["path"]) == 2 and one["path"][0]["gold"] is not None and one["path"][1]["kl"] != 0
    assert one["path"] == again["path"] and one["policy"]["kl"] != 0
    weights = "round-1/policy/model.safetensors"
    assert (tmp_path / "loop" / weights).read_bytes() == (tmp_path / "again" / weights).read_bytes()


def test_what_trl_cannot_mean_ends_a_loop_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TRL's RLOO cannot mean `whiten_advantages` True.*`loss_mean` tokens"):
        looped(tmp_path / "loop", whiten_advantages=True, loss_mean="tokens")
    assert not (tmp_path / "loop" / "round-1").exists()
