"""The states behind the rewards of some pairs: how they lie in space, and where better and worse responses are."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.metrics.evaluate import StateNumbers
from rewardsmith.contracts.scorer import Scorer, ShowsStates, ShowsViews
from rewardsmith.errors import ConfigError
from rewardsmith.evaluation.state_maps import StateMap, map_states
from rewardsmith.metrics.intervals import LEVEL
from rewardsmith.metrics.states import alignment, describe_states, overlap_by_chance
from rewardsmith.preferences.pairs.conversations import pair_conversations

VIEW_DROPOUT = 0.05
"""That of the views in arXiv 2401.06080."""
VIEWED_PAIRS = 100
"""Pairs that are read in two views, at most: their mean is known well enough, and each view costs a reading."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SeenStates:
    """What is said and drawn of the states of some pairs; nothing where there are none."""

    numbers: StateNumbers | None = None
    map: StateMap | None = None


def pairs_to_look_at(pairs: pa.Table, num_pairs: int, seed: int) -> pa.Table:
    """At most so many of the pairs whose weight is not 0 and whose label prefers a response, drawn at random."""
    target, weight = pairs.column("target").to_numpy(), pairs.column("weight").to_numpy()
    places = np.flatnonzero((target != 0.5) & (weight > 0))
    drawn = np.random.default_rng(seed).permutation(places)[:num_pairs]
    return pairs.take(np.sort(drawn))


def look_at_states(scorer: Scorer, pairs: pa.Table, seed: int = 0) -> SeenStates:
    """Numbers and map of the states of pairs whose labels prefer a response, where the scorer shows its states."""
    if not isinstance(scorer, ShowsStates) or not len(pairs):
        return SeenStates()
    preferred, other = preferred_and_other(scorer, pairs)
    made = map_states(np.concatenate([preferred, other]), seed)
    numbers = state_numbers(preferred, other, np.asarray(pairs.column("prompt_id").to_pylist()), seed)
    numbers["mapped_variance"] = made.shown_variance if made else None
    numbers["alignment"] = alignment_of_views(scorer, pairs_to_look_at(pairs, VIEWED_PAIRS, seed), seed)
    return SeenStates(numbers, made)


def preferred_and_other(scorer: ShowsStates, pairs: pa.Table) -> tuple[Floats, Floats]:
    """The states [B, D] of the responses that the labels prefer, and of those that they do not."""
    chosen, rejected = pair_conversations(pairs)
    states = scorer.states([*chosen, *rejected]).reshape(2, len(pairs), -1)
    is_chosen = (pairs.column("target").to_numpy() > 0.5)[:, None]
    return np.where(is_chosen, states[0], states[1]), np.where(is_chosen, states[1], states[0])


def alignment_of_views(scorer: ShowsStates, pairs: pa.Table, seed: int = 0) -> float | None:
    """Mean squared distance of the directions of two views of each response; None where there are no views."""
    if not isinstance(scorer, ShowsViews):
        return None
    chosen, rejected = pair_conversations(pairs)
    try:
        first, second = scorer.views([*chosen, *rejected], VIEW_DROPOUT, seed)
    except ConfigError as error:
        say(f"The states are not read in two views: {error}")
        return None
    return _known(float(alignment(torch.from_numpy(first), torch.from_numpy(second))))


def state_numbers(preferred: Floats, other: Floats, prompts: NDArray[np.str_], seed: int = 0) -> StateNumbers:
    """What `metrics/states.py` says of them; pairs of one prompt are no neighbours. What is not defined is None."""
    first, second = torch.from_numpy(preferred), torch.from_numpy(other)
    groups = torch.from_numpy(np.unique(prompts, return_inverse=True)[1].reshape(-1))
    figures = describe_states(first, second, groups)
    tail = torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    low, high = overlap_by_chance(first, second, groups, seed=seed).quantile(tail).tolist()
    return {
        "num_pairs": len(preferred),
        "num_dimensions": preferred.shape[1],
        "alignment": None,
        "pair_distance": _known(float(alignment(first, second))),
        "uniformity": _known(figures.uniformity),
        "effective_rank": _known(figures.effective_rank),
        "first_axis_share": _known(figures.first_axis_share),
        "overlap": _known(figures.overlap),
        "overlap_by_chance_low": _known(low),
        "overlap_by_chance_high": _known(high),
        "collapse": figures.collapse,
        "mapped_variance": None,
    }


def _known(number: float) -> float | None:
    return number if isfinite(number) else None
