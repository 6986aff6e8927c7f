"""Schemas of the tables in which stages meet. Each lives here once."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

SCHEMA_VERSION = 1

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string()), ("extra", pa.string())]))
"""``contracts.conversations.Message``; ``extra`` is null in nearly all."""

PAIRS = pa.schema(
    [
        ("pair_id", pa.string()),  # sha256 of the pair as read, plus an occurrence number for exact duplicates
        ("row", pa.int64()),  # position in the input, 0-based; quarantined rows leave gaps, N-way rows repeat
        ("split_group", pa.string()),  # key of splits and folds
        ("prompt_id", pa.string()),  # sha256 of the prompt
        ("prompt", MESSAGES),
        ("chosen", MESSAGES),  # the response only, without the prompt
        ("rejected", MESSAGES),
        ("target", pa.float32()),  # P(chosen is the better one); 0.5 for a tie
        ("margin", pa.float32()),
        ("weight", pa.float32()),
        ("source", pa.string()),
        ("category", pa.string()),
        ("annotator_id", pa.string()),
        ("votes_chosen", pa.int32()),  # null where the set has no votes
        ("votes_rejected", pa.int32()),
        ("votes_tie", pa.int32()),
        ("score_chosen", pa.float32()),
        ("score_rejected", pa.float32()),
        ("original", pa.string()),  # the row as read, as JSON: every original column, value for value
    ]
)

SAMPLES = pa.schema(
    [
        ("row", pa.int64()),  # position in the input, 0-based; quarantined rows leave gaps
        ("prompt_id", pa.string()),  # as in PAIRS
        ("prompt", MESSAGES),
        ("responses", pa.list_(MESSAGES)),  # at least two, without the prompt; the lists below have an entry for each
        ("finish_reason", pa.list_(pa.string())),  # stop, length, ...; null where it is not known, as all that follows
        ("logprob", pa.list_(pa.float32())),  # of the response given the prompt, by the policy that drew it
        ("gold", pa.list_(pa.float32())),  # true rewards, where there is a truth
        ("policy", pa.string()),  # fingerprint of the policy
        ("on_policy", pa.bool_()),  # drawn from its own distribution: temperature 1, nothing cut off or penalised
        ("seed", pa.int64()),  # that it drew with
    ]
)
"""What a policy answered to each prompt. Nobody has compared the responses."""

LEDGER = pa.schema(
    [
        *PAIRS,  # target, margin and weight as refined, in the input's order: chosen is what the input called chosen
        ("target_given", pa.float32()),
        ("margin_given", pa.float32()),
        ("weight_given", pa.float32()),
        ("swapped", pa.bool_()),  # the label has been flipped, and no later rule has written the target anew
        ("rules", pa.list_(pa.string())),  # the rules that were for the pair, in their order
        ("reason", pa.string()),  # of each of them, with its figures
        ("strength_mean", pa.float32()),
        ("strength_std", pa.float32()),
        ("p_wrong", pa.float32()),
        ("strength_class", pa.string()),
    ]
)
"""Every pair with its decision, dropped ones with weight 0. Strengths are in the input's order, held out or null."""

StrengthClass = Literal["incorrect", "ambiguous", "normal", "strong"]
STRENGTH_CLASSES: tuple[StrengthClass, ...] = ("incorrect", "ambiguous", "normal", "strong")

ERROR_RATES = ("error_rate_chosen", "error_rate_rejected")
"""P(labelled better | worse) of either response."""


def strengths_schema(num_members: int) -> pa.Schema:
    """One row a pair, in the order of ``pairs.parquet``. Units: logits; gap = r(chosen) - r(rejected) as labelled.

    ``strength_*`` come from members that did not train on the pair's group, ``*_in_sample`` from those that did.
    Fewer than two judges: null. Ties have a null ``p_wrong``. ``p_wrong_structured`` and ``ERROR_RATES`` are null
    wherever the structured audit has not been asked, ``second_target`` wherever no second label is known; older audits
    lack them.
    """
    return pa.schema(
        [("pair_id", pa.string()), ("row", pa.int64()), ("split_group", pa.string())]
        + [(f"gap_{m}", pa.float32()) for m in range(num_members)]
        + [(f"trained_{m}", pa.bool_()) for m in range(num_members)]
        + [
            ("num_judges", pa.int32()),
            ("strength_mean", pa.float32()),
            ("strength_std", pa.float32()),
            ("strength_mean_in_sample", pa.float32()),
            ("strength_std_in_sample", pa.float32()),
            ("p_wrong", pa.float32()),
            ("strength_class", pa.dictionary(pa.int8(), pa.string())),
            ("strength_bin", pa.int32()),
            ("p_wrong_structured", pa.float32()),
            *((name, pa.float32()) for name in ERROR_RATES),
            ("second_target", pa.float32()),  # P(chosen is the better one) by ``second_labels``
        ]
    )
