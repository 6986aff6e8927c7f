from __future__ import annotations

import numpy as np
import pyarrow as pa

from rewardsmith.report.binning import classes_of, grid, histogram_by_class, nice_edges


def test_every_finite_value_is_counted_once_inside_or_outside():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=5000), [1e6, np.nan, np.inf]])
    bins = histogram_by_class(values, rng.integers(-1, 4, values.size))
    assert bins.counts.sum() + bins.num_outside == 5001
    assert bins.edges[-1] < 100


def test_zero_is_an_edge_so_that_no_bar_mixes_signs():
    for low, high in ((-3.17, 5.9), (-0.013, 0.4), (-812.0, 77.0)):
        assert 0.0 in nice_edges(low, high, 60)


def test_grid_counts_only_pairs_where_both_are_known():
    x, y = np.array([0.0, 1.0, np.nan, 2.0]), np.array([1.0, 2.0, 3.0, np.nan])
    cells = grid(x, y, 10, 10)
    assert cells.counts.sum() + cells.num_outside == 2


def test_pairs_without_a_class_are_minus_one():
    column = pa.array(["strong", None, "incorrect"]).dictionary_encode()
    assert classes_of(pa.table({"strength_class": column})).tolist() == [3, -1, 0]
    assert classes_of(pa.table({"row": [1, 2]})).tolist() == [-1, -1]
