import json
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.refining.evidence import Evidence, Names
from rewardsmith.refining.ledger import build_ledger
from rewardsmith.refining.recipe import Recipe, apply_recipe, load_recipe
from rewardsmith.refining.rules.decisions import Decisions
from rewardsmith.refining.supervision import Supervision
from rewardsmith.report.options import ReportOptions
from rewardsmith.report.refine.changed_table import changed_table

NUM_PAIRS = 60


@pytest.fixture(scope="module")
def decided(fake_audit: ModuleType) -> tuple[pa.Table, Names]:
    """The ledger of a set whose doubtful labels were dropped, but for what a person decided."""
    pairs, strengths = fake_audit.fake_judged(NUM_PAIRS)
    wrong = np.argsort(-strengths["p_wrong"].to_numpy(), kind="stable")
    decisions: Names = [None] * NUM_PAIRS
    decisions[wrong[1]], decisions[wrong[-1]], decisions[wrong[-2]] = "keep", "tie", "flip"
    evidence, given = Evidence.from_tables(pairs, strengths, decisions), Supervision.of(pairs)
    rules = (*load_recipe("drop").rules, Decisions())
    return build_ledger(pairs, strengths, given, apply_recipe(Recipe("r", "", rules), evidence, given)), decisions


def shown(decided: tuple[pa.Table, Names], **options: Any) -> Any:
    return changed_table(*decided, "labels_judged", ReportOptions(**options), "k")


def test_every_change_and_every_decision_stands_there_with_its_reason(decided):
    ledger, decisions = decided
    rows = shown(decided).rows
    dropped = np.flatnonzero(ledger["weight"].to_numpy() == 0)
    assert {row["row"] for row in rows} == set(dropped) | {i for i, word in enumerate(decisions) if word}
    by_change = [row["change"] for row in rows]
    assert by_change == ["drop", "", *["drop"] * (len(dropped) - 1), "flip", "tie"]
    assert rows[0]["why"].startswith("target 1.00, margin 0.00, weight 1.00 → target 1.00, margin 0.00, weight 0.00. ")
    assert "kept by a person" in rows[1]["why"] and "flipped by a person" in rows[-2]["why"]


def test_decisions_that_were_followed_stay_in_the_download_wherever_their_pair_is(decided):
    found = shown(decided, report_pairs=1)
    assert len(found.rows) == 1 and found.num_left_out > 2
    ledger, decisions = decided
    ids = ledger["pair_id"].to_pylist()
    kept = json.loads(found.data)["decided"]
    assert kept == {ids[i]: word for i, word in enumerate(decisions) if word} and len(kept) == 3


def test_without_texts_there_are_none(decided):
    data = shown(decided, report_text="none").data
    assert not [word for word in ("TEXT", "question", "cooking", "ann-") if word in data]


def test_nothing_changed_is_no_table(decided):
    ledger, _ = decided
    unchanged = ledger.set_column(ledger.column_names.index("weight"), "weight", ledger["weight_given"])
    for name in ("target", "margin"):
        unchanged = unchanged.set_column(unchanged.column_names.index(name), name, unchanged[f"{name}_given"])
    unchanged = unchanged.set_column(
        unchanged.column_names.index("swapped"), "swapped", pa.array(np.zeros(NUM_PAIRS, dtype=bool))
    )
    assert changed_table(unchanged, None, "labels_judged", ReportOptions(), None) is None
