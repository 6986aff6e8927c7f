"""``rewardsmith study``: controlled experiments, each a command of its own (``study_<name>.py``)."""

from __future__ import annotations

SECOND_WORDS = ("noise",)
HELP = """Controlled experiments on your own data: plant known noise, repair it, see what helps.

usage: rewardsmith study STUDY [data set] [options]"""
