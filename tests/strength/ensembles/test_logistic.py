import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from rewardsmith.errors import RunError
from rewardsmith.strength.ensembles.logistic import fit_heads, principal_axes


def rows_and_labels(num=400, dim=12, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(num, dim)) * np.linspace(1.5, 0.1, dim)
    labels = (rows @ rng.normal(size=dim) + rng.logistic(size=num) > 0).astype(np.float32)
    return torch.from_numpy(rows.astype(np.float32)), torch.from_numpy(labels)


@pytest.mark.parametrize("l2", [0.4, 6.4, 100.0])
def test_heads_equal_those_of_scikit_learn(l2):
    rows, labels = rows_and_labels()
    weight = torch.rand(len(rows), 2, generator=torch.Generator().manual_seed(1)) * 2
    found = fit_heads(rows, labels, weight, torch.full((2,), l2), tolerance=1e-5)
    for t in range(2):
        expected = LogisticRegression(C=1 / l2, fit_intercept=False, tol=1e-8, solver="newton-cholesky")
        expected.fit(rows.double().numpy(), labels.numpy(), sample_weight=weight[:, t].double().numpy())
        np.testing.assert_allclose(found[t].numpy(), expected.coef_[0], atol=5e-4)


def test_turning_a_label_round_is_swapping_the_pair():
    rows, labels = rows_and_labels()
    weight, l2 = torch.ones(len(rows), 1), torch.tensor([2.0])
    swapped = torch.where(labels[:, None] > 0.5, rows, -rows)
    found = fit_heads(rows, labels, weight, l2, tolerance=1e-5)
    same = fit_heads(swapped, torch.ones(len(rows)), weight, l2, tolerance=1e-5)
    torch.testing.assert_close(found, same, atol=1e-4, rtol=0)


def test_weight_zero_is_absence():
    rows, labels = rows_and_labels()
    weight = torch.ones(len(rows), 1)
    weight[200:] = 0
    found = fit_heads(rows, labels, weight, torch.tensor([2.0]), tolerance=1e-5)
    alone = fit_heads(rows[:200], labels[:200], weight[:200], torch.tensor([2.0]), tolerance=1e-5)
    torch.testing.assert_close(found, alone, atol=1e-4, rtol=0)


def test_a_start_changes_the_way_and_not_the_end():
    rows, labels = rows_and_labels()
    weight, l2 = torch.ones(len(rows), 1), torch.tensor([2.0])
    far = torch.full((1, rows.shape[1]), 3.0)
    found = fit_heads(rows, labels, weight, l2, far, tolerance=1e-5)
    torch.testing.assert_close(found, fit_heads(rows, labels, weight, l2, tolerance=1e-5), atol=1e-4, rtol=0)


def test_rows_that_are_not_finite_are_an_error():
    rows, labels = rows_and_labels()
    rows[3, 3] = float("inf")
    with pytest.raises(RunError, match="not converge"):
        fit_heads(rows, labels, torch.ones(len(rows), 1), torch.tensor([2.0]))


def test_principal_axes_are_orthonormal_and_fall_in_size():
    rows, _ = rows_and_labels()
    axes = principal_axes(rows, max_dimensions=5)
    torch.testing.assert_close(axes.T @ axes, torch.eye(5), atol=1e-5, rtol=0)
    sizes = (rows @ axes).square().sum(0)
    assert (sizes[:-1] >= sizes[1:]).all()
