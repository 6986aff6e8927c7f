"""TRL's form with the votes behind the label: ``votes`` is ``{"chosen": n, "rejected": n, "tie": n}``.

The label stays what the row says: votes are evidence beside it. As many votes for one as for the other, and at least
one vote: a tie, with target 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real

from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.pair import Pair
from rewardsmith.preferences.problems import BadRowError, shown
from rewardsmith.preferences.two_responses import read_fields

_LARGEST = 2**31 - 1


def _matches(record: Record) -> bool:
    return "chosen" in record and "rejected" in record and isinstance(record.get("votes"), Mapping)


def _read(record: Record) -> Pair:
    pair = read_fields(record, "prompt" if "prompt" in record else None, "chosen", "rejected")
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
    number = votes.get(key)
    if number is None:
        return 0
    if isinstance(number, bool) or not isinstance(number, Real | int | float) or number != number:
        raise BadRowError("wrong_type", f'votes for "{key}" are {shown(number)}, not a number')
    if not 0 <= float(number) <= _LARGEST or float(number) != int(number):
        raise BadRowError("out_of_range", f'votes for "{key}" are {shown(number)}, not a count')
    return int(number)


VOTES = Format("votes", ("prompt", "chosen", "rejected", "votes"), _matches, _read)
