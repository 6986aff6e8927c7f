import copy
import re

import pytest

from rewardsmith.report.audit.figures.review import distinct_methods, review_figure, review_rows
from rewardsmith.report.audit.report import render_audit_report
from rewardsmith.report.audit.words.review import NOTHING_TO_FIND, review_caption, review_number, review_sentence
from rewardsmith.report.sections import key_numbers
from rewardsmith.strength.planted.review_curve import in_shares

DOUBTS = {"labels_judged": [], "reading_order": ["finds_few_flips"], "cannot_tell": ["finds_no_flips"]}
FIRST = {
    "num_read": 100,
    "found": 31.2,
    "low": 23.6,
    "high": 38.4,
    "at_random": 14.0,
    "times_random": 2.23,
    "times_low": 1.6,
    "times_high": 2.9,
}


def planted(**first):
    step = FIRST | first
    share = {"value": 0.14, "low": 0.11, "high": 0.17}
    review = {"in_counts": True, "num_pairs": 1000, "share_wrong": share, "first": step, "steps": [step], "others": []}
    return {"kind": "uniform", "review": review}


def test_the_sentence_counts_where_labels_are_judged():
    assert review_sentence(planted(), "labels_judged") == (
        "Reading the first 100 pairs in the audit's order finds about 31 wrong labels (24 to 38); at random 14."
    )


def test_an_order_of_reading_has_a_ratio_and_no_count():
    words = review_sentence(planted(), "reading_order")
    assert words == (
        "Reading the first 100 pairs in the audit's order finds 2.2 times as many wrong labels as reading at random "
        "(1.6 to 2.9)."
    )
    assert "31" not in words


@pytest.mark.parametrize(("level", "low"), [("cannot_tell", 1.6), ("reading_order", 0.9)])
def test_what_is_no_better_than_chance_is_not_praised(level, low):
    assert "hardly more wrong labels than reading at random" in review_sentence(planted(times_low=low), level)


def test_next_to_nothing_to_find_is_said():
    assert review_sentence({"kind": "uniform", "review": None}, "labels_judged") == NOTHING_TO_FIND
    assert review_sentence({"kind": "hard", "review": None}, "labels_judged") == ""


def test_without_a_range_there_are_no_brackets():
    none = dict.fromkeys(("low", "high", "times_low", "times_high"))
    assert review_sentence(planted(**none), "labels_judged").endswith("finds about 31 wrong labels; at random 14.")
    assert review_sentence(planted(**none), "reading_order").endswith("as reading at random.")


def test_a_key_number_for_each_level():
    assert review_number(planted(), "labels_judged") == (
        "reading the first 100 finds",
        "31",
        "wrong labels (24 to 38); at random 14",
    )
    assert review_number(planted(), "reading_order") == (
        "reading the first 100 finds",
        "2.2×",
        "as many wrong labels as at random (1.6 to 2.9)",
    )
    assert review_number(planted(), "cannot_tell") is None
    assert review_number({"kind": "hard", "review": None}, "labels_judged") is None


def test_the_key_number_stands_with_the_others(fake_audit):
    metrics = fake_audit.fake_metrics(200)
    assert "reading the first 100 finds" in [number.label for number in key_numbers(metrics)]
    metrics["claim"]["level"] = "cannot_tell"
    assert "reading the first 100 finds" not in [number.label for number in key_numbers(metrics)]


def test_the_caption_says_what_the_counts_rest_on():
    caption = review_caption(planted()["review"])
    assert "14% of wrong labels that the audit estimates (11 to 17%)" in caption
    assert "for them this is too good" in caption


def test_the_figure_counts_or_shares_by_level(fake_audit):
    (found, _) = fake_audit.fake_metrics(200)["planted_flips"]
    ordered = found | {"review": in_shares(found["review"])}
    counts = review_figure(found, "review", "labels_judged")
    shares = review_figure(ordered, "review", "reading_order")
    assert "%" not in "".join(axis_labels(counts))
    assert "60%" in axis_labels(shares)
    assert str(round(found["review"]["first"]["found"])) in counts.title
    assert "times as many" in shares.title
    assert [entry.text for entry in counts.legend] == [
        "rewardsmith",
        "rewardsmith, structured",
        "single-model loss, cleanlab (confident learning)",
        "AUM",
        "at random",
    ]
    assert re.search(r"<title>100 read: \d+ found \(\d+ to \d+\); at random 19</title>", counts.wide)
    assert review_figure({"kind": "hard", "review": None}, "review", "labels_judged") is None


def axis_labels(figure):
    return re.findall(r"<text[^>]*>([^<]*)</text>", figure.wide)


def test_one_curve_of_two_methods_is_drawn_once():
    methods = [("a", [1.0, 2.0]), ("b", [1.0, 3.0]), ("c", [1.0, 2.0])]
    review = {"others": [{"method": name, "found": found} for name, found in methods]}
    assert list(distinct_methods(review)) == ["a, c", "b"]


def test_rows_of_how_deep_to_read_have_no_counts_in_an_order_of_reading(fake_audit):
    review = fake_audit.fake_metrics(200)["planted_flips"][0]["review"]
    judged, ordered = review_rows(review), review_rows(in_shares(review))
    assert [row["read"] for row in judged] == ["100", "300", "600", "1,500"]
    assert judged[0]["found"] == str(round(review["first"]["found"]))
    assert all(row["found"] == row["range"] == "" for row in ordered)
    assert [row["of_all"] for row in ordered] == [row["of_all"] for row in judged]


@pytest.mark.parametrize("level", ["labels_judged", "reading_order", "cannot_tell"])
def test_the_page_leads_the_section_with_the_curve(fake_audit, level):
    pairs, strengths = fake_audit.fake_tables(200)
    metrics, strengths = fake_audit.at_level(fake_audit.fake_metrics(200, strengths), strengths, level, DOUBTS[level])
    page = render_audit_report(metrics, pairs, strengths)
    assert 0 < page.index('id="review-0"') < page.index("Precision and recall by threshold") < page.index("planted-0")
    assert ("wrong found</th>" in page) == (level == "labels_judged")
    assert page.count('id="review-') == 1


def test_the_page_says_that_there_is_nothing_to_find(fake_audit):
    pairs, strengths = fake_audit.fake_tables(200)
    metrics = copy.deepcopy(fake_audit.fake_metrics(200, strengths))
    metrics["planted_flips"][0]["review"] = None
    assert NOTHING_TO_FIND in render_audit_report(metrics, pairs, strengths)
