"""A scorer on samples of a policy: what it would choose, and what that is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.contracts.tables import SAMPLES
from rewardsmith.errors import RunError
from rewardsmith.evaluation.policy_samples import compare_samples, sample_numbers, score_samples
from stub_scorer import StubScorer

BY_LENGTH = StubScorer(lambda text: float(len(text)))
BY_SHORTNESS = StubScorer(lambda text: -float(len(text)))


def samples(responses: list[list[str]], gold: list[list[float | None] | None]) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [None] * len(responses) for name in SAMPLES.names}
    columns |= {
        "row": list(range(len(responses))),
        "prompt": [[{"role": "user", "content": f"prompt {i}"}] for i in range(len(responses))],
        "responses": [[[{"role": "assistant", "content": text}] for text in own] for own in responses],
        "gold": gold,
    }
    return pa.table(columns, schema=SAMPLES)


def test_of_a_scorer_that_orders_as_gold_does() -> None:
    table = samples([["a", "bbb", "cc"]] * 12, [[0.0, 2.0, 1.0]] * 12)
    found = sample_numbers(score_samples(BY_LENGTH, table))
    assert (found["num_prompts"], found["num_responses"], found["num_gold_pairs"]) == (12, 36, 36)
    assert found["gold_accuracy"]["value"] == 1 and found["gold_accuracy"]["low"] == pytest.approx(0.758, abs=0.001)
    assert found["gold_rank_correlation"]["value"] == pytest.approx(1)
    best = found["best_of_n"]
    assert [row["n"] for row in best] == [1, 2, 3]
    assert [row["gold"]["value"] for row in best] == pytest.approx([1, 5 / 3, 2])
    assert [row["gold_possible"] for row in best] == pytest.approx([1, 5 / 3, 2])
    assert [row["length"] for row in best] == pytest.approx([2, 8 / 3, 3])
    assert found["gold_gain"]["value"] == pytest.approx(1)
    assert found["spread_share"] == pytest.approx(1)


def test_numbers_without_gold_are_none_and_lengths_are_there() -> None:
    found = sample_numbers(score_samples(BY_SHORTNESS, samples([["a", "bbb"], ["", "dd"]], [None, [1.0, None]])))
    assert found["num_gold_prompts"] == found["num_gold_pairs"] == 0
    assert found["gold_accuracy"] == found["gold_gain"] == {"value": None, "low": None, "high": None}
    assert [row["length"] for row in found["best_of_n"]] == [1.5, 0.5]
    assert found["best_of_n"][0]["gold_possible"] is None


def test_gold_of_some_prompts_and_different_numbers_of_responses() -> None:
    table = samples([["a", "bbb", "cc"], ["d", "ee"]], [[0.0, 1.0, 2.0], None])
    found = sample_numbers(score_samples(BY_LENGTH, table))
    assert (found["num_gold_prompts"], found["num_gold_pairs"]) == (1, 3)
    assert found["gold_accuracy"]["value"] == pytest.approx(2 / 3)
    assert len(found["best_of_n"]) == 2 and found["gold_accuracy"]["low"] is None, "one prompt has no interval"


def test_rewards_that_are_all_equal_have_no_spread_and_choose_at_random() -> None:
    table = samples([["a", "b"]] * 3, [[0.0, 1.0]] * 3)
    found = sample_numbers(score_samples(StubScorer(lambda _: 0.1), table))
    assert found["spread_share"] is None and found["gold_rank_correlation"]["value"] is None
    assert found["gold_accuracy"]["value"] == 0.5 and found["gold_gain"]["value"] == 0


def test_two_scorers_are_compared_on_the_same_prompts() -> None:
    rng = np.random.default_rng(0)
    texts = [["x" * int(n) for n in rng.permutation(np.arange(1, 6))] for _ in range(40)]
    gold: list[Any] = [[len(text) + rng.normal() for text in own] for own in texts]
    table = samples(texts, gold)
    first, second = score_samples(BY_LENGTH, table), score_samples(BY_SHORTNESS, table)
    found = compare_samples(first, second)
    accuracy, best = found["differences"]["gold_accuracy"], found["differences"]["best_gold"]
    own = sample_numbers(first)
    assert accuracy["first"] == own["gold_accuracy"]["value"]
    assert accuracy["second"] == found["gold_accuracy"]["value"]
    assert accuracy["first"] + accuracy["second"] == pytest.approx(1)
    assert best["first"] == pytest.approx(own["best_of_n"][-1]["gold"]["value"]) and best["is_clear"]
    assert best["difference"] == pytest.approx(4, abs=1)


def test_a_reward_that_is_no_number_names_its_row() -> None:
    table = samples([["1", "2"], ["3", "nan"]], [None, None])
    with pytest.raises(RunError, match=r"1 prompts are not finite numbers: row 1\."):
        score_samples(StubScorer(float), table)
