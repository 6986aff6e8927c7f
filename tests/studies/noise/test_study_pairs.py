from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from made_pairs import made_pairs

from rewardsmith.errors import DataError
from rewardsmith.strength.ensembles.crossfit import independent_groups
from rewardsmith.studies.noise.options import NoiseStudyOptions
from rewardsmith.studies.noise.study_pairs import StudyPairs, check_set

NUMBER = 300


def pair_table(num_prompts=100, num_categories=20, voted=range(NUMBER), number=NUMBER):
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
    check_set(table, kinds, NoiseStudyOptions(**options), seeds)


def test_a_set_that_is_enough_passes():
    check(pair_table(), ("uniform", "votes"), fold_by="category", audit_fold_by="category")


def test_too_few_pairs_are_named():
    with pytest.raises(DataError, match="20 pairs are too few for a study"):
        check(pair_table(number=20))


def test_judges_need_groups_of_their_own_in_what_is_left_to_train_on():
    with pytest.raises(
        DataError,
        match=r"leaves 2 groups to train on, .* and those that choose \(`audit_fold_by` category",
    ):
        check(pair_table(num_categories=6), fold_by="category", audit_fold_by="category")


def test_every_seed_is_asked():
    """With one of many seeds the only votes fall into the test."""
    table = pair_table(voted=range(1))
    with pytest.raises(DataError, match=r"`kinds` votes: with seed \d+, no pair to train on"):
        check(table, ("votes",), range(40))
    check(table, ("uniform",), range(40))


def test_no_votes_at_all_are_told_before_anything_is_computed():
    with pytest.raises(DataError, match="`kinds` votes: with seed 0, no pair to train on carries votes"):
        check(pair_table(voted=()), ("uniform", "votes"))


def test_one_tested_group_says_nothing_of_others():
    table = pair_table(num_prompts=6)
    with pytest.raises(DataError, match="one and the same group"):
        check(table, seeds=range(1), test_share=0.1, audit_fold_by="pair")
    check(table, seeds=range(1), test_share=0.3, audit_fold_by="pair")


def test_pairs_of_a_prompt_are_drawn_together_however_they_are_split():
    table = pair_table(num_prompts=50)
    by_prompt = np.arange(NUMBER) % 50
    np.testing.assert_array_equal(independent_groups(table, "pair"), by_prompt)
    np.testing.assert_array_equal(independent_groups(table, "prompt"), by_prompt)
    np.testing.assert_array_equal(independent_groups(table, "category"), np.arange(NUMBER) % 20)


@pytest.fixture(scope="module")
def pairs():
    return made_pairs(1200, 12, seed=1)


def test_reordered_pairs_are_the_same_pairs(pairs):
    which = np.random.default_rng(0).random(len(pairs)) < 0.5
    reordered = pairs.reordered(which)
    np.testing.assert_array_equal(reordered.columns.target[which], 1 - pairs.columns.target[which])
    np.testing.assert_array_equal(reordered.columns.longer[which], -pairs.columns.longer[which])
    np.testing.assert_array_equal(reordered.responses[which], pairs.responses[which][:, ::-1])
    assert reordered.widest.rows[which].equal(-pairs.widest.rows[which])
    assert reordered.widest.rows[~which].equal(pairs.widest.rows[~which])
    votes = replace(pairs, columns=replace(pairs.columns, votes=np.tile([3.0, 2.0, 1.0], (len(pairs), 1)))).reordered(
        which
    )
    np.testing.assert_array_equal(votes.columns.votes[which], np.tile([2.0, 3.0, 1.0], (which.sum(), 1)))


def test_pairs_are_read_back_as_they_were_written(pairs, tmp_path):
    pairs.save(tmp_path / "pairs.safetensors")
    back = StudyPairs.load(tmp_path / "pairs.safetensors")
    np.testing.assert_array_equal(back.columns.belief, pairs.columns.belief)
    np.testing.assert_array_equal(back.responses, pairs.responses)
    assert back.widest.rows.equal(pairs.widest.rows)
