from __future__ import annotations

from typing import Any, get_args

import pytest

from rewardsmith.contracts.metrics.audit import Doubt
from rewardsmith.report.audit.words.doubts import DOUBTS, doubt_sentences, help_sentence
from rewardsmith.report.audit.words.verdict import cut_sentence, verdict, verdict_text
from small_audit import NUMBERS, words


def at(level: str, *doubts: str, **changes: dict[str, Any]) -> dict[str, Any]:
    """The verdict of the usual numbers at a level."""
    return words(claim={"level": level, "doubts": list(doubts)}, **changes)["verdict"]


def test_labels_judged_say_the_share_as_a_lower_bound_and_counts_that_add_up() -> None:
    found = at("labels_judged")
    assert found["line"] == "Check by hand: about 10% of the labels are wrong (7 to 12%)."
    assert "Of 98 labels about 10 are expected to be wrong: about 7 among the 12 pairs flagged" in found["points"][0]
    assert "the other 3 among" in found["points"][0]
    assert found["points"][1] == (
        "Reading the first 20 pairs in the audit's order finds about 6 wrong labels (3 to 9); at random 2."
    )
    assert "83% of the time (78 to 87%, 50% by chance)" in found["points"][2]
    assert "a perfect model with at most about 90%" in found["rest"][0]
    assert "3 of 103 rows were quarantined as unusable: see quarantine.jsonl." in found["rest"]
    assert "quarantine" not in " ".join(at("labels_judged", data={"num_quarantined": 0})["rest"])


def test_a_set_with_surely_few_wrong_labels_is_usable() -> None:
    line = at("labels_judged", label_noise={"value": 0.02, "low": 0.004, "high": 0.049})["line"]
    assert line == "Usable as it is: few labels look wrong, about 2% of the labels (<1 to 5%)."
    unsure = {"value": 0.02, "low": 0.004, "high": 0.05}
    assert at("labels_judged", label_noise=unsure)["line"].startswith("Check by hand")


def test_a_set_with_too_few_wrong_labels_to_say_which_is_usable() -> None:
    few = {"low": 0.002, "high": 0.04}
    line = at("reading_order", "few_may_be_wrong", label_noise=few)["line"]
    assert line.startswith("Usable as it is: at most about 4% of the labels look wrong, too few to say which; ")
    assert at("reading_order", "few_may_be_wrong", "finds_few_flips", label_noise=few)["line"].startswith(
        "Check by hand"
    )
    assert at("reading_order", "few_may_be_wrong", label_noise={"low": 0.002, "high": 0.05})["line"].startswith("Check")


def test_no_flagged_pair_is_no_list_of_none() -> None:
    point = at("labels_judged", label_noise={"num_flagged": 0, "expected_wrong_flagged": 0.0})["points"][0]
    assert (
        point == "Of 98 labels about 10 are expected to be wrong, but none by itself is more likely wrong than right."
    )


def test_a_small_set_has_its_range_beside_the_count() -> None:
    stability = {"num_resamples": 20, "flagged": {"low": 3, "high": 25}, "share": {"low": 0.02, "high": 0.2}}
    assert (
        "the 12 pairs (3 to 25 in resampled sets) flagged" in verdict({**words(), "stability": stability})["points"][0]
    )


def test_a_reading_order_says_how_much_better_than_chance_it_is() -> None:
    found = at("reading_order", "finds_few_flips")
    assert "from the top of a ranked list" in found["line"]
    assert "rank above others 83% of the time (78 to 87%, 50% by chance)" in found["line"]
    assert found["points"][0] == (
        "Reading the first 20 pairs in the audit's order finds 3.0 times as many wrong labels as reading at random "
        "(2.0 to 4.0)."
    )
    assert "cannot be told (7 to 12% is possible)" in found["points"][1]
    assert "was not measured" in at("reading_order", "not_measured", planted_flips=[])["line"]


def test_what_cannot_be_told_is_said_first_with_what_would_help() -> None:
    found = at("cannot_tell", "finds_no_flips")
    assert found["line"] == (
        "Cannot tell which labels are wrong: labels flipped as a test rank above others 83% of the time (78 to 87%, "
        "50% by chance). What would help: a stronger judge, votes, or more pairs."
    )
    assert "no better than chance would" in found["points"][0]
    assert at("cannot_tell", "no_judges")["line"].startswith("Cannot tell which labels are wrong. What would help: ")
    assert "`model_name_or_path` takes any Hub model" in found["points"][1]


@pytest.mark.parametrize("level", ["labels_judged", "reading_order", "cannot_tell"])
def test_a_verdict_is_a_line_and_at_most_three_points(level: str) -> None:
    cut = {"truncated_share": 0.5, "max_length_enough": 900, "max_length_limit": None}
    doubts = [] if level == "labels_judged" else ["finds_few_flips", "few_groups"]
    found = at(level, *doubts, data=cut)
    assert len(found["points"]) == 3
    assert "50% of the pairs were cut at 512 tokens" in " ".join(found["points"])  # it is never among the rest
    assert verdict_text(found).splitlines() == [found["line"], *(f"- {point}" for point in found["points"])]


@pytest.mark.parametrize(("level", "place"), [("labels_judged", 1), ("reading_order", 0)])
def test_what_reading_finds_is_a_point_before_what_was_cut(level: str, place: int) -> None:
    cut = {"truncated_share": 0.5, "max_length_enough": 900, "max_length_limit": None}
    doubts = [] if level == "labels_judged" else ["finds_few_flips"]
    found = at(level, *doubts, data=cut)
    assert found["points"][place].startswith("Reading the first 20 pairs in the audit's order finds ")
    assert found["points"][place + 1] == cut_sentence({**NUMBERS["data"], **cut})
    unplanted = at(level, *doubts, planted_flips=[])
    assert not any("Reading the first" in said for said in [*unplanted["points"], *unplanted["rest"]])


def test_every_doubt_has_one_sentence_and_a_help() -> None:
    assert set(DOUBTS) == set(get_args(Doubt))
    for code in DOUBTS:
        found = words(claim={"level": "cannot_tell", "doubts": [code]})
        (sentence,) = doubt_sentences(found)
        assert sentence.endswith(".") and sentence.count(". ") == 0 and "{" not in sentence
        assert help_sentence(found).startswith("What would help: ")


def test_help_is_what_the_set_does_not_have_yet() -> None:
    doubt = {"level": "cannot_tell", "doubts": ["not_identifiable"]}
    assert "votes" not in help_sentence(words(claim=doubt, label_noise={"vote_error": 0.1}))
    assert "more pairs" not in help_sentence(words(claim=doubt, data={"num_pairs": 8000}))
    assert "scores of stronger models" in help_sentence(words(claim=doubt, ensemble={"kind": "given"}))


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        ({"truncated_share": 0.2}, ""),
        ({"truncated_share": None}, ""),
        ({"max_length_enough": None}, "use a larger `max_length`."),
        ({"max_length_limit": None}, ": use `max_length` 900."),
        ({"max_length_limit": 900}, ": use `max_length` 900."),
        ({"max_length_limit": 700}, "use `max_length` 700; this judge reads 700 tokens at most, so better"),
        ({}, "; this judge reads 512 tokens at most: use `model_name_or_path` with a model that reads more"),
    ],
)
def test_much_truncation_comes_with_the_max_length_to_use(data: dict[str, Any], advice: str) -> None:
    found = cut_sentence({**NUMBERS["data"], "truncated_share": 0.21, "max_length_enough": 900, **data})
    assert found.startswith("21% of the pairs were cut at 512 tokens") == bool(advice)
    assert advice in found and (found == "") == (advice == "")
