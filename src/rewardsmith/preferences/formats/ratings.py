"""Several rated responses to one prompt, as distilabel, UltraFeedback and best-of-n sets publish them.

``generations`` (or ``responses``, ...) with ``ratings``, with ``ranks`` (1 is better than 2) or with ``best`` (the
place of one, from 0); or ``completions``, a list of objects with ``response`` and a rating. A row gives every
better-worse pair. All ratings equal: a tie (target 0.5) of the first two different responses. Ratings become
``score_chosen`` and ``score_rejected``, never a margin: their unit is not that of a reward.
"""

from __future__ import annotations

from collections.abc import Mapping

from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.formats.ranking import ranked_pairs
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError, required, shown
from rewardsmith.preferences.rows.fields import LISTS, RANKS, SCORES
from rewardsmith.preferences.rows.messages import read_response
from rewardsmith.preferences.rows.optional_columns import read_number
from rewardsmith.preferences.rows.prompts import PROMPTS, prompt_key_of, read_prompt_column

_RATINGS = ("overall_score", "rating", "score")
_BEST = ("best", "best_index", "chosen_index")
Rated = tuple[object, float]


def _matches(record: Record) -> bool:
    key, _ = _list_of(record)
    if key is not None:
        return True
    completions = record.get("completions")
    return isinstance(completions, list) and any(isinstance(c, Mapping) and "response" in c for c in completions)


def _read(record: Record) -> list[Pair]:
    key = prompt_key_of(record)
    if key is None or record.get(key) in (None, "", []):
        raise BadRowError("missing_field", f"there is no prompt ({', '.join(PROMPTS)})")
    texts, numbers = _list_of(record)
    rated = _rated_completions(record) if texts is None or numbers is None else _rated_list(record, texts, numbers)
    responses = [(read_response(text, texts or "completions"), number) for text, number in rated]
    return ranked_pairs(read_prompt_column(record, key), responses, are_scores=numbers is None or numbers in SCORES)


def _list_of(record: Record) -> tuple[str, str] | tuple[None, None]:
    """The columns of a list of responses and of what says which is better; two None where there are none."""
    lists = (*SCORES, *RANKS)
    numbers = next((key for key in lists if isinstance(record.get(key), list)), None) or next(
        (key for key in _BEST if _is_place(record.get(key))), None
    )
    texts = next((key for key in LISTS if isinstance(record.get(key), list)), None)
    return (None, None) if texts is None or numbers is None else (texts, numbers)


def _rated_list(record: Record, texts: str, numbers: str) -> list[Rated]:
    """The responses with what rates them, more for the better; those without a rating are left out."""
    responses, given = record[texts], record[numbers]
    assert isinstance(responses, list)  # _list_of saw to it
    if numbers in _BEST:
        place = read_number(given, numbers)
        if place is None or not 0 <= place < len(responses) or place % 1:
            raise BadRowError("out_of_range", f'"{numbers}" is {shown(given)}, not a place among {len(responses)}')
        given = [float(i == place) for i in range(len(responses))]
    assert isinstance(given, list)
    if len(responses) != len(given):
        raise BadRowError("wrong_type", f"{len(responses)} {texts} have {len(given)} {numbers}")
    sign = -1.0 if numbers in RANKS else 1.0
    return [
        (text, sign * number)
        for text, rating in zip(responses, given, strict=True)
        if text is not None and (number := _rating(rating)) is not None
    ]


def _is_place(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rated_completions(record: Record) -> list[Rated]:
    completions = required(record, "completions")
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
