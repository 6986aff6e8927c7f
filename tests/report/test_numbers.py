from __future__ import annotations

import math

import pytest

from rewardsmith.report.numbers import decimal, decimal_range, duration, part, percent, percent_range, probability


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.214, "21%"), (0.0431, "4.3%"), (0.0001, "<0.1%"), (0, "0%"), (1, "100%"), (None, "–"), (math.nan, "–")],
)
def test_percent_is_short_and_shows_missing_as_a_dash(value, text):
    assert percent(value) == text


def test_a_probability_never_claims_certainty():
    assert (probability(0.9999), probability(0.0001), probability(0.97)) == (">99%", "<1%", "97%")


def test_decimals_have_a_real_minus_and_no_negative_zero():
    assert decimal(-3.456) == "−3.46"
    assert decimal(-0.001) == "0.00"


def test_ranges_of_equal_ends_read_as_one_value():
    assert percent_range(0.14, 0.19) == "14 to 19%"
    assert percent_range(0.141, 0.142) == "14%"
    assert decimal_range(0.7, None) == "–"


def test_durations_change_their_unit():
    assert (duration(0.42), duration(61.2), duration(45)) == ("0.4 s", "1 min 01 s", "45 s")
    assert (duration(7199), duration(9630)) == ("119 min 59 s", "2 h 40 min")


def test_part_is_none_below_anything_absent():
    assert part({"a": {"b": 1}}, "a", "b") == 1
    assert part({"a": None}, "a", "b") is None
    assert part({"a": 3}, "a", "b") is None
