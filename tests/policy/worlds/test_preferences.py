"""Pairs of a policy, and labels that err as often as they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from scipy.special import expit

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.sampler import Answers, Sample
from rewardsmith.errors import ConfigError, RunError
from rewardsmith.policy.worlds.options import WorldOptions
from rewardsmith.policy.worlds.preferences import (
    DrawnPair,
    Preferences,
    draw_pairs,
    draw_preferences,
    expected_disagreement,
    label,
)
from rewardsmith.preferences.rows.messages import assistant, user
from stub_scorer import StubScorer

OPTIONS = WorldOptions()
PROMPTS: list[Conversation] = [[user(f"prompt {i}")] for i in range(40)]


class Numbers:
    """Writes numbers up to 9, gold of which is a tenth, and nothing in place of 0."""

    fingerprint, on_policy = "numbers", True

    def __init__(self, highest: int = 9) -> None:
        self.highest = highest

    def sample(self, prompts: Sequence[Conversation], num_samples: int, seed: int) -> list[Answers]:
        rng = np.random.default_rng(seed)
        drawn = rng.integers(self.highest + 1, size=(len(prompts), num_samples))
        return [Answers([Sample(assistant(str(n or "")), "stop", None, None) for n in row]) for row in drawn]

    def close(self) -> None: ...


GOLD = StubScorer(lambda text: int(text or 0) / 10)


def pairs_of(gaps: Sequence[float]) -> list[DrawnPair]:
    return [DrawnPair(PROMPTS[0], (assistant("first"), assistant("second")), (gap, 0.0)) for gap in gaps]


def test_exact_labels_follow_gold_but_for_the_flips() -> None:
    made = draw_preferences(Numbers(), GOLD, PROMPTS, 200, OPTIONS)
    truths = [row["meta"]["truth"] for row in made.rows]
    assert len(made.rows) == 200 and made.disagreement == 0.25
    assert all(truth["wrong"] == truth["flipped"] == (truth["gap"] < 0) for truth in truths)
    assert [int(row["chosen"]) / 10 for row in made.rows] == pytest.approx([truth["gold_chosen"] for truth in truths])
    assert expected_disagreement(np.array([0.3, -0.2]), OPTIONS) == 0.25


def test_labels_of_bradley_terry_err_by_the_sigmoid_of_the_gap_and_then_by_flips() -> None:
    options = replace(OPTIONS, label_annotator="bradley_terry", flip_rate=0.1)
    gap, num = 0.08, 20_000
    made = label(pairs_of([gap, -gap] * (num // 2)), options)
    drawn_wrong = float(expit(-20 * gap))
    expected = drawn_wrong * 0.9 + (1 - drawn_wrong) * 0.1
    assert expected_disagreement(np.array([gap, -gap]), options) == pytest.approx(expected)
    assert made.disagreement == pytest.approx(expected, abs=4 * (expected * (1 - expected) / num) ** 0.5)


def test_noise_is_independent_of_which_response_came_first() -> None:
    made = label(pairs_of([0.1, -0.1] * 500), OPTIONS)
    assert np.mean([row["chosen"] == "first" for row in made.rows]) == pytest.approx(0.5, abs=0.05)


def test_the_same_seed_makes_the_same_rows_and_another_one_others() -> None:
    def made(seed: int) -> Preferences:
        return draw_preferences(Numbers(), GOLD, PROMPTS, 60, OPTIONS, seed)

    assert made(0) == made(0) != made(1)


def test_prompts_are_used_in_their_order_and_again_when_there_are_too_few() -> None:
    pairs = draw_pairs(Numbers(), GOLD, PROMPTS[:3], 20, 0)
    assert len(pairs) == 20 and all(pair.gap and all(pair.gold) for pair in pairs)
    assert {pair.prompt[0]["content"] for pair in pairs} == {f"prompt {i}" for i in range(3)}
    assert len({pair.gold for pair in pairs}) > 10  # what a prompt is answered with is drawn anew


def test_equal_texts_are_no_pair_whatever_their_gold() -> None:
    worths = count()
    pairs = draw_pairs(Numbers(), StubScorer(lambda _: next(worths)), PROMPTS, 60, 0)
    assert len(pairs) == 60 and all(first != second for first, second in (pair.responses for pair in pairs))


def test_a_policy_that_always_writes_the_same_makes_no_pairs() -> None:
    with pytest.raises(RunError, match=r"0 pairs of unequal gold came of 40 prompts, and 5 are needed\."):
        draw_pairs(Numbers(highest=0), GOLD, PROMPTS, 5, 0)
    with pytest.raises(ConfigError, match="num_pairs 0"):
        draw_pairs(Numbers(), GOLD, PROMPTS, 0, 0)
