"""What preferred responses have more of, in words, in the report and in the file: only what is clear."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.report.audit.leanings.figure import leaning_figure
from rewardsmith.report.audit.leanings.file import leaning_file
from rewardsmith.report.audit.leanings.tables import leaning_content
from rewardsmith.report.audit.leanings.words import leaning_sentence, part_sentences
from rewardsmith.report.audit.report import render_audit_report
from rewardsmith.report.options import ReportOptions
from rewardsmith.strength.leanings.features import FEATURES

from ...fake_audit import fake_metrics, fake_tables


def interval(value: float | None, width: float = 0.05) -> Any:
    ends = (None, None) if value is None else (value - width, value + width)
    return {"value": value, "low": ends[0], "high": ends[1]}


def leaning(feature: str, share: float | None, is_clear: bool = True, **more: Any) -> Any:
    decided = 0 if share is None else 1000
    return {
        "of": "all",
        "name": None,
        "feature": feature,
        "num_pairs": 2000,
        "num_groups": 500,
        "num_more": round(decided * (share or 0)),
        "num_less": round(decided * (1 - (share or 0))),
        "difference": interval(1.25),
        "share": interval(share),
        "like_length": interval(share),
        "judges_difference": interval(1.5),
        "judges_share": interval(share),
        "p_value": None if share is None else 0.001,
        "p_adjusted": None if share is None else 0.01,
        "is_clear": is_clear,
        **more,
    }


def numbers(*features: Any, categories: Any = None) -> Any:
    tests = sum(row["p_value"] is not None for row in features)
    return {"num_tests": tests, "features": [*features], "categories": categories, "annotators": None}


CATEGORIES = {
    "num_parts": 3,
    "num_tests": 40,
    "num_clear": 2,
    "clear": [
        leaning("questions", 0.2, of="category", name="<b>maths</b>"),
        leaning("words", 0.7, of="category", name="=cooking"),
    ],
}
FOUND = numbers(
    leaning("words", 0.7),
    leaning("characters", 0.69),
    leaning("questions", 0.42),
    leaning("overlap with the prompt", 0.4, like_length=interval(0.48)),
    leaning("hedges", 0.51, is_clear=False),
    leaning("links", 0.0, is_clear=False),
    leaning("emoji", None, is_clear=False),
    categories=CATEGORIES,
)


def test_the_sentence_names_what_tells_most_and_length_once() -> None:
    assert leaning_sentence(FOUND) == (
        "Being preferred goes with more words (70% of the pairs that differ, 65 to 75%); "
        "less overlap with the prompt (60% of the pairs that differ, 55 to 65%; not clearly at one length); "
        "and fewer questions (58% of the pairs that differ, 53 to 63%; at one length too): an association, not a cause."
    )


def test_two_leanings_are_joined_by_a_word_and_parts_are_counted() -> None:
    two = leaning_sentence(numbers(leaning("words", 0.7), leaning("emoji", 0.4)))
    assert "75%) and fewer emoji (60%" in two
    assert [*part_sentences(FOUND)] == ["By category, 2 of 40 leanings of single features are clear."]
    assert [*part_sentences(numbers(leaning("words", 0.7)))] == [*part_sentences(None)] == []


def test_nothing_is_said_where_nothing_is_clear() -> None:
    assert leaning_sentence(None) == leaning_sentence(numbers(leaning("words", 0.9, is_clear=False))) == ""
    content = leaning_content(numbers(leaning("words", 0.6, is_clear=False)), True)
    assert content is not None and content.finding == "No feature of the text goes clearly with being preferred."


def test_the_table_has_clear_ones_first_and_names_those_that_were_not_tested() -> None:
    content = leaning_content(FOUND, True)
    assert content is not None
    order = [row.feature for row in content.features]
    assert order == ["words", "characters", "overlap with the prompt", "questions", "links", "hedges"]
    assert content.features[0].share == "70% (65 to 75%)"
    assert content.features[0].difference == "+1.250 (+1.200 to +1.300)"
    assert content.features[2].difference == "+125.0 points (+120.0 to +130.0)"
    assert "among the 6 features that are tested together" in content.notes[0]
    assert content.notes[-1] == "Not tested, since they differ in too few groups of prompts: emoji."


def test_parts_are_counted_and_named_only_with_text() -> None:
    content, without = leaning_content(FOUND, True), leaning_content(FOUND, False)
    assert content is not None and without is not None
    assert content.parts[0].finding == "3 categories: 2 of 40 leanings are clear, all tested together"
    assert [(row.part, whole) for row, whole in content.parts[0].rows] == [("<b>maths</b>", "42%"), ("=cooking", "70%")]
    assert without.parts == [] and without.notes[-1] == f"{content.parts[0].finding}."


def test_parts_of_too_few_prompts_say_so() -> None:
    few = {"num_parts": 16, "num_tests": 0, "num_clear": 0, "clear": []}
    content = leaning_content(numbers(leaning("words", 0.6), categories=few), True)
    assert content is not None
    assert content.notes[-1].startswith("16 categories: each of too few groups of prompts") and not content.parts


@pytest.mark.parametrize("with_text", [True, False])
def test_the_report_shows_them_and_escapes_names(with_text: bool) -> None:
    pairs, strengths = fake_tables(60)
    metrics: Any = {**fake_metrics(60), "leanings": FOUND}
    options = ReportOptions(report_text="full" if with_text else "none")
    page = render_audit_report(metrics, pairs, strengths, options)
    assert "What do annotators prefer?" in page and "<b>maths</b>" not in page
    assert ("&lt;b&gt;maths&lt;/b&gt;" in page) == with_text


def test_an_older_audit_has_no_such_section() -> None:
    pairs, strengths = fake_tables(60)
    assert "What do annotators prefer?" not in render_audit_report(fake_metrics(60), pairs, strengths)  # type: ignore[arg-type]


def test_the_file_has_every_row_and_no_formula() -> None:
    header, rows = leaning_file([*FOUND["features"], *CATEGORIES["clear"]], True)
    cells = [dict(zip(header, row, strict=True)) for row in rows]
    assert len(cells) == 9 and cells[-1]["name"] == "'=cooking"
    assert (cells[0]["share"], cells[0]["share_low"], cells[0]["p_adjusted"]) == ("0.7", "0.65", "0.01")
    assert cells[6]["share"] == "" and cells[6]["is_clear"] == "False"
    assert len([*leaning_file([*FOUND["features"], *CATEGORIES["clear"]], False)[1]]) == 7


def test_every_feature_says_what_it_means() -> None:
    assert len({feature.name for feature in FEATURES}) == len(FEATURES) and all(f.meaning for f in FEATURES)


def test_the_figure_draws_labels_and_judges_and_says_what_is_clear() -> None:
    rows = [leaning("words", 0.7), leaning("hedges", 0.51, is_clear=False)]
    figure = leaning_figure(rows)
    assert figure is not None and figure.title == "Clear, tested together: 1 of 2 features"
    assert "words: 70% (65 to 75%), judges 70% (65 to 75%)" in figure.wide and "hedges" in figure.narrow
    assert [entry.shape for entry in figure.legend] == ["dot", "ring"]
    without = leaning_figure([{**row, "judges_share": interval(None)} for row in rows])
    assert without is not None and [entry.shape for entry in without.legend] == ["dot"]
    assert leaning_figure([]) is None
