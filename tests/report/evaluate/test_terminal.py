"""An evaluation on a terminal."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rewardsmith.report.evaluate.terminal import print_evaluation, print_states

SLICE = {
    "count": 50,
    "accuracy": 0.6,
    "accuracy_ci_low": 0.5,
    "accuracy_ci_high": 0.7,
    "num_ties": 1,
    "gap_mean": 0.4,
}
BY_LENGTH = {"length_accuracy": 0.25, "length_accuracy_ci_low": 0.2, "length_accuracy_ci_high": 0.3}
PLOTTING = ("altair", "matplotlib", "vl_convert")


@pytest.fixture
def metrics() -> dict[str, Any]:
    """Numbers as `evaluate` writes them."""
    measures = ("ece", "ece_by_chance", "brier", "nll")
    return {
        "eval_accuracy": 0.72,
        "eval_accuracy_ci_low": 0.7,
        "eval_accuracy_ci_high": 0.745,
        "eval_accuracy_ties_half": 0.715,
        "eval_length_accuracy": None,
        "eval_length_accuracy_ci_low": None,
        "eval_length_accuracy_ci_high": None,
        **dict.fromkeys(("eval_num_pairs", "eval_num_prompts", "eval_num_ties", "eval_num_label_ties"), 1500),
        "eval_num_without_weight": 0,
        "eval_gap_mean": 1.2,
        **{f"eval_{name}": 0.15 for name in measures},
        **{f"eval_{name}_at_temperature": 0.03 for name in measures},
        "eval_temperature": 2.03,
        "eval_temperature_ci_low": None,
        "eval_temperature_ci_high": None,
        "eval_temperature_note": None,
        "eval_kept_temperature": None,
        "by_category": [{**SLICE, **BY_LENGTH, "name": f"[bold]{number}[/bold] [/]"} for number in range(31)],
        "by_length_difference": [{**SLICE, "from": -1030, "to": 12}],
    }


def printed(metrics: dict[str, Any], comparison: dict[str, Any] | None = None) -> str:
    console = Console(file=io.StringIO(), width=200, force_terminal=False)
    print_evaluation(metrics, console, comparison)  # type: ignore[arg-type]
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_numbers_stand_with_their_intervals_and_dashes_where_there_are_none(metrics: dict[str, Any]) -> None:
    text = printed(metrics)
    assert text.splitlines()[1].startswith("Accuracy 0.7200 [0.7000, 0.7450] on 1,500 pairs")
    assert "preferring the longer response: -." in text and "Temperature 2.0300;" in text
    assert "-1,030 to +12" in text and "0.6000 [0.5000, 0.7000]" in text


@pytest.mark.parametrize(
    ("ends", "opening"),
    [
        ((0.7, 0.745), "Better than a coin: accuracy 0.720 (0.700 to 0.745)."),
        ((0.49, 0.745), "No better than a coin: accuracy 0.720 (0.490 to 0.745)."),
        ((0.3, 0.48), "Worse than a coin: accuracy 0.720 (0.300 to 0.480)."),
        ((None, None), "Too few prompts to tell it from a coin: accuracy 0.720 on 1,500 pairs."),
    ],
)
def test_it_opens_with_the_sentence_that_matters(metrics: dict[str, Any], ends: Any, opening: str) -> None:
    metrics |= dict(zip(("eval_accuracy_ci_low", "eval_accuracy_ci_high"), ends, strict=True))
    assert printed(metrics).splitlines()[0] == opening


def test_few_prompts_have_no_interval_and_do_not_tell(metrics: dict[str, Any]) -> None:
    without = {"eval_accuracy_ci_low": None, "eval_accuracy_ci_high": None}
    assert printed(metrics | without).startswith("Too few prompts to tell it from a coin:")


def test_a_temperature_that_was_fitted_on_this_set_is_said_to_be(metrics: dict[str, Any]) -> None:
    names = ("ece_at_kept_temperature", "nll_at_kept_temperature", "kept_temperature")
    metrics |= {f"eval_{name}": 1.5 for name in names}
    assert "that the model carries, fitted on this set (in-sample): " in printed(
        metrics | {"kept_temperature_in_sample": True}
    )
    assert "in-sample" not in printed(metrics)


def test_the_largest_categories_are_shown_and_their_names_are_no_markup(metrics: dict[str, Any]) -> None:
    text = printed(metrics)
    assert "[bold]29[/bold] [/]" in text and "[bold]30[/bold]" not in text
    assert "... and 1 more in metrics.json" in text


def test_a_second_model_is_compared_measure_by_measure(metrics: dict[str, Any]) -> None:
    entry = {"first": 0.6, "second": 0.5, "difference": 0.1, "difference_low": 0.05, "difference_high": 0.15}
    measures = {name: {**entry, "is_clear": name != "brier"} for name in ("accuracy_ties_half", "nll", "brier")}
    unknown = {**entry, "difference": None, "is_clear": False}
    counts = {"num_only_first_right": 85, "num_only_second_right": 58}
    found = {"reward_model": "runs/old", **measures, "nll_at_temperature": unknown, **counts}
    text = printed(metrics, found)
    assert "Against runs/old on the same pairs: only this model is right on 85, only the other on 58." in text
    assert "accuracy (ties half) 0.6000 against 0.5000: difference +0.1000 [+0.0500, +0.1500]\n" in text
    assert "Brier score 0.6000 against 0.5000: difference +0.1000 [+0.0500, +0.1500], not clear" in text
    assert "at its own temperature" not in text


def test_printing_loads_no_plotting_library(metrics: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    script = (
        "import json, sys\nfrom rich.console import Console\n"
        "from rewardsmith.report.evaluate.terminal import print_evaluation\n"
        "print_evaluation(json.load(open(sys.argv[1])), Console(file=sys.stderr))\nprint(*sys.modules)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "metrics.json")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Accuracy" in run.stderr
    assert not {name.split(".")[0] for name in run.stdout.split()} & set(PLOTTING)


def test_states_are_told_in_two_sentences() -> None:
    numbers = {"num_dimensions": 2048, "num_pairs": 300, "effective_rank": 57.25, "uniformity": None}
    chance = {"overlap": 0.5, "overlap_by_chance_low": 0.45, "overlap_by_chance_high": 0.55, "collapse": None}
    console = Console(file=io.StringIO(), width=300, force_terminal=False)
    print_states({**numbers, **chance}, console)  # type: ignore[arg-type]
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert said.startswith(
        "The head reads 2,048 numbers; on 300 pairs their effective rank is 57.2, uniformity \N{EN DASH}."
    )
    assert "lie mixed: 50%" in said
