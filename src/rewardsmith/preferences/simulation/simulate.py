"""Preference sets with planted truth: known rewards, annotators of known skill, known flips and ties."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardsmith.errors import ConfigError
from rewardsmith.preferences.simulation.labels import LabelOptions, Labels, label_pairs
from rewardsmith.preferences.simulation.text import (
    SimulatedPrompt,
    SimulatedResponse,
    categories,
    write_prompts,
    write_response,
)

Row = dict[str, Any]
Pair = tuple[SimulatedPrompt, SimulatedResponse, SimulatedResponse]


def simulate(
    num_pairs: int = 2000,
    *,
    pairs_per_prompt: int = 4,
    gap_std: float = 2.0,
    unexplained: float = 0.2,
    annotator: str = "bradley_terry",
    annotator_skills: tuple[float, ...] = (1.0,),
    votes_per_pair: int = 1,
    flips: str = "uniform",
    flip_rate: float = 0.0,
    tie_rate: float = 0.0,
    seed: int = 0,
) -> list[Row]:
    """Rows in the `votes` form; what is true stands under ``meta.truth``, which no reader looks at.

    True gap = ``gap_std`` * (sqrt(1 - unexplained) * difference of text quality, standardised + sqrt(unexplained) *
    noise), in logits. Text quality is the share of useful sentences; the number of sentences is drawn apart from it,
    so length says nothing. How gaps become labels: :func:`rewardsmith.preferences.simulation.labels.label_pairs`.
    With one vote a pair, the annotator is named in ``annotator_id``; with more, only the votes are given.

    ``meta.truth`` of a row, for chosen and rejected as labelled: ``gap`` (true reward of chosen minus rejected),
    ``quality_chosen``, ``quality_rejected``, ``flipped`` (planted), and ``wrong`` (the label contradicts the gap,
    whoever is to blame; False for a tie). The same arguments give the same rows.
    """
    if num_pairs < 1 or pairs_per_prompt < 1:
        raise ConfigError(f"num_pairs {num_pairs}, pairs_per_prompt {pairs_per_prompt}: both must be at least 1.")
    if gap_std <= 0 or not 0 <= unexplained <= 1:
        raise ConfigError(f"gap_std {gap_std} must be positive, and unexplained {unexplained} in [0, 1].")
    rng = np.random.default_rng(seed)
    prompts = write_prompts(math.ceil(num_pairs / pairs_per_prompt), rng)
    pairs = _write_pairs(prompts, num_pairs, pairs_per_prompt, rng)

    quality_gap = np.array([first.quality - second.quality for _, first, second in pairs])
    spread = float(np.std(quality_gap)) or 1.0
    noise = rng.normal(size=num_pairs)
    true_gap = gap_std * (math.sqrt(1 - unexplained) * quality_gap / spread + math.sqrt(unexplained) * noise)
    longer_by = np.array([float(len(first.text) - len(second.text)) for _, first, second in pairs])
    names = categories()
    category = np.array([names.index(prompt.category) for prompt, _, _ in pairs], dtype=np.int64)

    options = LabelOptions(annotator, tuple(annotator_skills), votes_per_pair, flips, flip_rate, tie_rate)
    labels = label_pairs(true_gap, longer_by, category, options, rng)
    return [_row(i, pair, true_gap, labels, votes_per_pair, seed) for i, pair in enumerate(pairs)]


def _write_pairs(
    prompts: list[SimulatedPrompt], num_pairs: int, pairs_per_prompt: int, rng: np.random.Generator
) -> list[Pair]:
    """Pairs of different responses; no pair twice."""
    pairs: list[Pair] = []
    seen: set[tuple[str, frozenset[str]]] = set()
    while len(pairs) < num_pairs:
        prompt = prompts[len(pairs) // pairs_per_prompt]
        first, second = write_response(prompt, rng), write_response(prompt, rng)
        key = (prompt.text, frozenset((first.text, second.text)))
        if first.text != second.text and key not in seen:
            seen.add(key)
            pairs.append((prompt, first, second))
    return pairs


def _row(i: int, pair: Pair, true_gap: NDArray[np.float64], labels: Labels, num_votes: int, seed: int) -> Row:
    prompt, chosen, rejected = pair
    gap, votes_chosen, votes_rejected = float(true_gap[i]), int(labels.votes_first[i]), int(labels.votes_second[i])
    if not labels.first_wins[i]:
        chosen, rejected, gap = rejected, chosen, -gap
        votes_chosen, votes_rejected = votes_rejected, votes_chosen
    row: Row = {
        "id": f"simulated-{seed}-{i}",
        "source": "simulated",
        "prompt": [{"role": "user", "content": prompt.text}],
        "chosen": chosen.text,
        "rejected": rejected.text,
        "votes": {
            "chosen": votes_chosen,
            "rejected": votes_rejected,
            "tie": num_votes - votes_chosen - votes_rejected,
        },
        "category": prompt.category,
    }
    if num_votes == 1:
        row["annotator_id"] = f"annotator-{int(labels.annotator[i])}"
    row["meta"] = {
        "truth": {
            "gap": round(gap, 6),
            "quality_chosen": round(chosen.quality, 6),
            "quality_rejected": round(rejected.quality, 6),
            "flipped": bool(labels.flipped[i]),
            "wrong": bool(gap < 0 and not labels.tie[i]),
        }
    }
    return row
