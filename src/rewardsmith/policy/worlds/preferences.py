"""Preferences of a world: pairs that a policy wrote, labelled by gold and then by noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from rewardsmith.contracts.conversations import Conversation, Message
from rewardsmith.contracts.sampler import Sampler
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.errors import ConfigError, RunError
from rewardsmith.policy.worlds.guards import Floats
from rewardsmith.policy.worlds.options import WorldOptions
from rewardsmith.preferences.simulation.labels import LabelOptions, label_pairs

Row = dict[str, Any]
MAX_ROUNDS = 20


@dataclass(frozen=True)
class Preferences:
    """Rows that ``train`` reads; what is true stands under ``meta.truth``, which no reader looks at."""

    rows: list[Row]
    disagreement: float
    """Share of labels that contradict gold: flips, and draws of Bradley-Terry."""


@dataclass(frozen=True)
class DrawnPair:
    """Two different responses to a prompt, in the order drawn, with their gold."""

    prompt: Conversation
    responses: tuple[Message, Message]
    gold: tuple[float, float]

    @property
    def gap(self) -> float:
        return self.gold[0] - self.gold[1]


def draw_preferences(
    sampler: Sampler,
    gold: Scorer,
    prompts: Sequence[Conversation],
    num_pairs: int,
    options: WorldOptions,
    seed: int = 0,
) -> Preferences:
    """So many labelled pairs of the sampler's policy. Prompts come in their order, and again once all have been."""
    return label(draw_pairs(sampler, gold, prompts, num_pairs, seed), options, seed)


def draw_pairs(
    sampler: Sampler, gold: Scorer, prompts: Sequence[Conversation], num_pairs: int, seed: int
) -> list[DrawnPair]:
    """Pairs of unequal gold, neither response empty. ``RunError`` where the policy hardly writes any."""
    if num_pairs < 1 or not prompts:
        raise ConfigError(f"num_pairs {num_pairs} and {len(prompts)} prompts: at least 1 of each is needed.")
    pairs: list[DrawnPair] = []
    for number in range(MAX_ROUNDS * -(-num_pairs // len(prompts))):
        asked = prompts[: num_pairs - len(pairs)]
        answers = sampler.sample(asked, 2, seed + 7919 * number)
        drawn = [
            (prompt, answer.samples)
            for prompt, answer in zip(asked, answers, strict=True)
            if answer.samples and all(sample.response["content"].strip() for sample in answer.samples)
        ]
        talks = [[*prompt, sample.response] for prompt, samples in drawn for sample in samples]
        golds = gold.score(talks).rewards.reshape(-1, 2).tolist()
        for (prompt, (first, second)), (better, worse) in zip(drawn, golds, strict=True):
            if better != worse and first.response != second.response:  # equal texts may differ by rounding
                pairs.append(DrawnPair(prompt, (first.response, second.response), (better, worse)))
        if len(pairs) == num_pairs:
            return pairs
    raise RunError(f"{len(pairs)} pairs of unequal gold came of {len(prompts)} prompts, and {num_pairs} are needed.")


def label(pairs: Sequence[DrawnPair], options: WorldOptions, seed: int = 0) -> Preferences:
    """Rows with a label each, wrong ones among them."""
    gaps = np.array([pair.gap for pair in pairs], dtype=np.float64)
    how = LabelOptions(annotator=options.label_annotator, flip_rate=options.flip_rate)
    rng = np.random.default_rng([options.world_seed, seed, 2])
    nothing = np.zeros(len(pairs))
    labels = label_pairs(options.bradley_terry_scale * gaps, nothing, nothing.astype(np.int64), how, rng)
    wrong = labels.first_wins != (gaps > 0)
    rows = [
        _row(i, pair, bool(labels.first_wins[i]), bool(labels.flipped[i]), bool(wrong[i]), options, seed)
        for i, pair in enumerate(pairs)
    ]
    return Preferences(rows, float(wrong.mean()))


def expected_disagreement(gaps: Floats, options: WorldOptions) -> float:
    """d + f - 2 d f, where f are flipped and d = mean of sigmoid(-scale |gap|), 0 for exact labels."""
    drawn = options.label_annotator == "bradley_terry"
    by_chance = float(expit(-options.bradley_terry_scale * np.abs(gaps)).mean()) if drawn else 0.0
    return by_chance + options.flip_rate - 2 * by_chance * options.flip_rate


def _row(
    i: int, pair: DrawnPair, first_wins: bool, flipped: bool, wrong: bool, options: WorldOptions, seed: int
) -> Row:
    (chosen, rejected), (gold_chosen, gold_rejected) = pair.responses, pair.gold
    if not first_wins:
        chosen, rejected, gold_chosen, gold_rejected = rejected, chosen, gold_rejected, gold_chosen
    return {
        "id": f"{options.world}-{options.world_seed}-{seed}-{i}",
        "source": f"world {options.world}",
        "prompt": list(pair.prompt),
        "chosen": chosen["content"],
        "rejected": rejected["content"],
        "meta": {
            "truth": {
                "gap": gold_chosen - gold_rejected,
                "gold_chosen": gold_chosen,
                "gold_rejected": gold_rejected,
                "flipped": flipped,
                "wrong": wrong,
            }
        },
    }
