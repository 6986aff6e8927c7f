"""Responses of known quality: raw samples and written references, spoilt for stated reasons by stated amounts.

Quality runs from about 0 to 5. A response starts from what it is made of and loses points for its edit; the score cut
at fixed points is its grade (1 to 5), and the score plus normal noise is its latent quality, so that grades overlap.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from dialogues import edits
from dialogues.prompts import Prompt, claims, write_out

NOISE = 0.3
GRADE_CUTS = (1.0, 1.8, 2.6, 3.3)
START = {"reference": 4.5, "sample": 3.4}
CLOSED_SAMPLE = 2.6
CLOSED = ("facts", "arithmetic", "rewriting")

# cause, edit, points lost at severity 0 and at severity 1
SPOILERS: tuple[tuple[str, str, edits.Edit, float, float], ...] = (
    ("correctness", "claims changed", edits.change_claims, 0.5, 1.5),
    ("completeness", "cut", edits.cut, 0.4, 2.6),
    ("completeness", "parts left out", edits.leave_out, 0.3, 2.2),
    ("form", "repetition", edits.repeat, 0.6, 2.4),
    ("form", "sentences shuffled", edits.shuffle_sentences, 0.2, 0.9),
    ("form", "words shuffled", edits.garble, 0.8, 3.2),
    ("form", "misspelt", edits.misspell, 0.3, 2.2),
    ("form", "filler", edits.hedge, 0.5, 3.0),
    ("form", "wrong format", edits.flatten, 0.3, 0.8),
)

# Samples are not used where a wrong answer could do harm, nor where they contain one of the words.
DELICATE = ("vaccine", "insulin", "first-aid", "chicken", "campfire", "jumper cables", "jump-start", "blood type")
UNWANTED = (
    "kill", "suicid", "murder", "sex", "rape", "nazi", "weapon", "gun ", "drug", "terror", "hate ", "racis", "covid",
    "slave", "porn", "stupid", "idiot", "bomb", "alcohol", "bleach", "poison", "http", "www.",
    "knife", "human organ", "death", "churchill",
)  # fmt: skip


@dataclass(frozen=True)
class Response:
    """``score`` is quality by construction; ``quality`` = score + noise is what decides a pair."""

    text: str
    origin: str
    cause: str
    edit: str
    severity: float
    score: float
    quality: float

    @property
    def grade(self) -> int:
        return 1 + int(np.searchsorted(GRADE_CUTS, self.score))


@dataclass(frozen=True)
class Base:
    """An unspoilt text, and what a response made of it starts from."""

    text: str
    origin: str
    score: float


def bases(prompt: Prompt, samples: list[str]) -> list[Base]:
    """The reference, if there is one, and the raw samples that are fit for use, ending with a whole sentence."""
    found = []
    if prompt.reference:
        found.append(
            Base(write_out(prompt.reference, [0] * len(claims(prompt.reference))), "reference", START["reference"])
        )
    asked = " ".join(text for _, text in prompt.messages).lower()
    if any(word in asked for word in DELICATE):
        return found
    for sample in samples:
        text = whole_sentences(sample)
        if len(text.split()) >= 8 and not any(word in text.lower() for word in UNWANTED):
            found.append(Base(text, "sample", CLOSED_SAMPLE if prompt.category in CLOSED else START["sample"]))
    return found


def whole_sentences(text: str) -> str:
    """The text up to the end of its last whole sentence, without mark-up; at most 48 words."""
    text = text.replace("**", "").strip().strip('"')
    ends = [i + 1 for i, letter in enumerate(text) if letter in ".!?" and text[i + 1 : i + 2] in ("", " ", "\n", '"')]
    ends = [end for end in ends if not text[max(0, end - 3) : end - 1].strip().isdigit()]
    kept = [end for end in ends if len(text[:end].split()) <= 48]
    return text[: kept[-1]].strip() if kept else ""


def responses(
    prompt: Prompt, own: list[Base], near: list[Base], far: list[Base], rng: np.random.Generator
) -> list[Response]:
    """Every response that can be made for a prompt: clean ones, and one for each base and edit."""
    made = []
    for base in own:
        made.append(_response(base.text, base.origin, "none", "none", 0.0, base.score, rng))
        for cause, name, edit, least, most in SPOILERS:
            if name == "claims changed" and base.origin == "reference":
                continue
            if (edited := edit(base.text, rng)) and edited[0] != base.text:
                lost = least + (most - least) * edited[1]
                made.append(_response(edited[0], base.origin, cause, name, edited[1], base.score - lost, rng))
        for source, others, least, most in (("near", near, 0.8, 2.4), ("far", far, 1.0, 3.0)):
            other = others[int(rng.integers(len(others)))]
            if drifted := edits.drift(base.text, other.text, rng):
                lost = least + (most - least) * drifted[1]
                made.append(
                    _response(
                        drifted[0], base.origin, "relevance", f"drift, {source}", drifted[1], base.score - lost, rng
                    )
                )
    made += wrong_references(prompt, rng)
    for source, others, score in (("near", near, 0.9), ("far", far, 0.4)):
        for i in rng.permutation(len(others))[:2]:
            made.append(
                _response(others[i].text, others[i].origin, "relevance", f"off topic, {source}", 1.0, score, rng)
            )
    return made


def wrong_references(prompt: Prompt, rng: np.random.Generator) -> list[Response]:
    """The reference with one to all of its marked claims wrong."""
    if not prompt.reference:
        return []
    marked, made = claims(prompt.reference), []
    for _ in range(3):
        count = int(rng.integers(1, len(marked) + 1))
        choices = [0] * len(marked)
        for i in rng.permutation(len(marked))[:count]:
            choices[i] = int(rng.integers(1, len(marked[i])))
        share = count / len(marked)
        text = write_out(prompt.reference, choices)
        made.append(_response(text, "reference", "correctness", "claims wrong", share, 3.6 - 2.0 * share, rng))
    return made


def _response(
    text: str, origin: str, cause: str, edit: str, severity: float, score: float, rng: np.random.Generator
) -> Response:
    score = max(0.0, score)
    return Response(text, origin, cause, edit, round(severity, 3), round(score, 3), score + NOISE * rng.normal())


def generator(seed: int, key: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the prompt alone, not on what else is in the set."""
    return np.random.default_rng([seed, zlib.crc32(key.encode())])
