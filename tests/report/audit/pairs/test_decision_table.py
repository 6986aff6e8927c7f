import json
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.refining.choice import choose_recipe
from rewardsmith.refining.evidence import Evidence
from rewardsmith.refining.recipe import apply_recipe, load_recipe
from rewardsmith.refining.supervision import Supervision
from rewardsmith.report.audit.pairs.decision_table import decision_table
from rewardsmith.report.audit.report import render_audit_report
from rewardsmith.report.options import ReportOptions

NUM_PAIRS = 300
Audit = tuple[dict[str, Any], pa.Table, pa.Table]


@pytest.fixture(scope="module")
def audit(fake_audit: ModuleType) -> Audit:
    """One whose structured audit doubts other labels too."""
    pairs, strengths = fake_audit.fake_judged(NUM_PAIRS)
    return fake_audit.fake_metrics(NUM_PAIRS, strengths), pairs, strengths


def table(audit: Audit, options: ReportOptions | None = None, **claim: Any) -> Any:
    metrics, pairs, strengths = audit
    metrics = metrics | {"claim": metrics["claim"] | claim}
    return decision_table(pairs, strengths, metrics, options or ReportOptions(), "sha256:1")


@pytest.mark.parametrize("level", ["labels_judged", "reading_order", "cannot_tell"])
def test_what_refine_would_do_is_what_it_does(audit: Audit, level: Any):
    _, pairs, strengths = audit
    claim = {"level": level, "doubts": []}
    recipe = load_recipe(choose_recipe("auto", strengths, claim).name_or_path)  # type: ignore[arg-type]
    weight = apply_recipe(recipe, Evidence.from_tables(pairs, strengths), Supervision.of(pairs)).supervision.weight
    found = table(audit, **claim)
    marked = {row["row"] for row in found.table.rows if row["change"] == "drop"}
    assert marked == set(np.flatnonzero(weight == 0).tolist())
    assert bool(marked) == (level != "cannot_tell")
    words = (
        f"takes {recipe.name}, which changes {len(marked)} of these, as marked. A decision goes over it."
        if marked
        else "leaves all of these"
    )
    assert words in found.sentence


def test_the_doubted_and_what_refine_changes_stand_there_the_most_doubtful_first(audit: Audit):
    p_wrong, structured = (audit[2][name].to_numpy() for name in ("p_wrong", "p_wrong_structured"))
    rows = [row["row"] for row in table(audit).table.rows]
    assert set(np.flatnonzero((p_wrong > 0.5) | (structured >= 0.5))) <= set(rows) and len(rows) >= 100
    assert rows == sorted(rows, key=lambda row: -p_wrong[row])


def test_what_is_beyond_the_limit_is_counted(audit: Audit):
    whole, cut = table(audit).table, table(audit, ReportOptions(report_pairs=7)).table
    assert cut.rows == whole.rows[:7]
    assert cut.num_left_out == len(whole.rows) - 7
    assert table(audit, ReportOptions(report_pairs=0)) is None


def test_where_nothing_can_be_told_the_judges_order_the_pairs_and_no_probability_is_shown(audit: Audit):
    strength = audit[2]["strength_mean"].to_numpy()
    found = table(audit, level="cannot_tell").table
    rows = [row["row"] for row in found.rows]
    assert rows == np.argsort(strength, kind="stable")[: len(rows)].tolist()
    assert not {"p_wrong", "structured"} & {key for row in found.rows for key in row}


def test_without_texts_a_row_has_numbers_alone(audit: Audit):
    found = table(audit, ReportOptions(report_text="none")).table
    for word in ("TEXT", "question", "cooking", "ann-"):
        assert word not in found.data
    assert [column.key for column in found.columns] == ["row", "p_wrong", "structured", "strength", "class", "change"]


def test_the_page_holds_the_table_once_and_says_how_large_it_is(audit: Audit):
    page = render_audit_report(*audit, ReportOptions(report_pairs=5), "sha256:1")
    data = json.loads(page.split('id="pair-table-data">')[1].split("</script>")[0])
    assert [row["row"] for row in data["rows"]] == [row["row"] for row in table(audit).table.rows[:5]]
    assert data["key"] == "sha256:1" and "The table takes 0.0" in page
    without = render_audit_report(*audit, ReportOptions(report_pairs=0))
    assert "pair-table" not in without and "<noscript>" not in without
