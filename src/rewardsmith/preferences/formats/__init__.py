"""The forms of preference sets that are recognised by themselves: one file and one line here each."""

from __future__ import annotations

from rewardsmith.preferences.formats.arena import ARENA
from rewardsmith.preferences.formats.format import Format
from rewardsmith.preferences.formats.hh import HH
from rewardsmith.preferences.formats.judged import JUDGED
from rewardsmith.preferences.formats.llamafactory import LLAMAFACTORY
from rewardsmith.preferences.formats.ms_swift import MS_SWIFT
from rewardsmith.preferences.formats.nemo_rl import NEMO_RL
from rewardsmith.preferences.formats.ratings import RATINGS
from rewardsmith.preferences.formats.several import SEVERAL
from rewardsmith.preferences.formats.strength_cleaned import STRENGTH_CLEANED
from rewardsmith.preferences.formats.trl import TRL
from rewardsmith.preferences.formats.votes import VOTES

FORMATS: tuple[Format, ...] = (
    VOTES,
    HH,
    RATINGS,
    SEVERAL,
    JUDGED,
    ARENA,
    MS_SWIFT,
    NEMO_RL,
    LLAMAFACTORY,
    STRENGTH_CLEANED,
    TRL,
)
"""In the order in which they are tried: the most particular first."""
