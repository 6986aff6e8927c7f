"""What TRL is told, and what it is not asked to do. Needs no TRL."""

from __future__ import annotations

from typing import Any

import pytest
from toy_policies import PROMPTS, changed, letter_scorer, toy_policy

from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.errors import ConfigError, ModelError
from rewardsmith.policy.options import SETTINGS, PolicyOptions
from rewardsmith.policy.trl import settings as trl_settings
from rewardsmith.policy.trl.settings import check_trl_options, rows_per_pass, trl_arguments
from rewardsmith.policy.trl.training import train_policy_by_trl
from tiny_architectures import tokenizer_for


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trl_settings, "find_spec", lambda name: name)


def test_the_settings_named_after_them_are_what_both_mean() -> None:
    check_trl_options("trl_rloo", SETTINGS["rloo"])
    check_trl_options("trl_grpo", SETTINGS["grpo"])


@pytest.mark.parametrize(
    ("trainer", "changes", "message"),
    [
        ("trl_rloo", {"advantage": "gae"}, "`advantage` gae: .*use rloo"),
        ("trl_rloo", {"loss_mean": "tokens"}, "`loss_mean` tokens: .*use response_sums"),
        ("trl_rloo", {"num_ppo_epochs": 2}, "`num_ppo_epochs` 2: it clips the ratio of whole responses"),
        ("trl_rloo", {"whiten_advantages": True}, "`whiten_advantages` True"),
        ("trl_rloo", {"num_minibatches": 2}, "`num_minibatches` 2"),
        ("trl_rloo", {"sampling": "paper"}, "`temperature` 0.8"),
        ("trl_rloo", {"kl_target": 6.0}, "`kl_target` 6.0"),
        ("trl_rloo", {"reward_shape": "par"}, "`reward_shape` par"),
        ("trl_grpo", {"kl_coef": 0.1}, "`kl_coef` 0.1: its KL cost is k3 in the loss"),
        ("trl_grpo", {"loss_mean": "response_sums"}, "`loss_mean` response_sums: .*use tokens or sequences"),
    ],
)
def test_what_trl_cannot_mean_is_refused_by_name(trainer: Any, changes: dict[str, Any], message: str) -> None:
    options = changed(SETTINGS[trainer.removeprefix("trl_")], **changes)
    with pytest.raises(ConfigError, match=message):
        check_trl_options(trainer, options)


def test_all_that_is_refused_is_named_at_once() -> None:
    with pytest.raises(ConfigError, match="`advantage` gae.*`loss_mean` tokens.*`num_ppo_epochs` 4"):
        check_trl_options("trl_rloo", PolicyOptions())


def test_a_rollout_is_cut_into_equal_parts_that_fit() -> None:
    assert [rows_per_pass(12, most) for most in (0, 1, 5, 6, 100)] == [1, 1, 4, 6, 12]
    options = changed(SETTINGS["rloo"], prompts_per_rollout=3, num_samples=4, max_new_tokens=10, rollout_max_tokens=100)
    told = trl_arguments("trl_rloo", options, 10)
    assert (told["per_device_train_batch_size"], told["gradient_accumulation_steps"]) == (4, 3)
    assert told["max_steps"] == 100 and "loss_type" not in told
    assert trl_arguments("trl_grpo", SETTINGS["grpo"], 10)["loss_type"] == "dapo"


def train(options: PolicyOptions, tokenizer: Any = None) -> None:
    policy, _ = toy_policy()
    tokenizer = tokenizer or tokenizer_for("llama")
    train_policy_by_trl("trl_rloo", policy, tokenizer, PROMPTS, letter_scorer(), options, make_accelerator("cpu"))


FITS = changed(SETTINGS["rloo"], prompts_per_rollout=5, max_prompt_length=64, max_new_tokens=6)


def test_more_prompts_than_there_are_and_other_ends_are_refused() -> None:
    with pytest.raises(ConfigError, match="`prompts_per_rollout` 6: .*there are 5"):
        train(changed(FITS, prompts_per_rollout=6))
    tokenizer = tokenizer_for("llama")
    tokenizer.chat_template = tokenizer.chat_template.replace("{{ eos_token }}", "<|end|>")
    with pytest.raises(ModelError, match=r"TRL ends a response at </s> alone; this policy ends it at </s>, <\|end\|>"):
        train(FITS, tokenizer)


def test_without_trl_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trl_settings, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'rewardsmith\[rl\]'"):
        train(FITS)
