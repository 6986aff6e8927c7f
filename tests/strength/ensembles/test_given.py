import numpy as np
import pytest

from rewardsmith.errors import DataError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.ensembles.given import given_judgements
from rewardsmith.strength.options import StrengthOptions

FILLER = [([1.0, 2.0], [0.0, 0.0])] * 20


def pairs(*scores, filler=FILLER):
    rows = [
        {"prompt": f"p{i}", "chosen": "a", "rejected": "b", "chosen_score_list": c, "rejected_score_list": r}
        for i, (c, r) in enumerate([*scores, *filler])
    ]
    return load_preferences(rows, DataOptions(near_duplicates="off")).table


def test_gaps_are_differences_of_the_members_scores():
    judged = given_judgements(pairs(([1.0, 2.5], [0.5, 3.0]), ([0.0, 0.0], [1.0, -1.0])), StrengthOptions())
    np.testing.assert_allclose(judged.gaps[:2], [[0.5, -0.5], [-1.0, 1.0]])
    assert (judged.num_judges == 2).all()


def test_a_row_without_scores_has_no_judges():
    judged = given_judgements(pairs(([1.0, 2.0], [0.0, 0.0]), (None, None), ([1.0], [2.0, 3.0])), StrengthOptions())
    assert judged.num_judges[:3].tolist() == [2, 0, 0]


def test_the_papers_released_set_is_read_without_naming_its_columns():
    rows = [
        {
            "chosen": ["p", "a"],
            "rejected": ["p", "b"],
            "chosen score list": [1.0, float(i)],
            "rejected score list": [0, 0],
        }
        for i in range(20)
    ]
    table = load_preferences(rows, DataOptions(near_duplicates="off")).table
    np.testing.assert_array_equal(given_judgements(table, StrengthOptions()).gaps, [[1.0, i] for i in range(20)])


def test_without_crossfitting_given_scores_count_as_in_sample():
    judged = given_judgements(pairs(([1.0, 2.0], [0.0, 0.0])), StrengthOptions(crossfit="none"))
    assert not judged.num_judges.any()
    assert judged.in_sample().mean[0] == 1.5


def test_a_score_that_is_not_finite_counts_as_missing():
    judged = given_judgements(pairs(([float("inf"), 2.0], [0.0, 0.0])), StrengthOptions())
    assert judged.num_judges[0] == 1


def test_one_absurd_score_counts_as_missing_and_is_named(capsys):
    for absurd in (1e38, -999_999.0):
        judged = given_judgements(pairs(([1.0, 2.0], [0.0, 0.0]), ([absurd, 2.0], [0.0, 0.0])), StrengthOptions())
        assert np.isnan(judged.gaps[1, 0])
        assert np.isfinite(judged.gaps).sum() == judged.gaps.size - 1
        assert f"{absurd:g}, of row 1, member 0" in capsys.readouterr().err


def test_a_number_that_no_float_holds_leaves_its_pair_without_judges():
    judged = given_judgements(pairs(([10**400, 2.0], [0.0, 0.0])), StrengthOptions())
    assert judged.num_judges[:2].tolist() == [0, 2]


def test_gaps_that_are_mostly_zero_are_no_measure():
    judged = given_judgements(
        pairs(([1.0, 2.0], [0.0, 0.0]), filler=[([0.0, 0.0], [0.0, 0.0])] * 30), StrengthOptions()
    )
    assert judged.num_judges[0] == 2


def test_no_scores_at_all_is_an_error_that_names_the_columns():
    with pytest.raises(DataError, match="chosen_score_list"):
        given_judgements(pairs((None, None), filler=[]), StrengthOptions())


def test_too_few_scored_pairs_are_an_error_that_says_how_many_are_needed():
    with pytest.raises(DataError, match="1 of 1 pairs have finite scores .* 20 are needed"):
        given_judgements(pairs(([1.0, 2.0], [0.0, 0.0]), filler=[]), StrengthOptions())
