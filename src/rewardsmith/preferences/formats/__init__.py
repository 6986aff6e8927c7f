"""The forms of preference sets that are recognised by themselves: one file and one line here each."""

from __future__ import annotations

from rewardsmith.preferences.formats.arena import ARENA
from rewardsmith.preferences.formats.format import Format
from rewardsmith.preferences.formats.hh import HH
from rewardsmith.preferences.formats.ratings import RATINGS
from rewardsmith.preferences.formats.trl import TRL
from rewardsmith.preferences.formats.votes import VOTES

FORMATS: tuple[Format, ...] = (
    VOTES,
    HH,
    RATINGS,
    ARENA,
    TRL,
)
"""In the order in which they are tried: the most particular first."""
