"""The ``probe`` ensemble: many heads on frozen features, cross-fitted, for about the price of one forward pass.

Members come in R repeats of K folds. Member (r, k) trains on the groups outside fold k of repeat r. Which features it
reads and how strongly it is penalised is decided inside those groups alone, by the likelihood of the given labels
under an inner cross-validation over the other K - 1 folds. Its training groups carry random weights (a Bayesian
bootstrap, Rubin 1981), so members differ as far as the data leave room for difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import logsigmoid

from rewardsmith.errors import DataError
from rewardsmith.strength.crossfit import assign_folds, check_folds
from rewardsmith.strength.design import Design
from rewardsmith.strength.judgements import Judgements
from rewardsmith.strength.logistic import fit_heads
from rewardsmith.strength.options import StrengthOptions

L2_GRID = (0.025, 0.1, 0.4, 1.6, 6.4, 25.0, 100.0, 400.0)
BLOCK_CELLS = 6_000_000  # scores held at once, to bound memory
MIN_PAIRS = 40

Advance = Callable[[int], None]


def probe_judgements(
    designs: Sequence[Design],
    target: NDArray[np.float32],
    groups: NDArray[np.int64],
    options: StrengthOptions,
    seed: int,
    advance: Advance = lambda _: None,
) -> Judgements:
    """Gaps of the whole ensemble for pairs with ``target`` [N] and ``groups`` [N].

    A target of t against 1 - t is the same pair swapped, so planted flips need no new features. ``advance`` is called
    with 1 after each repeat. Raises DataError for too few pairs or groups.
    """
    check_enough(len(target), groups, options.num_folds)
    rng = np.random.default_rng(seed)
    folds = assign_folds(groups, options.num_folds, options.num_judges, rng)
    labels = torch.tensor(target)
    gaps, trained, choices = [], [], []
    for fold_of in folds:
        held_out = fold_of[:, None] == np.arange(options.num_folds)
        in_training = np.zeros_like(held_out) if options.crossfit == "none" else held_out
        chosen = choose(designs, labels, fold_of, options.num_folds)
        weights = torch.from_numpy((~in_training * _group_weights(groups, options.num_folds, rng)).astype(np.float32))
        gaps.append(_fit_members(designs, labels, weights, chosen))
        trained.append(~in_training)
        choices += [f"{designs[c].candidate.name}, l2 {L2_GRID[p]:g}" for c, p in chosen]
        advance(1)
    return Judgements(np.concatenate(gaps, axis=1), np.concatenate(trained, axis=1), tuple(choices))


def check_enough(num_pairs: int, groups: NDArray[np.int64], num_folds: int) -> None:
    """Raises DataError where there are too few pairs or groups to cross-fit: before anything costly is done."""
    if num_pairs < MIN_PAIRS:
        raise DataError(f"{num_pairs} pairs are too few to measure strength: a probe needs {MIN_PAIRS} or more.")
    check_folds(groups, num_folds)


def choose(
    designs: Sequence[Design], labels: Float[Tensor, " N"], fold_of: NDArray[np.int16], num_folds: int
) -> list[tuple[int, int]]:
    """For each fold k, the (candidate, penalty) that predicts best inside the other folds.

    Member k is judged by heads that leave out k and one more fold j, on the pairs of j. A head that leaves out {j, k}
    serves both members, which halves the work.
    """
    likelihood = np.zeros((num_folds, len(designs), len(L2_GRID)))
    for c, design in enumerate(designs):
        for (j, k), scores in _leave_two_out(design, labels, fold_of, num_folds):
            fit = labels[:, None] * logsigmoid(scores) + (1 - labels[:, None]) * logsigmoid(-scores)
            for member, judged in ((j, k), (k, j)):
                rows = torch.from_numpy(fold_of == judged)
                likelihood[member, c] += fit[rows].sum(dim=0).double().numpy()
    best = likelihood.reshape(num_folds, -1).argmax(axis=1)
    return [divmod(int(index), len(L2_GRID)) for index in best]


def _leave_two_out(
    design: Design, labels: Float[Tensor, " N"], fold_of: NDArray[np.int16], num_folds: int
) -> list[tuple[tuple[int, int], Float[Tensor, "N L"]]]:
    pairs = list(combinations(range(num_folds), 2))
    kept = np.stack([(fold_of != j) & (fold_of != k) for j, k in pairs], axis=1)
    penalties = torch.tensor(L2_GRID).expand(len(pairs), -1)
    heads = fit_in_blocks(design.rows, labels, torch.from_numpy(kept.astype(np.float32)), penalties)
    return [(pair, design.rows @ head.T) for pair, head in zip(pairs, heads, strict=True)]


def _fit_members(
    designs: Sequence[Design], labels: Float[Tensor, " N"], weights: Float[Tensor, "N K"], chosen: list[tuple[int, int]]
) -> NDArray[np.float32]:
    gaps = torch.empty(len(labels), len(chosen))
    for c, design in enumerate(designs):
        members = [k for k, (candidate, _) in enumerate(chosen) if candidate == c]
        if members:
            penalties = torch.tensor([[L2_GRID[chosen[k][1]]] for k in members])
            heads = fit_in_blocks(design.rows, labels, weights[:, members], penalties)
            gaps[:, members] = design.rows @ heads[:, 0].T
    return gaps.numpy()


def fit_in_blocks(
    rows: Float[Tensor, "N D"],
    labels: Float[Tensor, " N"],
    weights: Float[Tensor, "N T"],
    penalties: Float[Tensor, "T L"],
) -> Float[Tensor, "T L D"]:
    """``fit_heads`` a few weightings at a time, so that memory stays bounded however many pairs there are."""
    width = max(1, BLOCK_CELLS // (len(rows) * penalties.shape[1]))
    starts = range(0, weights.shape[1], width)
    return torch.cat([fit_heads(rows, labels, weights[:, s : s + width], penalties[s : s + width]) for s in starts])


def _group_weights(groups: NDArray[np.int64], num_members: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Weights [N, K] with mean 1, equal within a group."""
    return rng.exponential(size=(int(groups.max()) + 1, num_members))[groups]
