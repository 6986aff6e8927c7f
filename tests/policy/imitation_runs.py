"""A small run of imitation in many variants. As a program, for `torchrun`: in its processes, whole and interrupted."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from runs import Killed, Lines, weights
from safetensors.torch import save_file
from toy_policies import PROMPTS, toy_policy

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.loop import TrainOutcome
from rewardsmith.engine.training.options import CheckpointOptions
from rewardsmith.policy.imitation.imitation_training import imitate
from rewardsmith.policy.imitation.options import ImitationOptions, ImitationTrainingOptions
from rewardsmith.sampling.options import SamplingOptions
from tiny_architectures import tokenizer_for

WORDS = ("red", "green and blue", "one", "two by two", "so it is")
SHOWN: list[Conversation] = [
    [*prompt, {"role": "assistant", "content": word}] for prompt, word in zip(PROMPTS, WORDS, strict=True)
]
OPTIONS = ImitationOptions(num_rounds=3)
TRAINING = ImitationTrainingOptions(
    learning_rate=1e-3, num_train_epochs=3, demonstrations_per_step=2, max_length=64, logging_steps=1
)
NUM_STEPS = 9


def run(
    policy: Any = None,
    folder: Path | None = None,
    kill_at: int | None = None,
    log: Lines | None = None,
    shown: list[Conversation] = SHOWN,
    **changes: Any,
) -> tuple[Any, TrainOutcome]:
    """The policy after its training; checkpoints of every step are in ``folder``."""

    def watch(moment: Any) -> None:
        if moment.step == kill_at:
            raise Killed

    own = {name: changes.pop(name) for name in list(changes) if hasattr(OPTIONS, name)}
    sampling = {name: changes.pop(name) for name in list(changes) if hasattr(SamplingOptions(), name)}
    policy = toy_policy()[0] if policy is None else policy
    imitated = imitate(
        policy,
        tokenizer_for("llama"),
        shown,
        replace(OPTIONS, **own),
        make_accelerator("cpu"),
        replace(TRAINING, **changes),
        SamplingOptions(**{"max_new_tokens": 6, **sampling}),
        log=log,
        save_to=folder,
        saving=CheckpointOptions(save_steps=1, save_total_limit=NUM_STEPS),
        watch=watch,
        quiet=True,
    )
    return policy, imitated.outcome


def main(folder: Path) -> None:
    """Leaves the weights of a run, and of one that was killed and taken up. All processes die at the same step."""
    whole, _ = run()
    with suppress(Killed):
        run(folder=folder / "run", kill_at=5)
    resumed, _ = run(folder=folder / "run")
    if make_accelerator("cpu").is_main_process:
        save_file(weights(whole), folder / "whole.safetensors")
        save_file(weights(resumed), folder / "resumed.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
