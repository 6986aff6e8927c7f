"""What a reader is told of a judging: who wins, how far to trust it, and what was not judged."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from rewardsmith.contracts.metrics.judge import JudgeMetrics
from rewardsmith.report.judge.terminal import forecast_words, print_judging

NOTHING = {"value": None, "low": None, "high": None}
COUNTS: dict[str, Any] = {
    "num_pairs": 100,
    "num_prompts": 50,
    "num_judged": 97,
    "num_equal": 0,
    "not_judged_by_problem": {"cut_off": 2, "no_answer": 1},
}
CONTEST: dict[str, Any] = {
    **COUNTS,
    "first": "old[b]",
    "second": "new",
    "num_wins": 40,
    "num_ties": 17,
    "num_losses": 40,
    "win_rate": {"value": 0.5, "low": 0.4, "high": 0.6},
    "verdict": "unclear",
    "smallest_seen": 0.14,
    "length_gap_mean": 3.0,
    "length_controlled_rate": NOTHING,
    "gold_win_rate": None,
}
TRUTH: dict[str, Any] = {
    **COUNTS,
    "not_judged_by_problem": {},
    "name": "prefs",
    "truth": "labels",
    "num_ties": 5,
    "share_of_gain": 0.6,
    "accuracy": {"value": 0.82, "low": 0.75, "high": 0.88},
    "accuracy_ties_half": {"value": 0.8, "low": 0.7, "high": 0.9},
    "needed": [{"gain": 0.05, "num_comparisons": 2100, "num_comparisons_at_low": 4800}],
}
JUDGE = {"judge": "m", "rubric": "paper", "orders": "random", "tie_band": None}
FORECAST: Any = {
    "num_requests": 1200,
    "num_requests_most": 2400,
    "num_kept": 3,
    "num_tokens_in": 500_000,
    "num_tokens_out": 9000,
    "cost": 1.25,
    "cost_most": 2.5,
}


def file(name: str, rating: Any = NOTHING) -> dict[str, Any]:
    counts = {"num_rows": 60, "num_bad_rows": 2, "bad_rows_by_reason": {}, "num_prompts": 58, "num_responses": 58}
    return {"name": name, **counts, "rating": rating, "columns_not_read": {}}


def shown(**numbers: Any) -> str:
    contests = {"files": [file("old[b]"), file("new")], "contests": [CONTEST]}
    usual = {**contests, **JUDGE, "truth": [], "position": None, "spent": None}
    metrics: JudgeMetrics = {**usual, "duration_s": 61.0, **numbers}  # type: ignore[typeddict-item,assignment]
    console = Console(file=io.StringIO(), width=200)
    print_judging(metrics, console)
    return " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]


def test_a_contest_and_what_it_could_have_seen() -> None:
    said = shown()
    assert "old[b] new 40/17/40 50.0 (40.0\N{EN DASH}60.0)" in said and "unclear" in said
    assert "this far from a half: 14.0% (old[b] against new)" in said
    assert "Judge: m, by the rubric paper, asked once, in a random order." in said
    assert "Ratings" not in said and "new: 2 of 60 rows cannot be used: see quarantine.jsonl." in said


def test_what_was_not_judged_names_its_reason_and_the_flag() -> None:
    said = shown()
    assert "2 of 100 pairs were answered up to --max_judge_tokens without a verdict; they count nowhere." in said
    assert "1 of 100 pairs were left without an answer (with --overwrite the same command" in said


def test_the_judge_beside_the_truth() -> None:
    said = shown(truth=[TRUTH])
    assert "agrees with the label in 80.0% (70.0\N{EN DASH}90.0) of 97 pairs of 50 prompts, its 5 ties half" in said
    assert "60% of a true gain shows in its win rate. Prompts that it takes to see a gain of 5%: 2,100." in said
    weak = {**TRUTH, "needed": [{"gain": 0.05, "num_comparisons": None, "num_comparisons_at_low": None}]}
    assert "cannot be told from chance" in shown(truth=[weak])


def test_ratings_of_several_files() -> None:
    rated = {"value": -41.2, "low": -80.0, "high": 3.0}
    files = [file("a", {**NOTHING, "value": 0.0}), file("b", rated), file("c", rated)]
    assert "b \N{MINUS SIGN}41 \N{MINUS SIGN}80 to 3" in shown(files=files)
    assert "There are no ratings" in shown(files=[file("a"), file("b"), file("c")])


def test_a_forecast_says_what_is_kept_already() -> None:
    words = forecast_words(FORECAST)
    assert words.startswith("1,200 requests: about 500,000 tokens to read, up to 9,000 to write, cost up to 1.25.")
    assert "3 answers are kept already" in words
    assert words.endswith("asked for once more: at worst 2,400 requests and a cost up to 2.50.")
