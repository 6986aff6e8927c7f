"""Which way the labels lean, on sets whose leaning was put there."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.artifacts.runs.metrics_file import check_metrics
from rewardsmith.contracts.metrics.leanings import FeatureLeaning, LeaningNumbers
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.leanings.leanings import leaning_numbers, leanings_of

Row = dict[str, Any]


def asked(number: int, chosen: str, rejected: str, **more: Any) -> Row:
    return {"prompt": f"question {number}", "chosen": chosen, "rejected": rejected, **more}


def table_of(rows: list[Row]) -> pa.Table:
    return load_preferences(rows, DataOptions(near_duplicates="off"), 0).table


def by_feature(rows: list[FeatureLeaning], name: str | None = None) -> dict[str, FeatureLeaning]:
    return {row["feature"]: row for row in rows if row["name"] == name}


def polite_labels(number: int, share: float) -> list[Row]:
    """Labels that take the polite one of two responses in this share of the pairs."""
    texts = ("Please wait here.", "Better wait here.")
    return [asked(i, *(texts if i < share * number else texts[::-1])) for i in range(number)]


def test_what_labels_lean_to_is_found_and_nothing_else() -> None:
    found = by_feature(leanings_of(table_of(polite_labels(60, 0.8))))
    polite = found["polite phrases"]
    assert (polite["num_more"], polite["num_less"], polite["num_pairs"], polite["num_groups"]) == (48, 12, 60, 60)
    assert polite["share"]["value"] == 0.8 and polite["difference"]["value"] == pytest.approx(0.6)
    assert polite["is_clear"] and [name for name, row in found.items() if row["is_clear"]] == ["polite phrases"]
    assert polite["like_length"] == polite["share"]  # the two have one length
    assert found["questions"]["p_value"] is None and found["questions"]["num_more"] == 0


def test_a_target_under_a_half_prefers_the_rejected_one_and_others_do_not_count() -> None:
    rows = [{**row, "target": 1.0} for row in polite_labels(40, 1.0)]
    pairs = table_of(rows)
    at = pairs.schema.get_field_index("target")
    targets = [0.2] * 20 + [1.0] * 10 + [0.5] * 10
    pairs = pairs.set_column(at, "target", pa.array(targets, pa.float32()))
    weights = pa.array([1.0] * 25 + [0.0] * 5 + [1.0] * 10, pa.float32())
    pairs = pairs.set_column(pairs.schema.get_field_index("weight"), "weight", weights)
    polite = by_feature(leanings_of(pairs))["polite phrases"]
    assert (polite["num_more"], polite["num_less"], polite["num_pairs"]) == (5, 20, 25)


def test_judges_lean_by_themselves() -> None:
    gap = np.array([1.0] * 30 + [-2.0] * 20 + [np.nan] * 5 + [0.0] * 5)
    polite = by_feature(leanings_of(table_of(polite_labels(60, 1.0)), gap))["polite phrases"]
    assert polite["share"]["value"] == 1.0
    assert polite["judges_share"]["value"] == 30 / 50 and polite["judges_difference"]["value"] == pytest.approx(0.2)
    without = by_feature(leanings_of(table_of(polite_labels(60, 1.0))))["polite phrases"]
    assert without["judges_share"] == {"value": None, "low": None, "high": None}


def test_only_responses_of_about_one_length_count_at_one_length() -> None:
    rows = [asked(i, "Please wait here.", "Better wait here.") for i in range(20)]
    rows += [asked(20 + i, "Wait.", "Please wait here for a long time.") for i in range(30)]
    polite = by_feature(leanings_of(table_of(rows)))["polite phrases"]
    assert (polite["share"]["value"], polite["like_length"]["value"]) == (0.4, 1.0)


def test_categories_and_annotators_are_families_of_their_own() -> None:
    rows = [{**row, "category": "kind"} for row in polite_labels(40, 1.0)]
    rows += [asked(40 + i, "Better wait here.", "Please wait here.", category="curt") for i in range(30)]
    rows += [asked(70 + i, "Please wait here.", "Better wait here.", category="rare") for i in range(5)]
    rows = [{**row, "annotator_id": f"annotator {i % 2}"} for i, row in enumerate(rows)]
    found = leanings_of(table_of(rows))
    assert by_feature(found, "kind")["polite phrases"]["is_clear"]
    assert by_feature(found, "curt")["polite phrases"]["share"]["value"] == 0.0
    rare = by_feature(found, "rare")["polite phrases"]
    assert (rare["share"]["value"], rare["p_value"], rare["is_clear"]) == (1.0, None, False)
    assert not by_feature(found)["polite phrases"]["is_clear"]
    numbers = leaning_numbers(found)
    assert numbers["categories"] is not None and numbers["annotators"] is not None
    categories = numbers["categories"]
    assert (categories["num_parts"], categories["num_tests"], categories["num_clear"]) == (3, 2, 2)
    assert {row["name"] for row in categories["clear"]} == {"kind", "curt"}
    assert (numbers["annotators"]["num_parts"], numbers["annotators"]["num_clear"]) == (2, 0)
    check_metrics(json.loads(json.dumps(numbers)), LeaningNumbers, "leanings")


def test_one_category_is_the_whole_set() -> None:
    rows = [{**row, "category": "all of them"} for row in polite_labels(20, 1.0)]
    assert {row["of"] for row in leanings_of(table_of(rows))} == {"all"}


def test_pairs_of_one_prompt_count_as_one() -> None:
    rows = [asked(i % 12, f"Please wait {i} here.", f"Better wait {i} here.") for i in range(240)]
    rows[::3] = [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in rows[::3]]
    together = by_feature(leanings_of(table_of(rows)))["polite phrases"]
    alone = by_feature(leanings_of(table_of([{**row, "prompt": f"q {i}"} for i, row in enumerate(rows)])))
    assert together["num_groups"] == 12 and together["share"]["value"] == alone["polite phrases"]["share"]["value"]
    widths = [row["share"]["high"] - row["share"]["low"] for row in (together, alone["polite phrases"])]  # type: ignore[operator]
    assert widths[0] > 2 * widths[1]


def test_a_set_that_decides_nothing_has_rows_without_numbers() -> None:
    pairs = table_of(polite_labels(12, 1.0))
    ties = pa.array([0.5] * 12, pa.float32())
    numbers = leaning_numbers(leanings_of(pairs.set_column(pairs.schema.get_field_index("target"), "target", ties)))
    assert numbers["num_tests"] == 0 and numbers["features"][0]["share"]["value"] is None
