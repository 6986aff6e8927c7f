"""Which form the rows are in."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.preferences.formats import FORMATS
from rewardsmith.preferences.formats.detection import choose_format
from rewardsmith.preferences.options import DataOptions

TRL_ROW = {"prompt": "p", "chosen": "a", "rejected": "b"}
HH_ROW = {"chosen": "\n\nHuman: p\n\nAssistant: a", "rejected": "\n\nHuman: p\n\nAssistant: b"}


def chosen_for(*records: dict[str, Any], **options: Any) -> str:
    return choose_format(records, DataOptions(**options), "x.jsonl").name


def test_every_form_has_a_name_of_its_own() -> None:
    assert len({form.name for form in FORMATS} | {"auto", "keys"}) == len(FORMATS) + 2


def test_most_of_the_rows_decide() -> None:
    assert chosen_for(*[HH_ROW] * 6, *[TRL_ROW] * 4) == "hh"
    assert chosen_for(*[HH_ROW] * 4, *[TRL_ROW] * 6) == "trl"


def test_rows_in_no_form_have_no_say() -> None:
    assert chosen_for(*[{"junk": 1}] * 50, HH_ROW, {}) == "hh"


def test_one_row_with_votes_is_enough() -> None:
    assert chosen_for(*[TRL_ROW] * 9, {**TRL_ROW, "votes": {"chosen": 1}}) == "votes"


def test_the_user_can_choose() -> None:
    assert chosen_for(HH_ROW, format="trl") == "trl"
    with pytest.raises(ConfigError, match="`format` thl is not known; it can be auto, keys, votes, hh"):
        chosen_for(TRL_ROW, format="thl")


def test_no_form_names_the_columns_and_the_nearest_form() -> None:
    with pytest.raises(DataError) as error:
        chosen_for({"prompt": "p", "response_a": "a", "text\nb": 1})
    message = str(error.value)
    assert "x.jsonl: no usable columns; found prompt, response_a, text b." in message
    assert 'nearest form is "trl"' in message or 'nearest form is "arena"' in message
    assert "`chosen_key`" in message
    assert "\n" not in message


def test_many_columns_are_cut_short() -> None:
    with pytest.raises(DataError, match=r"c11, \.\.\.\. The nearest"):
        chosen_for({f"c{i}": i for i in range(30)})


def test_a_chosen_form_whose_columns_are_missing_is_refused() -> None:
    with pytest.raises(DataError, match='None of the columns of "arena"'):
        chosen_for({"chosen": "a", "rejected": "b"}, format="arena")
