from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.contracts.tables import PAIRS
from rewardsmith.strength.label_noise.cell_noise import CellNoise
from rewardsmith.strength.numbers import category_metrics
from rewardsmith.strength.numbers.category_metrics import structured_metrics


def table(categories: list[str | None]) -> pa.Table:
    rows = [{"category": name, "split_group": str(i), "prompt_id": str(i)} for i, name in enumerate(categories)]
    return pa.Table.from_pylist(rows, schema=PAIRS)


def found(p_wrong: list[float], cluster_rates: list[list[float]], **rates: float) -> CellNoise:
    return CellNoise(
        p_wrong=np.array(p_wrong),
        cluster_rates=np.array(cluster_rates),
        error_rates=np.zeros((len(p_wrong), 2)),
        **{"longer_rate": 0.1, "shorter_rate": 0.1, "p_rates_differ": 0.1, **rates},
    )


def test_categories_stand_by_size_with_their_own_shares_and_rates() -> None:
    cells = found([0.2, 0.4, np.nan, 0.9, 0.5, 0.3], [[0.0, 0.0], [0.1, 0.2], [0.3, 0.4]])
    metrics = structured_metrics(table(["x", "y", "y", "y", None, "y"]), cells)
    assert metrics is not None
    assert metrics["expected_share"] == pytest.approx((0.2 + 0.4 + 0.9 + 0.5 + 0.3) / 5)
    assert metrics["categories"] == [
        {"name": "y", "count": 3, "share_wrong": pytest.approx(1.6 / 3), "longer_rate": 0.3, "shorter_rate": 0.4},
        {"name": "x", "count": 1, "share_wrong": pytest.approx(0.2), "longer_rate": 0.1, "shorter_rate": 0.2},
    ]
    json.dumps(metrics)


def test_clusters_that_are_no_categories_have_no_names() -> None:
    metrics = structured_metrics(table([None, None]), found([0.2, 0.4], [[0.1, 0.1]] * 2))
    assert metrics is not None and metrics["categories"] is None


def test_only_so_many_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(category_metrics, "MAX_CATEGORIES", 1)
    cells = found([0.1] * 4, [[0.1, 0.1]] * 3)
    metrics = structured_metrics(table(["x", "y", "z", "z"]), cells)
    assert metrics is not None and [row["name"] for row in metrics["categories"]] == ["z"]


def test_nothing_found_is_nothing_said() -> None:
    assert structured_metrics(table(["x"]), None) is None


@pytest.mark.parametrize(
    ("longer", "shorter", "sure", "leans_to"),
    [
        (0.4, 0.05, 0.99, "longer"),
        (0.05, 0.4, 0.99, "shorter"),
        (0.4, 0.05, 0.9, None),
        (0.14, 0.1, 0.999, None),
    ],
)
def test_a_lean_has_to_be_sure_and_worth_a_word(
    longer: float, shorter: float, sure: float, leans_to: str | None
) -> None:
    cells = found([0.1], [[0.1, 0.1]], longer_rate=longer, shorter_rate=shorter, p_rates_differ=sure)
    metrics = structured_metrics(table(["x"]), cells)
    assert metrics is not None and metrics["leans_to"] == leans_to


@pytest.mark.parametrize(("num", "share", "gathers"), [(50, 0.7, True), (49, 0.7, False), (50, 0.09, False)])
def test_errors_gather_where_large_categories_differ(num: int, share: float, gathers: bool) -> None:
    cells = found([share] * num + [0.04] * 60, [[0.1, 0.1]] * 2)
    metrics = structured_metrics(table(["x"] * num + ["y"] * 60), cells)
    assert metrics is not None and metrics["gathers"] == gathers
