"""Named settings: they can be run, and say what they are."""

from __future__ import annotations

import pytest

from rewardsmith.artifacts.config.flat_config import flatten, leaf_types
from rewardsmith.policy.options import SETTINGS, PolicyOptions, check_policy_options


@pytest.mark.parametrize("name", SETTINGS)
def test_named_settings_can_be_run(name: str) -> None:
    check_policy_options(SETTINGS[name])


def test_the_settings_are_those_of_their_sources() -> None:
    summarize, paper = (flatten(SETTINGS[name]) for name in ("ppo-summarize", "ppo-paper"))
    assert (summarize["kl_coef"], summarize["value_coefficient"], summarize["num_ppo_epochs"]) == (0.05, 0.1, 4)
    assert (summarize["no_end"], summarize["no_end_penalty"]) == ("replace", 1.0)
    assert (paper["policy_learning_rate"], paper["critic_learning_rate"]) == (5e-7, 1.5e-6)
    assert (paper["reward_clip"], paper["num_rollouts"], paper["prompts_per_rollout"]) == (0.8, 2000, 32)
    assert paper["critic_start"] == "reward_model"
    on_policy = [SETTINGS[name].sampling.settings().on_policy for name in ("ppo-summarize", "ppo-paper")]
    assert on_policy == [True, False]


def test_every_option_has_a_name_of_its_own() -> None:
    assert len(leaf_types(PolicyOptions)) > 30
