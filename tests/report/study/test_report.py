import io
from typing import Any

import pytest
from rich.console import Console

from rewardsmith.report.study.report import render_study_report
from rewardsmith.report.study.tables import (
    brief_text,
    chosen_rows,
    gain_text,
    gap_text,
    measured,
    method_rows,
    pool_columns,
    print_study,
    share_text,
    verdict,
)


def estimate(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def outcome(share: float, gain: float, word: str) -> dict[str, Any]:
    return {
        "share": estimate(share, share - 0.1, share + 0.1),
        "gain": estimate(gain, gain - 0.01, gain + 0.01),
        "verdict": word,
    }


def place(kind: str, rate: float, gap: float) -> dict[str, Any]:
    arms = {"plain": 0.8 - gap, "clean": 0.8, "drop": 0.8 - gap / 2, "<b>.yaml": 0.7, "aum:drop": 0.7, "ours:flip": 0.7}
    return {
        "kind": kind,
        "rate": rate,
        "share_turned": rate,
        "noise_found": rate,
        "gap": {**estimate(gap, gap - 0.01, gap + 0.01), "standard_error": 0.005, "counts": gap > 0.01},
        "arms": {name: {"accuracy": value} for name, value in arms.items()},
    }


@pytest.fixture
def metrics() -> dict[str, Any]:
    pool = {
        "places": [["uniform", 0.2]],
        "mean_gap": estimate(0.06, 0.05, 0.07),
        "methods": {
            "clean": outcome(1.0, 0.06, "better"),
            "drop": outcome(0.5, 0.03, "better"),
            "<b>.yaml": outcome(-0.2, -0.012, "worse"),
            "aum:drop": outcome(0.1, 0.006, "unclear"),
            "ours:flip": outcome(0.3, 0.02, "better"),
        },
    }
    chosen = {
        "method": "drop",
        "share": estimate(0.4, 0.2, 0.6),
        "gain": estimate(0.02, 0.01, 0.03),
        "verdict": "better",
    }
    roles = {"plain": "reference", "clean": "reference", "drop": "ours", "<b>.yaml": "ours", "aum:drop": "rival"}
    return {
        "title": "Noise study on <i>prefs</i>",
        "dataset_name": "prefs",
        "model": "embedded/minilm",
        "num_pairs": 1000,
        "test_share": 0.3,
        "fold_by": "prompt",
        "audit_fold_by": "prompt",
        "num_judges": 4,
        "choose_by": "given",
        "trainer": "probe",
        "forked": None,
        "seeds": [0, 1, 2, 3],
        "num_test_groups": 70,
        "enough_groups": True,
        "methods": [{"name": n, "role": r} for n, r in {**roles, "ours:flip": "diagnostic"}.items()],
        "places": [place("none", 0.0, 0.0), place("uniform", 0.2, 0.06)],
        "pools": {"uniform": pool, "all": pool},
        "clean": {"drop": outcome(0.0, -0.003, "unclear")},
        "chosen": {"chosen_on": [0, 1], "reported_on": [2, 3], "pools": {"uniform": {"ours": chosen, "any": chosen}}},
        "detectors": [
            {"kind": "uniform", "rate": 0.2, "detector": "ours", "auroc": 0.8, "precision": 0.5, "recall": 0.5}
        ],
        "limits": {"uniform": {"ours": {"drop": 0.2, "oracle": 0.5}, "oracle": {"drop": 0.9}}},
        "skipped": [{"kind": "longer", "rate": 0.4, "seed": 0, "skipped": "only 30% of the labels"}],
        "failed": [],
        "seconds_a_cell": 12.0,
        "timings": {"cells": 100.0},
    }


def test_shares_and_gains_in_words() -> None:
    assert share_text(outcome(0.41, 0.02, "better")) == "41% (31 to 51) +"
    assert share_text(outcome(-0.2, -0.02, "worse")) == "−20% (−30 to −10) −"
    assert brief_text(outcome(-0.2, -0.02, "worse")) == "−20% −"
    assert share_text(None) == brief_text(None) == "–"
    assert gain_text(outcome(0.1, 0.006, "unclear")) == "0.6 (−0.4 to 1.6)"
    assert gap_text({"value": 0.012, "counts": False}) == "(1.2)"


def test_pools_that_say_the_same_are_one_column(metrics: dict[str, Any]) -> None:
    assert pool_columns(metrics) == ["uniform"]


def test_methods_stand_by_role_and_then_by_share(metrics: dict[str, Any]) -> None:
    assert [row.name for row in method_rows(metrics)] == ["drop", "<b>.yaml", "aum:drop", "ours:flip"]


def test_the_verdict_is_of_what_was_chosen_on_other_seeds(metrics: dict[str, Any]) -> None:
    words = verdict(metrics)
    assert (
        "costs 6.0 points; drop (ours), chosen on half of the seeds, closes 40% (20 to 60%) of that on the others."
    ) in words
    assert chosen_rows(metrics) == [
        ("uniform", among, "drop", "40% (20 to 60) +", "2.0 (1.0 to 3.0) +") for among in ("ours", "ours and rivals")
    ]
    metrics["chosen"]["pools"]["uniform"]["any"] = {
        "method": "plain",
        "share": None,
        "gain": estimate(0, 0, 0),
        "verdict": "unclear",
    }
    assert "on half of the seeds nothing gained anything on plain training" in verdict(metrics)


def test_a_choice_that_does_not_hold_is_told(metrics: dict[str, Any]) -> None:
    metrics["chosen"]["pools"]["uniform"]["any"]["verdict"] = "unclear"
    assert "drop (ours), chosen on half of the seeds, is not clearly better than plain training on the others" in (
        verdict(metrics)
    )


def test_without_seeds_to_choose_on_the_best_is_called_best_in_hindsight(metrics: dict[str, Any]) -> None:
    metrics["chosen"] = None
    assert "costs 6.0 points; drop (ours), the best in hindsight, closes 50% (40 to 60%) of that." in verdict(metrics)


def test_a_rival_that_wins_is_named(metrics: dict[str, Any]) -> None:
    metrics["chosen"] = None
    metrics["pools"]["uniform"]["methods"]["aum:drop"] = outcome(0.8, 0.05, "better")
    assert "aum:drop (rival), the best in hindsight, closes 80%" in verdict(metrics)
    html = render_study_report(metrics)
    assert "Uniform: in hindsight aum:drop closes most of the gap, 80%" in html
    assert "Noise of kind uniform: aum:drop, best in hindsight, closes 80% of the gap" in html
    assert "aum:drop (rival)</td>" in html


def test_single_votes_are_in_verdict_and_tables(metrics: dict[str, Any]) -> None:
    votes = {**metrics["pools"]["uniform"], "places": [["votes", 0.0]]}
    metrics |= {"pools": {"votes": votes}, "chosen": None}
    metrics["places"] = [place("none", 0.0, 0.0), place("votes", 0.0, 0.06)]
    assert "Noise of kind single votes costs 6.0 points; drop (ours), the best in hindsight" in verdict(metrics)
    assert "Single votes: in hindsight drop closes most of the gap" in render_study_report(metrics)


def test_why_there_is_no_share_is_told(metrics: dict[str, Any]) -> None:
    metrics |= {"pools": {}, "chosen": None, "limits": {}}
    assert "there is nothing to close" in verdict(metrics)
    metrics |= {"num_test_groups": 7, "enough_groups": False}
    assert "Only 7 groups were tested, too few" in verdict(metrics)
    assert ("intervals", "none: only 7 groups that were tested on") in measured(metrics)
    metrics["places"] = []
    assert verdict(metrics) == "Nothing was measured: only 30% of the labels"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (0.02, "About 7,900 pairs like these would show one of 2 points; this set has 1,000."),
        (0.005, "One of 2 points would have been seen."),
    ],
)
def test_a_study_that_sees_nothing_says_how_many_pairs_would(metrics: dict[str, Any], error: float, words: str) -> None:
    metrics |= {"pools": {}, "chosen": None, "limits": {}}
    metrics["places"] = [place("none", 0.0, 0.5), place("uniform", 0.1, -0.01), place("uniform", 0.2, 0.006)]
    for each in metrics["places"]:
        each["gap"]["standard_error"] = error
    told = f"The largest gap is 0.6 points, with a standard error of {100 * error:.1f}. {words}"
    assert verdict(metrics).endswith(told)
    assert told in render_study_report(metrics)


