"""What a report of an evaluation shows of the states behind the rewards."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest

from rewardsmith.evaluation.state_maps import StateMap, map_table
from rewardsmith.report.evaluate.state_figures import state_figures
from rewardsmith.report.evaluate.state_words import state_finding, state_rows

NUM_PAIRS = 7


@pytest.fixture
def numbers():
    return {
        "num_pairs": NUM_PAIRS,
        "num_dimensions": 384,
        "alignment": 0.04,
        "pair_distance": 0.3,
        "uniformity": -1.5,
        "effective_rank": 57.25,
        "first_axis_share": 0.31,
        "overlap": 0.38,
        "overlap_by_chance_low": 0.45,
        "overlap_by_chance_high": 0.55,
        "collapse": None,
        "mapped_variance": 0.42,
    }


def some_map(seed):
    places = np.random.default_rng(seed).normal(size=(2, 2 * NUM_PAIRS, 2)) * (1, 50)
    return StateMap({"pca": places[0], "tsne": places[1]}, 0.4)


PAIRS = pa.table({"pair_id": [str(i) for i in range(NUM_PAIRS)], "row": list(range(NUM_PAIRS))})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "lie apart: 38% of the states have their nearest one on the other side, 45 to 55% by chance"),
        ({"overlap": 0.5}, "lie mixed: 50%"),
        ({"overlap": 0.6}, "alternate: 60%"),
        ({"overlap": None}, "Too few prompts"),
        ({"collapse": "point"}, "one point"),
        ({"collapse": "line"}, "one line"),
    ],
)
def test_the_finding_goes_by_what_chance_does(numbers, changes, words):
    assert words in state_finding(numbers | changes)


def test_rows_stand_beside_those_of_the_other_model(numbers):
    other = numbers | {"effective_rank": 3.0, "overlap": None, "overlap_by_chance_low": None}
    rows = {
        row.name: (row.first, row.second) for row in state_rows({"states": numbers, "comparison": {"states": other}})
    }
    assert rows["effective rank"] == ("57.2 of 384", "3.0 of 384")
    assert rows["overlap"] == ("38% (45 to 55% by chance)", "\N{EN DASH}")
    assert {row.second for row in state_rows({"states": numbers, "comparison": {"states": None}})} == {""}
    assert state_rows({"states": None}) == []


def test_one_model_has_both_maps_in_one_figure_and_two_have_one_for_each_map(numbers):
    metrics = {"states": numbers}
    (single,) = state_figures(metrics, map_table(PAIRS, some_map(0)))
    assert "principal components (42% of the variance)" in single.wide and "t-SNE" in single.wide
    pca, tsne = state_figures(metrics, map_table(PAIRS, some_map(0), some_map(1)))
    assert (pca.name, tsne.name) == ("states-pca", "states-tsne") and pca.wide != tsne.wide
    for figure in (single, pca, tsne):
        assert "no proof" in figure.caption and len(figure.legend) == 2
        for svg in (figure.wide, figure.narrow):
            colours = re.findall(r'<path transform[^>]*fill="var\(--(\w+)\)"', svg)
            assert colours.count("blue") == colours.count("orange") == 2 * NUM_PAIRS
    assert "this model" in pca.wide and "the other" in pca.narrow


def test_the_first_panel_stands_on_the_left_and_on_a_narrow_page_above(numbers):
    pca, _ = state_figures({"states": numbers}, map_table(PAIRS, some_map(0), some_map(1)))
    for svg, axis in ((pca.wide, 0), (pca.narrow, 1)):
        corners = re.findall(r"<text[^>]*translate\(([\d.]+),([\d.]+)\)[^>]*>(this model|the other)", svg)
        places = {name: (float(x), float(y)) for x, y, name in corners}
        assert places["this model"][axis] < 20 < 300 < places["the other"][axis]


def test_every_dot_lies_in_its_panel(numbers):
    (figure,) = state_figures({"states": numbers}, map_table(PAIRS, some_map(0)))
    places = [
        (float(x), float(y)) for x, y in re.findall(r"<path transform=\"translate\(([\d.]+),([\d.]+)\)", figure.wide)
    ]
    assert len(places) == 4 * NUM_PAIRS
    assert sum(x < 395 for x, _ in places) == 2 * NUM_PAIRS, "half of them in the left one"
    assert all(0 < x < 790 and 0 < y < 400 for x, y in places)
    wide, high = np.ptp([place for place in places if place[0] < 395], axis=0)
    assert 10 * wide < high, "both axes in one scale, and the second one upwards"


def test_nothing_is_drawn_without_a_map(numbers):
    assert state_figures({"states": numbers}, None) == []
    assert state_figures({"states": None}, map_table(PAIRS, some_map(0))) == []
