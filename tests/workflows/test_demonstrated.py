"""Which responses given are the demonstrations of a round."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rewardsmith.errors import DataError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.workflows.loop.demonstrations import demonstrations


def loop_on(*labels: tuple[float, float]) -> Any:
    """On pairs with these targets and weights."""
    rows = [
        {"prompt": f"q{i}", "chosen": f"first {i}", "rejected": f"second {i}", "target": target, "weight": weight}
        for i, (target, weight) in enumerate(labels)
    ]
    config = SimpleNamespace(labelling=SimpleNamespace(labels_per_round=2), run=SimpleNamespace(seed=0))
    return SimpleNamespace(material=SimpleNamespace(pairs=load_preferences(rows, DataOptions()).table), config=config)


def test_labels_say_which_response_is_shown_and_what_decides_nothing_is_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    loop = loop_on((1.0, 1.0), (0.5, 1.0), (0.1, 1.0), (0.0, 0.0), (0.8, 0.2), (0.0, 1.0))
    rounds = [[talk[-1]["content"] for talk in demonstrations(loop, number)] for number in (1, 2, 3)]
    assert sorted(rounds[0] + rounds[1]) == ["first 0", "first 4", "second 2", "second 5"]
    assert rounds[2] == rounds[0]
    assert capsys.readouterr().err.count("2 of 6 pairs given are ties or weigh 0") == 1


def test_labels_that_decide_nothing_show_nothing() -> None:
    with pytest.raises(DataError, match="all 2 pairs given are ties or weigh 0"):
        demonstrations(loop_on((0.5, 1.0), (1.0, 0.0)), 1)
