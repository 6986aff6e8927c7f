"""Trackers get the lines of metrics.jsonl, or a clear no."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rewardsmith.engine.training import trackers
from rewardsmith.engine.training.options import TrackerOptions
from rewardsmith.engine.training.trackers import TrackedLog, check_trackers
from rewardsmith.errors import ConfigError


class FakeTracker:
    """Remembers what it is told."""

    requires_logging_directory = False

    def __init__(self, project: str, **named: Any) -> None:
        self.told: list[Any] = [(project, named)]
        made.append(self)

    def start(self) -> None:
        self.told.append("start")

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.told.append(values)

    def log(self, values: dict[str, Any], step: int) -> None:
        self.told.append((step, values))

    def finish(self) -> None:
        self.told.append("finish")


made: list[FakeTracker] = []


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[FakeTracker]:
    made.clear()
    monkeypatch.setitem(trackers.LOGGER_TYPE_TO_CLASS, "wandb", FakeTracker)
    monkeypatch.setattr(trackers, "get_available_trackers", lambda: ["wandb"])
    return made


def test_a_tracker_gets_the_lines_that_the_file_gets(tmp_path: Path, fake: list[FakeTracker]) -> None:
    options = TrackerOptions("wandb", run_name="second try")
    with TrackedLog(tmp_path / "metrics.jsonl", options, {"learning_rate": 0.1, "max_pairs": None}) as log:
        log.cut_back(0)
        log.log(step=10, loss=0.5, accuracy=None)
    [tracker] = fake
    named = ("rewardsmith", {"name": "second try"})
    assert tracker.told == [named, "start", {"learning_rate": 0.1}, (10, {"loss": 0.5}), "finish"]
    assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {"step": 10, "loss": 0.5, "accuracy": None}


def test_a_failed_run_is_closed_too(tmp_path: Path, fake: list[FakeTracker]) -> None:
    with pytest.raises(ZeroDivisionError), TrackedLog(tmp_path / "m.jsonl", TrackerOptions("wandb"), {}) as log:
        log.cut_back(0)
        _ = 1 / 0
    assert fake[0].told[-1] == "finish"


def test_tensorboard_writes_into_the_folder_of_the_run(tmp_path: Path) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for begin, end in ((0, 3), (2, 4)):  # interrupted after step 3, and gone on from step 2
        with TrackedLog(tmp_path / "metrics.jsonl", TrackerOptions("tensorboard", "a"), {"seed": 1}) as log:
            log.cut_back(begin)
            for step in range(begin + 1, end + 1):
                log.log(step=step, loss=0.1 * step + begin)
    events = accumulators.EventAccumulator(str(tmp_path / "tensorboard" / "a")).Reload().Scalars("loss")
    assert [(event.step, pytest.approx(event.value)) for event in events] == [(1, 0.1), (2, 0.2), (3, 2.3), (4, 2.4)]


def test_no_tracker_is_the_default() -> None:
    assert check_trackers(TrackerOptions()) == []


def test_an_unknown_tracker_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"`report_to` tensorbord is not known.*Did you mean tensorboard\?"):
        check_trackers(TrackerOptions("tensorbord"))


def test_one_that_is_not_installed_comes_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers, "get_available_trackers", list)
    with pytest.raises(ConfigError, match="`report_to` comet_ml is not installed: pip install comet-ml"):
        check_trackers(TrackerOptions("comet_ml"))
