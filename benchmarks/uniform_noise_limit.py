"""How much of what uniform label noise costs could any repair win back from a linear reward?

Question   Labels of a reward that is linear in real features and drawn from a known prior, some flipped at random.
           How much of the gap between plain training on them and on clean ones can be closed at all?
Workload   The features of a preference set, split as `study noise` splits it; a reward drawn at random, as sharp as
           --bayes_accuracy says (of a judge who knows it), labels drawn from it, and noise. Heads on noisy labels
           (`plain`), on clean ones (`clean`), and on noisy ones by the likelihood that knows the share (`known`): each
           with the penalty of the study's grid that is best on the test itself, so that choosing costs nobody anything.
Ceiling    `bayes` decides by the posterior that knows prior, sharpness and share (Hamiltonian Monte Carlo). On average
           over rewards no audit, repair or training has a higher accuracy from the same labels.
Command    python benchmarks/uniform_noise_limit.py --dataset FOLDER/ukp_convarg.jsonl.gz --fold_by category
"""

from __future__ import annotations

import argparse
import json
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.ensembles.crossfit import fold_groups
from rewardsmith.strength.ensembles.probe_ensemble import pair_features
from rewardsmith.studies.noise.heads import Labels, fit_arms, fit_noise_aware
from rewardsmith.studies.noise.probe_trainer import L2_GRID
from rewardsmith.trials.splits import split_by_group

ARMS = ("plain", "known", "clean", "bayes")
RATES = (0.1, 0.2, 0.3, 0.4)
BURN_IN, DRAWS, LEAPS, STEP, LEAST_ACCEPTED = 100, 300, 8, 1.0, 0.4  # of the sampler


