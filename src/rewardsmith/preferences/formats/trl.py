"""TRL's preference form: ``chosen`` and ``rejected``, with ``prompt`` (or ``question``, ...) or with it inside both.

Strings or message lists; ``margin`` is read with the other optional columns. UltraFeedback's binarised form, which
carries the prompt in both places, is this form too.
"""

from __future__ import annotations

from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.rows.prompts import prompt_key_of
from rewardsmith.preferences.rows.two_responses import read_fields


def _matches(record: Record) -> bool:
    return "chosen" in record and "rejected" in record


def _read(record: Record) -> Pair:
    return read_fields(record, prompt_key_of(record, "chosen", "rejected"), "chosen", "rejected")


TRL = Format("trl", ("prompt", "chosen", "rejected"), _matches, _read)
