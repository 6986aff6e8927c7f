"""TRL's form with the votes behind the label: ``votes`` is ``{"chosen": n, "rejected": n, "tie": n}``.

The label stays what the row says: votes are evidence beside it. As many votes for one as for the other, and at least
one vote: a tie, with target 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping

from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.optional_columns import read_number
from rewardsmith.preferences.rows.prompts import prompt_key_of
from rewardsmith.preferences.rows.two_responses import read_fields

_LARGEST = 2**31 - 1


def _matches(record: Record) -> bool:
    return "chosen" in record and "rejected" in record and isinstance(record.get("votes"), Mapping)


def _read(record: Record) -> Pair:
    pair = read_fields(record, prompt_key_of(record, "chosen", "rejected"), "chosen", "rejected")
    votes = record.get("votes")
    if votes is None:
        return pair
    if not isinstance(votes, Mapping):
        raise BadRowError("wrong_type", '"votes" is not an object with chosen, rejected and tie')
    pair.votes = (_count(votes, "chosen"), _count(votes, "rejected"), _count(votes, "tie"))
    if sum(pair.votes) and pair.votes[0] == pair.votes[1]:
        pair.target = 0.5
    return pair


def _count(votes: Mapping[str, object], key: str) -> int:
    number = read_number(votes.get(key), f"votes.{key}") or 0.0
    if not 0 <= number <= _LARGEST or number % 1:
        raise BadRowError("out_of_range", f'votes for "{key}" are {number:g}, not a count')
    return int(number)


# One row with votes is enough: this form reads whatever TRL's does.
VOTES = Format("votes", ("prompt", "chosen", "rejected", "votes"), _matches, _read, share_needed=0.0)
