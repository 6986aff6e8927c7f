"""Precision and recall."""

from __future__ import annotations

import numpy as np
import pytest

from rewardsmith.metrics.detection import precision_recall
from rewardsmith.metrics.intervals import wilson


def test_hand_made_table() -> None:
    result = precision_recall([1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 1, 0])
    assert (result["num_flagged"], result["num_positive"], result["num_found"]) == (3, 4, 2)
    assert result["precision"] == pytest.approx(2 / 3) and result["recall"] == 0.5
    assert result["f1"] == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))
    assert result["precision_low"] == wilson(2, 3).low and result["recall_high"] == wilson(2, 4).high


def test_nothing_flagged_has_no_precision_and_zero_recall() -> None:
    result = precision_recall(np.zeros(3), [1, 0, 1])
    assert result["precision"] is None and result["recall"] == 0.0 and result["f1"] == 0.0


def test_nothing_to_find_has_no_recall() -> None:
    result = precision_recall([0, 0], [0, 0])
    assert result["recall"] is None and result["f1"] is None and result["recall_high"] == 1.0


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        precision_recall([1, 0], [1])
