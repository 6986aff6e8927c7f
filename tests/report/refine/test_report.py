import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from rewardsmith.artifacts.runs.metrics_file import check_metrics
from rewardsmith.contracts.metrics.audit import ClaimLevel
from rewardsmith.contracts.metrics.refine import RefineMetrics
from rewardsmith.refining.effects import audited_numbers, counted_twice, effects
from rewardsmith.refining.evidence import Evidence
from rewardsmith.refining.ledger import build_ledger
from rewardsmith.refining.recipe import apply_recipe, load_recipe
from rewardsmith.refining.supervision import Supervision
from rewardsmith.report.options import ReportOptions
from rewardsmith.report.refine.doubts import doubt_sentences
from rewardsmith.report.refine.report import (
    key_numbers,
    parameter_words,
    refined_sentence,
    render_refine_report,
    rule_examples,
)
from rewardsmith.report.refine.terminal import print_refined

NUM_PAIRS = 200
Refine = Callable[..., tuple[dict[str, Any], pa.Table]]


@pytest.fixture
def refined(fake_audit: ModuleType) -> Refine:
    """Metrics and ledger of a made-up set after a recipe."""

    def run(recipe: str, texts: Any = None, **said: Any) -> tuple[dict[str, Any], pa.Table]:
        return _refined(*fake_audit.fake_tables(NUM_PAIRS, texts=texts), recipe, **said)

    return run


def _refined(
    pairs: pa.Table,
    strengths: pa.Table,
    recipe: str,
    level: ClaimLevel = "labels_judged",
    why: str | None = None,
    warnings: Sequence[str] = (),
) -> tuple[dict[str, Any], pa.Table]:
    for name in ("target", "weight", "margin"):
        values = np.full(NUM_PAIRS, float(name != "margin"), dtype=np.float32)
        pairs = pairs.set_column(pairs.column_names.index(name), name, pa.array(values))
    for member in range(2):
        strengths = strengths.append_column(f"gap_{member}", strengths["strength_mean"])
        strengths = strengths.append_column(f"trained_{member}", pa.array(np.zeros(NUM_PAIRS, dtype=bool)))
    halved = pa.array(strengths["p_wrong"].to_numpy()[::-1] * (np.arange(NUM_PAIRS) % 2))
    strengths = strengths.append_column("p_wrong_structured", halved)
    evidence, given = Evidence.from_tables(pairs, strengths), Supervision.of(pairs)
    done = apply_recipe(load_recipe(recipe), evidence, given)
    metrics: dict[str, Any] = {
        "schema_version": 1,
        "dataset_name": "<set>",
        "title": "Refined: <set>",
        "recipe": {
            "name": recipe,
            "description": done.recipe.description,
            "fingerprint": done.recipe.fingerprint,
            "why": why,
        },
        "data": {
            "num_rows_read": NUM_PAIRS,
            "num_rows_available": NUM_PAIRS,
            "num_quarantined": 0,
            "format": "trl",
            "num_kept_as_text": 0,
        },
        **effects(evidence, given, done, 200),
        "audited": audited_numbers(evidence, given, done, level, list(warnings)),
        "num_counted_twice": counted_twice(given, done),
        "rounds": None,
        "label_noise": None,
        "train_file": {"num_rows": NUM_PAIRS, "num_swapped": 0, "left_out": {}, "not_expressed": {"target": 7}},
        "next_steps": [{"text": "Train.", "command": "rewardsmith train r"}],
    }
    check_metrics(metrics, RefineMetrics, "")
    return metrics, build_ledger(pairs, strengths, given, done)


def test_the_page_says_what_each_rule_did_and_shows_pairs_with_before_and_after(refined: Refine):
    metrics, ledger = refined("flip+margin")
    page = render_refine_report(metrics, ledger, ReportOptions(report_examples=3))
    assert "Refined: &lt;set&gt;" in page and "<set>" not in page
    assert "20 labels flipped" in page
    assert "strength_quantile: [0.0, 0.1]" in page
    assert page.count('<article class="pair">') == 6
    assert re.search(r"target 1.00, margin 0.00, weight 1.00 <strong>→ target 0.00, margin", page)
    assert "CHOSENTEXT" in page
    for word in ("cooking", "ann-1", "the longer response is the better one", "rewardsmith train r"):
        assert word in page


