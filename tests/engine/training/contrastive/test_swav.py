"""Prototypes in the loop: where they stay, what they learn by, and when past states help."""

from __future__ import annotations

import pytest
import torch

from rewardsmith.engine.training.contrastive.swav import SwAV
from rewardsmith.objectives.contrastive import contrasted, swapped_prediction


def pairs_of(seed: int, num: int = 4) -> torch.Tensor:
    return torch.randn(num, 2, 2, 6, generator=torch.Generator().manual_seed(seed))


def step(swav: SwAV, seed: int, num: int = 4) -> float:
    cost = swav.cost(pairs_of(seed, num))
    torch.autograd.backward(cost)
    swav.finish()
    return float(cost.detach())


def made(num_prototypes: int = 5, queue_steps: int = 0, seed: int = 0) -> SwAV:
    return SwAV("pairs", 0.1, num_prototypes, width=6, queue_steps=queue_steps, seed=seed)


def test_prototypes_stay_on_the_sphere_and_move_a_little() -> None:
    swav = made()
    before = swav.state()["prototypes"].clone()
    step(swav, 1)
    after = swav.state()["prototypes"]
    torch.testing.assert_close(after.norm(dim=1), torch.ones(5))
    moved = (after - before).norm(dim=1)
    assert (moved > 0.002).all() and (moved < 0.025).all()


def test_prototypes_come_to_predict_a_clustered_set() -> None:
    swav, centres = made(3, seed=2), torch.eye(6)[:3]
    noise = 0.05 * torch.randn(12, 2, 2, 6, generator=torch.Generator().manual_seed(0))
    pairs = centres.repeat(4, 1)[:, None, None] + noise
    costs = []
    for _ in range(150):
        cost = swav.cost(pairs)
        torch.autograd.backward(cost)
        swav.finish()
        costs.append(float(cost.detach()))
    assert costs[-1] < 0.05 * costs[0]
    assert len((centres @ swav.state()["prototypes"].T).argmax(1).unique()) == 3


def test_the_seed_draws_the_first_prototypes() -> None:
    assert torch.equal(made(seed=3).state()["prototypes"], made(seed=3).state()["prototypes"])
    assert not torch.equal(made(seed=3).state()["prototypes"], made(seed=4).state()["prototypes"])


@pytest.mark.parametrize(("num_prototypes", "helps"), [(8, False), (9, True)])
def test_past_states_help_while_a_step_has_fewer_states_than_prototypes(num_prototypes: int, helps: bool) -> None:
    swav = made(num_prototypes, queue_steps=2)
    for seed in (1, 2, 3):
        step(swav, seed)
    prototypes = swav.state()["prototypes"]
    past = [contrasted(pairs_of(seed), "pairs") for seed in (2, 3)]
    views = torch.cat([one for one, _ in past]), torch.cat([other for _, other in past])
    now = contrasted(pairs_of(4), "pairs")
    wanted = swapped_prediction(*now, prototypes, 0.1, views if helps else None)
    assert step(swav, 4) == pytest.approx(float(wanted), rel=1e-6)


def test_a_step_that_is_measured_twice_learns_once_from_the_last_time() -> None:
    once, twice = made(queue_steps=1), made(queue_steps=1)
    torch.autograd.backward(twice.cost(pairs_of(9)))
    for swav in (once, twice):
        step(swav, 1)
    for name, tensor in once.state().items():
        assert torch.equal(twice.state()[name], tensor), name


def test_a_state_brings_back_what_comes_next() -> None:
    whole, first, second = (made(9, queue_steps=2) for _ in range(3))
    for seed, num in ((1, 4), (2, 2), (3, 3)):
        step(whole, seed, num)
        step(first, seed, num)
    second.load_state({**{name: tensor.clone() for name, tensor in first.state().items()}, "another's": torch.ones(1)})
    assert step(second, 4) == step(whole, 4)
    for name, tensor in whole.state().items():
        assert torch.equal(second.state()[name], tensor), name


def test_too_few_states_are_said_once_unless_past_ones_help(capsys: pytest.CaptureFixture[str]) -> None:
    swav = made(9)
    for seed in (1, 2):
        step(swav, seed)
    assert capsys.readouterr().err.count("8 states to contrast for 9 prototypes") == 1
    step(made(9, queue_steps=1), 1)
    assert "prototypes" not in capsys.readouterr().err


def test_a_queue_without_a_part_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    swav = made(8, queue_steps=2)
    for seed in (1, 2):
        step(swav, seed)
    assert capsys.readouterr().err.count("8 prototypes: `contrast_queue_steps` 2 adds nothing to it.") == 1
