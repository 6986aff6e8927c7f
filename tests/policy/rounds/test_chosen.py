"""The samples of a round have the numbers that ``evaluate`` gives the same samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from rewardsmith.evaluation.policy_samples import sample_numbers, score_samples
from rewardsmith.policy.rounds.chosen import as_evaluated
from rewardsmith.policy.rounds.round_samples import RoundSamples
from rewardsmith.policy.rounds.round_samples import score_samples as score_round
from rewardsmith.preferences.options import RowOptions
from rewardsmith.workflows.inputs.sample_files import read_samples
from stub_scorer import StubScorer

ROWS = [
    {"prompt": f"prompt {i}", "responses": ["a", "bbb", "", "bb" * i], "gold": [0.125, 0.375, 0.0, 0.125 * i]}
    for i in range(12)
]


def test_a_round_and_an_evaluation_say_the_same_of_the_same_samples(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    scorer = StubScorer(lambda text: float(len(text) % 4))
    evaluated = score_samples(scorer, read_samples(RowOptions(dataset_name=str(file)), scorer.refusals).table)
    samples = RoundSamples.of_rows(ROWS)
    found = as_evaluated(samples, score_round(scorer, samples), np.array([row["gold"] for row in ROWS]))
    numbers = sample_numbers(found)
    assert numbers == sample_numbers(evaluated) and 0 < numbers["gold_accuracy"]["value"] < 1  # type: ignore[operator]
    assert numbers["spread"]["low"] < numbers["spread"]["value"] < numbers["spread"]["high"]  # type: ignore[operator]
