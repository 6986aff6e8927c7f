"""The critic of a round: the round's reward model where it reads the policy's tokens, and refused where not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import rewardsmith
from rewardsmith.errors import ConfigError
from rewardsmith.models.loading.lora import load_merged
from rewardsmith.policy.networks.critic import critic_of_reward_model
from small_loops import SMALL, save_inputs
from tiny_reward_models import tiny_tokenizer
from tiny_writers import save_tiny_writer

WITH_CRITIC: dict[str, Any] = {**SMALL, "num_rounds": 1, "advantage": "gae", "critic_start": "reward_model"}


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Any]:
    made = save_inputs(tmp_path / "inputs")
    return {**made, "policy_name_or_path": str(save_tiny_writer(tmp_path / "policy", tokenizer=tiny_tokenizer()))}


def looped(folder: Path, options: dict[str, Any]) -> None:
    given = dict(options)
    rewardsmith.iterate(given.pop("dataset_name"), output_dir=folder, quiet=True, **given)


def test_it_begins_with_the_rewards_of_the_round(
    tmp_path: Path, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def seen(model: Any, policy: Any, mean: float, std: float) -> Any:
        critic = critic_of_reward_model(model, policy, mean, std)
        begun.append((mean, std, critic.head.weight.detach().clone()))
        return critic

    monkeypatch.setattr("rewardsmith.workflows.loop.critics.critic_of_reward_model", seen)
    looped(tmp_path / "loop", {**WITH_CRITIC, **inputs})
    [(mean, std, weight)] = begun
    round_1 = tmp_path / "loop" / "round-1"
    look = json.loads((round_1 / "look.json").read_text())
    assert (mean, std) == (look["reward_mean"], look["reward_std"])
    torch.testing.assert_close(weight, load_merged(round_1 / "reward_model")[0].score.weight.detach() / std)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"advantage": "rloo"}, "`advantage` rloo has no critic: leave `critic_start` out"),
        ({"num_members": 2}, "`num_members` 2 reward models are no critic"),
        ({"model_name_or_path": "embedded/minilm"}, "embedded/minilm has others than .*policy"),
    ],
)
def test_what_cannot_be_a_critic_is_refused_before_anything_is_made(
    tmp_path: Path, inputs: dict[str, Any], options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        looped(tmp_path / "loop", {**WITH_CRITIC, **inputs, **options})
    assert not (tmp_path / "loop").exists()
