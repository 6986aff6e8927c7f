"""Repeats, contradictions, cycles: kept, counted, and told where."""

from __future__ import annotations

from typing import Any


def row(chosen: str, rejected: str, prompt: str = "p", **more: Any) -> dict[str, Any]:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def found_in(found: Any, check: str) -> list[int]:
    """Rows named as examples of a check."""
    return [place["row"] for finding in found.findings if finding.check == check for place in finding.examples]


def test_exact_duplicates_share_a_name_and_are_numbered(load) -> None:
    found = load([row("a", "b"), row("c", "d"), row("a", "b"), row("a", "b", "q"), row("a", "b")])
    names = found.table["pair_id"].to_pylist()
    assert names[2] == f"{names[0]}-2"
    assert names[4] == f"{names[0]}-3"
    assert len(set(names)) == 5
    assert found_in(found, "exact_duplicates") == [2, 4]


def test_the_same_pair_with_both_labels_is_kept_and_counted(load) -> None:
    found = load([row("a", "b"), row("c", "d"), row("b", "a"), row("b", "a", "other prompt")])
    assert found.table.num_rows == 4
    assert found_in(found, "both_labels") == [0, 2]


def test_a_cycle_within_a_prompt_is_found(load) -> None:
    found = load([row("a", "b"), row("b", "c"), row("c", "a"), row("a", "d"), row("x", "a")])
    assert found_in(found, "cycles") == [0, 1, 2]


def test_a_cycle_across_prompts_is_none(load) -> None:
    found = load([row("a", "b"), row("b", "c"), row("c", "a", "another prompt")])
    assert found_in(found, "cycles") == []


def test_a_pair_with_both_labels_is_no_cycle(load) -> None:
    assert found_in(load([row("a", "b"), row("b", "a")]), "cycles") == []


def test_ties_are_counted_and_close_no_cycle(load) -> None:
    found = load([row("a", "b"), row("b", "c"), row("c", "a", target=0.5), row("b", "a", target=0.5)])
    assert found_in(found, "ties") == [2, 3]
    assert found_in(found, "cycles") == found_in(found, "both_labels") == []


def test_labels_against_their_own_evidence_are_kept_and_counted(load) -> None:
    votes = {"chosen": 1, "rejected": 2, "tie": 0}
    found = load([row("a", "b", votes=votes), row("c", "d", score_chosen=1, score_rejected=2), row("e", "f")])
    assert found_in(found, "votes_against_label") == [0]
    assert found_in(found, "scores_against_label") == [1]
    assert found.table["target"].to_pylist() == [1.0, 1.0, 1.0]


def test_pairs_without_a_prompt_are_groups_of_their_own(load) -> None:
    found = load([{"chosen": "yes", "rejected": "no"}, {"chosen": "old", "rejected": "new"}])
    assert found_in(found, "no_prompt") == [0, 1]
    assert len(set(found.table["split_group"].to_pylist())) == 2


def test_pairs_that_differ_in_punctuation_alone_are_near_duplicates(load) -> None:
    found = load([row("A b.", "c"), row("a  b", "C!", "P?"), row("a c", "b"), row("A b.", "c")])
    assert found_in(found, "near_duplicate_pairs") == [1]
    assert found_in(load([row("A b.", "c"), row("a  b", "C!")], near_duplicates="off"), "near_duplicate_pairs") == []
