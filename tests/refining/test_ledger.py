import json
import string
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_evidence import found_by_structure

from rewardsmith.artifacts.files.atomic import write_lines
from rewardsmith.errors import DataError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.refining.evidence import Evidence
from rewardsmith.refining.ledger import build_ledger, undone_lines
from rewardsmith.refining.recipe import apply_recipe, load_recipe, recipe_names
from rewardsmith.refining.supervision import Supervision
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.table import strengths_table

words = st.text(string.printable + "äß中\u2028\x85", min_size=1, max_size=12)
extra = st.dictionaries(
    st.sampled_from(["note", "id", "category"]), st.none() | st.integers() | st.floats(allow_nan=False) | words
)


@st.composite
def row(draw) -> Any:
    """Mostly usable pairs with votes, sometimes something else."""
    good = {
        "prompt": draw(words),
        "chosen": "A " + draw(words) + " yes",
        "rejected": "B " + draw(words) + " no, not at all",
        "votes": {"chosen": draw(st.integers(1, 3)), "rejected": draw(st.integers(0, 3)), "tie": 0},
    }
    return draw(
        st.just({**draw(extra), **good}) | st.just({**good, "chosen": ""}) | st.just([1, 2]) | st.just({"prompt": 3})
    )


def refined_ledger(found: PreferenceSet, recipe: str, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    pairs = found.table
    gaps = rng.normal(0.5, 1, (len(pairs), 4)).astype(np.float32)
    judged = Judgements(gaps, np.tile([False, False, True, True], (len(pairs), 1)), ("",) * 4)
    p_wrong, structured = rng.random((2, len(pairs)))
    strengths = strengths_table(
        pairs, judged, p_wrong, rng.integers(0, 4, len(pairs)).astype(np.int8), found_by_structure(structured)
    )
    decisions = [("keep", "flip", "tie", "drop", None)[i % 5] for i in range(len(pairs))]
    evidence, labels = Evidence.from_tables(pairs, strengths, decisions), Supervision.of(pairs)
    return build_ledger(pairs, strengths, labels, apply_recipe(load_recipe(recipe), evidence, labels))


def undone(ledger: pa.Table, found: PreferenceSet) -> list[str]:
    return list(undone_lines(ledger, [{"row": bad.row, "original": bad.original} for bad in found.quarantine]))


@pytest.mark.parametrize("recipe", recipe_names())
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(row(), min_size=1, max_size=25), seed=st.integers(0, 1000))
def test_undoing_gives_every_row_back_in_its_place(recipe, rows, seed, tmp_path):
    path, back = tmp_path / "rows.jsonl", tmp_path / "back.jsonl"
    write_lines(path, [json.dumps(value, ensure_ascii=False) for value in rows])
    try:
        found = load_preferences(str(path), DataOptions(near_duplicates="off"))
    except DataError:  # nothing in it is usable
        return
    write_lines(back, undone(refined_ledger(found, recipe, seed), found))
    assert back.read_bytes() == path.read_bytes()


def test_rows_that_are_no_json_come_back_as_their_text(tmp_path: Path):
    good = '{"prompt": "q", "chosen": "yes 1.50", "rejected": "no", "n": 1.50, "n": 1e400}'
    lines = [good, "{not json", '"text"', good.replace("q", "r"), '{"prompt": "torn']
    path = tmp_path / "rows.jsonl"
    write_lines(path, lines)
    found = load_preferences(str(path), DataOptions())
    assert undone(refined_ledger(found, "drop_lowest", 0), found) == lines


def test_rows_of_several_lines_are_put_on_one(tmp_path: Path):
    rows = [{"prompt": f"q{i}", "chosen": "yes\nno", "rejected": "no", "list": [1, 2]} for i in range(3)]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows, indent=2)[:-1] + ",\n {\n", encoding="utf-8")
    found = load_preferences(str(path), DataOptions())
    lines = undone(refined_ledger(found, "flip", 0), found)
    assert [json.loads(line) for line in lines[:3]] == rows
    assert len(lines) == 4 and all("\n" not in line for line in lines)
    assert json.loads(lines[3]).split() == ["{"]


def test_a_row_of_which_no_text_is_left_keeps_its_place():
    ledger = pa.table({"row": pa.array([1], pa.int64()), "original": ["{}"]})
    assert list(undone_lines(ledger, [{"row": 0, "original": ""}])) == ['""', "{}"]


def test_the_ledger_has_what_was_given_beside_what_is_there_now(tmp_path: Path):
    rows = [{"prompt": f"q{i}", "chosen": f"yes {i}", "rejected": "no", "margin": 0.5} for i in range(40)]
    found = load_preferences(rows, DataOptions())
    table = refined_ledger(found, "flip+margin", 1)
    assert table.schema.metadata[b"recipe_fingerprint"].decode() == load_recipe("flip+margin").fingerprint
    ledger = table.to_pydict()
    swapped = np.array(ledger["swapped"])
    assert swapped.sum() == 4
    assert ledger["target"] == [0.0 if flipped else 1.0 for flipped in swapped]
    assert set(ledger["target_given"]) == {1.0} and set(ledger["margin_given"]) == {0.5}
    assert {tuple(names) for names in ledger["rules"]} == {("flip", "adaptive_margin"), ("adaptive_margin",)}
    assert all(
        ("flipped: strength" in why) == bool(flipped) for why, flipped in zip(ledger["reason"], swapped, strict=True)
    )
    assert ledger["row"] == list(range(40))
    assert np.array_equal(np.sign(ledger["margin"]), np.sign(ledger["strength_mean"]))


def test_a_row_of_several_pairs_comes_back_once() -> None:
    ledger = pa.table({"row": [0, 0, 2], "original": ['{"a": 1}', '{"a": 1}', '{"c": 3}']})
    assert list(undone_lines(ledger, [{"row": 1, "original": "b"}])) == ['{"a": 1}', "b", '{"c": 3}']
