"""States in two dimensions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.evaluation.state_maps import map_states, map_table


def clouds(num: int = 30, apart: float = 20.0) -> np.ndarray:
    """Two clouds in five dimensions."""
    states = np.random.default_rng(0).normal(size=(2 * num, 5))
    states[:num, 0] += apart
    return states.astype(np.float32)


def test_principal_components_keep_distances_of_what_lies_in_a_plane() -> None:
    flat = (
        np.random.default_rng(0).normal(size=(12, 2)) @ np.linalg.qr(np.random.default_rng(1).normal(size=(5, 2)))[0].T
    )
    made = map_states(flat)
    assert made is not None and made.shown_variance == pytest.approx(1)
    for states in (flat, made.places["pca"]):
        distances = np.linalg.norm(states[:, None] - states, axis=-1)
        np.testing.assert_allclose(distances, np.linalg.norm(flat[:, None] - flat, axis=-1), atol=1e-6)


def test_neighbours_stay_together_on_both_maps_and_a_seed_gives_one_picture() -> None:
    made, again = map_states(clouds(), seed=3), map_states(clouds(), seed=3)
    assert made is not None and again is not None
    for method, places in made.places.items():
        distances = np.linalg.norm(places[:, None] - places, axis=-1) + 1e9 * np.eye(60)
        assert ((distances.argmin(1) < 30) == (np.arange(60) < 30)).all()
        np.testing.assert_array_equal(places, again.places[method])


def test_few_or_equal_states_make_no_map() -> None:
    assert map_states(clouds(4)) is None
    assert map_states(np.ones((40, 5), np.float32)) is None


def test_the_table_has_a_row_for_each_pair_and_columns_for_each_model() -> None:
    made = map_states(clouds(5))
    pairs = pa.table({"pair_id": list("abcde"), "row": list(range(5)), "prompt": list("vwxyz")})
    table = map_table(pairs, made, made)
    assert table is not None and made is not None and table.num_rows == 5
    assert len(table.column_names) == 2 + 2 * 8 and "prompt" not in table.column_names
    np.testing.assert_allclose(table["preferred_pca_1"].to_numpy(), made.places["pca"][:5, 0], rtol=1e-5)
    np.testing.assert_allclose(table["other_tsne_2_compared"].to_numpy(), made.places["tsne"][5:, 1], rtol=1e-5)
    assert map_table(pairs, None, made) is None
