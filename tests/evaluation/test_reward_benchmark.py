"""A scorer against labels: what is counted, how ties are kept apart, and where the numbers are cut."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from rewardsmith.errors import DataError, RunError
from rewardsmith.evaluation.reward_benchmark import RewardBenchmark, benchmark_rewards, reward_table
from rewardsmith.evaluation.scored_pairs import score_pairs
from rewardsmith.metrics.intervals import wilson
from stub_scorer import StubScorer
from tiny_reward_models import pair_table, some_rows


def says_its_reward(**options: Any) -> StubScorer:
    """The reward is the number that the response begins with."""
    return StubScorer(lambda response: float(response.split()[0]), **options)


def row(chosen: str, rejected: str, prompt: str = "p", **columns: Any) -> dict[str, Any]:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **columns}


def measure(*rows: dict[str, Any]) -> RewardBenchmark:
    return benchmark_rewards(says_its_reward(), pair_table(list(rows)), num_resamples=200)


def test_accuracy_with_ties_apart_and_half_credit_second() -> None:
    m = measure(row("2", "1"), row("1", "3"), row("5", "5.0"), row("4", "1", "q"), row("9", "1", target=0.5)).metrics
    assert m["eval_accuracy"] == pytest.approx(2 / 3)
    assert m["eval_accuracy_ties_half"] == pytest.approx(2.5 / 4)
    assert (m["eval_num_pairs"], m["eval_num_ties"], m["eval_num_label_ties"]) == (4, 1, 1)
    assert m["eval_num_prompts"] == 2


def test_gap_mean_and_likelihood() -> None:
    m = measure(row("2", "1"), row("0", "3")).metrics
    assert m["eval_gap_mean"] == -1.0
    assert m["eval_nll"] == pytest.approx((math.log(1 + math.exp(-1)) + math.log(1 + math.exp(3))) / 2)
    assert (m["eval_mean_reward"], m["eval_min_reward"], m["eval_max_reward"]) == (1.5, 0.0, 3.0)


def test_target_under_one_half_wants_the_other_response() -> None:
    assert measure(row("1", "2", target=0.0)).metrics["eval_accuracy"] == 1.0


def test_constant_rewards_have_no_accuracy_and_half_credit() -> None:
    m = measure(row("1", "1.0"), row("1 a", "1 b", "q")).metrics
    assert m["eval_accuracy"] is None and m["eval_accuracy_ci_low"] is None
    assert m["eval_accuracy_ties_half"] == 0.5


def test_interval_is_over_prompts_not_over_pairs() -> None:
    rows = [row(str(i % 2), "0.5", prompt=f"p{i % 10}") for i in range(200)]
    m = measure(*rows).metrics
    assert m["eval_accuracy_ci_low"] <= 0.2 and m["eval_accuracy_ci_high"] >= 0.8
    alone = measure(*[{**each, "prompt": f"p{i}"} for i, each in enumerate(rows)]).metrics
    assert alone["eval_accuracy_ci_high"] - alone["eval_accuracy_ci_low"] < 0.2


def test_all_correct_on_a_few_prompts_is_not_certainty() -> None:
    m = measure(*(row("2", "1", f"q{i % 10}") for i in range(30))).metrics
    assert m["eval_accuracy_ci_high"] == 1.0 and m["eval_accuracy_ci_low"] == pytest.approx(wilson(10, 10).low)


def test_equal_rewards_are_no_certain_coin() -> None:
    m = measure(*(row("1", "1", f"q{i}") for i in range(12))).metrics
    assert m["eval_accuracy_ties_half"] == 0.5
    assert m["eval_accuracy_ties_half_ci_low"] < 0.45 and m["eval_accuracy_ties_half_ci_high"] > 0.55


def test_one_prompt_has_a_value_but_no_interval() -> None:
    m = measure(row("2", "1"), row("1", "2")).metrics
    assert m["eval_accuracy"] == 0.5 and m["eval_accuracy_ci_low"] is None


def test_categories_are_told_apart_the_largest_first() -> None:
    m = measure(
        row("2", "1", category="maths"),
        row("2", "1", category="chat"),
        row("1", "2", category="chat"),
        row("1", "2", category=None),
    ).metrics
    assert [(c["name"], c["count"], c["accuracy"]) for c in m["by_category"]] == [
        ("chat", 2, 0.5),
        ("(none)", 1, 0.0),
        ("maths", 1, 1.0),
    ]


def test_no_categories_is_none() -> None:
    assert measure(row("2", "1")).metrics["by_category"] is None


def test_reader_of_length_alone_is_seen_by_length_and_by_the_baseline() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(100):
        long, short = sorted(rng.choice(np.arange(20, 200), 2, replace=False), reverse=True)
        texts = f"{long} ".ljust(long, "x"), f"{short} ".ljust(short, "x")
        rows.append(row(*(texts if i % 4 else texts[::-1]), prompt=f"p{i}", target=1.0))
    m = measure(*rows).metrics
    assert m["eval_length_accuracy"] == m["eval_accuracy"] == 0.75
    bins = m["by_length_difference"]
    assert sum(b["count"] for b in bins) == 100 and len(bins) == 5
    assert bins[0]["accuracy"] == 0.0 and bins[-1]["accuracy"] == 1.0
    assert bins[0]["to"] < 0 < bins[-1]["from"]


def test_length_difference_follows_the_preferred_response() -> None:
    [only] = measure(row("1", "2 xxxx", target=0.0)).metrics["by_length_difference"]
    assert only["from"] == only["to"] == 5


def test_pairs_of_weight_zero_are_left_out_and_counted() -> None:
    result = measure(row("2", "1"), row("1", "2", weight=0.0))
    assert result.metrics["eval_accuracy"] == 1.0 and result.metrics["eval_num_without_weight"] == 1
    assert reward_table(result.scored).column("row").to_pylist() == [0]
    with pytest.raises(DataError, match="1 read, all of weight 0"):
        measure(row("2", "1", weight=0.0))


def test_rewards_are_kept_for_every_pair() -> None:
    rows = row("2", "1"), row("1", "1.0"), row("3", "1", target=0.5)
    table = reward_table(measure(*rows).scored)
    assert table.column("gap").to_pylist() == [1.0, 0.0, 2.0]
    assert table.column("credit").to_pylist() == [1.0, 0.5, None]


def test_rewards_of_a_second_model_stand_beside_the_first() -> None:
    pairs = pair_table([row("2", "1"), row("1", "4")])
    first = score_pairs(says_its_reward(), pairs)
    second = score_pairs(StubScorer(lambda response: -float(response)), pairs)
    table = reward_table(first, second)
    assert table.column("gap_compared").to_pylist() == [-1.0, 3.0]
    assert table.column("credit_compared").to_pylist() == [0.0, 1.0]
    alone = reward_table(first).column_names
    assert table.column_names == [*alone, *(f"{name}_compared" for name in alone[2:])]


def test_conversation_that_comes_twice_is_scored_once() -> None:
    scorer = says_its_reward(max_words=1)
    rows = [row("2", "1"), row("3", "1"), row("2", "3"), row("2", "1", "other")]
    scored = benchmark_rewards(scorer, pair_table(rows)).scored
    assert scorer.num_scored == [5] and scored.num_truncated == 5
    assert scored.gap.tolist() == [1.0, 2.0, -1.0, 1.0]


def test_reward_that_is_not_a_number_stops_and_names_the_row() -> None:
    with pytest.raises(RunError, match="1 of 2 pairs got a reward that is not a finite number: row 1"):
        measure(row("2", "1"), row("nan", "1"))


def test_everything_can_be_written_as_json() -> None:
    rows = [{**r, "chosen": "1 " + r["chosen"], "rejected": "2 " + r["rejected"]} for r in some_rows(12)]
    json.dumps(measure(*rows).metrics, allow_nan=False)


def test_each_category_has_its_own_baseline_of_length() -> None:
    rows = [row("1 xxxx", "2", category="easy", prompt=f"e{i}") for i in range(10)]
    rows += [row("3", "1 xxxx", category="hard", prompt=f"h{i}") for i in range(5)]
    m = measure(*rows).metrics
    found = {entry["name"]: (entry["length_accuracy"], entry["accuracy"]) for entry in m["by_category"] or []}
    assert found == {"easy": (1.0, 0.0), "hard": (0.0, 1.0)}
    assert m["eval_length_accuracy"] == pytest.approx(10 / 15)
    assert m["eval_length_accuracy_ci_low"] < 10 / 15 < m["eval_length_accuracy_ci_high"]
    easy = next(entry for entry in m["by_category"] or [] if entry["name"] == "easy")
    assert (easy["length_accuracy_ci_low"], easy["length_accuracy_ci_high"]) == (pytest.approx(wilson(10, 10).low), 1.0)