def main() -> None:
    """Prints a table, then one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--fold_by", choices=["prompt", "pair", "category"], default="prompt")
    parser.add_argument("--bayes_accuracy", type=float, nargs="*", default=[0.7, 0.8, 0.9, 0.97])
    parser.add_argument("--draws", type=int, default=5)
    args = parser.parse_args()
    table = load_preferences(args.dataset, DataOptions(), seed=0).table
    designs = pair_features(table, ModelOptions(), "float32").designs
    rows = max((design.rows for design in designs), key=lambda widest: widest.shape[1])
    groups = fold_groups(table, cast(Literal["prompt", "pair", "category"], args.fold_by))
    found = []
    print("Points, mean (spread over draws); share of the gap (range without one of the draws).")
    print(
        f"{'bayes':>6} {'rate':>4} {'clean':>6} {'gap':>13} {'known':>13} {'limit':>13}  {'known':>15}  {'limit':>15}"
    )
    for accuracy in args.bayes_accuracy:
        by_arm = [[measure(rows, groups, accuracy, rate, draw) for draw in range(args.draws)] for rate in RATES]
        plain, known, clean, bayes = np.array(by_arm).transpose(2, 0, 1)  # each [rates, draws]
        gap, gain, most = clean - plain, known - plain, bayes - plain
        for r, rate in enumerate(RATES):
            points = " ".join(in_points(own[r]) for own in (gap, gain, most))
            shares = "  ".join(share(gap[r], own[r]) for own in (gain, most))
            print(f"{accuracy:6.2f} {rate:4.1f} {clean[r].mean():6.1f} {points}  {shares}")
        shares = "  ".join(share(gap.mean(0), own.mean(0)) for own in (gain, most))
        print(f"{accuracy:6.2f}  all {'':49} {shares}", flush=True)
        arms = {name: own.tolist() for name, own in zip(ARMS, (plain, known, clean, bayes), strict=True)}
        found.append({"bayes_accuracy": accuracy, "rates": RATES, **arms})
    print(json.dumps({"dataset": args.dataset, "pairs": len(rows), "columns": rows.shape[1], "found": found}))


def measure(rows: Tensor, groups: NDArray[np.int64], accuracy: float, rate: float, draw: int) -> list[float]:
    """Expected accuracy in points of ARMS, in this order."""
    rng = np.random.default_rng([draw, round(1000 * accuracy)])
    unscaled = rows.double().numpy() @ rng.standard_normal(rows.shape[1])
    scale = as_sharp(unscaled, accuracy)
    belief = 1 / (1 + np.exp(-scale * unscaled))
    split = split_by_group(groups, 0.3, draw)
    train, tested = (rows[torch.from_numpy(which)] for which in (split.train, split.test))
    clean = (rng.random(len(train)) < belief[split.train]).astype(np.float32)
    noisy = np.where(rng.permutation(len(train)) < round(rate * len(train)), 1 - clean, clean)
    penalties = torch.tensor([*L2_GRID, 1 / scale**2])  # the last is that of the prior
    plain, best = (fit_arms(train, labels_of(own, len(penalties)), penalties) for own in (noisy, clean))
    rates = torch.full((len(train), 2, len(penalties)), rate)
    known = fit_noise_aware(train, labels_of(noisy, len(penalties)), rates, penalties, plain)
    said = {name: (tested @ heads[:-1].T).sigmoid() for name, heads in zip(ARMS, (plain, known, best), strict=False)}
    said["bayes"] = posterior_belief(train, torch.from_numpy(noisy), rate, penalties[-1], known[-1], tested, draw)[
        :, None
    ]
    right = torch.from_numpy(belief[split.test])[:, None]
    return [100 * float(torch.where(said[arm] > 0.5, right, 1 - right).mean(0).max()) for arm in ARMS]


def posterior_belief(
    train: Tensor, noisy: Tensor, rate: float, l2: Tensor, start: Tensor, tested: Tensor, seed: int, finer: int = 1
) -> Tensor:
    """P(chosen is better) of each tested pair, over heads drawn from the posterior of the labels.

    Steps are halved, by way of ``finer``, until enough of them are accepted.
    """
    generator = torch.Generator().manual_seed(seed)
    sign = 2 * noisy - 1

    def energy(head: Tensor) -> tuple[Tensor, Tensor]:
        p = (sign * (train @ head)).sigmoid()
        q = rate + (1 - 2 * rate) * p
        value = -q.double().log().sum() + l2 / 2 * head.double().square().sum()
        return value, train.T @ (-sign * (1 - 2 * rate) * p * (1 - p) / q) + l2 * head

    p = (train @ start).sigmoid()
    q = rate + (1 - 2 * rate) * p
    information = ((1 - 2 * rate) * p * (1 - p)).square() / (q * (1 - q))
    curvature = (train * information[:, None]).T @ train + l2 * torch.eye(len(start))
    factor = torch.linalg.cholesky(torch.linalg.inv(curvature.double())).float()  # head = factor @ z is about white
    head, (value, slope) = start, energy(start)
    beliefs, accepted = torch.zeros(len(tested)), 0
    for draw in range(BURN_IN + DRAWS):
        momentum = torch.randn(len(head), generator=generator)
        step = STEP / finer * len(head) ** -0.25 * (0.8 + 0.4 * float(torch.rand(1, generator=generator)))
        new_head, new_value, new_slope = head, value, slope
        before = value + momentum.double().square().sum() / 2
        for _ in range(LEAPS * finer):
            momentum = momentum - step / 2 * (factor.T @ new_slope)
            new_head = new_head + step * (factor @ momentum)
            new_value, new_slope = energy(new_head)
            momentum = momentum - step / 2 * (factor.T @ new_slope)
        after = new_value + momentum.double().square().sum() / 2
        if float(torch.rand(1, generator=generator)) < float((before - after).clamp(max=0).exp()):
            head, value, slope = new_head, new_value, new_slope
            accepted += 1
        if draw >= BURN_IN:
            beliefs += (tested @ head).sigmoid() / DRAWS
    if accepted < LEAST_ACCEPTED * (BURN_IN + DRAWS):
        return posterior_belief(train, noisy, rate, l2, start, tested, seed, 2 * finer)
    return beliefs


def as_sharp(gaps: NDArray[np.float64], accuracy: float) -> float:
    """The scale of gaps at which who knows them agrees so often with labels drawn from them."""
    low, high = 1e-3, 1e4
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if (1 / (1 + np.exp(-middle * np.abs(gaps)))).mean() < accuracy else (low, middle)
    return low


def labels_of(labels: NDArray[np.float32], number: int) -> Labels:
    """The same labels for so many heads."""
    target = torch.from_numpy(labels)[:, None].expand(-1, number).contiguous()
    return Labels(target, torch.zeros_like(target), torch.ones_like(target))


def in_points(values: NDArray[np.float64]) -> str:
    """Mean and spread over draws."""
    return f"{values.mean():6.2f} ({values.std(ddof=1):.2f})"


def share(gap: NDArray[np.float64], gain: NDArray[np.float64]) -> str:
    """Of the gap [draws], gained: pooled, and the range of what it is without each of the draws."""
    less = [100 * np.delete(gain, i).sum() / np.delete(gap, i).sum() for i in range(len(gap))]
    return f"{100 * gain.sum() / gap.sum():4.0f} % ({min(less):3.0f} to {max(less):3.0f})"


if __name__ == "__main__":
    main()