def test_what_was_left_out_is_named_with_its_reason(metrics: dict[str, Any]) -> None:
    failed = {"kind": "uniform", "rate": 0.2, "seed": 1, "method": "margin", "reason": "a head did not converge"}
    metrics["failed"] = [failed, {**failed, "seed": 2}]
    rows = dict(measured(metrics))
    assert rows["left out"] == "longer 0.4: only 30% of the labels; margin at uniform 0.2: a head did not converge"
    assert rows["time"] == "12 s a cell, on one core (median)"


def test_the_trainer_that_ran_is_described(metrics: dict[str, Any]) -> None:
    probe = dict(measured(metrics))
    assert probe["features"] == "embedded/minilm, frozen; every arm trains one head on them"
    assert "Every arm chooses its penalty in the same way." in render_study_report(metrics)
    arms = {"num_train_epochs": 4, "learning_rate": 3e-3, "per_device_train_batch_size": 8, "lora_r": 16}
    metrics |= {"trainer": "forked", "forked": {**arms, "fork_layer": 5}}
    forked = dict(measured(metrics))
    assert forked["arms"] == (
        "adapters (rank 16) and a head of each, above the first 5 blocks of embedded/minilm, frozen and shared"
    )
    assert forked["training"] == "4 epochs of two thirds of the training pairs, 8 a step, learning rate 0.003"
    assert forked["epochs"] == probe["penalties"]
    html = render_study_report(metrics)
    assert "Every arm chooses its epoch in the same way." in html
    assert "penalt" not in html and "trains one head" not in html


def test_the_verdict_admits_that_nothing_helps(metrics: dict[str, Any]) -> None:
    metrics["chosen"] = None
    metrics["pools"]["uniform"]["methods"]["drop"]["verdict"] = "unclear"
    assert "no method is clearly better than plain training" in verdict(metrics)
    metrics["pools"] = {}
    assert "there is nothing to close" in verdict(metrics)


def test_the_report_escapes_names_and_shows_every_section(metrics: dict[str, Any]) -> None:
    html = render_study_report(metrics)
    assert "<b>.yaml" not in html
    assert "&lt;b&gt;.yaml" in html
    assert "<i>prefs" not in html
    for section in ("shares", "curves", "gaps", "chosen", "limits", "detectors", "measured"):
        assert f'<section id="{section}">' in html


def test_a_study_without_a_gap_still_has_a_report(metrics: dict[str, Any]) -> None:
    metrics |= {"pools": {}, "limits": {}, "chosen": None, "clean": None, "detectors": []}
    html = render_study_report(metrics)
    assert '<section id="gaps">' in html
    assert '<section id="chosen">' not in html


def test_the_terminal_shows_names_as_they_are(metrics: dict[str, Any]) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    print_study(metrics, console, "runs/x/report.html")
    text = console.export_text()
    assert "<b>.yaml" in text
    assert "50% +" in text
    assert "runs/x/report.html" in text
