from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rewardsmith.report.audit.words.results import accuracy_sentence, structured_sentence
from small_audit import NUMBERS, words


def commands(found: dict[str, Any]) -> str:
    return " ".join(step["command"] for step in found["next_steps"])


def test_numbers_stay_as_they_are() -> None:
    found = words()
    for name, part in NUMBERS.items():
        assert part is None or isinstance(part, list) or part.items() <= found[name].items()
    assert "assumption" not in NUMBERS["label_noise"]


def test_a_share_that_cannot_be_told_comes_with_its_reason() -> None:
    found = words(claim={"level": "reading_order", "doubts": ["few_groups"]}, label_noise={"num_groups": 5})
    assert "cannot be told (7 to 12% is possible)" in found["label_noise"]["sentence"]
    assert "5 groups of prompts are too few" in found["label_noise"]["sentence"]
    assert "cannot be told" in found["accuracy"]["sentence"]


def test_an_accuracy_without_judges_is_not_explained() -> None:
    assert accuracy_sentence({**NUMBERS["accuracy"], "held_out": None}) == ""


@pytest.mark.parametrize(("kind", "who"), [("full", "each trained on its own"), ("forked", "share their lower layers")])
def test_members_that_are_models_are_introduced_and_can_score(kind: str, who: str) -> None:
    found = words(ensemble={"kind": kind})
    assert who in " ".join(found["verdict"]["rest"])
    assert found["ensemble"]["limits"]
    assert "--reward_model_path runs/audit" in commands(found)
    assert "--reward_model_path" not in commands(words())


def test_given_scores_were_not_refitted_on_planted_labels() -> None:
    (planted,) = words(ensemble={"kind": "given"})["planted_flips"]
    assert "not refitted" in planted["limits"]
    assert "not refitted" not in words()["planted_flips"][0]["limits"]


def test_judges_that_are_not_sure_ask_for_a_stronger_one() -> None:
    unsure = {"level": "reading_order", "doubts": ["not_identifiable"]}
    assert "rewardsmith audit prefs.jsonl --model_name_or_path Qwen/Qwen3" in commands(words(claim=unsure))
    assert "rewardsmith audit prefs.jsonl --model_name_or_path Qwen/Qwen3" not in commands(words())
    assert "--fold_by pair" in commands(words(data={"num_responses": 50}))


def said(**changes: object) -> str | None:
    usual = {"longer_rate": 0.1, "shorter_rate": 0.1, "leans_to": None, "gathers": False, "categories": None}
    return structured_sentence({**usual, **changes})


def test_errors_that_gather_nowhere_are_no_sentence() -> None:
    assert said() is None


@pytest.mark.parametrize(("longer", "leans_to", "taste"), [(0.4, "longer", "length"), (0.05, "shorter", "brevity")])
def test_a_lean_is_told_with_what_else_it_may_be(longer: float, leans_to: str, taste: str) -> None:
    sentence = said(longer_rate=longer, shorter_rate=0.45 - longer, leans_to=leans_to)
    assert sentence is not None
    for each in (f"towards the {leans_to} response", "in about 40%", "in 5%", f"preference for {taste}"):
        assert each in sentence
    unshared = said(longer_rate=None, shorter_rate=None, leans_to=leans_to)
    assert unshared is not None and f"towards the {leans_to} response" in unshared and "%" not in unshared


def test_categories_that_differ_are_told_without_their_names() -> None:
    rows = [{"name": "SECRET", "count": 60, "share_wrong": 0.7}, {"name": "other", "count": 60, "share_wrong": 0.04}]
    sentence = said(gathers=True, categories=[*rows, {"name": "few", "count": 10, "share_wrong": 0.9}])
    assert sentence is not None and "from 4% to 70%" in sentence and "SECRET" not in sentence
    unshared = said(gathers=True)
    assert unshared is not None and "gather in categories" in unshared and "%" not in unshared


def test_words_for_a_terminal_load_no_plotting_library(fake_audit: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps(fake_audit.fake_metrics(200)))
    script = """
import json, sys
from rich.console import Console
from rewardsmith.report import terminal
from rewardsmith.report.audit.words import results as words
from rewardsmith.report.evaluate import terminal as _
from rewardsmith.report.refine import terminal as _
from rewardsmith.report.study import tables
terminal.print_verdict(json.load(open(sys.argv[1])), Console())
print(*sys.modules)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "metrics.json")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "one label in five" in run.stdout
    assert {"altair", "vl_convert", "matplotlib"} & {name.split(".")[0] for name in run.stdout.split()} == set()
