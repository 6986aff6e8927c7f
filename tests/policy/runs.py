"""One small run of PPO in many variants. As a program, for `torchrun`: in its processes, whole and interrupted."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor
from toy_policies import PROMPTS, changed, letter_scorer, toy_policy

from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.options import CheckpointOptions
from rewardsmith.models.loading.policies import add_policy_lora
from rewardsmith.models.options import LoraOptions
from rewardsmith.policy.options import PolicyOptions
from rewardsmith.policy.ppo.training import TrainedPolicy, train_policy
from tiny_architectures import tokenizer_for

OPTIONS = changed(
    PolicyOptions(samples_to_read=2),
    num_rollouts=3,
    prompts_per_rollout=3,
    num_samples=2,
    max_prompt_length=64,
    max_new_tokens=6,
    num_ppo_epochs=2,
    num_minibatches=2,
    policy_learning_rate=1e-3,
    critic_learning_rate=1e-3,
)
EVERYTHING = {
    "num_rollouts": 4,
    "kl_target": 0.5,
    "kl_horizon": 10,
    "reference_reset_rollouts": 2,
    "reward_shape": "par",
}
"""What a resumed run has to bring back besides weights."""


class Killed(BaseException):
    """Nothing catches it."""


class Lines:
    """A log in memory."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def cut_back(self, step: int) -> None:
        self.lines = [line for line in self.lines if line["step"] <= step]

    def log(self, **fields: Any) -> None:
        self.lines.append(fields)


def run(
    policy: Any = None,
    folder: Path | None = None,
    kill_at: int | None = None,
    log: Lines | None = None,
    scorer: Any = None,
    options: PolicyOptions = OPTIONS,
    **changes: Any,
) -> tuple[Any, TrainedPolicy]:
    """The policy after its training; checkpoints of every step are in ``folder``."""

    def watch(moment: Any) -> None:
        if moment.step == kill_at:
            raise Killed

    policy = toy_policy()[0] if policy is None else policy
    trained = train_policy(
        policy,
        tokenizer_for("llama"),
        PROMPTS,
        scorer or letter_scorer(),
        changed(options, **changes),
        make_accelerator("cpu"),
        log=log,
        samples=MetricsLog(folder / "samples.jsonl") if folder else None,
        save_to=folder / "checkpoints" if folder else None,
        saving=CheckpointOptions(save_steps=1),
        watch=watch,
        quiet=True,
    )
    return policy, trained


def adapted(kind: str = "llama") -> Any:
    """The tiny policy with adapters."""
    policy, _ = toy_policy(kind)
    policy.name_or_path = policy.config.name_or_path = "tiny"
    return add_policy_lora(policy, LoraOptions(use_peft=True, lora_r=4))


def weights(module: Any) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in module.named_parameters()}


def main(folder: Path) -> None:
    """Leaves the weights of a run, and of one that was killed and taken up. All processes die at the same step."""
    _, whole = run(**EVERYTHING)
    with suppress(Killed):
        run(folder=folder / "run", kill_at=13, **EVERYTHING)
    _, resumed = run(folder=folder / "run", **EVERYTHING)
    if make_accelerator("cpu").is_main_process:
        save_file(weights(whole.module), folder / "whole.safetensors")
        save_file(weights(resumed.module), folder / "resumed.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
