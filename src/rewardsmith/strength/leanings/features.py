"""The features of responses by which the labels may lean, of both responses of every pair: no model, no network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rewardsmith.strength.leanings.marks import FENCED_CODE, MARKS
from rewardsmith.strength.leanings.phrases import PHRASES
from rewardsmith.strength.leanings.wording import overlap, repetition, words_of

Floats = NDArray[np.float64]

_BLOCK = 10_000
"""Pairs whose texts are in memory at once."""


@dataclass(frozen=True)
class Feature:
    """A number of a response."""

    name: str
    meaning: str
    unit: Literal["count", "share"] = "count"


FEATURES = (
    Feature("characters", "all of them"),
    Feature("words", "runs of letters and digits; in scripts without spaces, what stands between marks"),
    Feature("sentences", "ends of sentences: . ! ? … and a space after them, or 。！？"),
    Feature("list items", "lines that begin with -, *, + or a bullet, or a number and a dot"),
    Feature("headings", "lines that begin with # to ######"),
    Feature("bold passages", "Markdown's **bold**"),
    Feature("code passages", "fenced blocks and `spans`"),
    Feature("numbers", "those of numbered lists included"),
    Feature("links", "web addresses"),
    Feature("questions", "question marks; several together are one"),
    Feature("exclamations", "exclamation marks; several together are one"),
    Feature("emoji", "emoji, dingbats and flags"),
    Feature("refusals", "English phrases that decline: I can't help, as an AI, against my guidelines"),
    Feature("hedges", "English: maybe, might, could, likely, seems, I think, not sure and others"),
    Feature("apologies", "English: sorry, apologize and others"),
    Feature("polite phrases", "English: please, thank you, you're welcome, happy to help and others"),
    Feature("first-person words", "English: I, me, my, mine, myself"),
    Feature("other scripts", "share of the letters that are not Latin", "share"),
    Feature("repetition", "share of the runs of three words that came before in the response", "share"),
    Feature("overlap with the prompt", "share of the words that stand in the last turn of the prompt too", "share"),
)
CHARACTERS = 0
"""Its place."""
LENGTHS = ("characters", "words", "sentences")
"""Features that are one thing in three units."""


def response_features(pairs: pa.Table) -> Floats:
    """[2, N, F]: the features of chosen and of rejected responses, in the order of ``FEATURES``."""
    blocks = [_of_block(pairs.slice(start, _BLOCK)) for start in range(0, len(pairs), _BLOCK)]
    return np.concatenate(blocks, axis=1) if blocks else np.empty((2, 0, len(FEATURES)))


def _of_block(pairs: pa.Table) -> Floats:
    number = len(pairs)
    texts = pa.concat_arrays([_texts(pairs[name]) for name in ("chosen", "rejected", "prompt")])
    responses, words = texts[: 2 * number], words_of(texts)
    prompts = words.part(2 * number, 3 * number)
    sides = [words.part(start, start + number) for start in (0, number)]
    columns = _counts(responses)
    columns["repetition"] = np.concatenate([repetition(side) for side in sides])
    columns["overlap with the prompt"] = np.concatenate([overlap(side, prompts) for side in sides])
    return np.stack([columns[feature.name] for feature in FEATURES], axis=1).reshape(2, number, len(FEATURES))


def _counts(responses: pa.Array) -> dict[str, Floats]:
    """Features that patterns count [2 N]; each distinct text is read once."""
    coded = responses.dictionary_encode()
    texts, places = coded.dictionary, coded.indices.to_numpy()
    prose = pc.replace_substring_regex(texts, pattern=FENCED_CODE, replacement="")
    found = {name: _count(texts if name == "code passages" else prose, pattern) for name, pattern in MARKS.items()}
    found |= {name: _count(prose, f"(?i){pattern}") for name, pattern in PHRASES.items()}
    found["characters"] = pc.utf8_length(texts).to_numpy().astype(np.float64)
    letters = pc.utf8_length(pc.replace_substring_regex(prose, pattern=r"\P{L}+", replacement="")).to_numpy()
    found["other scripts"] = _count(prose, r"[^\P{L}\p{Latin}]") / np.maximum(letters, 1)
    return {name: values[places] for name, values in found.items()}


def _count(texts: pa.Array, pattern: str) -> Floats:
    return np.asarray(pc.count_substring_regex(texts, pattern=pattern).to_numpy(), dtype=np.float64)


def _texts(conversations: pa.ChunkedArray) -> pa.Array:
    """The last message of each; empty without any."""
    lists = conversations.combine_chunks()
    messages = pc.struct_field(pc.list_flatten(lists), "content").cast(pa.large_string())
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy()
    return messages.take(pa.array(np.cumsum(lengths) - 1, mask=lengths == 0)).fill_null("")
