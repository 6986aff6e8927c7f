"""A small policy learns what a program rewards. Minutes rather than seconds, so it is marked slow."""

from __future__ import annotations

import math

import pytest
from runs import OPTIONS, Lines, adapted, run
from toy_policies import changed

SLOWLY = changed(
    OPTIONS,
    num_rollouts=40,
    prompts_per_rollout=5,
    num_samples=8,
    num_ppo_epochs=2,
    num_minibatches=1,
    max_new_tokens=12,
    policy_learning_rate=2e-3,
    critic_learning_rate=4e-3,
    no_end_penalty=0.5,
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft's call
@pytest.mark.parametrize(
    ("advantage", "kl_coef", "lora"), [("gae", 0.05, False), ("gae", 0.05, True), ("rloo", 0.05, False)]
)
def test_reward_rises_and_the_policy_stays_in_sight_of_its_reference(advantage: str, kl_coef: float, lora: bool) -> None:
    log = Lines()
    run(adapted() if lora else None, log=log, options=SLOWLY, advantage=advantage, kl_coef=kl_coef)
    first, last = log.lines[0], log.lines[-1]
    assert last["score"] - 0 > first["score"] + 1.0
    assert last["share_without_end"] < 0.2
    assert all(math.isfinite(line["kl"]) and line["kl_k3"] < 60 for line in log.lines)
