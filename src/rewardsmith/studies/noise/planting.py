"""Noise of known kinds in labels: which are asked for, and how each is planted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rewardsmith.artifacts.config.flat_config import suggest
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.preferences.simulation.flips import FlipKind, noisy_half
from rewardsmith.strength.planted.planting import plant_flips
from rewardsmith.studies.noise.study_pairs import PairColumns

KINDS: tuple[FlipKind, ...] = ("uniform", "hard", "longer", "clustered", "votes")

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def parse_kinds(text: str) -> tuple[FlipKind, ...]:
    """Kinds in the order given. ConfigError for an unknown one."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in KINDS:
            raise ConfigError(f"`kinds`: {name!r} is none of {', '.join(KINDS)}.{suggest(name, KINDS)}")
    if not names:
        raise ConfigError(f"`kinds` names nothing: give one or more of {', '.join(KINDS)}.")
    return tuple(kind for name in dict.fromkeys(names) for kind in KINDS if kind == name)


def parse_rates(text: str) -> tuple[float, ...]:
    """Rates in rising order. ConfigError for what is no share under a half."""
    try:
        rates = sorted({float(word) for word in text.split(",") if word.strip()})
    except ValueError as error:
        raise ConfigError(f"`rates` {text!r}: give numbers separated by commas, such as 0,0.2,0.4.") from error
    if not rates or not 0 <= rates[0] <= rates[-1] < 0.5:
        raise ConfigError(f"`rates` {text!r}: every rate must be at least 0 and under 0.5.")
    return tuple(rates)


def plant(kind: FlipKind, known: PairColumns, rate: float, rng: np.random.Generator) -> Floats:
    """Noisy targets [N]. A share ``rate`` of the decided labels is flipped, exactly; ties are left alone.

    `uniform`: all alike. `hard`: in proportion to 1 - max(belief, 1 - belief), as an annotator errs who sees what
    judges see (Thurstone). `longer`: only labels that prefer the shorter response, all alike. `clustered`: nine in ten
    fall on one half of the clusters, drawn at random, all alike within each half. `votes` has no rate: each label is
    one of the pair's votes. Raises DataError where there are too few labels of the kind.
    """
    decided = known.target != 0.5
    if kind == "votes":
        return _drawn_votes(known, rng)
    count = round(rate * int(decided.sum()))
    if kind == "longer":
        flipped = _draw(_for_the_shorter(known), count, rng, 'prefer the shorter response (kind "longer")')
    elif kind == "clustered":
        noisy, inside = noisy_half(known.clusters, decided, count, rng)
        flipped = _draw(decided & noisy, inside, rng, "are decided")
        flipped |= _draw(decided & ~noisy, count - inside, rng, "are decided")
    elif kind == "none":
        flipped = np.zeros(len(decided), dtype=bool)
    else:
        flipped = plant_flips(kind, decided, known.belief, rate, rng)
    return np.where(flipped, 1 - known.target, known.target)


def flipped_labels(noisy: Floats, truth: Floats) -> Mask:
    """Labels [N] that prefer the other response than the truth does; ties, drawn or true, prefer none."""
    return (noisy - 0.5) * (truth - 0.5) < 0


def highest_rate(kind: FlipKind, known: PairColumns) -> float:
    """The greatest share of labels that can be flipped; for `longer` that is the labels for the shorter one."""
    decided = known.target != 0.5
    if kind != "longer":
        return 0.5
    return float(_for_the_shorter(known)[decided].mean()) if decided.any() else 0.0


def _for_the_shorter(known: PairColumns) -> Mask:
    """Labels [N] that prefer the shorter response; ties prefer none."""
    return known.longer * np.sign(known.target - 0.5) < 0


def _draw(open_pairs: Mask, count: int, rng: np.random.Generator, what: str) -> Mask:
    places = np.flatnonzero(open_pairs)
    if count > len(places):
        raise DataError(f"{count:,} labels cannot be flipped: only {len(places):,} {what}. Lower `rates`.")
    drawn = np.zeros(len(open_pairs), dtype=bool)
    drawn[rng.choice(places, size=count, replace=False)] = True
    return drawn


def _drawn_votes(known: PairColumns, rng: np.random.Generator) -> Floats:
    """One vote of each pair as its label: 1, 0, or 0.5 for a tie; pairs without votes keep theirs."""
    votes = np.nan_to_num(known.votes)
    total = votes.sum(axis=1)
    if not total.any():
        raise DataError('kind "votes": no pair of this set carries votes.')
    drawn = rng.random(len(total)) * total
    side = np.where(drawn < votes[:, 0], 1.0, np.where(drawn < votes[:, :2].sum(axis=1), 0.0, 0.5))
    return np.where(total > 0, side, known.target)
