"""Without --recipe, a set gets what the noise study supports."""

import pyarrow as pa
import pytest

from rewardsmith.refining.default_recipe import Choice, choose_recipe
from rewardsmith.refining.options import DEFAULT_RECIPE
from rewardsmith.refining.recipe import load_recipe, recipe_names


def strengths(**columns: list[float | None]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.float32()) for name, values in columns.items()})


def test_it_is_the_structured_one_where_the_audit_has_what_it_goes_by():
    choice = choose_recipe(DEFAULT_RECIPE, strengths(p_wrong_structured=[None, 0.3]))
    assert choice.name_or_path == "structured_drop"
    assert choice.why is not None and "No --recipe was named" in choice.why
    assert load_recipe(choice.name_or_path).reads_structured


@pytest.mark.parametrize("columns", [{"p_wrong": [0.9, 0.1]}, {"p_wrong_structured": [None, None]}])
def test_otherwise_nothing_is_touched_and_why_is_said(columns):
    choice = choose_recipe(DEFAULT_RECIPE, strengths(**columns))
    assert load_recipe(choice.name_or_path).rules == ()
    assert choice.why is not None and "every pair is as given" in choice.why


def test_what_is_named_is_taken():
    for name in (*recipe_names(), "mine.yaml"):
        assert choose_recipe(name, strengths(p_wrong_structured=[0.3])) == Choice(name)
    assert DEFAULT_RECIPE not in recipe_names()
