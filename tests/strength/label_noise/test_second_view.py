"""Second labels as evidence, in worlds where it is known which labels are wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from rewardsmith.metrics.ranking import auroc
from rewardsmith.strength.label_noise.cell_noise import estimate_cell_noise
from rewardsmith.strength.label_noise.posterior import estimate_label_noise
from rewardsmith.strength.label_noise.second_view import SecondView, second_view

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class World:
    """Pairs of judges that see the true gap but for a normal part; ``wrong`` [N] says which labels are."""

    gap: NDArray[np.float64]
    wrong: Mask
    p_wrong: NDArray[np.float64]
    groups: NDArray[np.int64]
    rng: np.random.Generator

    def beside(self, agrees: NDArray[np.float64] | Mask) -> SecondView:
        found = second_view(self.p_wrong, self.gap, agrees.astype(np.float64), self.groups)
        assert found is not None
        return found

    def judged(self, error: float) -> Mask:
        """Where a second view that errs so often, apart from everything else, has the label's side."""
        return self.wrong == (self.rng.random(len(self.wrong)) < error)

    def order(self, p_wrong: NDArray[np.float64]) -> float:
        return auroc(p_wrong, self.wrong)

    def surprise(self, p_wrong: NDArray[np.float64]) -> float:
        """Mean squared error: of order and calibration together."""
        return float(np.square(p_wrong - self.wrong).mean())


def world(num: int = 2000, ignorance: float = 0.7, rate: float = 0.12, seed: int = 0) -> World:
    rng = np.random.default_rng(seed)
    judged = rng.normal(size=num) * 1.6
    truth = judged + rng.normal(size=num) * ignorance
    wrong = rng.random(num) < rate
    gap, groups = judged * np.sign(truth) * np.where(wrong, -1, 1), np.arange(num) // 2
    noise = estimate_label_noise(gap, groups)
    assert noise is not None
    return World(gap, wrong, noise.p_wrong(gap), groups, rng)


@pytest.mark.parametrize(("error", "gain"), [(0.05, 0.04), (0.15, 0.03), (0.3, 0.005)])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_view_of_its_own_finds_wrong_labels_and_its_error_rate_is_told(error: float, gain: float, seed: int) -> None:
    given = world(seed=seed)
    found = given.beside(given.judged(error))
    assert error - 0.02 < found.error.value < error + 0.05  # errors of labels that the audit misses are added
    assert given.order(found.p_wrong) > given.order(given.p_wrong) + gain
    assert given.surprise(found.p_wrong) < given.surprise(given.p_wrong)
    assert found.p_wrong.mean() == pytest.approx(given.p_wrong.mean(), abs=0.015)


def test_p_wrong_beside_a_good_view_is_calibrated() -> None:
    given = world(num=8000)
    p_wrong = given.beside(given.judged(0.15)).p_wrong
    for low, high in ((0.0, 0.05), (0.05, 0.3), (0.3, 0.7), (0.7, 1.0)):
        inside = (p_wrong >= low) & (p_wrong < high)
        assert inside.sum() > 200
        assert given.wrong[inside].mean() == pytest.approx(p_wrong[inside].mean(), abs=0.08)  # sampling error of 200


def test_suspicions_of_the_structured_audit_gain_alike() -> None:
    given = world(num=1500)
    longer = np.where(given.rng.random(1500) < 0.5, 1.0, -1.0)
    noise = estimate_cell_noise(given.gap, np.ones(1500), longer, np.zeros(1500, dtype=np.int64), given.groups)
    assert noise is not None
    structured = replace(given, p_wrong=noise.p_wrong)
    found = structured.beside(structured.judged(0.1)).p_wrong
    assert given.order(found) > given.order(noise.p_wrong) + 0.02
    assert given.surprise(found) < given.surprise(noise.p_wrong)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_coin_a_copy_and_an_echo_of_the_judges_change_next_to_nothing(seed: int) -> None:
    given = world(seed=seed, ignorance=2.0)
    coin, copy, echo = given.rng.random(2000) < 0.5, np.ones(2000, dtype=bool), given.gap > 0
    for agrees in (coin, copy, echo):
        found = given.beside(agrees)
        assert np.abs(found.p_wrong - given.p_wrong).mean() < 0.01
        assert given.order(found.p_wrong) > given.order(given.p_wrong) - 0.01
    assert given.beside(coin).error.high == 0.5
    assert given.beside(copy).repeats_label.low > 0.8
    assert given.beside(echo).repeats_judges.low > 0.8


def test_a_view_that_takes_half_of_the_labels_over_is_told_from_a_better_one() -> None:
    given = world(num=4000)
    follows = given.rng.random(4000) < 0.5
    found = given.beside(follows | given.judged(0.1))
    assert found.repeats_label.low <= 0.5 <= found.repeats_label.high
    assert given.surprise(found.p_wrong) < given.surprise(given.p_wrong)


def test_a_view_that_is_mostly_wrong_is_not_believed_the_other_way_round() -> None:
    given = world()
    assert np.abs(given.beside(given.judged(0.9)).p_wrong - given.p_wrong).max() < 0.05


def test_disagreement_never_lowers_p_wrong_and_agreement_never_raises_it() -> None:
    given = world(num=600)
    agrees = given.judged(0.2)
    p_wrong = given.beside(agrees).p_wrong
    assert (p_wrong[agrees] <= given.p_wrong[agrees] + 1e-6).all()
    assert (p_wrong[~agrees] >= given.p_wrong[~agrees] - 1e-6).all()


def test_a_lone_known_case_is_bayes_rule() -> None:
    """Judges of no use to tell c from e leave the prior; with many labels known to be right or wrong, e is exact."""
    p_wrong = np.repeat([1e-6, 1 - 1e-6, 0.3], [4500, 500, 2])
    agrees = np.concatenate([np.arange(4500) % 5 > 0, np.arange(500) % 5 == 0, [True, False]]).astype(np.float64)
    gap = np.concatenate([np.tile([1.0, -1.0], 2500), [1.0, 1.0]])
    found = second_view(p_wrong, gap, agrees, np.arange(5002))
    assert found is not None
    assert found.error.value == pytest.approx(0.2, abs=0.02)
    expected = [0.3 * 0.2 / (0.3 * 0.2 + 0.7 * 0.8), 0.3 * 0.8 / (0.3 * 0.8 + 0.7 * 0.2)]
    np.testing.assert_allclose(found.p_wrong[-2:], expected, atol=0.03)  # the grid, and what is left of the priors


def test_where_the_second_view_has_no_say_nothing_changes() -> None:
    given = world(num=600)
    agrees = given.judged(0.1).astype(np.float64)
    agrees[:100], agrees[100:200] = np.nan, 0.5
    found = given.beside(agrees)
    np.testing.assert_array_equal(found.p_wrong[:200], given.p_wrong[:200])
    assert second_view(given.p_wrong, given.gap, np.full(600, 0.5), given.groups) is None


def test_copies_of_a_prompts_pairs_do_not_make_surer() -> None:
    given = world(num=400)
    agrees = given.judged(0.2).astype(np.float64)
    once = second_view(given.p_wrong, given.gap, agrees, np.arange(400))
    thrice = second_view(
        *(np.repeat(each, 3) for each in (given.p_wrong, given.gap, agrees)), np.repeat(np.arange(400), 3)
    )
    assert once is not None and thrice is not None
    assert thrice.error.high - thrice.error.low == pytest.approx(once.error.high - once.error.low, abs=0.04)  # grid
