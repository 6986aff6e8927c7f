"""Places of states in two dimensions, for a picture: the principal components, and t-SNE as in arXiv 2401.06080."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

Method: TypeAlias = Literal["pca", "tsne"]
PERPLEXITY = 30.0
"""About how many neighbours t-SNE keeps near each state; fewer where there are few states."""
FEWEST_STATES = 10
"""Fewer make no picture."""


@dataclass(frozen=True)
class StateMap:
    """Where states are drawn."""

    places: dict[Method, NDArray[np.float64]]
    """[N, 2]"""
    shown_variance: float
    """Share of the variance that the two principal components have."""


def map_states(states: NDArray[Any], seed: int = 0) -> StateMap | None:
    """Both maps of states [N, D], the same for the same seed; None of states that are too few or all the same."""
    if len(states) < FEWEST_STATES or not np.ptp(states, axis=0).any():
        return None
    states = states.astype(np.float64)
    pca = PCA(n_components=2, svd_solver="full").fit(states)
    neighbours = TSNE(perplexity=min(PERPLEXITY, (len(states) - 1) / 3), init="pca", random_state=seed, n_jobs=1)
    places: dict[Method, NDArray[np.float64]] = {
        "pca": pca.transform(states),
        "tsne": neighbours.fit_transform(states),
    }
    return StateMap(places, float(pca.explained_variance_ratio_.sum()))


def map_table(pairs: pa.Table, made: StateMap | None, compared: StateMap | None = None) -> pa.Table | None:
    """One row a pair: pair_id, row, and the places of both responses on each map, ``preferred_pca_1`` and so on.

    The maps have all preferred responses first, then the others. ``compared``: that of another model, with
    ``_compared`` at the end. None without a map.
    """
    if made is None:
        return None
    table = pairs.select(["pair_id", "row"])
    for suffix, each in (("", made), ("_compared", compared)):
        for method, places in ({} if each is None else each.places).items():
            for side, sided in zip(("preferred", "other"), np.split(places, 2), strict=True):
                for axis in (1, 2):
                    values = pa.array(sided[:, axis - 1].astype(np.float32))
                    table = table.append_column(f"{side}_{method}_{axis}{suffix}", values)
    return table
