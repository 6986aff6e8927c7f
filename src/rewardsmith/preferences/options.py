"""Options of reading preferences. Free of heavy imports, so that ``--help`` stays instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DataOptions:
    """Where the preferences come from and how they are read."""

    dataset_name: str = ""
    """File (JSONL, JSON, Parquet, CSV; gzipped or not), folder of files, of `datasets` or of `refine`, Hub id, or
    `embedded/dialogues`."""
    dataset_config: str | None = None
    """Configuration of a Hub data set that has several."""
    dataset_split: str = "train"
    """Split of a Hub data set, of a `datasets` folder, or of a folder whose files are named after splits."""
    format: str = "auto"
    """Form of a row: `trl`, `hh`, `votes`, `ratings`, `several`, `judged`, `arena`, `ms_swift`, `nemo_rl`,
    `llamafactory`, `strength_cleaned` or `keys` (named columns); `auto` looks at the rows."""
    prompt_key: str | None = None
    """Column of the prompt, for a form that no reader knows (with --chosen_key and --rejected_key)."""
    chosen_key: str | None = None
    """Column of the preferred response."""
    rejected_key: str | None = None
    """Column of the other response."""
    on_bad_row: Literal["quarantine", "error"] = "quarantine"
    """Quarantine unusable rows with a reason, or stop at the first one with status 2."""
    group_by: str | None = None
    """Column that keeps rows together in splits and folds; default: the first user turn, near duplicates joined."""
    near_duplicates: Literal["auto", "on", "off"] = "auto"
    """Join prompts that are almost the same (MinHash); `auto` switches it off above 100,000 distinct first turns."""
    max_pairs: int | None = None
    """Use a random sample of this many pairs (drawn by --seed)."""


@dataclass(frozen=True)
class RowOptions:
    """Where the rows to score come from and how they are read."""

    dataset_name: str = ""
    """File (JSONL, JSON, Parquet, CSV; gzipped or not), folder of files, of `datasets` or of `refine`, Hub id, or
    `embedded/dialogues`."""
    dataset_config: str | None = None
    """Configuration of a Hub data set that has several."""
    dataset_split: str = "train"
    """Split of a Hub data set, of a `datasets` folder, or of a folder whose files are named after splits."""
    format: str = "auto"
    """Form of pairs, as for the other verbs; `auto` also sees prompt with response or responses, and messages."""
    prompt_key: str | None = None
    """Column of the prompt, for names that no reader knows."""
    response_key: str | None = None
    """Column of the response (text or messages), or of a list of responses, to score in each row."""
    chosen_key: str | None = None
    """Column of the preferred response of a pair."""
    rejected_key: str | None = None
    """Column of the other response of a pair."""
    on_bad_row: Literal["quarantine", "error"] = "quarantine"
    """Leave the rewards of unusable rows empty and give the reason, or stop at the first one with status 2."""

    def reading(self) -> DataOptions:
        """The part that reads preferences."""
        names = ("dataset_name", "dataset_config", "dataset_split", "format", "prompt_key", "chosen_key")
        return DataOptions(**{name: getattr(self, name) for name in (*names, "rejected_key", "on_bad_row")})


@dataclass(frozen=True)
class PromptOptions:
    """Where the prompts to answer come from."""

    dataset_name: str = ""
    """File (JSONL, JSON, Parquet, CSV; gzipped or not), folder of files or of `datasets`, Hub id, or
    `embedded/dialogues`: of prompts, or of pairs or responses, whose prompts are then answered."""
    dataset_config: str | None = None
    """Configuration of a Hub data set that has several."""
    dataset_split: str = "train"
    """Split of a Hub data set, of a `datasets` folder, or of a folder whose files are named after splits."""
    prompt_key: str | None = None
    """Column of the prompt (text or messages), for names that no reader knows."""
    max_prompts: int | None = None
    """Answer the first so many distinct prompts."""
    on_bad_row: Literal["quarantine", "error"] = "quarantine"
    """Leave out unusable rows and give the reason, or stop at the first one with status 2."""

    def reading(self) -> RowOptions:
        """The part that reads rows."""
        names = ("dataset_name", "dataset_config", "dataset_split", "prompt_key", "on_bad_row")
        return RowOptions(**{name: getattr(self, name) for name in names})
