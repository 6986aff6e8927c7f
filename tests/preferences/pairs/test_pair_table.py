"""The table of pairs."""

from __future__ import annotations

from rewardsmith.preferences.pairs.pair_table import response_lengths


def test_lengths_are_characters_of_every_row(load) -> None:
    rows = [{"prompt": f"p{i}", "chosen": "é" * i, "rejected": "b" * 9} for i in (1, 5, 3)]
    chosen, rejected = response_lengths(load(rows).table)
    assert chosen.tolist() == [1, 5, 3]
    assert rejected.tolist() == [9, 9, 9]
    empty = response_lengths(load(rows).table.slice(0, 0))
    assert [len(side) for side in empty] == [0, 0]