def test_a_page_without_texts_has_none(refined: Refine):
    metrics, ledger = refined("drop")
    page = render_refine_report(metrics, ledger, ReportOptions(report_text="none"))
    for word in ("CHOSENTEXT", "cooking", "ann-1"):
        assert word not in page
    assert "dropped" in page and "category 1" in page


def test_nothing_in_a_text_becomes_part_of_the_page(refined: Refine):
    attack = "<script>alert(1)</script> {{ 7 * 7 }}"
    metrics, ledger = refined("drop_lowest", [([{"role": "user", "content": attack}], attack, "no")])
    page = render_refine_report(metrics, ledger)
    assert "<script>alert" not in page
    assert "{{ 7 * 7 }}" in page


def test_a_recipe_that_changes_nothing_has_a_page_too(refined: Refine):
    metrics, ledger = refined("none")
    page = render_refine_report(metrics, ledger)
    assert "0 of 200 pairs changed." in page
    assert "every pair is as it was given" in page
    assert rule_examples(ledger, [], 5, True) == []


def test_flips_stand_beside_what_the_audit_doubts(refined: Refine):
    metrics, ledger = refined("flip+margin")
    p_wrong, flipped = ledger["p_wrong"].to_numpy(), ledger["swapped"].to_numpy(zero_copy_only=False)
    doubted, wrong = (p_wrong > 0.5).sum(), p_wrong[flipped].sum()
    assert 20 < doubted < 60
    expected = [
        f"The audit doubts {doubted} labels (p_wrong over 0.5): 20 of them were flipped.",
        f"Wrong among the 20 flipped: about {wrong:.0f} by p_wrong.",
    ]
    assert doubt_sentences(metrics) == expected
    page = render_refine_report(metrics, ledger)
    assert all(sentence in page for sentence in expected)
    assert [number.label for number in key_numbers(metrics)][1:4] == ["flipped", "dropped", "doubted"]
    assert key_numbers(metrics)[3].value == str(doubted)


def test_a_recipe_by_the_structured_audit_has_both_figures_side_by_side(refined: Refine):
    metrics, _ = refined("structured_drop")
    first, second, third = doubt_sentences(metrics)
    audited = metrics["audited"]
    structured, both = audited["p_wrong_structured"]["num_doubted"], audited["num_doubted_by_both"]
    assert first.endswith(f"labels (p_wrong over 0.5): {both} of them were dropped.")
    assert f"it is over 0.5 for {structured} pairs, and for {both} both are" in second
    assert f"lets errors follow length and category: it is over 0.5 for {structured} pairs" in second
    assert re.fullmatch(
        rf"Wrong among the {structured} dropped: about \d+ by p_wrong, \d+ by p_wrong_structured\.", third
    )


def test_at_a_reading_order_no_label_is_called_wrong(refined: Refine):
    metrics, ledger = refined("drop", level="reading_order", warnings=["An <order> only."])
    number = (ledger["p_wrong"].to_numpy() > 0.5).sum()
    assert doubt_sentences(metrics)[0] == (
        f"The audit gives a reading order and calls no label wrong; p_wrong is over 0.5 for {number} pairs: "
        f"{number} of them were dropped."
    )
    page = render_refine_report(metrics, ledger)
    assert ">An &lt;order&gt; only.</p>" in page and "doubt" not in page.split("<main>")[0]


def test_where_the_audit_cannot_tell_no_label_is_counted(refined: Refine):
    metrics, ledger = refined("flip", level="cannot_tell", warnings=["As asked."])
    assert doubt_sentences(metrics) == ["The audit cannot tell which labels are wrong, and doubts none."]
    assert "p_wrong over" not in render_refine_report(metrics, ledger)
    assert key_numbers(metrics)[3].detail == "the audit cannot tell"
    untouched, ledger = refined("none", level="cannot_tell", why="It cannot tell.")
    assert doubt_sentences(untouched) == []
    assert ">It cannot tell.</p>" in render_refine_report(untouched, ledger)


