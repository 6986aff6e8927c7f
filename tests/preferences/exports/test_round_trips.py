"""What is written for a consumer is read back as it was, as far as the consumer's form says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from any_pairs import ALTERNATING, PROMPTS, ledger_of, pair_rows, table_of
from rewardsmith.preferences.exports.consumers import EXPORTS
from rewardsmith.preferences.exports.outgoing import outgoing
from rewardsmith.preferences.exports.trl import trl_rows
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.pairs.preference_set import PreferenceSet

CONVERSATIONS = ("prompt", "chosen", "rejected")
FORMS = {
    "trl": ("trl", ("target", "margin", "weight", "source", "category")),
    "openrlhf": ("trl", ("margin",)),
    "llamafactory": ("llamafactory", ()),
    "ms_swift": ("ms_swift", ("margin",)),
    "nemo_rl": ("nemo_rl", ()),
    "datasets": ("trl", ("target", "margin", "weight", "source", "category")),
}
"""Consumer -> the form that our reader sees, and the columns that come back beside the conversations."""
TRIP = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def there_and_back(pairs: pa.Table, to: str, folder: Path) -> PreferenceSet:
    export = EXPORTS[to]
    path = folder / "set" if export.is_folder else folder / "set.jsonl"
    if export.is_folder:
        path.mkdir()
    export.write(pairs, path, "set")
    return load_preferences(str(path), DataOptions(near_duplicates="off", on_bad_row="error"))


@pytest.mark.parametrize("to", sorted(EXPORTS))
@given(rows=pair_rows(ALTERNATING) | pair_rows(PROMPTS.filter(bool)) | pair_rows())
@TRIP
def test_a_set_survives_the_way_out_and_in(
    to: str, rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    pairs = outgoing(table_of(rows), EXPORTS[to], keep_ties=True).pairs
    if not pairs.num_rows:
        return
    found = there_and_back(pairs, to, tmp_path_factory.mktemp("export"))
    form, columns = FORMS[to]
    assert found.format == form
    for name in (*CONVERSATIONS, *columns):
        assert found.table[name].to_pylist() == pairs[name].to_pylist()


def test_every_consumer_is_tried() -> None:
    assert set(FORMS) == set(EXPORTS)


def row(**fields: Any) -> dict[str, Any]:
    return {"prompt": [{"role": "user", "content": "p"}], "responses": ("a", "b"), **fields}


def test_trl_rows_have_the_columns_of_the_ledger_and_no_null_text() -> None:
    changed = {"rules": ["flip", "adaptive_margin"], "strength_mean": -0.1, "strength_std": 0.3, "source": "s"}
    first, second = trl_rows(ledger_of([row(**changed), row(strength_mean=None)]))
    assert list(first) == [
        *("prompt", "chosen", "rejected", "margin", "target", "weight", "strength_mean", "strength_std"),
        *("source", "prompt_id", "pair_id", "edit"),
    ]
    assert (first["edit"], first["strength_mean"], first["source"]) == ("flip+adaptive_margin", -0.1, "s")
    assert (second["edit"], second["strength_mean"], second["source"]) == ("", None, "")


def test_without_a_prompt_in_one_row_no_row_of_trl_has_the_column() -> None:
    rows = list(trl_rows(table_of([row(), {**row(), "prompt": []}])))
    assert ["prompt" in written for written in rows] == [False, False]
    assert [[turn["role"] for turn in written["chosen"]] for written in rows] == [["user", "assistant"], ["assistant"]]
