import numpy as np
import pyarrow as pa
import pytest
from random_evidence import found_by_structure

from rewardsmith.contracts.tables import ERROR_RATES, PAIRS
from rewardsmith.refining.evidence import Evidence
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.table import strengths_table


def pairs_of(texts: list[tuple[str, str]], target: list[float]) -> pa.Table:
    def say(text):
        return [{"role": "assistant", "content": text}]

    rows = [
        {
            "pair_id": f"p{i}",
            "row": i,
            "split_group": f"g{i // 2}",
            "chosen": say(chosen),
            "rejected": say(rejected),
            "target": target[i],
            "margin": 0.0,
            "weight": 1.0,
            "votes_chosen": 2 if i == 0 else None,
        }
        for i, (chosen, rejected) in enumerate(texts)
    ]
    return pa.Table.from_pylist(rows, schema=PAIRS)


def test_tables_and_judgements_say_the_same():
    gaps = np.array([[1.0, 3.0, 9.0], [-1.0, -2.0, 4.0], [np.nan, 1.0, 2.0]], dtype=np.float32)
    judged = Judgements(gaps, np.tile([False, False, True], (3, 1)), ("",) * 3)
    pairs = pairs_of([("ab", "a"), ("a", "ab"), ("ab", "ba")], [1.0, 1.0, 0.5])
    p_wrong, classes = np.array([0.1, 0.8, np.nan]), np.array([3, 0, -1], dtype=np.int8)
    structured = np.array([0.3, 0.6, np.nan])
    table = Evidence.from_tables(
        pairs, strengths_table(pairs, judged, p_wrong, classes, found_by_structure(structured))
    )
    direct = Evidence.from_judgements(
        pairs["target"].to_numpy(),
        judged,
        p_wrong=p_wrong,
        p_wrong_structured=structured,
        strength_class=["strong", "incorrect", None],
        groups=np.array([0, 0, 1]),
        longer=np.array([1.0, -1.0, 0.0]),
        votes=np.array([[2, np.nan, np.nan], [np.nan] * 3, [np.nan] * 3]),
    )
    assert set(vars(table)) == set(vars(direct))
    for name, value in vars(direct).items():
        found = getattr(table, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(found, value, rtol=1e-6, err_msg=name)
        else:
            assert found == value, name


def test_the_share_of_votes_counts_judges_only_and_an_undecided_one_half():
    gaps = np.array([[1.0, 0.0, -1.0, 9.0], [1.0, 1.0, np.nan, -9.0], [np.nan, np.nan, np.nan, 1.0]], dtype=np.float32)
    judged = Judgements(gaps, np.tile([False, False, False, True], (3, 1)), ("",) * 4)
    share = Evidence.from_judgements(np.ones(3), judged).vote_share
    assert share[:2].tolist() == [0.5, 1.0]
    assert np.isnan(share[2])


def test_strength_is_that_of_the_label_and_ties_have_none():
    judged = Judgements(np.full((3, 2), -2.0, dtype=np.float32), np.zeros((3, 2), dtype=bool), ("", ""))
    evidence = Evidence.from_judgements(np.array([1.0, 0.0, 0.5]), judged)
    assert evidence.strength(in_sample=False)[:2].tolist() == [-2.0, 2.0]
    assert np.isnan(evidence.strength(in_sample=False)[2])


@pytest.mark.parametrize(("num_trained", "expected"), [(4, True), (2, False), (0, False)])
def test_in_sample_only_means_that_nobody_is_held_out(num_trained, expected):
    trained = np.tile(np.arange(4) < num_trained, (2, 1))
    judged = Judgements(np.ones((2, 4), dtype=np.float32), trained, ("",) * 4)
    assert Evidence.from_judgements(np.ones(2), judged).in_sample_only is expected


def test_strengths_of_an_older_audit_know_nothing_of_the_structured_one():
    judged = Judgements(np.ones((2, 2), dtype=np.float32), np.zeros((2, 2), dtype=bool), ("", ""))
    pairs = pairs_of([("ab", "a"), ("a", "ab")], [1.0, 1.0])
    strengths = strengths_table(
        pairs, judged, np.array([0.1, 0.8]), np.array([3, 0], dtype=np.int8), found_by_structure(np.ones(2))
    )
    older = Evidence.from_tables(pairs, strengths.drop_columns(["p_wrong_structured"]))
    assert np.isnan(older.p_wrong_structured).all()
    np.testing.assert_allclose(older.p_wrong, [0.1, 0.8], rtol=1e-6)


def test_a_table_without_the_structured_audit_has_its_column_all_the_same():
    judged = Judgements(np.ones((2, 2), dtype=np.float32), np.zeros((2, 2), dtype=bool), ("", ""))
    pairs = pairs_of([("ab", "a"), ("a", "ab")], [1.0, 1.0])
    strengths = strengths_table(pairs, judged, np.array([0.1, 0.8]), np.array([3, 0], dtype=np.int8))
    for name in ("p_wrong_structured", *ERROR_RATES):
        assert strengths[name].null_count == 2
