import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from rewardsmith.metrics.ranking import auroc
from rewardsmith.refining.data_smoothing import smooth_labels


def problem(num=60, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    rows = torch.from_numpy(rng.normal(size=(num, dim)) * np.linspace(2.0, 0.3, dim))
    return rows, torch.from_numpy(rng.random(num)), torch.from_numpy(rng.exponential(size=num))


def test_beta_zero_leaves_every_label_as_it_came():
    rows, target, weight = problem()
    assert torch.equal(smooth_labels(rows, target, weight, 0.4, 0.0, 20), target)


def test_one_round_by_hand():
    """The largest curvature is 4 * 2^2 / 4 + l2 1 = 5; the gradients at a head of 0 are 4 * (1/2 - 1) * (2, 1)."""
    rows = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    labels = smooth_labels(rows, torch.ones(2), torch.tensor([4.0, 4.0]), 1.0, 0.25, 1)
    said = torch.tensor([2.0 * 4.0 / 5.0, 2.0 / 5.0]).sigmoid()
    torch.testing.assert_close(labels, 0.75 + 0.25 * said)


def test_what_many_pairs_say_settles_at_its_frequency_and_what_one_says_at_a_half():
    """The paper's hard instance: one comparison was made 1000 times, 600 for, 400 against; another one once."""
    rows = torch.zeros(1001, 2, dtype=torch.float64)
    rows[:1000, 0] = rows[1000, 1] = 1.0
    target = (torch.arange(1001) % 5 < 3).double()
    target[1000] = 1.0
    labels = smooth_labels(rows, target, torch.ones(1001), 0.0, 0.05, 400)
    torch.testing.assert_close(labels[:1000], torch.full((1000,), 0.6).double(), atol=2e-3, rtol=0)
    assert abs(labels[1000] - 0.5) < 0.01


def test_a_penalty_draws_all_labels_to_a_half():
    rows, target, weight = problem()
    labels = smooth_labels(rows, target, weight, 50.0, 0.1, 2000)
    torch.testing.assert_close(labels, torch.full_like(labels, 0.5), atol=1e-3, rtol=0)


def test_wrong_labels_move_further_than_right_ones():
    rng = np.random.default_rng(1)
    rows = torch.from_numpy(rng.normal(size=(2000, 8)))
    truth = (rows.sum(1) > 0).double()
    wrong = torch.from_numpy(rng.random(2000) < 0.2)
    given_labels = torch.where(wrong, 1 - truth, truth)
    moved = (smooth_labels(rows, given_labels, torch.ones(2000), 1.0, 0.1, 30) - given_labels).abs()
    assert auroc(moved, wrong) > 0.95


@given(seed=st.integers(0, 999), beta=st.floats(0, 1), l2=st.floats(0, 10), num_steps=st.integers(0, 12))
def test_swapping_a_pair_turns_its_label_and_nothing_else(seed, beta, l2, num_steps):
    rows, target, weight = problem(num=12, seed=seed)
    swapped = torch.arange(12) % 3 == 0
    sign = torch.where(swapped, -1.0, 1.0).double()
    labels = smooth_labels(rows, target, weight, l2, beta, num_steps)
    turned = smooth_labels(sign[:, None] * rows, torch.where(swapped, 1 - target, target), weight, l2, beta, num_steps)
    torch.testing.assert_close(torch.where(swapped, 1 - turned, turned), labels)
    assert ((labels >= 0) & (labels <= 1)).all()


def test_weight_zero_teaches_nothing_but_gets_a_label():
    rows, target, weight = problem()
    weight[40:] = 0
    labels = smooth_labels(rows, target, weight, 0.4, 0.2, 15)
    torch.testing.assert_close(labels[:40], smooth_labels(rows[:40], target[:40], weight[:40], 0.4, 0.2, 15))
    assert ((labels[40:] - target[40:]).abs() > 0).all()


def test_problems_side_by_side_are_the_problems_alone():
    rows, target, weight = problem()
    targets, weights = torch.stack([target, 1 - target], dim=1), torch.stack([weight, weight.flip(0)], dim=1)
    labels = smooth_labels(rows, targets, weights, 0.4, 0.2, 15)
    for t in range(2):
        alone = smooth_labels(rows, targets[:, t], weights[:, t], 0.4, 0.2, 15)
        torch.testing.assert_close(labels[:, t], alone)


def test_order_and_scale_change_nothing():
    rows, target, weight = problem()
    labels = smooth_labels(rows, target, weight, 0.0, 0.2, 15)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(smooth_labels(rows[order], target[order], weight[order], 0.0, 0.2, 15), labels[order])
    torch.testing.assert_close(smooth_labels(7 * rows, target, 3 * weight, 0.0, 0.2, 15), labels)
