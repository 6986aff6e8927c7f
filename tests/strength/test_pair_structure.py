from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.contracts.tables import PAIRS
from rewardsmith.strength import pair_structure as module
from rewardsmith.strength.pair_structure import clusters_of, longer_side, pair_structure, response_codes


def table(rows: list[dict]) -> pa.Table:
    def said(text):
        return [{"role": "assistant", "content": text}]

    return pa.Table.from_pylist(
        [{**row, "chosen": said(row["chosen"]), "rejected": said(row["rejected"])} for row in rows], schema=PAIRS
    )


def pairs(categories, prompts=("p", "p", "q", "r")):
    texts = [("a", "bb"), ("bb", "c"), ("a", "b"), ("dd", "a")]
    return table(
        [
            {"prompt_id": prompt, "split_group": f"g{prompt}", "category": name, "chosen": one, "rejected": other}
            for prompt, name, (one, other) in zip(prompts, categories, texts, strict=True)
        ]
    )


def test_clusters_are_categories_where_there_are_two():
    found = clusters_of(pairs(["y", "x", None, "x"]))
    assert found.categories == ("", "x", "y")
    assert found.codes.tolist() == [2, 1, 0, 1]


@pytest.mark.parametrize("categories", [[None] * 4, ["x", None, "x", None]])
def test_clusters_are_split_groups_elsewhere(categories):
    found = clusters_of(pairs(categories))
    assert found.categories is None
    assert found.codes.tolist() == [0, 0, 1, 2]


def test_more_clusters_than_can_be_paid_for_are_one(monkeypatch):
    monkeypatch.setattr(module, "MAX_CLUSTERS", 2)
    found = clusters_of(pairs([None] * 4))
    assert found.categories is None and found.codes.tolist() == [0, 0, 0, 0]


def test_a_response_is_the_same_only_under_the_same_prompt():
    codes = response_codes(pairs([None] * 4))
    assert codes[0, 1] == codes[1, 0]
    assert len({codes[0, 0], codes[2, 0], codes[3, 1]}) == 3
    assert sorted(np.unique(codes).tolist()) == list(range(codes.max() + 1))


def test_the_longer_side_is_that_of_chosen():
    assert longer_side(pairs([None] * 4)).tolist() == [-1.0, 1.0, 0.0, 1.0]


def test_structure_is_all_of_it():
    found, groups = (
        pair_structure(pairs(["y", "x", None, "x"]), np.array([3, 3, 1, 0]), np.array([3, 3, 1, 0])),
        [3, 3, 1, 0],
    )
    assert found.longer.tolist() == [-1.0, 1.0, 0.0, 1.0]
    assert found.clusters.tolist() == [2, 1, 0, 1]
    assert found.groups.tolist() == groups
    assert found.responses.shape == (4, 2)
