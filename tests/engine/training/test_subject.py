"""One loop for five subjects, none of which it knows: each interrupted and taken up, each in two processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from five_subjects import SUBJECTS, Bandit, DrawnBatches, Draws, Killed, Reinforce, moved_by_samples, run, weights
from safetensors.torch import load_file

from rewardsmith.engine.training.loop import Moment
from rewardsmith.engine.training.subject import StepOutput
from rewardsmith.errors import InternalError, RunError

every_subject = pytest.mark.parametrize("name", SUBJECTS)


@every_subject
@pytest.mark.parametrize("kill_at", [3, 7, 8])  # checkpoints are behind steps 2, 4, ...: also between steps of one draw
def test_a_killed_run_goes_on_to_the_same_bits(name: str, kill_at: int, tmp_path: Path) -> None:
    subject = SUBJECTS[name]
    whole, outcome, lines = run(subject)
    with pytest.raises(Killed):
        run(subject, tmp_path, kill_at)
    resumed, again, _ = run(subject, tmp_path)
    for parameter, value in weights(whole).items():
        assert torch.equal(weights(resumed)[parameter], value), parameter
    assert again.counts == outcome.counts and again.last["epoch"] == outcome.last["epoch"]
    assert [line["step"] for line in lines.lines] == list(range(1, 13))
    begun = weights(subject.model())
    assert any(not torch.equal(begun[parameter], value) for parameter, value in weights(whole).items())


@pytest.mark.distributed
def test_two_processes_do_what_one_does_whole_or_interrupted(tmp_path: Path) -> None:
    script = Path(__file__).with_name("five_subjects.py")
    path = os.pathsep.join([str(script.parents[2]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script, tmp_path]
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for name, subject in SUBJECTS.items():
        alone = weights(run(subject)[0])
        together, resumed = (load_file(tmp_path / f"{name}{end}.safetensors") for end in ("", " resumed"))
        for parameter, value in alone.items():
            torch.testing.assert_close(together[parameter], value, rtol=0, atol=2e-5)
            assert torch.equal(together[parameter], resumed[parameter]), (name, parameter)


def test_a_perturbation_of_size_zero_is_the_plain_step_to_the_bit() -> None:
    plain, moved = (weights(run(SUBJECTS[name])[0]) for name in ("rewards", "perturbed"))
    still = weights(run(SUBJECTS["perturbed"], step=moved_by_samples(meta_step_size=0.0))[0])
    for parameter, value in plain.items():
        assert torch.equal(still[parameter], value)
    assert not torch.equal(moved["worth.weight"], plain["worth.weight"])


def test_a_bandit_learns_what_is_worth_most_from_its_own_draws() -> None:
    model, outcome, _ = run(SUBJECTS["bandit"])
    assert model.logits.argmax().item() == len(model.logits) - 1
    assert outcome.counts == {"actions": 16 * 12}


def test_groups_keep_the_ratio_of_their_rates() -> None:
    seen: list[tuple[float, float]] = []
    subject = SUBJECTS["actor and critic"]
    made = []

    def optimizer(model: torch.nn.Module) -> torch.optim.Optimizer:
        made.append(subject.optimizer(model))  # type: ignore[misc]
        return made[0]

    def watch(moment: Moment) -> None:
        seen.append(tuple(group["lr"] for group in made[0].param_groups))

    run(type(subject)(subject.model, subject.source, subject.step, optimizer), watch=watch)
    assert [critic / actor for actor, critic in seen] == pytest.approx([10.0] * 12)
    assert seen[0][0] == 1e-2 and seen[-1][0] < 1e-2 / 6


@every_subject
def test_a_watcher_ends_a_run_and_it_stays_ended(name: str, tmp_path: Path) -> None:
    """As a limit on the distance to a reference would."""

    def far(moment: Moment) -> str | None:
        moment.model.eval()
        return "far enough" if moment.step == 5 else None

    _, outcome, log = run(SUBJECTS[name], tmp_path, watch=far)
    assert (outcome.num_steps, outcome.stopped, log.lines[-1]["step"]) == (5, "far enough", 5)
    _, again, log = run(SUBJECTS[name], tmp_path)
    assert (again.num_steps, again.stopped, log.lines) == (5, "far enough", [])


def test_what_is_not_finite_is_named_by_its_source() -> None:
    subject = SUBJECTS["bandit"]

    def broken() -> torch.nn.Module:
        model = subject.model()
        model.logits.data[:] = torch.tensor([0.0, float("-inf"), 0.0, 0.0, 0.0])
        model.logits.register_hook(lambda gradient: gradient / 0)
        return model

    with pytest.raises(RunError, match=r"step 1: the gradient is not a finite number, for 16 of 16 actions: action \d"):
        run(type(subject)(broken, subject.source, subject.step))


class ShortSource(DrawnBatches):
    """Has fewer steps than it says."""

    def steps(self, done: int, model: Any) -> Iterator[tuple[float, list[Draws]]]:
        return islice(super().steps(done, model), 3)


def test_a_source_that_ends_early_is_no_finished_run() -> None:
    subject = SUBJECTS["bandit"]
    with pytest.raises(InternalError, match="ShortSource ended after 3 steps and had promised 12"):
        run(type(subject)(subject.model, ShortSource, subject.step))


class SamplingSource(DrawnBatches):
    """Samples as a user would: without gradients, in evaluation mode."""

    def steps(self, done: int, model: Any) -> Iterator[tuple[float, list[Draws]]]:
        for step in super().steps(done, model):
            model.eval()
            yield step


class SeesTheMode(Reinforce):
    """Notes whether the module is being trained."""

    def __init__(self) -> None:
        self.training: list[bool] = []

    def loss(self, model: Any, batch: Draws) -> StepOutput:
        self.training.append(model.training)
        return super().loss(model, batch)


def test_steps_are_taken_in_training_mode_whatever_their_source_did() -> None:
    subject, step = SUBJECTS["bandit"], SeesTheMode()
    run(type(subject)(subject.model, SamplingSource, subject.step), step=step)
    assert step.training == [True] * 12


def test_an_optimiser_of_other_parameters_is_refused() -> None:
    subject = SUBJECTS["bandit"]
    foreign = type(subject)(
        subject.model, subject.source, subject.step, lambda model: torch.optim.SGD(Bandit().parameters())
    )
    with pytest.raises(ValueError, match="parameters that the module does not have"):
        run(foreign)
