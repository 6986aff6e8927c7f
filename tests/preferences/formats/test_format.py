"""Forms that no reader knows, by their column names."""

from __future__ import annotations

import pytest

from rewardsmith.errors import ConfigError, DataError

ROW = {"question": "p", "good": "a", "bad": "b"}


def test_named_columns_are_read(load) -> None:
    found = load([ROW], prompt_key="question", chosen_key="good", rejected_key="bad")
    pair = found.table.to_pylist()[0]
    assert (pair["prompt"][0]["content"], pair["chosen"][0]["content"]) == ("p", "a")
    assert found.format == "keys"


def test_without_a_prompt_column_the_responses_begin_with_the_prompt(load) -> None:
    found = load([{"good": "p yes", "bad": "p no"}], chosen_key="good", rejected_key="bad")
    assert found.table["prompt"].to_pylist() == [[{"role": "user", "content": "p ", "extra": None}]]


def test_half_of_the_names_is_not_enough(load) -> None:
    with pytest.raises(ConfigError, match="both `chosen_key` and `rejected_key`"):
        load([ROW], chosen_key="good")
    with pytest.raises(ConfigError, match="both `chosen_key` and `rejected_key`"):
        load([ROW], format="keys")


def test_names_that_are_not_there_are_answered_with_those_that_are(load) -> None:
    with pytest.raises(DataError, match="found question, good, bad"):
        load([ROW], chosen_key="better", rejected_key="worse")


def test_names_and_another_form_contradict_each_other(load) -> None:
    with pytest.raises(ConfigError, match="`format` hh"):
        load([ROW], format="hh", chosen_key="good", rejected_key="bad")
