"""Which pairs of a policy's samples are worth a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import expit

from rewardsmith.contracts.conversations import Message
from rewardsmith.metrics.within_prompts import pairs_within
from rewardsmith.policy.rounds.options import LabelChoice
from rewardsmith.policy.rounds.round_samples import Floats, RoundSamples, SampleScores
from rewardsmith.preferences.pairs.conversations import Turns, turns_of
from rewardsmith.preferences.pairs.identity import prompt_id

PairTexts = tuple[str, frozenset[Turns]]
"""``prompt_id`` and both responses of a pair, whichever is the better one."""
MOST_PER_PROMPT = 2
"""Pairs of one prompt, unless there would else be too few."""


@dataclass(frozen=True)
class SamplePair:
    """Two responses to a prompt, by their positions in the samples."""

    prompt: int
    favourite: int
    """The one that the reward model prefers; of equal rewards, the one that was drawn first."""
    other: int


def choose_pairs(
    samples: RoundSamples,
    scores: SampleScores,
    how: LabelChoice,
    num_pairs: int,
    seed: int,
    labelled: Collection[PairTexts] = (),
) -> list[SamplePair]:
    """At most so many pairs of different, non-empty responses, those worth most first. No two texts come twice.

    Pairs that are ``labelled`` do not come at all.

    * ``random``: any;
    * ``disagreement``: by the standard deviation between members of sigmoid(gap), the largest first; for a single
      member by |gap|, the smallest first;
    * ``extremes``: the best against the worst response of each prompt, the widest gap first; then the widest of those
      that are left.

    What is alike is ordered by the seed. A prompt has at most two pairs as long as others have any to give.
    """
    pairs = _candidates(samples, scores.rewards, labelled)
    order = np.random.default_rng(seed).permutation(len(pairs))
    if how == "disagreement":
        order = order[np.argsort(-_disagreement(pairs, scores)[order], kind="stable")]
    elif how == "extremes":
        gaps = _gaps(pairs, scores.rewards)
        order = order[np.lexsort((-gaps[order], _ranks(pairs, gaps)[order]))]
    ranked = [pairs[i] for i in order]
    most = MOST_PER_PROMPT
    while len(chosen := _at_most(ranked, most)) < min(num_pairs, len(ranked)):
        most += 1
    return chosen[:num_pairs]


def texts_of(pairs: pa.Table) -> set[PairTexts]:
    """Of every row of a table of pairs."""
    columns = (pairs[name].to_pylist() for name in ("prompt_id", "chosen", "rejected"))
    return {(name, frozenset((turns_of(one), turns_of(other)))) for name, one, other in zip(*columns, strict=True)}


def _candidates(samples: RoundSamples, rewards: Floats, labelled: Collection[PairTexts]) -> list[SamplePair]:
    found, seen = [], set(labelled)
    for place, (prompt, own) in enumerate(zip(samples.prompts, samples.responses, strict=True)):
        name = prompt_id(prompt)
        for i, j in zip(*map(np.ndarray.tolist, pairs_within(samples.num_samples)), strict=True):
            texts = name, frozenset((turns_of([own[i]]), turns_of([own[j]])))
            if _is_blank(own[i]) or _is_blank(own[j]) or len(texts[1]) < 2 or texts in seen:
                continue
            seen.add(texts)
            favourite, other = (i, j) if rewards[place, i] >= rewards[place, j] else (j, i)
            found.append(SamplePair(place, favourite, other))
    return found


def _is_blank(response: Message) -> bool:
    return not response["content"].strip() and not response.get("extra")


def _gaps(pairs: list[SamplePair], rewards: Floats) -> Floats:
    """Favourite less other [..., N], of rewards [..., P, k]."""
    prompt, favourite, other = np.array([(p.prompt, p.favourite, p.other) for p in pairs], int).reshape(-1, 3).T
    gaps: Floats = rewards[..., prompt, favourite] - rewards[..., prompt, other]
    return gaps


def _disagreement(pairs: list[SamplePair], scores: SampleScores) -> Floats:
    if len(scores.members) == 1:
        return -np.abs(_gaps(pairs, scores.rewards))
    spread: Floats = expit(_gaps(pairs, scores.members)).std(axis=0)
    return spread


def _ranks(pairs: list[SamplePair], gaps: Floats) -> NDArray[np.int64]:
    """Of each among the pairs of its prompt, the widest gap first."""
    found = np.zeros(len(pairs), dtype=np.int64)
    passed: Counter[int] = Counter()
    for i in np.argsort(-gaps, kind="stable"):
        found[i] = passed[pairs[i].prompt]
        passed[pairs[i].prompt] += 1
    return found


def _at_most(ranked: list[SamplePair], most: int) -> list[SamplePair]:
    taken: Counter[int] = Counter()
    chosen = []
    for pair in ranked:
        if taken[pair.prompt] < most:
            taken[pair.prompt] += 1
            chosen.append(pair)
    return chosen
