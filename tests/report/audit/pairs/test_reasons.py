from __future__ import annotations

import math
from dataclasses import replace
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.report.audit.pairs.reasons import Grounds, grounds_at, reasons

AGAINST = Grounds(
    target=1.0,
    weight=1.0,
    num_for_chosen=0,
    num_for_rejected=10,
    num_judges=10,
    held_out=True,
    strength=-2.0,
    spread=0.5,
    p_wrong=0.7,
    p_wrong_structured=math.nan,
    votes=None,
    second=math.nan,
    annotator_error=None,
    share_wrong=0.16,
)


def said(**changes: object) -> str:
    return "; ".join(reasons(replace(AGAINST, **changes)))


def test_judges_against_the_label_are_counted() -> None:
    assert said() == "10 of 10 judges prefer the rejected response"
    assert said(num_for_chosen=2, num_for_rejected=1, num_judges=3).startswith("2 of 3 judges prefer the chosen")


def test_judges_that_agree_with_the_label_are_said_to() -> None:
    assert "as the label does" in said(num_for_chosen=9, num_for_rejected=1)
    assert "as the label does" in said(target=0.0)
    assert "as the label does" not in said(target=0.0, num_for_chosen=9, num_for_rejected=1)
    assert "as the label does" not in said(target=0.5)


def test_a_label_of_a_tie_and_a_split_are_named() -> None:
    assert said(target=0.5).startswith("the label calls a tie; ")
    assert "10 judges are split 5 : 5" in said(num_for_chosen=5, num_for_rejected=5)


def test_judges_that_trained_on_the_label_are_no_other_judges() -> None:
    assert "judges, which trained on it, prefer" in said(held_out=False)
    assert said(num_judges=1, num_for_rejected=1, strength=math.nan, spread=math.nan) == "fewer than two judges"


def test_a_gap_within_its_spread_is_no_preference() -> None:
    assert "no clear preference (−0.40 ± 0.50)" in said(strength=-0.4)
    assert "no clear preference" not in said(strength=-0.6)


@pytest.mark.parametrize(
    ("votes", "words"),
    [
        ((2, 1, 0), "votes 2 : 1 for the chosen response"),
        ((1, 3, 2), "votes 3 : 1 for the rejected response, 2 for a tie"),
        ((2, 2, 0), "votes 2 : 2"),
    ],
)
def test_votes_say_whom_they_are_for(votes: tuple[int, int, int], words: str) -> None:
    assert said(votes=votes).endswith(words)


def test_a_second_label_agrees_disagrees_or_ties() -> None:
    assert said(second=0.2).endswith("the second label disagrees")
    assert said(second=0.2, target=0.0).endswith("the second label agrees")
    assert said(second=0.5).endswith("the second label is a tie")
    assert "second" not in said() + said(second=0.2, target=0.5)


def test_an_annotator_is_a_reason_only_where_worse_than_the_set() -> None:
    assert said(annotator_error=0.31).endswith("annotator's own error rate 31%, of all 16%")
    assert said(annotator_error=0.31, share_wrong=None).endswith("annotator's own error rate 31%")
    assert "annotator" not in said(annotator_error=0.1)


def test_the_structured_audit_speaks_where_it_doubts_or_doubts_more() -> None:
    assert said(p_wrong_structured=0.72).endswith("structured audit 72%")
    assert said(p_wrong=0.2, p_wrong_structured=0.31).endswith("structured audit 31%")
    assert "structured" not in said(p_wrong=0.2, p_wrong_structured=0.25)


def test_a_pair_without_weight_taught_nobody() -> None:
    assert said(weight=0.0).endswith("weight 0: no judge learned from it")


def test_grounds_come_from_the_tables_and_count_judges_alone(fake_audit: ModuleType) -> None:
    pairs, strengths = fake_audit.fake_tables(60)
    gaps = np.array([[-1.0, -2.0, 3.0, np.nan]] * 60, dtype=np.float32)
    trained = [False, False, True, False]
    for m in range(4):
        strengths = strengths.append_column(f"gap_{m}", pa.array(gaps[:, m]))
        strengths = strengths.append_column(f"trained_{m}", pa.array([trained[m]] * 60))
    metrics = fake_audit.fake_metrics(60, strengths)
    pairs = pairs.set_column(pairs.column_names.index("target"), "target", pa.array([1.0] * 60, pa.float32()))
    third, second = grounds_at(pairs, strengths, metrics, np.array([2, 1]))
    assert (third.num_for_chosen, third.num_for_rejected, third.num_judges) == (0, 2, 2)
    assert (third.annotator_error, second.annotator_error) == (0.34, 0.16)
    assert third.strength == pytest.approx(strengths["strength_mean"][2].as_py())
    assert third.votes is None and math.isnan(third.p_wrong_structured)
    assert third.share_wrong == metrics["label_noise"]["value"]
