"""Several rated responses to one prompt, as distilabel and UltraFeedback publish them.

Either ``generations`` with ``ratings``, or ``completions``, a list of objects with ``response`` and a rating. A row
gives one pair: the best rated against the worst rated, the first of each. All ratings equal: a tie (target 0.5) of the
first two different responses. Ratings become ``score_chosen`` and ``score_rejected``, never a margin: their unit is
not that of a reward.
"""

from __future__ import annotations

from collections.abc import Mapping

from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.messages import read_prompt, read_response
from rewardsmith.preferences.optional_columns import read_number
from rewardsmith.preferences.pair import Pair
from rewardsmith.preferences.problems import BadRowError

_PROMPTS = ("instruction", "prompt", "input")
_RATINGS = ("overall_score", "rating", "score")
Rated = tuple[object, float]


def _matches(record: Record) -> bool:
    if isinstance(record.get("generations"), list) and isinstance(record.get("ratings"), list):
        return True
    completions = record.get("completions")
    return isinstance(completions, list) and any(isinstance(c, Mapping) and "response" in c for c in completions)


def _read(record: Record) -> Pair:
    key = next((key for key in _PROMPTS if record.get(key)), None)
    if key is None:
        raise BadRowError("missing_field", f"there is no prompt ({', '.join(_PROMPTS)})")
    rated = _rated_completions(record) if "completions" in record else _rated_generations(record)
    if len(rated) < 2:
        raise BadRowError("missing_field", f"{len(rated)} of its responses are rated; a pair needs two")
    (chosen, high), (rejected, low) = _best_and_worst(rated)
    return Pair(
        read_prompt(record[key], key),
        read_response(chosen, "chosen"),
        read_response(rejected, "rejected"),
        target=0.5 if high == low else 1.0,
        score_chosen=high,
        score_rejected=low,
    )


def _best_and_worst(rated: list[Rated]) -> tuple[Rated, Rated]:
    best = max(rated, key=lambda item: item[1])
    worst = min(rated, key=lambda item: item[1])
    if best[1] == worst[1]:
        worst = next((item for item in rated if item[0] != best[0]), rated[1])
    return best, worst


def _rated_generations(record: Record) -> list[Rated]:
    generations, ratings = record.get("generations"), record.get("ratings")
    if not isinstance(generations, list) or not isinstance(ratings, list):
        raise BadRowError("missing_field", 'there are no "generations" with "ratings"')
    if len(generations) != len(ratings):
        raise BadRowError("wrong_type", f"{len(generations)} generations have {len(ratings)} ratings")
    return [
        (text, number)
        for text, rating in zip(generations, ratings, strict=True)
        if text is not None and (number := _rating(rating)) is not None
    ]


def _rated_completions(record: Record) -> list[Rated]:
    completions = record["completions"]
    if not isinstance(completions, list):
        raise BadRowError("wrong_type", '"completions" is not a list')
    rated: list[Rated] = []
    for completion in completions:
        if not isinstance(completion, Mapping) or completion.get("response") is None:
            raise BadRowError("wrong_type", '"completions" holds something that is not an object with a "response"')
        number = _completion_rating(completion)
        if number is not None:
            rated.append((completion["response"], number))
    return rated


def _completion_rating(completion: Mapping[str, object]) -> float | None:
    """Its overall score, else the mean of its aspects' ratings (``annotations: {aspect: {"Rating": ...}}``)."""
    for key in _RATINGS:
        if completion.get(key) is not None:
            return _rating(completion[key])
    aspects = completion.get("annotations")
    if not isinstance(aspects, Mapping):
        return None
    ratings = [_rating(aspect.get("Rating")) for aspect in aspects.values() if isinstance(aspect, Mapping)]
    known = [rating for rating in ratings if rating is not None]
    return sum(known) / len(known) if known else None


def _rating(value: object) -> float | None:
    """The number, or None for a response that the judge did not rate ("N/A")."""
    return (
        None
        if isinstance(value, str) and value.strip().upper() in ("", "N/A", "NA", "NONE")
        else read_number(value, "rating")
    )


RATINGS = Format("ratings", ("prompt", "generations", "ratings", "completions"), _matches, _read)
