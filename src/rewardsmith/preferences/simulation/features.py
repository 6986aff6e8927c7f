"""Simulated pairs as plain arrays, for studies of label-noise estimators without text or models."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsmith.errors import ConfigError
from rewardsmith.preferences.simulation.labels import LabelOptions, label_pairs


@dataclass(frozen=True)
class SimulatedFeatures:
    """N pairs *as labelled*: chosen is what the given label prefers. Arrays of shape [N], features [N, D].

    ``true_gap`` is chosen minus rejected, in logits, so a label contradicts the truth where it is negative (``wrong``).
    ``flipped`` marks planted flips; with annotators that are not exact, a label can be wrong without having been
    flipped, and a flip can repair an error. ``linear_gap`` is the part of the gap that is linear in the features.
    """

    features_chosen: NDArray[np.float32]
    features_rejected: NDArray[np.float32]
    true_gap: NDArray[np.float64]
    linear_gap: NDArray[np.float64]
    flipped: NDArray[np.bool_]
    tie: NDArray[np.bool_]
    group: NDArray[np.int64]
    category: NDArray[np.int64]
    annotator: NDArray[np.int64]
    votes_chosen: NDArray[np.int64]
    votes_rejected: NDArray[np.int64]
    length_chosen: NDArray[np.int64]
    length_rejected: NDArray[np.int64]
    ceiling: float
    """Expected accuracy of the best linear judge against the true sign: 1/2 + arcsin(sqrt(1 - unexplained)) / pi."""

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Whether the given label prefers the response of lower true reward; False for ties."""
        return (self.true_gap < 0) & ~self.tie

    @property
    def target(self) -> NDArray[np.float32]:
        """What a preference table would say: 1, or 0.5 for a tie."""
        return np.where(self.tie, 0.5, 1.0).astype(np.float32)


def simulate_features(
    num_pairs: int = 2000,
    num_features: int = 64,
    *,
    pairs_per_prompt: int = 4,
    gap_std: float = 2.0,
    unexplained: float = 0.2,
    spectrum_decay: float = 0.5,
    prompt_share: float = 0.5,
    length_weight: float = 0.0,
    num_categories: int = 8,
    annotator: str = "exact",
    annotator_skills: tuple[float, ...] = (1.0,),
    votes_per_pair: int = 1,
    flips: str = "uniform",
    flip_rate: float = 0.0,
    tie_rate: float = 0.0,
    seed: int = 0,
) -> SimulatedFeatures:
    """Features of both responses, true gaps, given labels, flips and groups.

    true reward = w . x + prompt offset + e. Both parts of the gap are normal; their variances add up to
    ``gap_std`` ** 2, of which e has the share ``unexplained``: no judge that is linear in x can learn it, and
    ``ceiling`` says what that leaves. Features have standard deviations (j + 1) ** -spectrum_decay under a random
    rotation; the share ``prompt_share`` of their variance is common to the responses of a prompt and cancels in a
    gap. w is spread evenly over the directions of the spectrum, so ``spectrum_decay`` > 0 hides part of the signal in
    weak directions. Feature 0 is the standardised log length; ``length_weight`` is the correlation of its difference
    with the linear part (0: length says nothing).

    Labels: :func:`rewardsmith.preferences.simulation.labels.label_pairs`.
    """
    _check(num_pairs, num_features, pairs_per_prompt, gap_std, unexplained, length_weight, prompt_share)
    rng = np.random.default_rng(seed)
    num_prompts = math.ceil(num_pairs / pairs_per_prompt)
    group = np.arange(num_pairs, dtype=np.int64) // pairs_per_prompt
    category = rng.integers(num_categories, size=num_prompts)[group]

    deviations = (np.arange(num_features - 1) + 1.0) ** -spectrum_decay
    rotation = np.linalg.qr(rng.normal(size=(num_features - 1, num_features - 1)))[0]
    shared = math.sqrt(prompt_share) * rng.normal(size=(num_prompts, num_features - 1))[group]
    own = math.sqrt(1 - prompt_share) * rng.normal(size=(2, num_pairs, num_features - 1))
    log_length = rng.normal(size=(2, num_pairs))

    weights = rng.choice([-1.0, 1.0], size=num_features - 1) / math.sqrt(num_features - 1)
    content = (own[0] - own[1]) @ weights / math.sqrt(2 * (1 - prompt_share))
    by_length = (log_length[0] - log_length[1]) / math.sqrt(2)
    linear = math.sqrt(1 - length_weight**2) * content + length_weight * by_length
    linear_gap = gap_std * math.sqrt(1 - unexplained) * linear
    true_gap = linear_gap + gap_std * math.sqrt(unexplained) * rng.normal(size=num_pairs)

    labels = label_pairs(
        true_gap,
        log_length[0] - log_length[1],
        category,
        LabelOptions(annotator, annotator_skills, votes_per_pair, flips, flip_rate, tie_rate),
        rng,
    )
    features = np.concatenate([log_length[:, :, None], ((shared + own) * deviations) @ rotation], axis=2)
    lengths = np.maximum(1, np.round(np.exp(4.0 + 0.6 * log_length))).astype(np.int64)
    first, sign, row = labels.first_wins, np.where(labels.first_wins, 1.0, -1.0), np.arange(num_pairs)
    chosen, rejected = np.where(first, 0, 1), np.where(first, 1, 0)
    return SimulatedFeatures(
        features_chosen=features[chosen, row].astype(np.float32),
        features_rejected=features[rejected, row].astype(np.float32),
        true_gap=sign * true_gap,
        linear_gap=sign * linear_gap,
        flipped=labels.flipped,
        tie=labels.tie,
        group=group,
        category=category.astype(np.int64),
        annotator=labels.annotator,
        votes_chosen=np.where(first, labels.votes_first, labels.votes_second),
        votes_rejected=np.where(first, labels.votes_second, labels.votes_first),
        length_chosen=lengths[chosen, row],
        length_rejected=lengths[rejected, row],
        ceiling=0.5 + math.asin(math.sqrt(1 - unexplained)) / math.pi,
    )


def _check(
    num_pairs: int,
    num_features: int,
    pairs_per_prompt: int,
    gap_std: float,
    unexplained: float,
    length_weight: float,
    prompt_share: float,
) -> None:
    if num_pairs < 1 or num_features < 2 or pairs_per_prompt < 1:
        raise ConfigError(
            f"num_pairs {num_pairs}, num_features {num_features}, pairs_per_prompt {pairs_per_prompt}: "
            "at least 1, 2 and 1 are needed."
        )
    if gap_std <= 0 or not 0 <= unexplained <= 1 or abs(length_weight) > 1 or not 0 <= prompt_share < 1:
        raise ConfigError(
            f"gap_std {gap_std} must be positive, unexplained {unexplained} in [0, 1], length_weight {length_weight} "
            f"in [-1, 1], prompt_share {prompt_share} in [0, 1)."
        )
