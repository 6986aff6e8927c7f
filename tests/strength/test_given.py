import numpy as np
import pytest

from rewardsmith.errors import DataError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.given import given_judgements
from rewardsmith.strength.options import StrengthOptions


def pairs(*scores):
    rows = [
        {"prompt": f"p{i}", "chosen": "a", "rejected": "b", "chosen_score_list": c, "rejected_score_list": r}
        for i, (c, r) in enumerate(scores)
    ]
    return load_preferences(rows, DataOptions(near_duplicates="off"), quiet=True).table


def test_gaps_are_differences_of_the_members_scores():
    judged = given_judgements(pairs(([1.0, 2.5], [0.5, 3.0]), ([0.0, 0.0], [1.0, -1.0])), StrengthOptions())
    np.testing.assert_allclose(judged.gaps, [[0.5, -0.5], [-1.0, 1.0]])
    assert (judged.num_judges == 2).all()


def test_a_row_without_scores_has_no_judges():
    judged = given_judgements(pairs(([1.0, 2.0], [0.0, 0.0]), (None, None), ([1.0], [2.0, 3.0])), StrengthOptions())
    assert judged.num_judges.tolist() == [2, 0, 0]


def test_without_crossfitting_given_scores_count_as_in_sample():
    judged = given_judgements(pairs(([1.0, 2.0], [0.0, 0.0])), StrengthOptions(crossfit="none"))
    assert judged.num_judges.tolist() == [0]
    assert judged.in_sample().mean[0] == 1.5


def test_no_scores_at_all_is_an_error_that_names_the_columns():
    with pytest.raises(DataError, match="chosen_score_list"):
        given_judgements(pairs((None, None)), StrengthOptions())
