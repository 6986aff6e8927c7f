"""Trains in child processes and kills them with SIGKILL: ``killed_training.py MODEL DATA OUT KILLS SEED``.

Children are forks of a process that has imported everything, so a kill costs milliseconds instead of a start of Python.
The last child may finish. Prints the newest checkpoint after each kill.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from rewardsmith.artifacts.config.flat_config import build_config
from rewardsmith.workflows.options.train import TrainConfig
from rewardsmith.workflows.train import run_train

SAVE_STEPS = 2
MOST_CHECKPOINTS = 5
NUM_STEPS = 200


def train(model: str, data: str, out: Path) -> None:
    """A run whose checkpoints come often."""
    values = {
        "model_name_or_path": model,
        "dataset_name": data,
        "output_dir": str(out),
        "device": "cpu",
        "max_length": 128,
        "learning_rate": 3e-3,
        "max_steps": NUM_STEPS,
        "save_steps": SAVE_STEPS,
        "logging_steps": 3,
        "use_peft": True,
        "lora_dropout": 0.1,  # draws random numbers in every step
        "quiet": True,
    }
    run_train(build_config(TrainConfig, values))


def child(model: str, data: str, out: Path) -> int:
    """Process number of a fork that trains."""
    number = os.fork()
    if number == 0:
        status = 1
        try:
            train(model, data, out)
            status = 0
        finally:
            os._exit(status)
    return number


def newest_step(folder: Path) -> int:
    """Step of the newest checkpoint that has its name."""
    return max((int(path.name[5:]) for path in folder.glob("checkpoints/step-*")), default=0)


def main() -> None:
    """Kills as often as asked, each time at another moment, then lets the run finish."""
    model, data, out, kills, seed = sys.argv[1:]
    whole, killed = Path(out) / "whole", Path(out) / "killed"
    rng = random.Random(int(seed))
    assert os.waitpid(child(model, data, whole), 0)[1] == 0
    steps = []
    for _ in range(int(kills)):
        number = child(model, data, killed)
        goal = newest_step(killed) + SAVE_STEPS * rng.randrange(MOST_CHECKPOINTS)
        while newest_step(killed) < goal and os.waitpid(number, os.WNOHANG) == (0, 0):
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.5 if rng.random() < 0.2 else 0.05))  # now and then while it still starts
        os.kill(number, signal.SIGKILL)
        assert os.waitpid(number, 0)[1] == signal.SIGKILL, "it had finished before it was killed"
        steps.append(newest_step(killed))
    assert os.waitpid(child(model, data, killed), 0)[1] == 0
    sys.stdout.write(json.dumps(steps) + "\n")


main()
