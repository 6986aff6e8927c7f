"""``rewardsmith.leanings``: what preferred responses have more of, without any model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.preferences.load import load_preferences
from rewardsmith.strength.leanings.leanings import leanings_of
from rewardsmith.strength.leanings.table import leaning_frame
from rewardsmith.workflows.options.leanings import LeaningsConfig

if TYPE_CHECKING:
    import pandas as pd


def run_leanings(config: LeaningsConfig, dataset: Any = None) -> pd.DataFrame:
    """The table; nothing is written. ``dataset``: rows in memory, if the configuration names none."""
    set_quiet(config.quiet)
    name = dataset if dataset is not None else config.data.dataset_name
    frame = leaning_frame(leanings_of(load_preferences(name, config.data, config.seed).table))
    return frame[[column for column in frame if not column.startswith("judges_")]]
