import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsmith.errors import RunError
from rewardsmith.metrics.ranking import auroc
from rewardsmith.preferences.simulation.features import simulate_features
from rewardsmith.refining.influence import cross_influence, influence_scores
from rewardsmith.refining.last_layer import Rows, fit_last_layer

L2 = 0.7


def some_rows(num=120, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(num, dim))
    return Rows(features, rng.random(num), 0.3 * rng.normal(size=num), rng.exponential(size=num))


def mean_loss(rows, head):
    return np.average(rows.losses(head), weights=rows.weight)


def refit_loss(rows, judged, pair, weight):
    weights = rows.weight.copy()
    weights[pair] = weight
    return mean_loss(judged, fit_last_layer(rows.weighing(weights), L2).head)


def test_a_head_is_at_the_optimum_of_its_loss():
    rows = some_rows()
    layer = fit_last_layer(rows, L2)
    gradient = rows.features.T @ (rows.weight * rows.residuals(layer.head)) + L2 * layer.head
    assert np.abs(gradient).max() < 1e-5
    chance = rows.residuals(layer.head) + rows.target
    hessian = (rows.features.T * (rows.weight * chance * (1 - chance))) @ rows.features + L2 * np.eye(5)
    np.testing.assert_allclose(layer.solve(hessian), np.eye(5), atol=1e-9)


def test_one_pair_by_hand():
    """t 1, m 0: the optimum of softplus(-2h) + h^2 / 2 solves 2 sigmoid(-2h) = h."""
    layer = fit_last_layer(Rows(np.array([[2.0]]), np.ones(1), np.zeros(1), np.ones(1)), 1.0)
    [head] = layer.head
    assert 2 / (1 + np.exp(2 * head)) == pytest.approx(head, abs=1e-6)


def test_a_head_converges_from_afar_and_on_separable_labels():
    rows = some_rows()
    near = fit_last_layer(rows, L2).head
    np.testing.assert_allclose(fit_last_layer(rows, L2, np.full(5, 40.0)).head, near, atol=1e-5)
    certain = Rows(rows.features, (rows.features[:, 0] > 0) * 1.0, np.zeros(120), np.ones(120))
    assert np.isfinite(fit_last_layer(certain, 1e-6).head).all()


def test_features_that_are_not_finite_are_an_error():
    rows = some_rows()
    rows.features[3, 1] = np.nan
    with pytest.raises(RunError, match="not finite"):
        fit_last_layer(rows, L2)


def test_influence_is_the_derivative_of_the_judged_loss_by_the_weight_of_a_pair():
    rows, judged = some_rows(), some_rows(60, seed=1)
    scores = influence_scores(fit_last_layer(rows, L2), rows, judged)
    step = 1e-3
    for pair in range(0, 120, 7):
        higher = refit_loss(rows, judged, pair, rows.weight[pair] + step)
        lower = refit_loss(rows, judged, pair, rows.weight[pair] - step)
        assert scores[pair] == pytest.approx((higher - lower) / (2 * step), rel=2e-3, abs=1e-7)


def test_influence_predicts_what_leaving_a_pair_out_does():
    rows, judged = some_rows(300), some_rows(60, seed=1)
    layer = fit_last_layer(rows, L2)
    chance = rows.residuals(layer.head) + rows.target
    leverage = rows.weight * chance * (1 - chance) * (rows.features * layer.solve(rows.features.T).T).sum(axis=1)
    predicted = -rows.weight * influence_scores(layer, rows, judged) / (1 - leverage)  # H lacks the pair too
    now = mean_loss(judged, layer.head)
    actual = np.array([refit_loss(rows, judged, pair, 0.0) - now for pair in range(300)])
    assert np.corrcoef(predicted, actual)[0, 1] > 0.995
    assert np.polyfit(predicted, actual, 1)[0] == pytest.approx(1.0, abs=0.02)


@settings(deadline=None)
@given(seed=st.integers(0, 999))
def test_swapping_pairs_changes_no_score(seed):
    rows, judged = some_rows(30, seed=seed), some_rows(20, seed=seed + 1)
    sign = np.where(np.arange(30) % 3 == 0, -1.0, 1.0)
    swapped = Rows(
        sign[:, None] * rows.features, np.where(sign < 0, 1 - rows.target, rows.target), sign * rows.margin, rows.weight
    )
    layer, other = fit_last_layer(rows, L2), fit_last_layer(swapped, L2)
    np.testing.assert_allclose(other.head, layer.head, atol=1e-6)
    scores = influence_scores(layer, rows, judged), influence_scores(other, swapped, judged)
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-6)


def simulated(flip_rate, seed=0):
    made = simulate_features(1200, 16, unexplained=0.05, flip_rate=flip_rate, seed=seed)
    features = (made.features_chosen - made.features_rejected).astype(np.float64)
    rows = Rows(features, made.target.astype(np.float64), np.zeros(1200), np.ones(1200))
    return rows, made


def test_influence_on_trusted_labels_finds_flips():
    rows, made = simulated(0.2)
    trusted, others = rows.take(np.arange(1200) < 200), rows.take(np.arange(1200) >= 200)
    sign = np.where(made.flipped[:200], -1.0, 1.0)
    trusted = Rows(sign[:, None] * trusted.features, trusted.target, trusted.margin, trusted.weight)
    scores = influence_scores(fit_last_layer(others, L2), others, trusted)
    assert auroc(scores, made.flipped[200:]) > 0.85


def test_cross_influence_is_the_mean_over_the_heads_that_saw_the_pair():
    rows = some_rows()
    fold_of = np.arange(120) % 3
    expected = np.zeros(120)
    for fold in range(3):
        train, held = rows.take(fold_of != fold), rows.take(fold_of == fold)
        expected[fold_of != fold] += influence_scores(fit_last_layer(train, L2), train, held) / 2
    np.testing.assert_allclose(cross_influence(rows, fold_of, L2), expected)
