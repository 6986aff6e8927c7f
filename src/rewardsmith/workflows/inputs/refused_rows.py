"""Rows that the model of a run does not take are quarantined before the run begins, as unreadable ones are."""

from __future__ import annotations

from rewardsmith.artifacts.terminal.progress import progress
from rewardsmith.contracts.conversations import Refusals
from rewardsmith.errors import DataError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.pairs.conversations import pair_conversations
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.tokens.encoding import ConversationEncoder

CHUNK = 2048


def refusals_of(model: ModelOptions) -> Refusals:
    """What finds the conversations that a model's chat template or tokenizer does not take."""
    source = resolve_model(model.model_name_or_path, model.model_revision)
    return ConversationEncoder(load_tokenizer(source), model.max_length, model.truncation_side).refusals


def set_aside_refused(given: PreferenceSet, refusals: Refusals, options: DataOptions) -> PreferenceSet:
    """The set with the pairs that are refused in quarantine.

    ``DataError`` where none is left, and with ``on_bad_row error`` at the first.
    """
    refused: dict[int, str] = {}
    with progress("Trying the rows on the model's template", len(given.table)) as bar:
        for begin in range(0, len(given.table), CHUNK):
            chosen, rejected = pair_conversations(given.table.slice(begin, CHUNK))
            found = refusals([*chosen, *rejected])
            refused = {begin + place % len(chosen): reason for place, reason in found.items()} | refused
            bar.advance(len(chosen))
    if not refused:
        return given
    left = given.without(refused)
    first = left.quarantine[len(given.quarantine)]
    where = f"{first.file} line {first.line}: {first.message}"
    if options.on_bad_row == "error":
        raise DataError(f"{where}. Fix it, or pass `on_bad_row` quarantine.")
    if not len(left.table):
        raise DataError(f"{given.name}: the model takes none of its {len(given.table):,} pairs, the first at {where}.")
    return left
