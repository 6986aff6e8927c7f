import numpy as np
import pyarrow as pa
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rewardsmith.objectives.preference import preference_loss, weighted_mean
from rewardsmith.refining.supervision import Supervision

NUM = 12
unit = arrays(np.float64, NUM, elements=st.floats(0, 1))
real = arrays(np.float64, NUM, elements=st.floats(-20, 20))
positive = arrays(np.float64, NUM, elements=st.floats(0, 5))


def loss(gap: np.ndarray, supervision: Supervision) -> torch.Tensor:
    tensors = [torch.from_numpy(np.asarray(v)) for v in (gap, supervision.target, supervision.margin)]
    return preference_loss(*tensors)


@settings(deadline=None)
@given(unit, real, positive, real)
def test_a_flip_is_a_swap_of_the_responses(target, margin, weight, gap):
    given_labels = Supervision(target, margin, weight, np.zeros(NUM, dtype=bool))
    flipped = given_labels.changed(np.ones(NUM, dtype=bool), target=1 - target, swapped=True)
    swapped_places = Supervision(target, -margin, weight, flipped.swapped)
    torch.testing.assert_close(loss(gap, flipped), loss(-gap, swapped_places), rtol=1e-9, atol=1e-12)


@settings(deadline=None)
@given(real, st.floats(0, 0.5), real)
def test_smoothing_is_a_target(gap, alpha, margin):
    tensors = [torch.from_numpy(v) for v in (gap, margin)]
    right, wrong = (preference_loss(tensors[0], target, tensors[1]) for target in (1.0, 0.0))
    smoothed = preference_loss(tensors[0], torch.full((NUM,), 1 - alpha, dtype=torch.float64), tensors[1])
    torch.testing.assert_close(smoothed, (1 - alpha) * right + alpha * wrong, rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(real, real)
def test_a_margin_is_a_shift(gap, margin):
    one, other = torch.from_numpy(gap), torch.from_numpy(margin)
    torch.testing.assert_close(preference_loss(one, 1.0, other), preference_loss(one - other), rtol=0, atol=0)


@settings(deadline=None)
@given(unit, real, real)
def test_weight_zero_is_dropped(target, margin, gap):
    costs = preference_loss(*(torch.from_numpy(v) for v in (gap, target, margin)))
    weight = torch.ones(NUM, dtype=torch.float64)
    weight[::3] = 0
    kept = weight > 0
    torch.testing.assert_close(weighted_mean(costs, weight), costs[kept].mean(), rtol=1e-12, atol=1e-12)


@settings(deadline=None)
@given(st.floats(0.01, 0.99), st.floats(-5, 5))
def test_the_optimum_gap_is_margin_plus_log_odds_of_the_target(target, margin):
    gap = torch.tensor(margin + np.log(target / (1 - target)), dtype=torch.float64, requires_grad=True)
    tensors = [torch.tensor(v, dtype=torch.float64) for v in (target, margin)]
    preference_loss(gap[None], tensors[0][None], tensors[1][None]).sum().backward()
    assert abs(float(gap.grad)) < 1e-9


def test_a_table_gives_its_numbers_and_a_ledger_its_swaps():
    columns = {"target": [1.0, 0.0], "margin": [0.0, 1.5], "weight": [1.0, 0.0]}
    assert Supervision.of(pa.table(columns)).swapped.tolist() == [False, False]
    ledger = Supervision.of(pa.table({**columns, "swapped": [False, True]}))
    assert ledger.swapped.tolist() == [False, True]
    assert ledger.margin.tolist() == [0.0, 1.5]


def test_only_selected_pairs_are_changed():
    before = Supervision.plain(np.ones(3))
    after = before.changed(np.array([True, False, False]), weight=0.0, target=np.array([0.1, 0.2, 0.3]))
    assert after.weight.tolist() == [0.0, 1.0, 1.0]
    assert after.target.tolist() == [0.1, 1.0, 1.0]
    assert before.equal(after).tolist() == [False, True, True]
