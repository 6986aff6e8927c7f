"""The step of PPO: what tokens of a roll-out cost policy and critic, and what is logged of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from torch import Tensor

from rewardsmith.engine.training.subject import Step, StepOutput
from rewardsmith.objectives.policy import clipped_ratio_cost, clipped_value_cost, kl_k3
from rewardsmith.policy.networks.actor_critic import PolicyOutput
from rewardsmith.policy.options import PPOOptions
from rewardsmith.policy.ppo.rollout_source import RolloutBatch
from rewardsmith.policy.rollouts.figures import rollout_means, rollout_totals
from rewardsmith.policy.rollouts.rollout import Rollout


@dataclass(frozen=True)
class PPOStep(Step):
    """Clipped ratio, and the clipped error of the critic where there is one (`objectives/policy.py`)."""

    options: PPOOptions
    sees_gold: bool = False
    """Whether there is a truth, whose mean is logged."""
    counted: ClassVar[tuple[str, ...]] = ("responses", "tokens")
    shown: ClassVar[tuple[str, ...]] = ("score", "kl", "response_length")

    def loss(self, model: Any, batch: RolloutBatch) -> StepOutput:
        rollout, mask = batch.rollout, batch.rollout.sequences.response_mask
        output: PolicyOutput = model(rollout.sequences)
        of_policy, is_clipped = clipped_ratio_cost(
            output.logprobs, rollout.logprobs, rollout.advantages, self.options.clip_range
        )
        per_token = of_policy if batch.learns_policy else 0.0 * of_policy
        of_critic = torch.zeros_like(of_policy)
        if output.values is not None:
            clip_range = self.options.value_clip_range
            of_critic = clipped_value_cost(output.values, rollout.values, rollout.returns, clip_range)
            per_token = per_token + self.options.value_coefficient * of_critic
        weighted = (per_token * batch.weights).where(mask, 0.0)
        by_token = {
            "clipped": is_clipped.float(),
            "policy_loss": of_policy,
            "value_loss": of_critic,
            "entropy": output.entropy,
            "moved": kl_k3(rollout.logprobs, output.logprobs),
            **_returns(rollout),
        }
        sums = {name: value.detach().where(mask, 0.0).sum() for name, value in by_token.items()}
        return StepOutput(weighted.sum(), weighted.detach().sum(1), {**sums, **rollout_totals(rollout)})

    def gradient(self, model: Any, batches: Sequence[RolloutBatch], accelerator: Accelerator) -> list[StepOutput]:
        """While the critic alone learns the policy has none, and not one of 0: its first step is as large as ever."""
        outputs = super().gradient(model, batches, accelerator)
        if not batches[0].learns_policy:
            for parameter in accelerator.unwrap_model(model).policy.parameters():
                parameter.grad = None
        return outputs

    def metrics(self, totals: dict[str, float]) -> dict[str, float | None]:
        """Means over the tokens or responses since the last line; every pass over a roll-out counts."""
        num_tokens = totals["num_tokens"]
        by_token = {name: totals[name] / num_tokens for name in ("policy_loss", "value_loss", "entropy")}
        return {
            "loss": by_token["policy_loss"] + self.options.value_coefficient * by_token["value_loss"],
            **by_token,
            **rollout_means(totals, self.sees_gold),
            "clip_share": totals["clipped"] / num_tokens,
            "kl_to_rollout": totals["moved"] / num_tokens,
            "explained_variance": _explained_variance(totals) if self.options.advantage == "gae" else None,
        }

    def clip(self, model: Any, max_norm: float, accelerator: Accelerator) -> Tensor:
        """Policy and critic by themselves: the errors of one must not slow the other. Gives the norm of both."""
        module = accelerator.unwrap_model(model)
        parts = [part for part in (module.policy, module.critic) if part is not None]
        norms = [super(PPOStep, self).clip(part, max_norm, accelerator).to(accelerator.device) for part in parts]
        return torch.stack(norms).square().sum().sqrt()


def _returns(rollout: Rollout) -> dict[str, Tensor]:
    """Moments of the returns and of the critic's errors."""
    errors = rollout.returns - rollout.values
    return {
        "return": rollout.returns,
        "return_squared": rollout.returns.square(),
        "error": errors,
        "error_squared": errors.square(),
    }


def _explained_variance(totals: dict[str, float]) -> float | None:
    """1 - Var(R - V) / Var(R), V as it was when the responses were drawn; None where all returns are equal."""
    num = totals["num_tokens"]
    variance, left = (totals[f"{name}_squared"] / num - (totals[name] / num) ** 2 for name in ("return", "error"))
    return 1 - left / variance if variance > 0 else None
