"""Measurements are appended and stay readable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from rewardsmith.artifacts.runs.metrics_log import MetricsLog


def test_each_call_adds_a_line_and_earlier_ones_stay(tmp_path: Path) -> None:
    path = tmp_path / "run" / "metrics.jsonl"
    MetricsLog(path).log(step=1, loss=np.float32(0.5))
    MetricsLog(path).log(step=2, loss=float("nan"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": None}]


def test_going_on_keeps_texts_with_any_end_of_line(tmp_path: Path) -> None:
    log, texts = MetricsLog(tmp_path / "samples.jsonl"), ["a\u2028b", "c\x85d", "e\nf"]
    for step, text in enumerate(texts):
        log.log(step=step, response=text)
    log.cut_back(1)
    kept = [json.loads(line) for line in log.path.read_text(encoding="utf-8").split("\n") if line]
    assert [one["response"] for one in kept] == texts[:2]
