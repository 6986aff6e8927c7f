"""What the other pairs of the same responses say: comparisons of a pool of responses form a graph.

Where responses stand in many pairs, each has a worth u beyond what a judge sees in its text:

    P(chosen is better) = sigmoid( a * gap + u_chosen - u_rejected ),     u ~ normal(0, 1 / penalty)

with gap the judge's. The worths are fitted without the pair that they judge (cross-fitted over pairs), so they say how
well its label agrees with the rest of the graph: a label against the grain of its responses' other pairs is suspect.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array

from rewardsmith.metrics.calibration import negative_log_likelihood, probability
from rewardsmith.metrics.temperature import fit_scale

PENALTIES = (10.0, 3.0, 1.0, 0.3, 0.1)
NUM_FOLDS = 10
MIN_PAIRS_A_RESPONSE = 2.0
"""Mean over pairs of how many others their responses stand in; below it, there is no graph to speak of."""

Floats = NDArray[np.float64]


def gaps_in_graph(gap: Floats, target: Floats, responses: NDArray[np.int64], seed: int = 0) -> Floats | None:
    """Gaps [N] in logits, of each pair by all other pairs; None where responses hardly ever recur.

    ``gap`` [N] by judges that did not see the label; ``target`` [N] in [0, 1]; ``responses`` [N, 2] numbers of the
    chosen and the rejected response, from 0. Pairs of the same two responses are left out together. The penalty is the
    one under which the pairs left out are likeliest.
    """
    if not recurs(responses):
        return None
    codes = np.unique(np.sort(responses, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    fold = np.random.default_rng(seed).permutation(int(codes.max()) + 1)[codes] % NUM_FOLDS
    offset = min(fit_scale(gap, target), 1e3) * gap
    graph = _incidence(responses)
    worths = np.zeros((graph.shape[1], NUM_FOLDS))
    best, found = negative_log_likelihood(offset, target), offset
    for penalty in PENALTIES:
        worths = _fit(graph, offset, target, fold, penalty, worths)
        held_out = offset + (graph @ worths)[np.arange(len(gap)), fold]
        loss = negative_log_likelihood(held_out, target)
        if loss < best:
            best, found = loss, held_out
    return found


def recurs(responses: NDArray[np.int64]) -> bool:
    """Whether responses [N, 2] stand in enough pairs to say something of each other; a pair that recurs is one."""
    distinct = np.unique(np.sort(responses, axis=1), axis=0)
    others = np.bincount(distinct.reshape(-1))[distinct] - 1
    return bool(len(others) and others.sum(axis=1).mean() >= MIN_PAIRS_A_RESPONSE)


def _incidence(responses: NDArray[np.int64]) -> csr_array:
    """[N, responses]: 1 for the chosen, -1 for the rejected."""
    number = len(responses)
    signs = np.tile([1.0, -1.0], number)
    return csr_array((signs, (np.repeat(np.arange(number), 2), responses.reshape(-1))))


def _fit(
    graph: csr_array, offset: Floats, target: Floats, fold: NDArray[np.int64], penalty: float, start: Floats
) -> Floats:
    """Worths [responses, K], column k without the pairs of fold k. The problems are convex and share nothing."""
    inside = (fold[:, None] != np.arange(NUM_FOLDS)).astype(np.float64)

    def loss(flat: Floats) -> tuple[float, Floats]:
        worths = flat.reshape(start.shape)
        gaps = offset[:, None] + graph @ worths
        losses = inside * (np.logaddexp(0, gaps) - target[:, None] * gaps)
        slope = graph.T @ (inside * (probability(gaps) - target[:, None])) + penalty * worths
        return float(losses.sum() + 0.5 * penalty * np.square(worths).sum()), slope.reshape(-1)

    found = minimize(loss, start.reshape(-1), jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-7})
    return np.asarray(found.x).reshape(start.shape)
