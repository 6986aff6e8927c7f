"""What a format is, how to recognise a row and how to read it; and the one of any columns, by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.rows.prompts import with_system
from rewardsmith.preferences.rows.two_responses import read_fields

Record = Mapping[str, object]


@dataclass(frozen=True)
class Format:
    """One form in which preference sets are published."""

    name: str
    """Value of ``format``."""
    columns: tuple[str, ...]
    """Its typical columns: shown to people, and used to name the nearest form when none fits."""
    matches: Callable[[Record], bool]
    """Whether a row is in this form, judged by its fields and their types. Cheap; never raises."""
    read: Callable[[Record], Pair | list[Pair]]
    """The row's pair, or every better-worse pair of its responses. Raises ``BadRowError`` where there is none."""
    share_needed: float = 0.5
    """Share of the rows that any form fits from which a set is taken to be in this one."""
    responses: Callable[[Record], list[Conversation | None]] | None = None
    """Every response of a row of more than two, in the row's order, for scoring, None for a missing one. None: a row
    has two."""
    says_more: bool = True
    """Whether target, weight and their like may stand beside the pair; else such columns are about something else."""

    def pairs(self, record: Record) -> list[Pair]:
        """The row's pairs, the system text that stands in a column of its own before their prompt."""
        found = self.read(record)
        pairs = found if isinstance(found, list) else [found]
        for pair in pairs:
            pair.prompt = with_system(record, pair.prompt)
        return pairs


def keys_format(prompt_key: str | None, chosen_key: str, rejected_key: str) -> Format:
    """The format of rows with these columns; without a prompt column, both responses begin with the prompt."""
    columns = (chosen_key, rejected_key) if prompt_key is None else (prompt_key, chosen_key, rejected_key)

    def matches(record: Record) -> bool:
        return all(key in record for key in columns)

    def read(record: Record) -> Pair:
        return read_fields(record, prompt_key, chosen_key, rejected_key)

    return Format("keys", columns, matches, read)
