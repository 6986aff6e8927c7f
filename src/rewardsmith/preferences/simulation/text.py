"""Simulated prompts and responses in plain English, whose quality is readable from the text and not from its length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rewardsmith.preferences.simulation.topics import CLOSINGS, EMPTY, OPENINGS, TOPICS

CATEGORIES: tuple[str, ...] = tuple(sorted({topic.category for topic in TOPICS}))


@dataclass(frozen=True)
class SimulatedPrompt:
    """A question about a topic; ``category`` indexes ``CATEGORIES``."""

    topic: int
    category: int
    text: str


@dataclass(frozen=True)
class SimulatedResponse:
    """``quality`` = share of sentences that are useful and on the topic, in [0, 1]."""

    text: str
    quality: float


def write_prompts(count: int, rng: np.random.Generator) -> list[SimulatedPrompt]:
    """Distinct prompts while the wording lasts (4,608), topics in turn; beyond that a number is added."""
    wordings = [(o, c) for o in range(len(OPENINGS)) for c in range(len(CLOSINGS))]
    orders = [rng.permutation(len(wordings)) for _ in TOPICS]
    prompts = []
    for i in range(count):
        round_, t = divmod(i, len(TOPICS))
        opening, closing = wordings[orders[t][round_ % len(wordings)]]
        question = TOPICS[t].question
        if not OPENINGS[opening].endswith(","):
            question = question[0].upper() + question[1:]
        again = f" (Asked before as number {round_ // len(wordings)}.)" if round_ >= len(wordings) else ""
        prompts.append(
            SimulatedPrompt(
                t, CATEGORIES.index(TOPICS[t].category), f"{OPENINGS[opening]} {question}{CLOSINGS[closing]}{again}"
            )
        )
    return prompts


def write_response(prompt: SimulatedPrompt, rng: np.random.Generator) -> SimulatedResponse:
    """Two to five sentences in random order. Their number says nothing about how many of them are useful.

    The others are empty talk or belong to another topic, in about equal parts.
    """
    num_sentences = int(rng.integers(2, 6))
    num_useful = int(rng.integers(num_sentences + 1))
    sentences = [TOPICS[prompt.topic].useful[j] for j in rng.permutation(5)[:num_useful]]
    empty = rng.permutation(len(EMPTY))
    for j in range(num_sentences - num_useful):
        other = TOPICS[(prompt.topic + int(rng.integers(1, len(TOPICS)))) % len(TOPICS)]
        strays = other.useful[int(rng.integers(5))]
        sentences.append(EMPTY[empty[j]] if rng.random() < 0.5 else strays)
    order = rng.permutation(num_sentences)
    return SimulatedResponse(" ".join(sentences[j] for j in order), num_useful / num_sentences)
