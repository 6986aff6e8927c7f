"""Which form the rows are in: as the user says, else as most of the first rows look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.preferences.formats import FORMATS
from rewardsmith.preferences.formats.format import Format, Record, keys_format
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.problems import column_names

NUM_ROWS_LOOKED_AT = 1000


def choose_format(first_records: Sequence[Record], options: DataOptions, name: str) -> Format:
    """The form of the rows. Raises ``DataError`` in one line, with the columns found, where no form fits.

    Many rows may be bad: the choice is the most particular form that fits the share it needs (mostly half) of the rows
    that any form fits.
    """
    chosen = _format_of_options(options)
    if chosen is not None:
        if first_records and not any(_has_a_column(record, chosen) for record in first_records):
            raise DataError(
                f"{name}: {_no_column(first_records)} None of the columns of {_described(chosen)} is there."
            )
        return chosen
    counts = Counter({form.name: sum(map(form.matches, first_records)) for form in FORMATS})
    num_any = sum(any(form.matches(record) for form in FORMATS) for record in first_records)
    for form in FORMATS:
        if counts[form.name] and counts[form.name] >= form.share_needed * num_any:
            return form
    if num_any:
        return next(form for form in FORMATS if form.name == counts.most_common(1)[0][0])
    raise DataError(
        f"{name}: {_no_column(first_records)} The nearest form is {_described(_nearest(first_records))}; name other "
        "columns with `chosen_key`, `rejected_key` and `prompt_key`."
    )


def _format_of_options(options: DataOptions) -> Format | None:
    keys = (options.prompt_key, options.chosen_key, options.rejected_key)
    if any(keys) or options.format == "keys":
        if options.format not in ("auto", "keys"):
            raise ConfigError(f"`format` {options.format} reads its own columns: drop it, or drop `chosen_key` etc.")
        if not options.chosen_key or not options.rejected_key:
            raise ConfigError("Reading by column names needs both `chosen_key` and `rejected_key`.")
        return keys_format(options.prompt_key, options.chosen_key, options.rejected_key)
    if options.format == "auto":
        return None
    known = {form.name: form for form in FORMATS}
    if options.format not in known:
        raise ConfigError(f"`format` {options.format} is not known; it can be auto, keys, {', '.join(known)}.")
    return known[options.format]


def _has_a_column(record: Record, form: Format) -> bool:
    return any(column in record for column in form.columns)


def _no_column(records: Sequence[Record]) -> str:
    return f"no usable columns; found {column_names(records) or 'none'}."


def _nearest(records: Sequence[Record]) -> Format:
    """The form with the largest share of its columns there; TRL's where none has any."""
    found = {key for record in records for key in record}
    return max(reversed(FORMATS), key=lambda form: len(found & set(form.columns)) / len(form.columns))


def _described(form: Format) -> str:
    return f'"{form.name}" ({", ".join(form.columns)})'
