import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_pairs import made_pairs

from rewardsmith.strength.ensembles.logistic import fit_heads
from rewardsmith.studies.noise.heads import Labels, descend, fit_arms, fit_noise_aware

ROWS = made_pairs(600, 8, seed=2).widest.rows
L2 = torch.tensor([1.0])


def labels(seed=0, margin=0.0, weight=None, target=None):
    generator = torch.Generator().manual_seed(seed)
    own = (torch.rand(len(ROWS), 1, generator=generator) < 0.7).float() if target is None else target
    return Labels(own, torch.full_like(own, margin), torch.ones_like(own) if weight is None else weight)


def beside(*columns):
    return Labels(*(torch.cat([getattr(c, n) for c in columns], dim=1) for n in ("target", "margin", "weight")))


def slope(heads, own, l2=1.0):
    residual = own.weight * ((ROWS @ heads.T - own.margin).sigmoid() - own.target)
    return residual.T @ ROWS + l2 * heads


def test_the_gradient_is_zero_at_the_fit():
    own = labels(margin=0.3, weight=torch.rand(len(ROWS), 1, generator=torch.Generator().manual_seed(1)))
    heads = fit_arms(ROWS, own, L2, tolerance=1e-5)
    assert slope(heads, own).abs().max() < 1e-2 * slope(torch.zeros_like(heads), own).abs().max()


def test_without_margins_it_is_the_probes_fit():
    own = labels()
    theirs = fit_heads(ROWS, own.target[:, 0], own.weight, L2, tolerance=1e-5)
    torch.testing.assert_close(fit_arms(ROWS, own, L2, tolerance=1e-5), theirs, rtol=1e-4, atol=1e-4)


def test_arms_side_by_side_are_arms_alone():
    arms = [labels(0), labels(1, margin=0.5), labels(2, weight=torch.zeros(len(ROWS), 1))]
    together = fit_arms(ROWS, beside(*arms), torch.tensor([1.0, 3.0, 1.0]))
    for column, (arm, l2) in enumerate(zip(arms, (1.0, 3.0, 1.0), strict=True)):
        alone = fit_arms(ROWS, arm, torch.tensor([l2]))
        torch.testing.assert_close(together[column : column + 1], alone, rtol=1e-4, atol=1e-4)


def test_a_pair_of_weight_zero_is_absent():
    weight = torch.ones(len(ROWS), 1)
    weight[200:] = 0
    own = labels(weight=weight)
    cut = Labels(own.target[:200], own.margin[:200], own.weight[:200])
    kept = fit_arms(ROWS, own, L2, tolerance=1e-5)
    torch.testing.assert_close(kept, fit_arms(ROWS[:200], cut, L2, tolerance=1e-5), rtol=1e-3, atol=1e-3)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 50), margin=st.floats(-1, 1))
def test_swapping_pairs_with_their_target_and_margin_changes_nothing(seed, margin):
    """L(c, r, t, m) = L(r, c, 1 - t, -m)."""
    own = labels(seed, margin)
    reordered = torch.rand(len(ROWS), 1, generator=torch.Generator().manual_seed(seed)) < 0.5
    rows = torch.where(reordered, -ROWS, ROWS)
    other = Labels(
        torch.where(reordered, 1 - own.target, own.target), torch.where(reordered, -own.margin, own.margin), own.weight
    )
    mine, theirs = fit_arms(ROWS, own, L2, tolerance=1e-5), fit_arms(rows, other, L2, tolerance=1e-5)
    torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-3)


def test_descent_without_end_reaches_the_optimum():
    own = labels()
    last = descend(ROWS, own, [1, 4000])[-1]
    torch.testing.assert_close(last, fit_arms(ROWS, own, torch.tensor([1e-6]), tolerance=1e-6), rtol=0.02, atol=0.02)


def test_descent_goes_down_at_every_step():
    own = labels()
    losses = []
    for heads in descend(ROWS, own, range(1, 20)):
        gaps = ROWS @ heads.T
        losses.append(float((torch.nn.functional.softplus(gaps) - own.target * gaps).sum()))
    assert np.all(np.diff(losses) < 0)


def test_a_loss_that_knows_of_no_errors_is_the_plain_one():
    own = labels()
    plain = fit_arms(ROWS, own, L2, tolerance=1e-5)
    aware = fit_noise_aware(ROWS, own, torch.zeros(len(ROWS), 2, 1), L2, plain)
    torch.testing.assert_close(aware, plain, rtol=1e-3, atol=1e-3)


def test_a_loss_that_knows_the_errors_comes_nearer_to_the_truth():
    pairs = made_pairs(3000, 12, seed=3, unexplained=0.02)
    rows, truth = pairs.widest.rows, torch.ones(3000, 1)
    wrong = torch.rand(3000, 1, generator=torch.Generator().manual_seed(0)) < 0.3
    noisy = Labels(torch.where(wrong, 0.0, 1.0), torch.zeros_like(truth), torch.ones_like(truth))
    clean = fit_arms(rows, Labels(truth, noisy.margin, noisy.weight), torch.tensor([0.1]))
    plain = fit_arms(rows, noisy, torch.tensor([0.1]))
    aware = fit_noise_aware(rows, noisy, torch.full((3000, 2, 1), 0.3), torch.tensor([0.1]), plain)

    def likeness(heads):
        return float(torch.nn.functional.cosine_similarity(heads, clean).item())

    assert likeness(aware) > likeness(plain) + 0.01
