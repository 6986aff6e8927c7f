"""What `train` says of its model, and of a training that taught nothing."""

from __future__ import annotations

import math

import pytest

from rewardsmith.models.options import ModelOptions
from rewardsmith.report.train.terminal import nothing_learned, say_what_is_taken


def test_without_a_model_it_is_said_which_one_is_taken_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    say_what_is_taken(ModelOptions())
    said = capsys.readouterr().err
    assert said.startswith("Training starts from embedded/minilm unless `model_name_or_path` names another: an encoder")
    assert "Qwen/Qwen3-0.6B, or without a network embedded/smollm2-135m" in said
    say_what_is_taken(ModelOptions(model_name_or_path="Qwen/Qwen3-4B"))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("losses", "learned"),
    [([0.69, 0.69, 0.69, 0.69], False), ([0.3, 0.3, 0.69, 0.69], False), ([0.9, 0.9, 0.6, 0.6], True), ([], True)],
)
def test_the_second_half_of_the_losses_tells_whether_anything_was_learned(losses: list[float], learned: bool) -> None:
    advice = nothing_learned(losses, math.log(2), 1e-6, "runs/sft")
    assert (advice is None) == learned
    assert learned or ("0.693" in str(advice) and "(1e-06; " in str(advice) and "(runs/sft; " in str(advice))
