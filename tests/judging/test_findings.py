"""The numbers that are made of rulings, against what is counted by eye."""

from __future__ import annotations

import numpy as np
import pytest

from judge_server import pair
from rewardsmith.contracts.judge import Outcome, Ruling
from rewardsmith.judging.contests import Compared
from rewardsmith.judging.findings import Judged, contest_numbers, file_ratings, position_numbers, truth_numbers
from rewardsmith.metrics.intervals import SEEN


def rulings(text: str) -> list[Ruling]:
    """``w``, ``t``, ``l``, and ``-`` for one that is not judged."""
    outcomes: dict[str, Outcome] = {"w": "win", "t": "tie", "l": "lose"}
    return [
        Ruling(None, "no", problem="refused") if letter == "-" else Ruling(outcomes[letter], "so") for letter in text
    ]


def compared(number: int, first: int = 0, second: int = 1, gold: float | None = None) -> list[Compared]:
    return [Compared(first, second, f"p{n}", 0, pair(f"{n} long", f"{n}"), gold) for n in range(number)]


def test_a_contest_counts_what_is_judged_and_says_what_is_not() -> None:
    found = contest_numbers("a", "b", compared(20), rulings("wwwwwwwwww" + "ttll" + "------"))
    assert (found["num_pairs"], found["num_judged"], found["num_prompts"]) == (20, 14, 20)
    assert (found["num_wins"], found["num_ties"], found["num_losses"]) == (10, 2, 2)
    assert found["not_judged_by_problem"] == {"refused": 6}
    assert found["win_rate"]["value"] == pytest.approx(11 / 14)
    assert (found["verdict"], found["length_gap_mean"], found["gold_win_rate"]) == ("better", 5, None)


def test_a_comparison_says_how_small_a_difference_it_sees() -> None:
    found = contest_numbers("a", "b", compared(100), rulings("wl" * 50))
    assert found["verdict"] == "unclear" and found["smallest_seen"] == pytest.approx(SEEN * 0.05, rel=0.01)
    nothing = contest_numbers("a", "b", compared(30), rulings("t" * 30))
    assert nothing["smallest_seen"] is None and nothing["win_rate"]["value"] == 0.5
    few = contest_numbers("a", "b", compared(5), rulings("wwwww"))
    assert few["win_rate"] == {"value": 1.0, "low": None, "high": None} and few["verdict"] == "unclear"
    none = contest_numbers("a", "b", compared(2), rulings("--"))
    assert none["win_rate"]["value"] is None and none["length_gap_mean"] is None


def test_ratings_are_of_all_contests_together() -> None:
    games = compared(40) + compared(40, 1, 2)
    found = file_ratings(3, games, rulings("wl" * 20 + ("w" * 10 + "l") * 3 + "------" + "-"))
    assert found[0].value == 0 and found[1].value == pytest.approx(0, abs=1e-6)
    assert found[2].value == pytest.approx(-400, abs=1e-6)  # 30 to 3


def test_position_counts_both_orders_only() -> None:
    both: list[tuple[Outcome, Outcome]] = (
        [("win", "win")] * 6 + [("win", "lose")] * 3 + [("lose", "win"), ("win", "tie")]
    )
    made = [Ruling("tie", "", *one) for one in both] + [Ruling("win", "", "win", None), Ruling("win", "")]
    found = position_numbers(made, [f"p{n}" for n in range(len(made))])
    assert found is not None
    assert (found["num_pairs"], found["num_first_both_times"], found["num_second_both_times"]) == (11, 3, 1)
    assert found["consistent"] == pytest.approx(6 / 11)
    assert found["first_rate"]["value"] == pytest.approx((6 + 6 + 1) / 21)  # of 22 answers one is a tie
    assert position_numbers(made[-2:], ["p", "q"]) is None


def judged(text: str) -> list[Judged]:
    return [Judged(pair(f"{n} x", f"{n}"), f"p{n}", ruling) for n, ruling in enumerate(rulings(text))]


def test_the_judge_beside_the_truth() -> None:
    text = "w" * 40 + "t" * 20 + "l" * 40
    gaps = [1.0] * 30 + [-1.0] * 10 + [1.0] * 20 + [-0.1] * 40
    found = truth_numbers("set", "labels", [*judged(text), *judged("w-")], [*gaps, 0.0, 1.0])
    assert (found["num_pairs"], found["num_judged"], found["num_ties"]) == (101, 100, 20)
    assert found["accuracy"]["value"] == 70 / 80 and found["accuracy_ties_half"]["value"] == 0.8
    assert found["share_of_gain"] == pytest.approx(0.6)


def test_the_needed_comparisons_are_those_that_see_the_gain() -> None:
    """A judge of accuracy .8 sees a gain of .1 as .06: so many prompts show it in four of five trials."""
    rng = np.random.default_rng(0)
    found = truth_numbers("set", "gold", judged("w" * 80 + "l" * 20), [1.0] * 100)
    needed = found["needed"][2]
    number = needed["num_comparisons"]
    assert needed["gain"] == 0.1 and number is not None and needed["num_comparisons_at_low"] is not None
    assert number < needed["num_comparisons_at_low"]
    truly = rng.random((2000, number)) < 0.6
    says = np.where(rng.random((2000, number)) < 0.8, truly, ~truly)
    error = says.std(axis=1) / number**0.5
    assert (says.mean(axis=1) - 1.96 * error > 0.5).mean() == pytest.approx(0.8, abs=0.03)


def test_a_judge_that_cannot_be_told_from_chance_needs_no_number() -> None:
    found = truth_numbers("set", "labels", judged("wl" * 20), [1.0] * 40)
    assert {one["num_comparisons"] for one in found["needed"]} == {None}
