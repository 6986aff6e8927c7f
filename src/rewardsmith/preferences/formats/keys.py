"""Any other form, by the names of its columns: ``--chosen_key``, ``--rejected_key``, and ``--prompt_key`` if apart."""

from __future__ import annotations

from rewardsmith.preferences.formats.format import Format, Record
from rewardsmith.preferences.pair import Pair
from rewardsmith.preferences.two_responses import read_fields


def keys_format(prompt_key: str | None, chosen_key: str, rejected_key: str) -> Format:
    """The format of rows with these columns; without a prompt column, both responses begin with the prompt."""
    columns = (chosen_key, rejected_key) if prompt_key is None else (prompt_key, chosen_key, rejected_key)

    def matches(record: Record) -> bool:
        return all(key in record for key in columns)

    def read(record: Record) -> Pair:
        return read_fields(record, prompt_key, chosen_key, rejected_key)

    return Format("keys", columns, matches, read)
