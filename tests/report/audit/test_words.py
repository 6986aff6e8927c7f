from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rewardsmith.report.audit.next_steps import AskedFor
from rewardsmith.report.audit.words import accuracy_sentence, structured_sentence, with_words

NUMBERS: dict[str, Any] = {
    "claim": {"level": "labels_judged", "doubts": []},
    "data": {
        "num_pairs": 100,
        "num_rows_read": 103,
        "num_rows_available": 103,
        "num_quarantined": 3,
        "num_responses": 200,
    },
    "ensemble": {
        "kind": "probe",
        "model": "embedded/minilm",
        "num_members": 50,
        "num_judges": 10,
        "num_pairs_without_judges": 0,
        "fold_by": "prompt",
        "crossfit": "groups",
    },
    "strength": {"classes": {"incorrect": 12, "ambiguous": 5, "normal": 60, "strong": 23}},
    "accuracy": {
        "held_out": {"value": 0.8, "low": 0.75, "high": 0.85},
        "length_only": {"value": 0.55, "prefers": "longer"},
        "attainable": {"value": 0.9, "low": 0.88, "high": 0.93},
    },
    "label_noise": {
        "value": 0.1,
        "low": 0.07,
        "high": 0.12,
        "identifiable": True,
        "in_sample": False,
        "num_groups": 50,
    },
    "planted_flips": [{"kind": "uniform", "rate": 0.2, "auroc": {"value": 0.83}}],
    "structured": None,
}


def words(**changes: dict[str, Any]) -> dict[str, Any]:
    """Of the numbers with some of their parts changed."""
    numbers = {**NUMBERS, **{name: {**(NUMBERS[name] or {}), **part} for name, part in changes.items()}}
    return with_words(numbers, AskedFor("runs/audit", {"dataset_name": "prefs.jsonl"}), keeps_members=True)


def commands(found: dict[str, Any]) -> str:
    return " ".join(step["command"] for step in found["next_steps"])


def test_the_verdict_names_all_that_was_found() -> None:
    verdict = words()["verdict"]
    for each in ("About 10% of the labels are wrong (7% to 12%)", "12 are more likely mislabelled than not"):
        assert each in verdict
    for each in ("5 are ambiguous", "20% of the labels flipped", "83% of the time", "3 of 103 rows were quarantined"):
        assert each in verdict
    assert "see quarantine.jsonl" in verdict
    assert "quarantine" not in words(data={"num_quarantined": 0})["verdict"]


def test_numbers_stay_as_they_are() -> None:
    found = words()
    for name, part in NUMBERS.items():
        assert part is None or isinstance(part, list) or part.items() <= found[name].items()
    assert "assumption" not in NUMBERS["label_noise"]


@pytest.mark.parametrize(
    ("noise", "reason"),
    [
        ({"in_sample": True}, "every judge trained on the labels that it judges"),
        ({"num_groups": 5}, "5 groups of prompts are too few"),
        ({}, "not sure enough"),
    ],
)
def test_a_share_that_is_not_identifiable_comes_with_its_reason(noise: dict[str, Any], reason: str) -> None:
    found = words(label_noise={"identifiable": False, **noise})
    assert reason in found["label_noise"]["sentence"]
    assert "between 88% and 93%" in found["accuracy"]["sentence"]


def test_an_accuracy_without_judges_is_not_explained() -> None:
    assert accuracy_sentence({**NUMBERS["accuracy"], "held_out": None}, NUMBERS["label_noise"]) == ""


@pytest.mark.parametrize(("kind", "who"), [("full", "each trained on its own"), ("forked", "share their lower layers")])
def test_members_that_are_models_are_introduced_and_can_score(kind: str, who: str) -> None:
    found = words(ensemble={"kind": kind})
    assert who in found["verdict"]
    assert found["ensemble"]["limits"]
    assert "--reward_model_path runs/audit" in commands(found)
    assert "--reward_model_path" not in commands(words())


def test_given_scores_were_not_refitted_on_planted_labels() -> None:
    (planted,) = words(ensemble={"kind": "given"})["planted_flips"]
    assert "not refitted" in planted["limits"]
    assert "not refitted" not in words()["planted_flips"][0]["limits"]


def test_judges_that_are_not_sure_ask_for_a_stronger_one() -> None:
    unsure = {"level": "reading_order", "doubts": ["not_identifiable"]}
    assert "Qwen3" in commands(words(claim=unsure))
    assert "Qwen3" not in commands(words())
    assert "--fold_by pair" in commands(words(data={"num_responses": 50}))


def said(**changes: object) -> str | None:
    usual = {"longer_rate": 0.1, "shorter_rate": 0.1, "p_rates_differ": 0.1, "categories": None}
    return structured_sentence({**usual, **changes})


def test_errors_that_gather_nowhere_are_no_sentence() -> None:
    assert said() is None


@pytest.mark.parametrize(
    ("longer", "shorter", "words"),
    [
        (0.4, 0.05, ("towards the longer response", "in about 40%", "in 5%", "preference for length")),
        (0.05, 0.4, ("towards the shorter response", "in about 40%", "in 5%", "preference for brevity")),
    ],
)
def test_a_lean_is_told_with_what_else_it_may_be(longer: float, shorter: float, words: tuple[str, ...]) -> None:
    sentence = said(longer_rate=longer, shorter_rate=shorter, p_rates_differ=0.99)
    assert sentence is not None
    for each in (*words, "would look the same"):
        assert each in sentence


def test_a_lean_has_to_be_sure_and_worth_a_sentence() -> None:
    assert said(longer_rate=0.4, shorter_rate=0.05, p_rates_differ=0.9) is None
    assert said(longer_rate=0.14, shorter_rate=0.1, p_rates_differ=0.999) is None


def test_categories_that_differ_are_told_without_their_names() -> None:
    rows = [{"name": "SECRET", "count": 60, "share_wrong": 0.7}, {"name": "other", "count": 60, "share_wrong": 0.04}]
    sentence = said(categories=rows)
    assert sentence is not None and "from 4% to 70%" in sentence and "SECRET" not in sentence
    assert said(categories=[{**rows[0], "count": 10}, rows[1]]) is None
    assert said(categories=[{**rows[0], "share_wrong": 0.1}, rows[1]]) is None


@pytest.mark.parametrize("module", ["terminal", "refine.terminal", "evaluate.terminal", "study.tables", "audit.words"])
def test_words_for_a_terminal_load_no_plotting_library(module: str, fake_audit: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps(fake_audit.fake_metrics(200)))
    script = f"""
import json, sys
from rich.console import Console
import rewardsmith.report.{module}
from rewardsmith.report.terminal import print_verdict
print_verdict(json.load(open(sys.argv[1])), Console())
print(*sys.modules)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "metrics.json")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "one label in five" in run.stdout
    assert {"altair", "vl_convert", "matplotlib"} & {name.split(".")[0] for name in run.stdout.split()} == set()
