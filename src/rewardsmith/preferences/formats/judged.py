"""What `judge` writes: two responses to a prompt and the ``outcome`` of the first, ``win``, ``tie`` or ``lose``.

A row whose judge gave no ruling holds no preference. Its ``target`` is that of the labels which the judge was tried on,
and is not read.
"""

from __future__ import annotations

from rewardsmith.contracts.judge import OUTCOMES
from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError, required, shown
from rewardsmith.preferences.rows.messages import read_prompt, read_response

_RESPONSES = ("response_first", "response_second")


def _matches(record: Record) -> bool:
    return "outcome" in record and all(key in record for key in _RESPONSES)


def _read(record: Record) -> Pair:
    outcome, reason = record.get("outcome"), record.get("reason")
    if outcome is None:
        raise BadRowError("not_judged", f"the judge gave no ruling: {reason or 'no reason is given'}")
    if outcome not in OUTCOMES:
        raise BadRowError("unknown_winner", f'"outcome" is {shown(outcome)}, not win, tie or lose')
    prompt = read_prompt(required(record, "prompt"), "prompt")
    first, second = (read_response(required(record, key), key) for key in _RESPONSES)
    if outcome == "lose":
        return Pair(prompt, second, first)
    return Pair(prompt, first, second, target=0.5 if outcome == "tie" else 1.0)


JUDGED = Format("judged", ("prompt", "outcome", *_RESPONSES), _matches, _read, says_more=False)
