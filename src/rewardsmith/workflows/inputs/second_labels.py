"""Labels of a second file that a run reads beside its pairs: what is not used of them is said."""

from __future__ import annotations

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.preferences.second_labels import SecondLabels, second_labels

SECOND_QUARANTINE = "second_labels_quarantine.jsonl"


def read_second_labels(name: str | None, data: DataOptions, given: PreferenceSet) -> SecondLabels | None:
    """Those of the file, for the pairs of ``given``; None where none is named. ``data``: how that set is read."""
    if name is None:
        return None
    found = second_labels(name, data.on_bad_row, given)
    counts = found.counts
    words = [f"{name} has labels of {counts['num_covered']:,} of {len(found.target):,} pairs."]
    if counts["num_unmatched"]:
        words.append(f"{counts['num_unmatched']:,} of its {counts['num_rows']:,} pairs are none of {given.name}.")
    if counts["num_contradicted"]:
        words.append(f"On {counts['num_contradicted']:,} pairs its rows contradict each other: their mean counts.")
    say(" ".join(words))
    return found
