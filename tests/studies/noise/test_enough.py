import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.errors import DataError
from rewardsmith.studies.noise.enough import check_enough
from rewardsmith.studies.noise.options import NoiseStudyOptions
from rewardsmith.studies.noise.study_pairs import drawn_together

NUMBER = 300


def pairs(num_prompts=100, num_categories=20, voted=range(NUMBER), number=NUMBER):
    prompt = [f"p{i % num_prompts}" for i in range(number)]
    votes = [3.0 if i in voted else None for i in range(number)]
    return pa.table(
        {
            "prompt_id": prompt,
            "split_group": prompt,
            "chosen": [f"yes {i}" for i in range(number)],
            "rejected": [f"no {i}" for i in range(number)],
            "category": [f"c{i % num_categories}" for i in range(number)],
            **{f"votes_{side}": pa.array(votes, pa.float32()) for side in ("chosen", "rejected", "tie")},
        }
    )


def check(table, kinds=("uniform",), seeds=range(3), **options):
    check_enough(table, kinds, NoiseStudyOptions(**options), seeds)


def test_a_set_that_is_enough_passes():
    check(pairs(), ("uniform", "votes"), fold_by="category", audit_fold_by="category")


def test_too_few_pairs_are_named():
    with pytest.raises(DataError, match="20 pairs are too few for a study"):
        check(pairs(number=20))


def test_judges_need_groups_of_their_own_in_what_is_left_to_train_on():
    with pytest.raises(
        DataError,
        match=r"leaves 2 groups to train on, .* and those that choose \(--audit_fold_by category",
    ):
        check(pairs(num_categories=6), fold_by="category", audit_fold_by="category")


def test_every_seed_is_asked():
    """With one of many seeds the only votes fall into the test."""
    table = pairs(voted=range(1))
    with pytest.raises(DataError, match=r"--kinds votes: with seed \d+, no pair to train on"):
        check(table, ("votes",), range(40))
    check(table, ("uniform",), range(40))


def test_no_votes_at_all_are_told_before_anything_is_computed():
    with pytest.raises(DataError, match="--kinds votes: with seed 0, no pair to train on carries votes"):
        check(pairs(voted=()), ("uniform", "votes"))


def test_one_tested_group_says_nothing_of_others():
    table = pairs(num_prompts=6)
    with pytest.raises(DataError, match="one and the same group"):
        check(table, seeds=range(1), test_share=0.1, audit_fold_by="pair")
    check(table, seeds=range(1), test_share=0.3, audit_fold_by="pair")


def test_pairs_of_a_prompt_are_drawn_together_however_they_are_split():
    table = pairs(num_prompts=50)
    by_prompt = np.arange(NUMBER) % 50
    np.testing.assert_array_equal(drawn_together(table, "pair"), by_prompt)
    np.testing.assert_array_equal(drawn_together(table, "prompt"), by_prompt)
    np.testing.assert_array_equal(drawn_together(table, "category"), np.arange(NUMBER) % 20)
