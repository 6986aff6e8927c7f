"""Checks of a preference set: which rows can be used, and what truncation does to them."""

from __future__ import annotations

import pyarrow as pa

from rewardsmith.engine.batches.encoded_pairs import encode_all
from rewardsmith.engine.doctor.check import Check, verdict
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.tokens.encoding import ConversationEncoder

MUCH_TRUNCATION = 0.2
MANY_IDENTICAL = 0.01


def check_rows(given: PreferenceSet) -> list[Check]:
    """How many rows can be used, and what was found in them."""
    read = given.num_rows_read
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in given.quarantine_by_reason.items())
    usable = verdict(
        "rows",
        not given.quarantine,
        f"All {read:,} rows can be used (form: {given.format}).",
        f"{len(given.quarantine):,} of {read:,} rows cannot be used: {reasons}.",
        otherwise="warn",
    )
    return [usable] + [
        Check(found.check.replace("_", " "), "warn", f"{found.count:,} {found.message}")
        for found in given.findings
        if found.action != "quarantined"
    ]


def check_truncation(pairs: pa.Table, encoder: ConversationEncoder, model: str) -> list[Check]:
    """How many pairs lose tokens, and how many teach nothing then. ``model``: its name, for the sentences."""
    encoded = encode_all(encoder, pairs)
    num, num_same = len(encoded), int((~encoded.differs()).sum())
    cut, same = (encoded.num_truncated / num, num_same / num) if num else (0.0, 0.0)
    by = f"at {encoder.max_length} tokens of {model}"
    lost = f"{encoded.num_truncated:,} of {num:,} pairs ({cut:.1%}) lose tokens {by}"
    return [
        verdict(
            "truncation",
            cut <= MUCH_TRUNCATION,
            f"{lost}.",
            f"{lost}: raise `max_length` if you can.",
            otherwise="warn",
        ),
        verdict(
            "identical after truncation",
            not num_same,
            f"No pair has the same tokens on both sides {by}.",
            f"{num_same:,} of {num:,} pairs ({same:.1%}) have the same tokens on both sides {by}: "
            "they teach nothing, and train leaves them out.",
            otherwise="fail" if same > MANY_IDENTICAL else "warn",
        ),
    ]
