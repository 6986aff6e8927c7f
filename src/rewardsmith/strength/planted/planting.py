"""Known label errors, planted so that the audit can count what it finds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rewardsmith.preferences.simulation.flips import FlipKind

PLANTED: tuple[FlipKind, ...] = ("uniform", "hard")


def plant_flips(
    kind: FlipKind, decided: NDArray[np.bool_], belief: NDArray[np.float64], rate: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Which pairs [N] get their label flipped: a share ``rate`` of the decided ones, exactly.

    ``uniform``: all alike. ``hard``: in proportion to 1 - max(belief, 1 - belief), as an annotator errs who sees what
    the judges see (Thurstone), so that flips gather on close pairs. Ties and pairs without a belief are never chosen.
    ValueError for another kind: it takes more than beliefs.
    """
    if kind not in PLANTED:
        raise ValueError(f"{kind!r} is none of {', '.join(PLANTED)}")
    open_pairs = np.flatnonzero(decided & ~np.isnan(belief))
    number = round(rate * len(open_pairs))
    closeness = np.minimum(belief[open_pairs], 1 - belief[open_pairs])
    chances = np.ones(len(open_pairs)) if kind == "uniform" else np.maximum(closeness, 1e-6)
    keys = np.log(chances) + rng.gumbel(size=len(open_pairs))  # weighted sampling without replacement
    planted = np.zeros(len(decided), dtype=bool)
    planted[open_pairs[np.argsort(-keys)[:number]]] = True
    return planted


def relabel(target: NDArray[np.float32], planted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Targets [N] with the planted labels flipped, which is the same as swapping the responses."""
    return np.where(planted, 1 - target, target).astype(np.float32)
