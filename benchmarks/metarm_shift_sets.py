"""Preferences of one distribution, unlabelled samples of another, and tests of both (see metarm_shift.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from rewardsmith.engine.features.extraction import extract_features
from rewardsmith.models.embedded import resolve_model
from rewardsmith.models.feature_spec import FeatureSpec
from rewardsmith.models.loading import load_tokenizer
from rewardsmith.preferences.conversations import pair_conversations
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.tokens.encoding import ConversationEncoder

LAYER = FeatureSpec(6, "mean")
"""embedded/minilm's sentence vector: the mean over its last layer."""
MOST_TRAINED, MOST_META, MOST_TESTED = 2000, 1000, 3000
"""Pairs."""
NUM_FEATURES, NUM_SAMPLES, NUM_PROMPTS, BEST_OF, FLIPPED = 32, 5, 500, 16, 0.25
"""Of a simulated set: width, responses a prompt (k), prompts of the meta set and of the test, noise of the labels."""


@dataclass(frozen=True)
class Tested:
    """Pairs whose better response is known, and the prompts that tie them together."""

    better: Float[Tensor, "T D"]
    worse: Float[Tensor, "T D"]
    groups: NDArray[np.str_]


@dataclass(frozen=True)
class Shift:
    """What one seed trains and tests on."""

    chosen: Float[Tensor, "B D"]
    rejected: Float[Tensor, "B D"]
    samples: Float[Tensor, "m k D"]
    """Of the shifted distribution, without labels."""
    shifted: Tested
    within: Tested
    """Of the distribution of the preferences."""

    def standardised(self) -> Shift:
        """Features with mean 0 and standard deviation 1 over the preferences."""
        rows = torch.cat([self.chosen, self.rejected])
        mean, deviation = rows.mean(0), rows.std(0).clamp_min(1e-6)

        def scaled(values: Tensor) -> Tensor:
            return (values - mean) / deviation

        shifted, within = (
            replace(tested, better=scaled(tested.better), worse=scaled(tested.worse))
            for tested in (self.shifted, self.within)
        )
        return Shift(scaled(self.chosen), scaled(self.rejected), scaled(self.samples), shifted, within)


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


def directions(_: Path, seed: int) -> Shift:
    """Simulated: responses of the policy vary where preferences hardly do, and the reverse."""
    world = SimulatedWorld(seed)
    usual = world.deviations
    return world.shift(lambda num: world.responses(num, NUM_SAMPLES, usual.flip(0)))


def best_of_n(_: Path, seed: int) -> Shift:
    """Simulated: the policy takes the best of 16 by a reward model of its own, trained on as many other pairs."""
    world = SimulatedWorld(seed)
    proxy = world.proxy()

    def optimised(num: int) -> Tensor:
        drawn = world.responses(num, NUM_SAMPLES * BEST_OF, world.deviations)
        several = drawn.view(num, NUM_SAMPLES, BEST_OF, -1)
        best = proxy(several).argmax(2)
        return several[torch.arange(num)[:, None], torch.arange(NUM_SAMPLES), best]

    return world.shift(optimised)


class SimulatedWorld:
    """Gold = w . x + a small network of x, in units of its own spread over usual responses; labels are noisy."""

    def __init__(self, seed: int) -> None:
        self._seed, self._generator = seed, torch.Generator().manual_seed(seed)
        self.deviations = torch.arange(1, NUM_FEATURES + 1) ** -0.5
        self._linear = self._normal(NUM_FEATURES) / self.deviations.square().sum().sqrt()
        self._inner, self._outer = self._normal(NUM_FEATURES, 16), self._normal(16) / 4

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._generator)

    def gold(self, x: Float[Tensor, "... D"]) -> Float[Tensor, ...]:
        return x @ self._linear + torch.tanh(x @ self._inner) @ self._outer

    def responses(self, num: int, k: int, deviations: Tensor) -> Float[Tensor, "num k D"]:
        """What the responses to a prompt share has the same spread as what they do not."""
        return self._normal(num, 1, NUM_FEATURES) * self.deviations + self._normal(num, k, NUM_FEATURES) * deviations

    def pairs(self, num: int, flipped: float) -> tuple[Tensor, Tensor]:
        """Better and worse response by Bradley-Terry with gaps of standard deviation 2 or so, then flips."""
        pairs = self.responses(num, 2, self.deviations)
        gap = self.gold(pairs[:, 0]) - self.gold(pairs[:, 1])
        first = torch.rand(num, generator=self._generator) < (2 * gap).sigmoid()
        first ^= torch.rand(num, generator=self._generator) < flipped
        return tuple(torch.where(first[:, None], pairs[:, i], pairs[:, 1 - i]) for i in (0, 1))  # type: ignore[return-value]

    def proxy(self) -> Callable[[Tensor], Tensor]:
        """A linear reward model: the most likely one for 2,000 noisy pairs of its own, with a little decay."""
        better, worse = self.pairs(MOST_TRAINED, FLIPPED)
        head = nn.Parameter(torch.zeros(NUM_FEATURES))
        optimizer = torch.optim.LBFGS([head], max_iter=100)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = -nn.functional.logsigmoid((better - worse) @ head).mean() + 1e-3 * head.square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)  # type: ignore[arg-type]
        return lambda x: x @ head.detach()

    def tested(self, responses: Float[Tensor, "m k D"]) -> Tested:
        """Every two responses to a prompt, by gold."""
        first, second = torch.triu_indices(responses.shape[1], responses.shape[1], 1)
        one, other = responses[:, first].flatten(0, 1), responses[:, second].flatten(0, 1)
        ahead = (self.gold(one) > self.gold(other))[:, None]
        names = [f"world {self._seed}, prompt {i}" for i in range(len(responses))]
        return Tested(torch.where(ahead, one, other), torch.where(ahead, other, one), np.repeat(names, len(first)))

    def shift(self, policy: Callable[[int], Tensor]) -> Shift:
        """``policy`` gives k responses to each of some prompts."""
        chosen, rejected = self.pairs(MOST_TRAINED, FLIPPED)
        usual = self.responses(NUM_PROMPTS, NUM_SAMPLES, self.deviations)
        return Shift(chosen, rejected, policy(NUM_PROMPTS), self.tested(policy(NUM_PROMPTS)), self.tested(usual))


SETS: dict[str, Callable[[Path, int], Shift]] = {
    "ukp": ukp,
    "hh": hh,
    "directions": directions,
    "best of n": best_of_n,
}


def shift_of(name: str, folder: Path, seed: int) -> Shift:
    return SETS[name](folder, seed).standardised()
