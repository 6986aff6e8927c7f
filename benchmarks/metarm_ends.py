"""Where does Algorithm 1 of MetaRM end?

Question   The gradient of the preference loss L is taken at phi = theta + delta(theta), a step up J, and applied to
           theta. Where do theta and phi go, and what becomes of J there? And along the way?
Workload   Two tiny reward models in float64, whole-batch gradient descent: two weights (L has one minimum, known), and
           a network of one hidden layer with 24 weights. Labels are the true probabilities. |delta| = size |theta|.
           `published`: Algorithm 1. `second order`: the gradient of L(theta + delta(theta)) itself. `opposite`: the
           step is taken down J. `phi kept`: Algorithm 1, but the perturbed weights are what is used.
Ceiling    Derived (docs/methods/metarm.md): phi ends in the minimum of L, theta one step down J from it.
Command    python benchmarks/metarm_ends.py --figure docs/images/metarm_ends.svg
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from metarm_ends_figure import draw_ends
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

SIZES = (0.01, 0.03, 0.1)
DRAWN_SIZE = 0.3
CHECKED = (1, 10, 100)
"""Steps after which J is compared with that of as many plain ones."""
SMALLEST_GRADIENT = 1e-7
NUM_HIDDEN = 6

Weights = Float[Tensor, " P"]
Function = Callable[[Weights], Tensor]
Rule = Literal["plain", "published", "second order", "opposite"]
SIGN: dict[str, int] = {"plain": 0, "published": 1, "second order": 1, "opposite": -1, "phi kept": 0}
"""Of the step from the weights that are kept to those where L is at its minimum in the end."""


@dataclass(frozen=True)
class World:
    """A reward model as a function of its weights: what it costs, and how far it tells shifted responses apart."""

    name: str
    loss: Function
    spread: Function
    start: Weights
    rate: float
    most_steps: int


def spread_of(rewards: Float[Tensor, "prompts k"]) -> Tensor:
    """J of Eq. 11: 2 / k^2 times the sum of sigmoid(|r_i - r_j|) over i < j, mean over prompts."""
    num = rewards.shape[1]
    first, second = torch.triu_indices(num, num, 1)
    return 2 / num**2 * (rewards[:, first] - rewards[:, second]).abs().sigmoid().sum(1).mean()


def gradient(function: Function, at: Weights) -> Weights:
    at = at.detach().requires_grad_()
    return torch.autograd.grad(function(at), at)[0]


def shift(world: World, theta: Weights, size: float, differentiable: bool = False) -> Weights:
    """delta(theta), up J for a positive size."""
    theta = theta if differentiable else theta.detach().requires_grad_()
    up = torch.autograd.grad(world.spread(theta), theta, create_graph=differentiable)[0]
    delta = size * theta.norm() * up / up.norm()
    return delta if differentiable else delta.detach()


def descend(world: World, rule: Rule, size: float = 0.0) -> list[Weights]:
    """The weights after every step, the first ones included."""

    def moved(theta: Weights) -> Tensor:
        return world.loss(theta + shift(world, theta, size, differentiable=True))

    path = [world.start]
    for _ in range(world.most_steps):
        theta = path[-1]
        if rule == "second order":
            slope = gradient(moved, theta)
        else:
            slope = gradient(world.loss, theta + shift(world, theta, SIGN[rule] * size))
        path.append(theta - world.rate * slope)
        if slope.norm() < SMALLEST_GRADIENT:
            break
    return path


def linear_world() -> World:
    """Two weights. Preferences mostly show the first feature, shifted responses the second."""
    generator = torch.Generator().manual_seed(0)
    pairs = torch.randn(300, 2, generator=generator) * torch.tensor([1.4, 0.5])
    responses = torch.randn(60, 5, 2, generator=generator) * torch.tensor([0.5, 1.2])
    labels = (pairs @ torch.tensor([1.2, 0.9])).sigmoid()
    return World(
        "two weights",
        lambda theta: binary_cross_entropy_with_logits(pairs @ theta, labels),
        lambda theta: spread_of(responses @ theta),
        torch.tensor([0.1, -0.5]),
        rate=0.5,
        most_steps=4000,
    )


def network_world() -> World:
    """r(x) = v . tanh(W x + b); a penalty of 0.001 / 2 |theta|^2 gives L a minimum without flat directions."""
    generator = torch.Generator().manual_seed(0)
    chosen, rejected = torch.randn(2, 300, 2, generator=generator) * torch.tensor([1.0, 0.35])
    responses = torch.randn(60, 5, 2, generator=generator) * torch.tensor([0.5, 1.2]) + torch.tensor([0.5, -0.5])
    teacher, start = torch.randn(2, 4 * NUM_HIDDEN, generator=generator) * torch.tensor([[1.2], [0.7]])

    def reward(x: Tensor, theta: Weights) -> Tensor:
        inner, bias, outer = theta.split([2 * NUM_HIDDEN, NUM_HIDDEN, NUM_HIDDEN])
        return torch.tanh(x @ inner.view(2, NUM_HIDDEN) + bias) @ outer

    def gap(theta: Weights) -> Tensor:
        return reward(chosen, theta) - reward(rejected, theta)

    labels = gap(teacher).sigmoid()
    return World(
        "network",
        lambda theta: binary_cross_entropy_with_logits(gap(theta), labels) + 5e-4 * theta.square().sum(),
        lambda theta: spread_of(reward(responses, theta)),
        start,
        rate=1.0,
        most_steps=10000,
    )


def ends(world: World, size: float, plain: list[Weights]) -> list[dict[str, float | str]]:
    """Of each rule: how far from the minimum of L it ends, and J less that of plain training, also along the way."""
    minimum = plain[-1]
    found = {rule: descend(world, rule, size) for rule in ("published", "second order", "opposite")}
    found["phi kept"] = [theta + shift(world, theta, size) for theta in found["published"]]
    rows = []
    for rule, path in found.items():
        theta = path[-1]
        phi = theta + shift(world, theta, SIGN[rule] * size)
        below = [float(world.spread(path[min(i, len(path) - 1)]) - world.spread(plain[i])) for i in CHECKED]
        row = {
            "rule": rule,
            "slope at phi": float(gradient(world.loss, phi).norm()),
            "phi from minimum": float((phi - minimum).norm() / minimum.norm()),
            "kept from minimum": float((theta - minimum).norm() / minimum.norm()),
            **{f"J after {i}": value for i, value in zip(CHECKED, below, strict=True)},
            "J at the end": float(world.spread(theta) - world.spread(minimum)),
        }
        rows.append(row)
    return rows


def main() -> None:
    """Prints a table for each model, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figure", type=Path, help="where to draw the paths of the two weights (SVG)")
    args = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    found = []
    for world in (linear_world(), network_world()):
        plain = descend(world, "plain")
        print(f"{world.name}: J of plain training {float(world.spread(plain[-1])):.4f}; below, J less that")
        columns = [f"J@{i:<5}" for i in CHECKED]
        print(f"{'size':>4} {'rule':12} {'|grad L(phi)|':>13} {'phi':>7} {'kept':>7}", *columns, "J@end")
        for size in SIZES:
            for row in ends(world, size, plain):
                found.append({"world": world.name, "size": size, **row})
                distances = f"{row['phi from minimum']:7.4f} {row['kept from minimum']:7.4f}"
                gained = " ".join(f"{row[f'J after {i}']:+.4f}" for i in CHECKED) + f" {row['J at the end']:+.4f}"
                print(f"{size:4} {row['rule']:12} {row['slope at phi']:13.0e} {distances} {gained}")
    if args.figure:
        world, size = linear_world(), DRAWN_SIZE
        paths = {rule: descend(world, rule, size) for rule in ("plain", "published", "opposite")}
        paths["phi kept"] = [theta + shift(world, theta, size) for theta in paths["published"]]
        args.figure.write_text(draw_ends({name: torch.stack(path) for name, path in paths.items()}, world.spread))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
