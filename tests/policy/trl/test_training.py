"""RLOO and GRPO by TRL: that both sides mean the same, number by number, and what a run leaves."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import Lines, adapted, weights
from torch import Tensor
from toy_policies import PROMPTS, changed, letter_scorer, toy_policy

from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy, save_policy
from rewardsmith.objectives.policy import mean_weights
from rewardsmith.policy.networks.actor_critic import ActorCritic
from rewardsmith.policy.options import SETTINGS, PolicyOptions
from rewardsmith.policy.ppo.rollout_source import RolloutBatch
from rewardsmith.policy.ppo.step import PPOStep
from rewardsmith.policy.ppo.training import TrainedPolicy
from rewardsmith.policy.rollouts.rollout import Rollout
from rewardsmith.policy.trl import training as trl_training
from rewardsmith.policy.trl.rollouts import TRLRollouts
from rewardsmith.policy.trl.settings import TRLTrainer
from rewardsmith.policy.trl.training import train_policy_by_trl
from tiny_architectures import tokenizer_for

pytest.importorskip("trl", reason="needs pip install 'rewardsmith[rl]'")
pytestmark = [
    pytest.mark.slow,
]

SMALL = {
    "num_rollouts": 2,
    "prompts_per_rollout": 3,
    "num_samples": 4,
    "max_prompt_length": 64,
    "max_new_tokens": 6,
    "rollout_max_tokens": 160,  # several micro-batches
    "policy_learning_rate": 1e-3,
    "policy_max_grad_norm": 0.0,
    "samples_to_read": 2,
}


def options_of(trainer: TRLTrainer, **changes: Any) -> PolicyOptions:
    return changed(SETTINGS[trainer.removeprefix("trl_")], **{**SMALL, **changes})


def run(
    trainer: TRLTrainer = "trl_rloo",
    policy: Any = None,
    reference: Any = None,
    samples: MetricsLog | None = None,
    seed: int = 0,
    **changes: Any,
) -> tuple[Any, TrainedPolicy, Lines]:
    policy, log = policy or toy_policy()[0], Lines()
    trained = train_policy_by_trl(
        trainer,
        policy,
        tokenizer_for("llama"),
        PROMPTS,
        letter_scorer(),
        options_of(trainer, **changes),
        make_accelerator("cpu"),
        seed,
        reference,
        log,
        samples,
        quiet=True,
    )
    return policy, trained, log


@dataclass
class TheirStep:
    """What TRL did in one optimiser step."""

    before: dict[str, Tensor]
    rollout: Rollout
    batches: list[dict[str, Tensor]] = field(default_factory=list)
    gradient: dict[str, Tensor] = field(default_factory=dict)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[TheirStep]:
    """Every step of TRL's trainers from here on."""
    steps: list[TheirStep] = []
    known: list[TRLRollouts] = []

    class Known(TRLRollouts):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            known.append(self)

    def recording(trainer: Any) -> Any:
        class Recording(trainer):  # type: ignore[misc]
            def _compute_loss(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
                if all(parameter.grad is None for parameter in model.parameters()):
                    rollout = known[-1].newest
                    assert rollout is not None
                    steps.append(TheirStep(weights(model), rollout))
                steps[-1].batches.append(inputs)
                return super()._compute_loss(model, inputs)  # type: ignore[no-any-return]

            def training_step(self, model: Any, *given: Any) -> Tensor:
                loss = super().training_step(model, *given)
                gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
                steps[-1].gradient = gradients
                return loss  # type: ignore[no-any-return]

        return Recording

    monkeypatch.setattr(trl_training, "TRLRollouts", Known)
    for name in ("rloo", "grpo"):
        module = importlib.import_module(f"trl.trainer.{name}_trainer")
        trainer = f"{name.upper()}Trainer"
        monkeypatch.setattr(module, trainer, recording(getattr(module, trainer)))
    return steps


@pytest.mark.parametrize(
    ("trainer", "changes"),
    [
        ("trl_rloo", {"kl_coef": 0.3}),
        ("trl_rloo", {"kl_coef": 0.0, "whiten_rewards": True, "no_end": "replace", "max_prompt_length": 12}),
        ("trl_grpo", {"num_ppo_epochs": 2}),
        ("trl_grpo", {"loss_mean": "sequences", "reward_clip": 0.5}),
    ],
)
def test_advantages_and_gradients_are_ours(trainer: TRLTrainer, changes: dict[str, Any], seen: list[TheirStep]) -> None:
    run(trainer, reference=toy_policy(seed=1)[0], **changes)
    ppo = options_of(trainer, **changes).ppo
    assert len(seen) == 2 * ppo.num_ppo_epochs
    for step in seen:
        assert len(step.batches) > 1
        rollout, mask = step.rollout, step.rollout.sequences.response_mask
        ours = {_key(rollout, row): float(rollout.advantages[row, 0]) for row in range(len(mask))}
        for batch in step.batches:
            for ids, kept, advantage in zip(
                batch["completion_ids"], batch["completion_mask"].bool(), batch["advantages"], strict=True
            ):
                found = [value for (_, tokens), value in ours.items() if tokens == tuple(ids[kept].tolist())]
                assert min(abs(float(advantage) - value) for value in found) < 1e-5
        policy, _ = toy_policy()
        policy.load_state_dict(step.before, strict=False)
        batch = RolloutBatch(rollout, mean_weights(mask, ppo.loss_mean), True)
        PPOStep(ppo).loss(ActorCritic(policy), batch).loss.backward()
        for name, parameter in policy.named_parameters():
            torch.testing.assert_close(step.gradient[name], parameter.grad, rtol=1e-4, atol=1e-5)


def _key(rollout: Rollout, row: int) -> tuple[int, tuple[int, ...]]:
    sequences = rollout.sequences
    return int(rollout.places[row]), tuple(sequences.responses[row][sequences.response_mask[row]].tolist())


def test_a_run_leaves_a_policy_lines_and_samples(tmp_path: Path) -> None:
    policy, trained, log = run(samples=MetricsLog(tmp_path / "samples.jsonl"))
    assert any(not torch.equal(value, weights(toy_policy()[0])[name]) for name, value in weights(policy).items())
    save_policy(policy, tokenizer_for("llama"), tmp_path / "policy")
    again, _ = load_policy(resolve_model(str(tmp_path / "policy")))
    assert all(torch.equal(value, weights(again)[name]) for name, value in weights(policy).items())
    assert trained.outcome.num_steps == 2 and trained.outcome.counts["responses"] == 24
    assert not policy.training and trained.outcome.last == log.lines[-1]
    first, second = log.lines
    assert first["kl"] == 0 and second["kl"] != 0
    assert [line["learning_rate"] for line in log.lines] == [1e-3, 5e-4]
    ours = {"step", "epoch", "score", "reward", "spread", "ref_perplexity", "entropy", "grad_norm", "share_without_end"}
    assert ours <= set(first)
    samples = [json.loads(line) for line in (tmp_path / "samples.jsonl").read_text().splitlines()]
    assert [(one["step"], one["rollout"]) for one in samples] == [(1, 0), (1, 0), (2, 1), (2, 1)]


def test_a_run_is_a_function_of_its_seed() -> None:
    one, again, other = (run(seed=seed)[0] for seed in (0, 0, 1))
    assert all(torch.equal(value, weights(again)[name]) for name, value in weights(one).items())
    assert any(not torch.equal(value, weights(other)[name]) for name, value in weights(one).items())


def test_adapters_alone_learn_and_trl_leaves_none_of_its_own() -> None:
    policy, _, log = run(policy=adapted(), policy_learning_rate=1e-2)
    assert list(policy.peft_config) == ["default"]
    assert log.lines[0]["kl"] == 0 and log.lines[1]["kl"] != 0
    start = adapted()
    moved = {name for name, value in weights(start).items() if not torch.equal(weights(policy)[name], value)}
    assert moved and all("lora_" in name for name in moved)


def test_the_reference_is_reset_where_ours_is() -> None:
    _, _, log = run(num_rollouts=3, reference_reset_rollouts=2)
    assert log.lines[1]["kl"] != 0 and log.lines[2]["kl"] == pytest.approx(0.0, abs=1e-6)


def test_nobody_is_told_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", False)
    run(num_rollouts=1)
    assert constants.HF_HUB_DISABLE_TELEMETRY
