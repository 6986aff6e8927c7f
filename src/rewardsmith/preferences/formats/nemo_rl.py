"""NeMo-RL's form: ``context`` is the prompt, ``completions`` a list of ``{"rank", "completion"}``, rank 0 the best.

A row gives every better-worse pair of its completions. All ranks equal: a tie of the first two.
"""

from __future__ import annotations

from collections.abc import Mapping

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.formats.ranking import ranked_pairs
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError, required
from rewardsmith.preferences.rows.messages import read_prompt, read_response
from rewardsmith.preferences.rows.optional_columns import read_number
from rewardsmith.preferences.rows.prompts import with_system

_FIELDS = ("rank", "completion")


def _matches(record: Record) -> bool:
    completions = record.get("completions")
    return isinstance(completions, list) and any(_is_ranked(completion) for completion in completions)


def _is_ranked(completion: object) -> bool:
    return isinstance(completion, Mapping) and all(key in completion for key in _FIELDS)


def _read(record: Record) -> list[Pair]:
    ranked = [(read_response(text, "completion"), -rank) for rank, text in _ranked(record.get("completions"))]
    return ranked_pairs(read_prompt(required(record, "context"), "context"), ranked, are_scores=False)


def _responses(record: Record) -> list[Conversation | None]:
    prompt = with_system(record, read_prompt(required(record, "context"), "context"))
    return [[*prompt, read_response(text, "completion")] for _, text in _ranked(record.get("completions"))]


def _ranked(completions: object) -> list[tuple[float, object]]:
    if not isinstance(completions, list) or not all(_is_ranked(completion) for completion in completions):
        raise BadRowError("wrong_type", '"completions" is not a list of objects with "rank" and "completion"')
    ranks = [read_number(completion["rank"], "rank") for completion in completions]
    return [(rank, c["completion"]) for rank, c in zip(ranks, completions, strict=True) if rank is not None]


NEMO_RL = Format("nemo_rl", ("context", "completions"), _matches, _read, responses=_responses)
