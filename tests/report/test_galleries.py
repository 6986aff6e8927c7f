from __future__ import annotations

import numpy as np
import pyarrow as pa

from rewardsmith.report.differences import Run
from rewardsmith.report.galleries import FOLD_AT, MAX_CHARACTERS, galleries, shown, top_rows


def table_of(groups):
    return pa.table({"split_group": groups})


def test_the_largest_come_first_one_a_group():
    order = np.array([0.9, 0.8, 0.7, np.nan, 0.6])
    assert top_rows(order, table_of(["a", "a", "b", "c", "d"]), 3).tolist() == [0, 2, 4]


def test_groups_repeat_only_when_there_are_no_others():
    order = np.array([0.9, 0.8, 0.7])
    assert top_rows(order, table_of(["a", "a", "b"]), 3).tolist() == [0, 2, 1]


def test_galleries_show_the_extremes(fake_audit):
    pairs, strengths = fake_audit.fake_tables(300)
    mean = strengths["strength_mean"].to_numpy()
    shown_galleries = {g.name: g.pairs for g in galleries(pairs, strengths, 5, with_text=True)}
    assert shown_galleries["strongest"][0].row == int(mean.argmax())
    assert shown_galleries["doubtful"][0].row == int(mean.argmin())
    assert shown_galleries["ambiguous"][0].row == int(np.abs(mean).argmin())
    assert all(len(views) == 5 for views in shown_galleries.values())


def test_without_text_nothing_but_numbers_is_taken_from_the_pairs(fake_audit):
    pairs, strengths = fake_audit.fake_tables(60)
    views = [view for g in galleries(pairs, strengths, 3, with_text=False) for view in g.pairs]
    assert len(views) == 9
    assert all(
        (v.chosen, v.rejected, v.earlier, v.last, v.category, v.annotator) == (None, None, [], [], None, None)
        for v in views
    )


def test_a_set_without_strengths_has_no_galleries(fake_audit):
    pairs, strengths = fake_audit.fake_tables(30)
    empty = pa.table({"pair_id": strengths["pair_id"], "row": strengths["row"]})
    assert galleries(pairs, empty, 5, with_text=True) == []
    assert galleries(pairs, strengths, 0, with_text=True) == []


def test_long_texts_are_folded_and_very_long_ones_cut_with_a_count():
    text = shown([Run("word " * (MAX_CHARACTERS // 5 + 100), False)])
    assert sum(len(r.text) for r in text.head) <= FOLD_AT
    assert sum(len(r.text) for r in [*text.head, *text.rest]) + text.num_omitted == MAX_CHARACTERS + 500
    assert text.num_omitted >= 500
    assert shown([Run("short", False)]).rest == []
