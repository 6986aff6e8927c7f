"""Simulated prompts and responses in plain English, whose quality is readable from the text and not from its length."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml


@dataclass(frozen=True)
class SimulatedPrompt:
    """A question about a topic."""

    topic: int
    category: str
    text: str


@dataclass(frozen=True)
class SimulatedResponse:
    """``quality`` = share of sentences that are useful and on the topic, in [0, 1]."""

    text: str
    quality: float


def categories() -> list[str]:
    """What topics are about."""
    return sorted({topic["category"] for topic in _sentences()["topics"]})


def write_prompts(count: int, rng: np.random.Generator) -> list[SimulatedPrompt]:
    """Distinct prompts while the wording lasts (4,608), topics in turn; beyond that a number is added."""
    topics = _sentences()["topics"]
    wordings = [(opening, closing) for opening in _sentences()["openings"] for closing in _sentences()["closings"]]
    orders = [rng.permutation(len(wordings)) for _ in topics]
    prompts = []
    for i in range(count):
        round_, t = divmod(i, len(topics))
        opening, closing = wordings[orders[t][round_ % len(wordings)]]
        question = topics[t]["question"]
        if not opening.endswith(","):
            question = question[0].upper() + question[1:]
        again = f" (Asked before as number {round_ // len(wordings)}.)" if round_ >= len(wordings) else ""
        prompts.append(SimulatedPrompt(t, topics[t]["category"], f"{opening} {question}{closing}{again}"))
    return prompts


def write_response(prompt: SimulatedPrompt, rng: np.random.Generator) -> SimulatedResponse:
    """Two to five sentences in random order. Their number says nothing about how many of them are useful.

    The others are empty talk or belong to another topic, in about equal parts.
    """
    topics, empty = _sentences()["topics"], _sentences()["empty"]
    num_sentences = int(rng.integers(2, 6))
    num_useful = int(rng.integers(num_sentences + 1))
    sentences = [topics[prompt.topic]["useful"][j] for j in rng.permutation(5)[:num_useful]]
    talk = rng.permutation(len(empty))
    for j in range(num_sentences - num_useful):
        other = topics[(prompt.topic + int(rng.integers(1, len(topics)))) % len(topics)]
        stray = other["useful"][int(rng.integers(5))]
        sentences.append(empty[talk[j]] if rng.random() < 0.5 else stray)
    order = rng.permutation(num_sentences)
    return SimulatedResponse(" ".join(sentences[j] for j in order), num_useful / num_sentences)


@cache
def _sentences() -> dict[str, Any]:
    file = resources.files("rewardsmith.preferences.simulation") / "sentences.yaml"
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found
