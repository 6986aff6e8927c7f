from typing import get_args

import pyarrow as pa
import pytest

from rewardsmith.contracts.metrics.audit import ClaimNumbers, Doubt
from rewardsmith.refining.choice import Choice, choose_recipe, claim_warnings, warning_of_rates
from rewardsmith.refining.options import DEFAULT_RECIPE
from rewardsmith.refining.recipe import load_recipe, read_recipe, recipe_names
from rewardsmith.strength.label_noise.claims import DOUBTS

JUDGED: ClaimNumbers = {"level": "labels_judged", "doubts": []}
ORDER: ClaimNumbers = {"level": "reading_order", "doubts": ["finds_few_flips", "few_groups"]}
CANNOT: ClaimNumbers = {"level": "cannot_tell", "doubts": ["finds_no_flips"]}
WITHOUT_JUDGES = ["decisions", "none", "smooth", "votes"]


def with_columns(**columns: list[float | None]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.float32()) for name, values in columns.items()})


STRUCTURED = with_columns(p_wrong=[0.9, 0.6], p_wrong_structured=[None, 0.7])


@pytest.mark.parametrize(
    ("claim", "recipe", "words"),
    [
        (JUDGED, "structured_drop", "clearly better than plain training"),
        (ORDER, "structured_drop_both", "only a reading order (its judges find too few .* and there are too few"),
        (CANNOT, "none", "cannot tell which labels are wrong (its judges do not find labels flipped on purpose)"),
    ],
)
def test_the_default_goes_by_the_level_of_claim_and_says_why(claim, recipe, words):
    choice = choose_recipe(DEFAULT_RECIPE, STRUCTURED, claim)
    assert choice.name_or_path == recipe and choice.warnings == []
    assert choice.why is not None and choice.why.startswith("No recipe was named")
    assert all(part in choice.why for part in words.split(" .* "))


@pytest.mark.parametrize("claim", [JUDGED, ORDER, CANNOT])
@pytest.mark.parametrize("columns", [{"p_wrong": [0.9, 0.1]}, {"p_wrong_structured": [None, None]}])
def test_without_the_structured_audit_nothing_is_touched(columns, claim):
    choice = choose_recipe(DEFAULT_RECIPE, with_columns(**columns), claim)
    assert load_recipe(choice.name_or_path).rules == ()
    assert choice.why is not None and "the audit changes nothing: " in choice.why


@pytest.mark.parametrize("claim", [JUDGED, ORDER, CANNOT])
def test_a_recipe_that_is_named_is_taken_at_every_level(claim):
    for name in (*recipe_names(), "mine.yaml"):
        assert choose_recipe(name, STRUCTURED, claim) == Choice(name)
    assert DEFAULT_RECIPE not in recipe_names()


def test_a_recipe_that_asks_judges_gets_one_line_where_they_may_not_judge():
    for name in recipe_names():
        recipe = load_recipe(name)
        assert claim_warnings(recipe, JUDGED) == []
        assert len(claim_warnings(recipe, ORDER)) == len(claim_warnings(recipe, CANNOT)) == (name not in WITHOUT_JUDGES)
    (line,) = claim_warnings(load_recipe("flip+margin"), CANNOT)
    assert line == (
        "The audit cannot tell which labels are wrong (its judges do not find labels flipped on purpose); the recipe "
        "flip+margin is applied as asked."
    )


def test_a_rule_for_a_class_that_no_pair_has_is_named():
    text = "rules:\n- {rule: smooth}\n- {rule: drop, where: {strength_class: [%s]}}\n"
    incorrect, either, strong = (
        read_recipe(text % names, "mine") for names in ("incorrect", "incorrect, ambiguous", "strong")
    )
    assert claim_warnings(incorrect, JUDGED) == []
    assert claim_warnings(incorrect, ORDER)[1:] == [
        "Rule 2 (drop) asks for strength_class incorrect, which no pair has, and is for nobody."
    ]
    assert claim_warnings(either, ORDER)[1:] == ["Rule 2 (drop) asks for strength_class incorrect, which no pair has."]
    assert claim_warnings(strong, ORDER)[1:] == []
    assert "incorrect or ambiguous, which no pair has, and is for nobody" in claim_warnings(either, CANNOT)[1]


def test_error_rates_have_their_line_too():
    assert warning_of_rates(JUDGED) is None
    assert warning_of_rates(ORDER) is not None
    line = warning_of_rates(CANNOT)
    assert line is not None and line.startswith("The audit cannot tell") and "error rates are used as asked" in line


def test_every_doubt_has_words():
    assert set(DOUBTS) == set(get_args(Doubt))
