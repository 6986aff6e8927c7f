"""Figures of the states that a head reads."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rewardsmith.metrics.states import (
    alignment,
    collapse,
    describe_states,
    effective_rank,
    first_axis_share,
    overlap,
    relative_variance,
    uniformity,
)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_alignment_is_zero_for_equal_views_two_at_right_angles_and_four_for_opposites():
    states = normal(5, 4)
    assert alignment(states, states) == 0
    assert float(alignment(torch.eye(4), torch.eye(4).roll(1, 0))) == pytest.approx(2)
    assert float(alignment(states, -states)) == pytest.approx(4)


def test_alignment_and_uniformity_go_by_directions_only():
    first, second = normal(6, 3), normal(6, 3, seed=1)
    lengths = torch.linspace(0.1, 9, 6)[:, None]
    assert float(alignment(first * lengths, second)) == pytest.approx(float(alignment(first, second)))
    assert float(uniformity(first * lengths)) == pytest.approx(float(uniformity(first)))


def test_uniformity_of_equal_states_is_zero_of_opposites_minus_four_t_and_of_a_basis_minus_two_t():
    assert float(uniformity(torch.ones(7, 3))) == pytest.approx(0, abs=1e-6)
    assert float(uniformity(torch.tensor([[1.0, 0], [-1, 0]]))) == pytest.approx(-8)
    assert float(uniformity(torch.eye(5))) == pytest.approx(-4)
    assert float(uniformity(torch.eye(5), sharpness=0.5)) == pytest.approx(-1)
    assert math.isnan(uniformity(torch.ones(1, 3)))


def test_effective_rank_counts_axes_of_equal_variance():
    axes = torch.eye(6)[:3]
    assert float(effective_rank(torch.cat([axes, -axes]))) == pytest.approx(3)
    assert float(effective_rank(torch.eye(5))) == pytest.approx(4), "five points less their mean span four axes"
    assert float(effective_rank(torch.tensor([[1.0, 2], [2, 4], [5, 10]]))) == pytest.approx(1, abs=1e-4)
    assert effective_rank(torch.ones(4, 3)) == 0
    assert math.isnan(effective_rank(torch.ones(1, 3)))


def test_effective_rank_of_two_unequal_axes_is_the_exponential_of_their_entropy():
    states = torch.tensor([[3.0, 0], [-3, 0], [0, 1], [0, -1]])
    assert float(effective_rank(states)) == pytest.approx(math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25)))
    assert float(first_axis_share(states)) == pytest.approx(0.9)


def test_a_constant_in_all_states_and_their_unit_change_no_rank():
    states = normal(20, 5)
    assert float(effective_rank(3 * states + 100)) == pytest.approx(float(effective_rank(states)))
    assert float(first_axis_share(3 * states + 100)) == pytest.approx(float(first_axis_share(states)))


def test_relative_variance_is_what_is_not_common():
    apart = torch.tensor([[1.0, 0], [-1, 0]])
    assert relative_variance(apart) == 1
    assert float(relative_variance(apart + torch.tensor([0.0, 3]))) == pytest.approx(0.1)
    assert relative_variance(torch.ones(4, 3)) == 0


def test_sides_that_lie_apart_do_not_overlap_and_sides_that_change_places_do_so_wholly():
    chosen = normal(8, 3)
    assert overlap(chosen, chosen + 100).tolist() == [0] * 8
    corner = torch.tensor([[0.0], [0.1]])
    assert overlap(corner, corner.flip(0) + 0.001).tolist() == [1, 1]


def test_the_partner_and_pairs_of_the_same_prompt_are_no_neighbours():
    chosen, rejected = torch.tensor([[0.0], [10.0], [8.0]]), torch.tensor([[100.0], [0.1], [9.0]])
    assert overlap(chosen, rejected).tolist() == [1, 1, 0.5], "8 is nearest to the chosen 10, its own 9 left out"
    one_prompt = torch.tensor([4, 4, 7])
    assert overlap(chosen, rejected, one_prompt).tolist() == [0, 1, 0.5], "0 is nearest to the chosen 8 now"
    assert overlap(chosen[:2], rejected[:2], one_prompt[:2]).isnan().all()


def test_overlap_of_equal_states_is_one_half_since_all_share_the_vote():
    assert overlap(torch.ones(5, 3), torch.ones(5, 3)).tolist() == [0.5] * 5


def test_overlap_is_one_half_in_the_mean_over_all_ways_to_name_the_sides():
    first, second = normal(6, 2), normal(6, 2, seed=1)
    means = []
    for number in range(2**6):
        swapped = torch.tensor([number >> place & 1 for place in range(6)], dtype=torch.bool)[:, None]
        means.append(overlap(torch.where(swapped, second, first), torch.where(swapped, first, second)).mean())
    assert float(torch.stack(means).mean()) == pytest.approx(0.5)


def test_turning_the_space_changes_nothing():
    chosen, rejected = normal(12, 5), normal(12, 5, seed=1)
    turn = torch.linalg.qr(normal(5, 5, seed=2)).Q
    here, turned = describe_states(chosen, rejected), describe_states(chosen @ turn, rejected @ turn)
    for name, value in vars(here).items():
        assert value is None or vars(turned)[name] == pytest.approx(value)


def test_collapse_tells_a_point_a_line_and_neither():
    noise = normal(30, 6)
    assert collapse(noise) is None
    assert collapse(noise * 0.003 + torch.ones(6)) == "point"
    assert collapse(noise * 0.02 + torch.ones(6)) is None
    line = normal(30, 1, seed=1) * torch.ones(6)
    assert collapse(line + 0.05 * noise) == "line"
    assert collapse(line + 0.5 * noise) is None
    assert collapse(torch.ones(2, 6)) is None, "two states are too few to tell"
    assert collapse(torch.full((4, 6), math.nan)) == "point", "what is not a number tells nothing apart"


def test_states_in_short_types_are_described_in_float32():
    states = normal(10, 4).to(torch.bfloat16)
    assert describe_states(states, -states) == describe_states(states.float(), -states.float())


def test_no_gradient_is_kept():
    states = normal(6, 3).requires_grad_()
    assert isinstance(describe_states(states, -states).uniformity, float)
