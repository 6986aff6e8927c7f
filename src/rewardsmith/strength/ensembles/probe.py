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
from rewardsmith.strength.ensembles.crossfit import assign_folds, check_folds
from rewardsmith.strength.ensembles.design import Design
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.logistic import fit_heads
from rewardsmith.strength.options import StrengthOptions

L2_GRID = (0.025, 0.1, 0.4, 1.6, 6.4, 25.0, 100.0, 400.0)
INNER_TOLERANCE = 1e-2  # root mean square logits; far below what tells penalties apart
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
    folds = assign_folds(groups, options.num_folds, options.judges, rng)
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
    likelihood = np.stack([_by_penalty(design, labels, fold_of, num_folds) for design in designs], axis=1)
    best = likelihood.reshape(num_folds, -1).argmax(axis=1)
    return [divmod(int(index), len(L2_GRID)) for index in best]


def _by_penalty(
    design: Design, labels: Float[Tensor, " N"], fold_of: NDArray[np.int16], num_folds: int
) -> NDArray[np.float64]:
    """Inner held-out log likelihood of each member at each penalty, shape [K, penalties].

    Goes from strong to weak, each fit starting at the last one. A member whose likelihood has fallen twice in a row is
    past its optimum: what follows is -inf to it, and the search ends when that is true of all.
    """
    pairs = list(combinations(range(num_folds), 2))
    kept = torch.from_numpy(np.stack([(fold_of != j) & (fold_of != k) for j, k in pairs], axis=1).astype(np.float32))
    likelihood = np.full((num_folds, len(L2_GRID)), -np.inf)
    heads: Tensor | None = None
    searching = np.ones(num_folds, dtype=bool)
    for p in reversed(range(len(L2_GRID))):
        heads = fit_heads(design.rows, labels, kept, torch.full((len(pairs),), L2_GRID[p]), heads, INNER_TOLERANCE)
        found = _inner_likelihood(design.rows @ heads.T, labels, fold_of, pairs, num_folds)
        likelihood[searching, p] = found[searching]
        if p + 2 < len(L2_GRID):
            searching &= ~((likelihood[:, p] < likelihood[:, p + 1]) & (likelihood[:, p + 1] < likelihood[:, p + 2]))
        if not searching.any():
            break
    return likelihood


def _inner_likelihood(
    scores: Float[Tensor, "N P"],
    labels: Float[Tensor, " N"],
    fold_of: NDArray[np.int16],
    pairs: list[tuple[int, int]],
    num_folds: int,
) -> NDArray[np.float64]:
    """For each member k: the likelihood of fold j by the head that left out {j, k}, summed over j."""
    total = np.zeros(num_folds)
    rows = [torch.from_numpy(np.flatnonzero(fold_of == k)) for k in range(num_folds)]
    for column, (j, k) in enumerate(pairs):
        for member, judged in ((j, k), (k, j)):
            score, label = scores[rows[judged], column], labels[rows[judged]]
            fit = label * logsigmoid(score) + (1 - label) * logsigmoid(-score)
            total[member] += float(fit.sum())
    return total


def _fit_members(
    designs: Sequence[Design], labels: Float[Tensor, " N"], weights: Float[Tensor, "N K"], chosen: list[tuple[int, int]]
) -> NDArray[np.float32]:
    gaps = torch.empty(len(labels), len(chosen))
    for c, design in enumerate(designs):
        members = [k for k, (candidate, _) in enumerate(chosen) if candidate == c]
        if members:
            penalties = torch.tensor([L2_GRID[chosen[k][1]] for k in members])
            heads = fit_heads(design.rows, labels, weights[:, members], penalties)
            gaps[:, members] = (design.rows if design.judged is None else design.judged) @ heads.T
    return gaps.numpy()


def _group_weights(groups: NDArray[np.int64], num_members: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Weights [N, K] with mean 1, equal within a group."""
    return rng.exponential(size=(int(groups.max()) + 1, num_members))[groups]
