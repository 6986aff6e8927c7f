"""What makes a response worse. Every edit keeps the length roughly, except those that take something away.

Each takes a text and a generator and gives the edited text, with the severity in (0, 1] that it reached, or None where
the text does not allow it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

Edited = tuple[str, float] | None
Edit = Callable[[str, np.random.Generator], Edited]

FILLER = (
    "Well, that is a really good question, and I am glad that you asked it.",
    "As you may know, opinions on this differ a great deal from one person to the next.",
    "It is hard to say for sure, and I might be wrong about some or all of this.",
    "There are of course many things to consider here, and none of them should be forgotten.",
    "As I said before, it all depends on how you look at it in the end.",
    "Let me think about this for a moment, because it deserves a careful answer.",
    "That being said, it may or may not apply to you, depending on the case.",
    "I am only an assistant, so please take everything here with a grain of salt.",
    "To put it in other words, things are the way they are for a reason.",
    "In conclusion, one can conclude that there is a lot to be said about the matter.",
)

OPPOSITES = {
    "is": "is not", "are": "are not", "can": "cannot", "will": "will not", "more": "less", "less": "more",
    "before": "after", "after": "before", "first": "last", "high": "low", "low": "high", "hot": "cold",
    "cold": "hot", "large": "small", "small": "large", "increase": "decrease", "increases": "decreases",
    "always": "never", "often": "rarely", "good": "bad", "better": "worse", "best": "worst", "light": "dark",
    "without": "with", "include": "exclude", "important": "pointless", "easy": "difficult", "long": "short",
}  # fmt: skip


def split_sentences(text: str) -> list[str]:
    """Sentences and list lines, in order."""
    parts = re.split(r"(?<=[.!?])(?<!\d\.)\s+(?=\S)|\n+", text)
    return [part.strip() for part in parts if part.strip()]


def change_claims(text: str, rng: np.random.Generator) -> Edited:
    """Numbers changed and words turned into their opposites, in up to five places."""
    places = [m for m in re.finditer(r"\b\d+\b|\b[a-z]+\b", text) if m[0].isdigit() or m[0] in OPPOSITES]
    places = [m for m in places if not re.match(r"\.\s", text[m.end() : m.end() + 2])]
    if len(places) < 2:
        return None
    count = min(len(places), int(rng.integers(2, 6)))
    for i in sorted(rng.permutation(len(places))[:count], reverse=True):
        m = places[i]
        new = str(int(m[0]) + int(rng.integers(1, 10)) * max(1, int(m[0]) // 10)) if m[0].isdigit() else OPPOSITES[m[0]]
        text = text[: m.start()] + new + text[m.end() :]
    return text, count / 5


def cut(text: str, rng: np.random.Generator) -> Edited:
    """The end is missing, from the middle of a sentence on."""
    words = text.split(" ")
    if len(words) < 14:
        return None
    share = rng.uniform(0.35, 0.8)
    kept = " ".join(words[: max(6, round(share * len(words)))])
    return kept.rstrip(".!?,;: \n"), 1 - share


def leave_out(text: str, rng: np.random.Generator) -> Edited:
    """Sentences or steps are missing, never the last one alone."""
    sentences = split_sentences(text)
    if len(sentences) < 3:
        return None
    dropped = int(rng.integers(1, len(sentences) - 1))
    gone = set((rng.permutation(len(sentences) - 1)[:dropped]).tolist())
    return _join(text, [s for i, s in enumerate(sentences) if i not in gone]), dropped / len(sentences)


def repeat(text: str, rng: np.random.Generator) -> Edited:
    """One sentence is said again in place of others."""
    sentences = split_sentences(text)
    if len(sentences) < 2:
        return None
    kept = int(rng.integers(1, len(sentences)))
    again = [sentences[int(rng.integers(kept))] for _ in range(len(sentences) - kept)]
    return _join(text, sentences[:kept] + again), 1 - kept / len(sentences)


def shuffle_sentences(text: str, rng: np.random.Generator) -> Edited:
    """The sentences are in another order."""
    sentences = split_sentences(text)
    if len(sentences) < 3:
        return None
    order = rng.permutation(len(sentences))
    moved = float(np.mean(order != np.arange(len(sentences))))
    return (_join(text, [sentences[i] for i in order]), moved) if moved else None


def garble(text: str, rng: np.random.Generator) -> Edited:
    """Words within some of the sentences are in random order."""
    sentences = split_sentences(text)
    count = int(rng.integers(1, len(sentences) + 1))
    for i in rng.permutation(len(sentences))[:count]:
        words = sentences[i].split(" ")
        sentences[i] = " ".join(words[j] for j in rng.permutation(len(words)))
    return _join(text, sentences), count / len(sentences)


def misspell(text: str, rng: np.random.Generator) -> Edited:
    """Neighbouring letters are swapped in a part of the words."""
    share = rng.uniform(0.15, 0.6)
    words = re.split(r"(\s+)", text)
    for i, word in enumerate(words):
        if len(word) > 3 and word.isalpha() and rng.random() < share:
            j = int(rng.integers(1, len(word) - 2))
            words[i] = word[:j] + word[j + 1] + word[j] + word[j + 2 :]
    return "".join(words), float(share)


def hedge(text: str, rng: np.random.Generator) -> Edited:
    """Empty talk takes the place of a part of the content."""
    sentences = split_sentences(text)
    kept = int(rng.integers(0, len(sentences)))
    filler, budget = [], len(text) - sum(map(len, sentences[:kept]))
    for i in rng.permutation(len(FILLER)):
        if budget <= 25:
            break
        filler.append(FILLER[i])
        budget -= len(FILLER[i])
    front = int(rng.integers(len(filler) + 1))
    return " ".join(filler[:front] + sentences[:kept] + filler[front:]), 1 - kept / len(sentences)


def flatten(text: str, rng: np.random.Generator) -> Edited:
    """No capitals, no punctuation, no lines."""
    plain = re.sub(r"\s+", " ", re.sub(r"[^\w\s']", "", text)).strip().lower()
    return (plain, 1.0) if plain != text else None


def drift(text: str, other: str, rng: np.random.Generator) -> Edited:
    """Begins with the response and goes on with another one, at about the same length."""
    own, foreign = split_sentences(text), split_sentences(other)
    if len(own) < 2:
        return None
    kept = int(rng.integers(1, len(own)))
    tail, budget = [], len(text) - sum(map(len, own[:kept]))
    for sentence in foreign:
        if tail and len(sentence) / 2 > budget:
            break
        tail.append(sentence)
        budget -= len(sentence)
    return _join(text, own[:kept] + tail), 1 - kept / len(own)


def _join(original: str, sentences: list[str]) -> str:
    return ("\n" if "\n" in original and "\n\n" not in original else " ").join(sentences)
