"""From graded responses to labelled pairs: lengths balanced, difficulty mixed, annotators of known error rate."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from dialogues.grading import Response
from dialogues.prompts import Prompt
from rewardsmith.preferences.simulation.annotators import draw_exactly

NUM_PAIRS = 2000
PAIRS_PER_PROMPT = 6
LENGTH_CUTS = (12, 18, 25, 33, 42)
GAP_SHARES = {0: 0.12, 1: 0.24, 2: 0.28, 3: 0.22, 4: 0.14}
ANNOTATOR_ERRORS = {"ann": 0.05, "ben": 0.10, "cleo": 0.17, "dev": 0.28}
FLIP_SHARE = 0.15


@dataclass(frozen=True)
class Pair:
    """Two responses to a prompt; the first is the better one."""

    prompt: Prompt
    better: Response
    worse: Response

    @property
    def gap(self) -> float:
        return self.better.quality - self.worse.quality


def balance_lengths(pool: dict[str, list[Response]], rng: np.random.Generator) -> dict[str, list[Response]]:
    """Thins every grade so that its lengths are spread as in every other grade.

    Length classes have the same target share in all grades: the lowest share that any grade can offer, scaled up.
    """
    counts = Counter((r.grade, length_class(r.text)) for rs in pool.values() for r in rs)
    grades, classes = range(1, 6), range(len(LENGTH_CUTS) + 1)
    totals = {g: sum(counts[g, c] for c in classes) for g in grades}
    target = {c: min(counts[g, c] / totals[g] for g in grades) for c in classes}
    wanted = {g: min((counts[g, c] / target[c] for c in classes if target[c]), default=0.0) for g in grades}
    keep = {
        (g, c): min(1.0, wanted[g] * target[c] / counts[g, c]) if counts[g, c] else 0.0 for g in grades for c in classes
    }
    return {
        key: [r for r in rs if rng.random() < keep[r.grade, length_class(r.text)]] for key, rs in sorted(pool.items())
    }


def length_class(text: str) -> int:
    return int(np.searchsorted(LENGTH_CUTS, len(text.split())))


def choose_pairs(prompts: list[Prompt], pool: dict[str, list[Response]], seed: int) -> list[Pair]:
    """Pairs in random order, taken while they keep four balances.

    Differences of grade have their stated shares; within each combination of grades and size of the length difference,
    the better response is the longer one as often as the shorter one; of pairs between a reference and a sample, each
    wins as often; no prompt has more than its number, and no response is in more than two pairs.
    """
    rng = np.random.default_rng([seed, 7])
    candidates = [pair for prompt in prompts for pair in _all_pairs(prompt, pool[prompt.key])]
    order = rng.permutation(len(candidates))
    left = {gap: round(share * NUM_PAIRS) for gap, share in GAP_SHARES.items()}
    per_prompt: Counter[str] = Counter()
    used: Counter[tuple[str, str]] = Counter()
    taken: set[frozenset[tuple[str, str]]] = set()
    tilt: Counter[tuple[object, ...]] = Counter()
    chosen = []
    for limit in range(1, PAIRS_PER_PROMPT + 1):
        for i in order:
            pair = candidates[i]
            key, texts = pair.prompt.key, [(pair.prompt.key, plain(r.text)) for r in (pair.better, pair.worse)]
            if per_prompt[key] >= limit or any(used[text] >= 2 for text in texts):
                continue
            if frozenset(texts) in taken:
                continue
            step = pair.better.grade - pair.worse.grade
            leans = _leanings(pair)
            if left[abs(step)] <= 0 or any(tilt[name] * sign > 0 for name, sign in leans):
                continue
            left[abs(step)] -= 1
            per_prompt[key] += 1
            used.update(texts)
            taken.add(frozenset(texts))
            for name, sign in leans:
                tilt[name] += sign
            chosen.append(pair)
    return chosen


def plain(text: str) -> str:
    """Letters and digits alone: what is left is the same for texts that differ in case, spacing and punctuation."""
    return re.sub(r"[\W_]+", "", text.lower())


def _all_pairs(prompt: Prompt, responses: list[Response]) -> list[Pair]:
    pairs = []
    for i, a in enumerate(responses):
        for b in responses[:i]:
            if plain(a.text) != plain(b.text) and a.quality != b.quality:
                pairs.append(Pair(prompt, a, b) if a.quality > b.quality else Pair(prompt, b, a))
    return pairs


def _leanings(pair: Pair) -> list[tuple[tuple[object, ...], int]]:
    """Names of the balances that a pair touches, and the side on which it lies."""
    lengths = len(pair.better.text), len(pair.worse.text)
    leans: list[tuple[tuple[object, ...], int]] = []
    if lengths[0] != lengths[1]:
        size = int(np.searchsorted((0.1, 0.3, 0.6, 1.0), abs(np.log(lengths[0] / lengths[1]))))
        sign = 1 if lengths[0] > lengths[1] else -1
        leans.append((("length", pair.better.grade, pair.worse.grade, size), sign))
    if pair.better.origin != pair.worse.origin:
        leans.append((("origin",), 1 if pair.better.origin == "reference" else -1))
    return leans


def label_pairs(pairs: list[Pair], seed: int) -> list[dict[str, Any]]:
    """Rows in random order, 15 % of them labelled wrongly.

    Each of four annotators labels a quarter of the pairs and errs on a fixed share of them, exactly; which ones is
    drawn by weight exp(-gap / median gap), so that close pairs are hit more often.
    """
    rng = np.random.default_rng([seed, 11])
    pairs = [pairs[i] for i in rng.permutation(len(pairs))]
    gaps = np.array([pair.gap for pair in pairs])
    weights = np.exp(-gaps / np.median(gaps))
    names = rng.permutation(np.resize(list(ANNOTATOR_ERRORS), len(pairs)))
    flipped = np.zeros(len(pairs), dtype=bool)
    for name, error in ANNOTATOR_ERRORS.items():
        flipped |= draw_exactly(weights * (names == name), round(error * int((names == name).sum())), rng)
    return [_row(i, pair, str(names[i]), bool(flipped[i])) for i, pair in enumerate(pairs)]


def _row(i: int, pair: Pair, annotator: str, flipped: bool) -> dict[str, Any]:
    chosen, rejected = (pair.worse, pair.better) if flipped else (pair.better, pair.worse)
    truth: dict[str, Any] = {"flipped": flipped, "gap": round(chosen.quality - rejected.quality, 3)}
    for side, response in (("chosen", chosen), ("rejected", rejected)):
        truth[side] = {
            "grade": response.grade,
            "quality": round(response.quality, 3),
            "origin": response.origin,
            "cause": response.cause,
            "edit": response.edit,
        }
    return {
        "id": f"dialogues-{i:04d}",
        "source": "dialogues",
        "prompt": pair.prompt.as_messages(),
        "chosen": chosen.text,
        "rejected": rejected.text,
        "category": pair.prompt.category,
        "annotator_id": annotator,
        "meta": {"truth": truth},
    }
