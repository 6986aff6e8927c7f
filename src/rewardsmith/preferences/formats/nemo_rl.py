"""NeMo-RL's form: ``context`` is the prompt, ``completions`` a list of ``{"rank", "completion"}``, rank 0 the best.

A row gives one pair: the best against the worst, the first of each. All ranks equal: a tie of the first two.
"""

from __future__ import annotations

from collections.abc import Mapping

from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.messages import read_prompt, read_response
from rewardsmith.preferences.optional_columns import read_number
from rewardsmith.preferences.pair import Pair
from rewardsmith.preferences.problems import BadRowError, required

_FIELDS = ("rank", "completion")


def _matches(record: Record) -> bool:
    completions = record.get("completions")
    return isinstance(completions, list) and any(_is_ranked(completion) for completion in completions)


def _is_ranked(completion: object) -> bool:
    return isinstance(completion, Mapping) and all(key in completion for key in _FIELDS)


def _read(record: Record) -> Pair:
    context = required(record, "context")
    ranked = sorted(_ranked(record.get("completions")), key=lambda item: item[0])
    if len(ranked) < 2:
        raise BadRowError("missing_field", f"{len(ranked)} of its completions are ranked; a pair needs two")
    (best, chosen), (worst, _) = ranked[0], ranked[-1]
    rejected = ranked[1][1] if best == worst else next(text for rank, text in ranked if rank == worst)
    return Pair(
        read_prompt(context, "context"),
        read_response(chosen, "completion"),
        read_response(rejected, "completion"),
        target=0.5 if best == worst else 1.0,
    )


def _ranked(completions: object) -> list[tuple[float, object]]:
    if not isinstance(completions, list) or not all(_is_ranked(completion) for completion in completions):
        raise BadRowError("wrong_type", '"completions" is not a list of objects with "rank" and "completion"')
    ranks = [read_number(completion["rank"], "rank") for completion in completions]
    return [(rank, c["completion"]) for rank, c in zip(ranks, completions, strict=True) if rank is not None]


NEMO_RL = Format("nemo_rl", ("context", "completions"), _matches, _read)
