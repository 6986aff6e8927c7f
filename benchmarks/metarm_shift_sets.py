"""Half of a real preference set against the other half, as features of embedded/minilm (see metarm_shift.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from metarm_shift_record import Shift, Tested
from metarm_shift_simulated import best_of_n, directions
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.engine.features.extraction import extract_features
from rewardsmith.models.feature_spec import FeatureSpec
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.pairs.conversations import pair_conversations
from rewardsmith.tokens.encoding import ConversationEncoder

LAYER = FeatureSpec(6, "mean")
"""embedded/minilm's sentence vector: the mean over its last layer."""
MOST_TRAINED, MOST_META, MOST_TESTED = 2000, 1000, 3000
"""Pairs."""


@dataclass(frozen=True)
class Pairs:
    """A preference set as features."""

    chosen: Float[Tensor, "N D"]
    rejected: Float[Tensor, "N D"]
    groups: NDArray[np.str_]
    """Prompts; of ukp_convarg a side of a debate."""
    topics: NDArray[np.str_]

    def tested(self, rows: NDArray[np.int64]) -> Tested:
        return Tested(self.chosen[rows], self.rejected[rows], self.groups[rows])


@cache
def read_pairs(path: Path) -> Pairs:
    """Features come from the cache where they have been computed before."""
    table = load_preferences(path, DataOptions(), seed=0).table
    source = resolve_model("embedded/minilm", None)
    encoder = ConversationEncoder(load_tokenizer(source), 512, "left")
    found = extract_features(source, encoder, list(chain(*pair_conversations(table))), [LAYER], "cpu", quiet=True)
    chosen, rejected = torch.from_numpy(found.arrays[LAYER]).float().split(len(table))
    names = [np.array([str(value) for value in table[column].to_pylist()]) for column in ("split_group", "category")]
    return Pairs(chosen, rejected, *names)


def ukp(folder: Path, seed: int) -> Shift:
    """Half of the debates against the other half; samples and test of the other half are of different debates."""
    pairs = read_pairs(folder / "ukp_convarg.jsonl.gz")
    rng = np.random.default_rng(seed)
    own, meta, test = np.split(rng.permutation(np.unique(pairs.topics)), [8, 12])
    inside, (samples, tested) = np.isin(pairs.topics, own), (np.isin(pairs.topics, other) for other in (meta, test))
    held_out = rng.choice(own, 2, replace=False)
    train, within = inside & ~np.isin(pairs.topics, held_out), inside & np.isin(pairs.topics, held_out)
    return _shift(pairs, pairs, train, samples, tested, within, rng)


def hh(folder: Path, seed: int) -> Shift:
    """Helpful against harmless; samples and test of the harmless half are of different prompts."""
    own = read_pairs(folder / "hh_rlhf" / "helpful-base.jsonl.gz")
    other = read_pairs(folder / "hh_rlhf" / "harmless-base.jsonl.gz")
    rng = np.random.default_rng(seed)
    meta, test = np.array_split(rng.permutation(np.unique(other.groups)), 2)
    held_out = np.array_split(rng.permutation(np.unique(own.groups)), 5)[0]
    within = np.isin(own.groups, held_out)
    return _shift(own, other, ~within, np.isin(other.groups, meta), np.isin(other.groups, test), within, rng)


def _shift(
    own: Pairs,
    other: Pairs,
    train: NDArray[np.bool_],
    samples: NDArray[np.bool_],
    tested: NDArray[np.bool_],
    within: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Shift:
    """The two responses of a pair, in either order, are a prompt's samples."""

    def some(which: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
        return np.sort(rng.permutation(np.flatnonzero(which))[:most])

    learned, meta = some(train, MOST_TRAINED), some(samples, MOST_META)
    sides = torch.stack([other.chosen[meta], other.rejected[meta]], dim=1)
    turned = torch.from_numpy(rng.random(len(meta)) < 0.5)[:, None, None]
    return Shift(
        own.chosen[learned],
        own.rejected[learned],
        torch.where(turned, sides.flip(1), sides),
        other.tested(some(tested, MOST_TESTED)),
        own.tested(some(within, MOST_TESTED)),
    )


SETS: dict[str, Callable[[Path, int], Shift]] = {
    "ukp": ukp,
    "hh": hh,
    "directions": lambda _, seed: directions(seed),
    "best of n": lambda _, seed: best_of_n(seed),
}


def shift_of(name: str, folder: Path, seed: int) -> Shift:
    return SETS[name](folder, seed).standardised()
