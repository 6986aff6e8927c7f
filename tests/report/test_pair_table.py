import json

import numpy as np
import pytest

from rewardsmith.refining.supervision import Supervision
from rewardsmith.report.numbers import megabytes
from rewardsmith.report.pair_table import Column, changes, inline_json, pair_row, pair_table
from rewardsmith.report.pair_texts import MAX_CHARACTERS, pair_texts

USER = [{"role": "user", "content": "Why?"}]


def row(number: int = 0, **names: str | None) -> dict[str, object]:
    texts = pair_texts(USER, "one two three", "one three")
    return pair_row(number, f"p{number}", {"strength": -1.25, "spread": np.nan}, texts, names, "drop", "because")


def test_responses_are_pieces_that_both_have_and_that_one_has_in_turn():
    texts = pair_texts(USER, "so one two three", "one three four")
    assert texts["chosen"] == ["", "so", " one ", "two", " three"]
    assert texts["rejected"] == ["one three ", "four"]
    assert texts["prompt"] == [("user", "Why?", 0)] and texts["length"] == 2 and texts["longest"] == 16


def test_what_is_cut_from_a_text_is_counted():
    prompt = [{"role": "user", "content": letter * 3000} for letter in "abc"]
    texts = pair_texts(prompt, "a" * 5000, "b")
    assert len("".join(texts["chosen"])) == MAX_CHARACTERS and texts["left_out"] == [1000, 0]
    assert [(text[:1], left) for _, text, left in texts["prompt"]] == [("", 3000), ("b", 2000), ("c", 0)]
    assert texts["length"] == 4999


def test_no_text_closes_or_comments_out_the_element_that_holds_it():
    wicked = "</script><!--<script>&lt;\u2028]]>"
    data = inline_json({"text": wicked})
    assert not set("<>&") & set(data)
    assert json.loads(data)["text"] == wicked


def test_characters_that_nobody_sees_are_escapes():
    texts = pair_texts([{"role": "a\nb", "content": "\x1b[31m\r\n"}], "left \u202e right", "left \u200f")
    assert texts["prompt"] == [("a\\nb", "\\x1b[31m\n", 0)]
    assert texts["chosen"] == ["left ", "\\u202e right"] and texts["rejected"] == ["left ", "\\u200f"]
    assert row(category="a\tb\u2066")["category"] == "a\\tb\\u2066"


def test_only_columns_and_filters_with_values_stand_there():
    columns = [Column(name, name) for name in ("row", "p_wrong", "strength", "category")]
    plain = pair_table([row()], columns, 0, None, 0)
    assert [column.key for column in plain.columns] == ["row", "strength"]
    assert [choice.key for choice in plain.filters] == ["length", "change", "decision"]
    named = pair_table([row(0, category="b"), row(1, category="a"), row(2)], columns, 0, None, 0)
    assert named.filters[0].options == [("a", "a"), ("b", "b")]
    assert plain.num_bytes == len(plain.data.encode()) > 100


@pytest.mark.parametrize(
    ("target", "margin", "weight", "words"),
    [
        (1.0, 0.0, 1.0, ""),
        (0.0, 0.0, 1.0, "flip"),
        (0.5, 0.0, 1.0, "tie"),
        (0.7, 0.4, 1.0, "soften, margin"),
        (0.2, 0.0, 1.0, "flip, soften"),
        (0.2, 1.0, 0.0, "drop"),
        (1.0, 0.0, 2.0, "reweight"),
    ],
)
def test_a_change_is_a_word_or_two(target: float, margin: float, weight: float, words: str):
    now = Supervision(*(np.array([value]) for value in (target, margin, weight)), np.array([False]))
    assert changes(Supervision.plain(np.ones(1)), now) == [words]


def test_sizes_are_written_in_megabytes():
    assert [megabytes(n) for n in (1_440_000, 31_000, 2)] == ["1.4 MB", "0.03 MB", "0.01 MB"]
