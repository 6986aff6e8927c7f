"""Ratings of several sides: closed forms, and the same as evalica's."""

from __future__ import annotations

from math import log10

import numpy as np
import pytest

from rewardsmith.metrics.bradley_terry import rating_intervals, ratings


def wins(*games: tuple[int, int, float], number: int) -> np.ndarray:
    """From first, second and the credit of the first."""
    table = np.zeros((number, number))
    for first, second, credit in games:
        table[first, second] += credit
        table[second, first] += 1 - credit
    return table


def test_two_sides_have_a_closed_form() -> None:
    found = ratings(np.array([[0, 1.0], [10.0, 0]]))
    assert found == pytest.approx([0, 400])  # odds of 10 to 1
    assert ratings(np.array([[0, 3.5], [1.5, 0]]))[1] == pytest.approx(-400 * log10(3.5 / 1.5))


def test_ratings_that_made_the_games_come_back() -> None:
    true = np.array([0.0, 120.0, -80.0, 300.0])
    games = 1 / (1 + 10 ** ((true[None, :] - true[:, None]) / 400)) * 100
    np.fill_diagonal(games, 0)
    assert ratings(games) == pytest.approx(true, abs=1e-6)


def test_evalica_gives_the_same() -> None:
    evalica = pytest.importorskip("evalica")
    rng = np.random.default_rng(0)
    games = [(int(i), int(j), rng.choice([0, 0.5, 1.0])) for i, j in rng.integers(5, size=(400, 2)) if i != j]
    kinds = {1.0: evalica.Winner.X, 0.0: evalica.Winner.Y, 0.5: evalica.Winner.Draw}
    first, second, credit = zip(*games, strict=True)
    theirs = evalica.bradley_terry(first, second, [kinds[one] for one in credit], tolerance=1e-12, limit=10_000)
    scores = np.array([theirs.scores[side] for side in range(5)])
    assert ratings(wins(*games, number=5)) == pytest.approx(400 * np.log10(scores / scores[0]), abs=1e-3)


def test_whoever_never_lost_has_no_rating() -> None:
    assert np.isnan(ratings(np.array([[0, 5.0], [0, 0]]))).all()
    apart = wins((0, 1, 1), (0, 1, 0), (2, 3, 1), (2, 3, 0), number=4)  # two groups that never met
    assert np.isnan(ratings(apart)).all()
    assert ratings(np.zeros((1, 1))) == [0]


def test_intervals_are_over_prompts_and_measured_from_the_first() -> None:
    rng = np.random.default_rng(0)
    games = [wins((0, 1, rng.choice([0, 0.5, 1])), (1, 2, float(rng.random() < 0.7)), number=3) for _ in range(200)]
    first, *others = rating_intervals(np.stack(games))
    assert first.value == 0 and np.isnan(first.low)
    assert all(one.low < one.value < one.high and one.high - one.low < 250 for one in others)
    copies = rating_intervals(np.repeat(np.stack(games), 2, axis=0))
    assert copies[2].high - copies[2].low < others[1].high - others[1].low  # so copies must be of one prompt
    few = rating_intervals(np.stack(games[:9]))
    assert np.isnan([one.low for one in few]).all()


def test_no_interval_where_resamples_often_have_no_rating() -> None:
    one_loss = np.stack([wins((0, 1, float(n > 0)), number=2) for n in range(30)])
    _, second = rating_intervals(one_loss)
    assert np.isfinite(second.value) and np.isnan(second.low)  # a third of the resamples has no loss at all


def test_many_tables_at_once_are_rated_as_each_alone_and_none_has_none() -> None:
    tables = np.random.default_rng(0).integers(0, 4, size=(50, 3, 3)).astype(float)
    tables[:, [0, 1, 2], [0, 1, 2]] = 0
    together = ratings(tables)
    assert np.isnan(together[:, 0]).any() and not np.isnan(together[:, 0]).all()
    assert together == pytest.approx(np.stack([ratings(one) for one in tables]), abs=1e-6, nan_ok=True)
    assert rating_intervals(np.zeros((0, 0, 0))) == []
