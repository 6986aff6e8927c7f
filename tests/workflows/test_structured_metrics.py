from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.contracts.tables import PAIRS
from rewardsmith.strength.cell_noise import CellNoise
from rewardsmith.workflows.structured_metrics import structured_metrics, structured_sentence


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


def said(**changes: object) -> str | None:
    usual = {"longer_rate": 0.1, "shorter_rate": 0.1, "p_rates_differ": 0.1, "categories": None}
    return structured_sentence({**usual, **changes})


def test_categories_stand_by_size_with_their_own_shares_and_rates() -> None:
    cells = found([0.2, 0.4, np.nan, 0.9, 0.5, 0.3], [[0.0, 0.0], [0.1, 0.2], [0.3, 0.4]])
    metrics = structured_metrics(table(["x", "y", "y", "y", None, "y"]), cells, max_named=10)
    assert metrics is not None
    assert metrics["expected_share"] == pytest.approx((0.2 + 0.4 + 0.9 + 0.5 + 0.3) / 5)
    assert metrics["categories"] == [
        {"name": "y", "count": 3, "share_wrong": pytest.approx(1.6 / 3), "longer_rate": 0.3, "shorter_rate": 0.4},
        {"name": "x", "count": 1, "share_wrong": pytest.approx(0.2), "longer_rate": 0.1, "shorter_rate": 0.2},
    ]
    json.dumps(metrics)


def test_clusters_that_are_no_categories_have_no_names() -> None:
    metrics = structured_metrics(table([None, None]), found([0.2, 0.4], [[0.1, 0.1]] * 2), max_named=10)
    assert metrics is not None and metrics["categories"] is None


def test_only_so_many_are_named() -> None:
    cells = found([0.1] * 4, [[0.1, 0.1]] * 3)
    metrics = structured_metrics(table(["x", "y", "z", "z"]), cells, max_named=1)
    assert metrics is not None and [row["name"] for row in metrics["categories"]] == ["z"]


def test_nothing_found_is_nothing_said() -> None:
    assert structured_metrics(table(["x"]), None, max_named=10) is None
    assert said() is None


@pytest.mark.parametrize(
    ("longer", "shorter", "words"),
    [
        (0.4, 0.05, ("towards the longer response", "in about 40%", "in 5%", "preference for length")),
        (0.05, 0.4, ("towards the shorter response", "in about 40%", "in 5%", "preference for brevity")),
    ],
)
def test_a_lean_is_told_with_what_else_it_may_be(longer: float, shorter: float, words: tuple[str, ...]) -> None:
    sentence = said(longer_rate=longer, shorter_rate=shorter, p_rates_differ=0.99)
    assert sentence is not None
    for each in (*words, "would look the same"):
        assert each in sentence


def test_a_lean_has_to_be_sure_and_worth_a_sentence() -> None:
    assert said(longer_rate=0.4, shorter_rate=0.05, p_rates_differ=0.9) is None
    assert said(longer_rate=0.14, shorter_rate=0.1, p_rates_differ=0.999) is None


def test_categories_that_differ_are_told_without_their_names() -> None:
    rows = [{"name": "SECRET", "count": 60, "share_wrong": 0.7}, {"name": "other", "count": 60, "share_wrong": 0.04}]
    sentence = said(categories=rows)
    assert sentence is not None and "from 4% to 70%" in sentence and "SECRET" not in sentence
    assert said(categories=[{**rows[0], "count": 10}, rows[1]]) is None
    assert said(categories=[{**rows[0], "share_wrong": 0.1}, rows[1]]) is None
