from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from rewardsmith.report.audit.figures.reliability import FEWEST_LABELS, reliability_figure
from rewardsmith.strength.planted.self_audit import reliability


def copy_of(promised: dict[float, float], number: int = 400, kind: str = "uniform", share: float = 0.0) -> Any:
    """So many labels at each ``p_wrong``, of which the given share was flipped."""
    p_wrong = np.repeat(list(promised), number)
    planted = np.concatenate([np.arange(number) < round(share * number) for share in promised.values()])
    return {"kind": kind, "reliability": reliability(p_wrong, planted, rate=0.2, share=share)}


@pytest.mark.parametrize(
    ("found", "title"),
    [
        ({0.05: 0.04, 0.65: 0.6, 0.95: 0.9}, "p_wrong promises what, or less than, the copy keeps"),
        ({0.05: 0.2, 0.65: 0.9}, "p_wrong promises what, or less than, the copy keeps"),
        ({0.05: 0.04, 0.65: 0.3}, "p_wrong promises more than the copy keeps"),
    ],
)
def test_the_title_says_whether_promises_are_kept(found: dict[float, float], title: str) -> None:
    figure = reliability_figure(copy_of(found), "reliability")
    assert figure is not None and figure.title == title


def test_each_dot_tells_what_was_promised_and_found() -> None:
    figure = reliability_figure(copy_of({0.05: 0.04, 0.65: 0.6}), "reliability")
    assert figure is not None
    tips = re.findall(r"expected [^<\"]*labels", figure.wide)
    assert [tip.split(" (")[0] for tip in tips] == ["expected 5.0%, found 4.0%", "expected 65%, found 60%"]
    assert all(tip.endswith("), 400 labels") for tip in tips)


def test_labels_that_were_wrong_before_are_no_broken_promise() -> None:
    found = {0.05: 0.02, 0.65: 0.33}  # a half of the wrong labels are flips
    for share, title in (
        (0.0, "p_wrong promises more than the copy keeps"),
        (0.2, "p_wrong promises what, or less than,"),
    ):
        figure = reliability_figure(copy_of(found, share=share), "reliability")
        assert figure is not None and figure.title.startswith(title)


def test_few_labels_are_no_dot_and_one_dot_is_no_figure() -> None:
    two = copy_of({0.05: 0.0, 0.65: 1.0}, FEWEST_LABELS)
    assert reliability_figure(two, "reliability") is not None
    assert reliability_figure(copy_of({0.05: 0.0, 0.65: 1.0}, FEWEST_LABELS - 1), "reliability") is None
    assert reliability_figure(copy_of({0.65: 0.6}), "reliability") is None


def test_flips_on_hard_pairs_are_no_measure_of_promises() -> None:
    assert reliability_figure(copy_of({0.05: 0.04, 0.65: 0.6}, kind="hard"), "reliability") is None
