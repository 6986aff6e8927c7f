"""The reasons for which a row can be quarantined. Each lives here once; ``docs/formats.md`` explains them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

REASONS: dict[str, str] = {
    "malformed_json": "is not valid JSON",
    "malformed_csv": "is not a valid CSV record of this table",
    "bad_utf8": "is not valid UTF-8 text",
    "too_long": "is longer than a line may be",
    "endless_line": "is a line without an end: nothing after it is read",
    "truncated_gzip": "lies where the compressed file ends too early",
    "damaged_gzip": "lies where the compressed file is damaged",
    "not_an_object": "is not an object with named fields",
    "missing_field": "lacks a field that its form needs",
    "empty_field": "has an empty prompt or response",
    "wrong_type": "has a field of the wrong type",
    "unknown_role": "has a message whose role is not system, user or assistant",
    "no_response": "has a conversation that does not end with the assistant",
    "different_prompts": "has a chosen and a rejected response to different prompts",
    "identical_responses": "has the same text as chosen and as rejected",
    "nan_score": "has a score, margin, weight or target that is not a finite number",
    "out_of_range": "has a number outside its range",
    "unknown_winner": "names no winner that the form knows",
    "not_judged": "was not judged",
    "undecided": "calls no response better, or weighs 0, and a better one is to be imitated",
    "refused_by_model": "has a conversation that the model's chat template or tokenizer does not take",
}
REFUSED_BY_MODEL = "refused_by_model"
_MOST_NAMES = 12


def shown(value: object) -> str:
    """A value for a message to people: its Python text, cut short."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # numbers of thousands of digits, values that contain themselves
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 40 else text[:37] + "..."


def required(record: Mapping[str, object], key: str) -> object:
    """The value of a field. ``BadRowError`` where there is none."""
    if record.get(key) is None:
        raise BadRowError("missing_field", f'there is no "{key}"')
    return record[key]


def column_names(records: Iterable[Mapping[str, object]]) -> str:
    """The columns of some rows, the most frequent first, in one line."""
    names = [" ".join(str(key).split())[:40] for key, _ in Counter(key for r in records for key in r).most_common()]
    return ", ".join(names[:_MOST_NAMES]) + ", ..." * (len(names) > _MOST_NAMES)


class BadRowError(Exception):
    """A row cannot become a pair. Caught by the loader, which quarantines the row with file and line."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