def test_the_terminal_says_why_and_leaves_warnings_to_the_line_that_was_said(refined: Refine):
    console = Console(width=200, record=True, file=io.StringIO())
    print_refined(refined("none", why="It [bold]cannot tell.")[0], console, "r.html")
    print_refined(refined("drop", warnings=["As asked."])[0], console, "r.html")
    shown = console.export_text()
    assert "It [bold]cannot tell." in shown and "As asked." not in shown


def test_what_counts_twice_and_what_others_cannot_read_is_said(refined: Refine):
    metrics, ledger = refined("soft_label+margin")
    page = render_refine_report(metrics, ledger)
    assert f"On {metrics['num_counted_twice']} pairs the judges' evidence counts twice" in page.replace("&#39;", "'")
    assert "the target of 7 of its 200 rows" in page


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, ""),
        ({"alpha": 0.2}, "alpha: 0.2"),
        ({"where": {"category": ["数学", "Übung"]}}, "where: {category: [数学, Übung]}"),
        ({"where": {"p_wrong": [0.5, None], "category": ["a"]}}, "where: {p_wrong: [0.5, null], category: [a]}"),
    ],
)
def test_parameters_are_written_as_in_a_recipe(parameters, words):
    assert parameter_words(parameters) == words


def test_rounds_are_told_with_what_the_last_two_share(refined: Refine):
    metrics, ledger = refined("drop_lowest")
    turns = {"num_turned": 3, "num_dropped": 20}
    metrics["rounds"] = [
        {"num_flagged": 31, "overlap_with_last": None, **turns},
        {"num_flagged": 29, "overlap_with_last": 0.875, **turns},
    ]
    page = render_refine_report(metrics, ledger)
    assert "2 rounds; of the pairs in doubt in the last or the one before, 88% are in doubt in both." in page
    assert re.search(r'<td class="n">2</td><td class="n">29</td><td class="n">88%</td>', page)
    assert "rounds" not in render_refine_report({**metrics, "rounds": None}, ledger)


def test_the_sentence_leaves_out_what_did_not_happen(refined: Refine):
    metrics, _ = refined("drop_lowest")
    assert refined_sentence(metrics) == "By the recipe drop_lowest, 20 of 200 pairs changed: 20 pairs dropped."


def test_examples_are_the_most_doubtful_of_a_rule_and_one_a_group(refined: Refine):
    _, ledger = refined("drop_lowest")
    (group,) = rule_examples(ledger, ["drop"], 4, with_text=False)
    rows = [example.pair.row for example in group.examples]
    dropped = np.flatnonzero(ledger["weight"].to_numpy() == 0)
    assert set(rows) <= set(dropped.tolist())
    assert len({row // 3 for row in rows}) == 4
    doubt = ledger["p_wrong"].to_numpy()
    assert rows[0] == dropped[np.argmax(doubt[dropped])]


def test_examples_are_those_of_each_rule_where_several_bear_a_name(refined: Refine, tmp_path: Path):
    path = tmp_path / "two.yaml"
    path.write_text(
        "rules:\n- {rule: drop, where: {strength_quantile: [0, 0.1]}}\n- {rule: drop, where: {category: [cooking]}}\n"
    )
    metrics, ledger = refined(str(path))
    assert [rule["rule"] for rule in metrics["rules"]] == ["drop 1", "drop 2"]
    low, cooking = rule_examples(ledger, ["drop 1", "drop 2"], 3, with_text=False)
    assert all("(strength_quantile 0 to 0.1)" in example.reason for example in low.examples)
    assert all(example.reason.endswith("(category cooking)") for example in cooking.examples)
    assert "<h3>drop 2</h3>" in render_refine_report(metrics, ledger)


def test_a_pair_is_shown_once_under_the_first_rule_that_was_for_it(refined: Refine):
    _, ledger = refined("flip+margin")
    groups = rule_examples(ledger, ["flip", "adaptive_margin", "drop"], 5, with_text=False)
    assert [group.rule for group in groups] == ["flip", "adaptive_margin"]
    rows = [example.pair.row for group in groups for example in group.examples]
    assert len(rows) == len(set(rows)) == 10
