"""Contrast of states: closed forms, what swapping changes, and what it does not."""

from __future__ import annotations

import math

import pytest
import torch

from rewardsmith.objectives.contrastive import ContrastOn, contrasted, info_nce, sinkhorn, swapped_prediction
from rewardsmith.objectives.norm_bt import distance_weights

both = pytest.mark.parametrize("on", ["pairs", "differences"])


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def two_views(num: int, width: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    return contrasted(normal(num // 2, 2, 2, width), "pairs")


def prototypes(num: int, width: int = 5) -> torch.Tensor:
    return torch.nn.functional.normalize(normal(num, width, seed=1), dim=-1)


@pytest.mark.parametrize("symmetric", [False, True])
def test_identical_states_cost_the_log_of_their_number(symmetric: bool) -> None:
    one, other = contrasted(torch.ones(7, 2, 2, 3), "pairs")
    assert info_nce(one, other, 0.05, symmetric).item() == pytest.approx(math.log(14), abs=1e-6)


def test_orthogonal_states_cost_what_their_number_and_temperature_say() -> None:
    states = torch.eye(4, dtype=torch.float64)
    assert info_nce(states, states, 0.5).item() == pytest.approx(math.log(1 + 3 * math.exp(-2)))


def test_swapping_views_transposes_the_similarities() -> None:
    one, other = two_views(6)
    similarities = (one @ other.T / 0.2).T
    by_hand = (similarities.logsumexp(1) - similarities.diagonal()).mean()
    torch.testing.assert_close(info_nce(other, one, 0.2), by_hand)
    assert abs(info_nce(one, other, 0.2) - info_nce(other, one, 0.2)) > 1e-3


def test_the_symmetric_form_does_not_ask_which_view_is_first() -> None:
    one, other = two_views(6)
    torch.testing.assert_close(info_nce(one, other, 0.2, symmetric=True), info_nce(other, one, 0.2, symmetric=True))
    mean = (info_nce(one, other, 0.2) + info_nce(other, one, 0.2)) / 2
    torch.testing.assert_close(info_nce(one, other, 0.2, symmetric=True), mean)


def test_swapped_prediction_does_not_ask_which_view_is_first() -> None:
    one, other = two_views(8)
    there, back = (swapped_prediction(*views, prototypes(3), 0.1) for views in ((one, other), (other, one)))
    torch.testing.assert_close(there, back)


def test_swapped_prediction_is_the_cross_entropy_of_the_other_codes() -> None:
    one, other, clusters = *two_views(8), prototypes(3)
    codes_of_one, codes_of_other = sinkhorn(one @ clusters.T), sinkhorn(other @ clusters.T)
    by_hand = -(codes_of_one * (other @ clusters.T / 0.1).log_softmax(1)).sum(1).mean()
    by_hand -= (codes_of_other * (one @ clusters.T / 0.1).log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(swapped_prediction(one, other, clusters, 0.1), by_hand)


def test_no_gradient_flows_through_codes() -> None:
    one, other, clusters = *two_views(8), prototypes(3).requires_grad_()
    swapped_prediction(one, other, clusters, 0.1).backward()
    fixed = clusters.detach().clone().requires_grad_()
    codes = sinkhorn(one @ clusters.T).detach(), sinkhorn(other @ clusters.T).detach()
    for scores, targets in ((other @ fixed.T, codes[0]), (one @ fixed.T, codes[1])):
        (-(targets * (scores / 0.1).log_softmax(1)).sum(1).mean()).backward()
    assert clusters.grad is not None and fixed.grad is not None
    torch.testing.assert_close(clusters.grad, fixed.grad)


def test_past_states_have_a_part_in_the_codes_alone() -> None:
    one, other, past = *two_views(4), two_views(20)
    clusters = prototypes(6)
    with_past = swapped_prediction(one, other, clusters, 0.1, past)
    codes = [sinkhorn(torch.cat([own, old]) @ clusters.T)[:4] for own, old in zip((one, other), past, strict=True)]
    by_hand = -(codes[0] * (other @ clusters.T / 0.1).log_softmax(1)).sum(1).mean()
    by_hand -= (codes[1] * (one @ clusters.T / 0.1).log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(with_past, by_hand)
    assert abs(with_past - swapped_prediction(one, other, clusters, 0.1)) > 1e-3


def test_items_have_distributions_after_three_rounds_and_prototypes_even_use_in_the_limit() -> None:
    scores = normal(12, 5) / 4
    few, many = sinkhorn(scores), sinkhorn(scores, num_iterations=3000)
    torch.testing.assert_close(few.sum(1), torch.ones(12, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(many.sum(1), torch.ones(12, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(many.sum(0), torch.full((5,), 12 / 5, dtype=torch.float64), rtol=0, atol=1e-6)
    assert (few.sum(0) - 12 / 5).abs().max() > 1e-3


def test_equal_scores_are_spread_evenly() -> None:
    torch.testing.assert_close(sinkhorn(torch.zeros(3, 4)), torch.full((3, 4), 0.25))


def test_extreme_scores_stay_finite() -> None:
    assert sinkhorn(1e4 * normal(6, 3)).isfinite().all()


def test_views_stand_opposite_each_other_and_have_length_one() -> None:
    pairs = normal(3, 2, 2, 5)
    one, other = contrasted(pairs, "pairs")
    torch.testing.assert_close(one[4], pairs[1, 1, 0] / pairs[1, 1, 0].norm())
    torch.testing.assert_close(other[4], pairs[1, 1, 1] / pairs[1, 1, 1].norm())
    one, other = contrasted(pairs, "differences")
    torch.testing.assert_close(one[:3], -one[3:])
    difference = pairs[2, 0, 1] - pairs[2, 1, 1]
    torch.testing.assert_close(other[2], difference / difference.norm())


def costs(pairs: torch.Tensor, on: ContrastOn) -> torch.Tensor:
    one, other = contrasted(pairs, on)
    clusters = prototypes(3)
    return torch.stack([info_nce(one, other, 0.1), swapped_prediction(one, other, clusters, 0.1)])


@both
def test_swapping_a_pair_or_the_order_changes_nothing(on: ContrastOn) -> None:
    pairs = normal(6, 2, 2, 5)
    swapped = pairs.clone()
    swapped[2] = pairs[2].flip(0)
    torch.testing.assert_close(costs(swapped, on), costs(pairs, on))
    torch.testing.assert_close(costs(pairs.flip(0), on), costs(pairs, on))


@both
def test_lengths_of_states_change_nothing_but_differences_feel_an_offset_of_neither(on: ContrastOn) -> None:
    pairs = normal(6, 2, 2, 5)
    torch.testing.assert_close(costs(7 * pairs, on), costs(pairs, on))
    shifted = costs(pairs + normal(6, 1, 2, 5, seed=3), on)
    assert torch.allclose(shifted, costs(pairs, on)) == (on == "differences")


def test_a_difference_of_zero_costs_something_and_pulls_at_nothing() -> None:
    pairs = normal(3, 2, 2, 5)
    pairs[1, 1] = pairs[1, 0]
    pairs.requires_grad_()
    costs(pairs, "differences").sum().backward()
    assert pairs.grad is not None and pairs.grad.isfinite().all()
    assert pairs.grad[1].abs().max() == 0.0 and pairs.grad[0].abs().max() > 0


@both
def test_gradients_are_those_of_finite_differences(on: ContrastOn) -> None:
    pairs = normal(3, 2, 2, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda pairs: info_nce(*contrasted(pairs, on), 0.3), pairs)


def test_weights_are_one_at_the_usual_distance_and_carry_no_gradient() -> None:
    distances = torch.tensor([1.0, 2.0, 8.0], requires_grad=True)
    weights = distance_weights(distances, torch.tensor(2.0))
    torch.testing.assert_close(weights, torch.tensor([2.0, 1.0, 0.25]), rtol=1e-5, atol=0)
    assert not weights.requires_grad
