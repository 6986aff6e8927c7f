import numpy as np
import torch

from rewardsmith.models.feature_spec import FeatureSpec
from rewardsmith.strength.ensembles.design import (
    Candidate,
    build_design,
    by_category,
    default_candidates,
    distinct_specs,
)

SPECS = (FeatureSpec(1, "mean"), FeatureSpec(2, "mean"))
CHOSEN, REJECTED = np.arange(400), np.arange(400) + 400


def features(scale=1.0):
    rng = np.random.default_rng(0)
    first = rng.normal(size=(800, 12)) * scale
    return {SPECS[0]: first.astype(np.float16), SPECS[1]: np.ones((800, 12), dtype=np.float16)}


def design(scale=1.0, chosen=CHOSEN, rejected=REJECTED):
    lengths = np.random.default_rng(1).normal(size=800).astype(np.float32)
    return build_design(Candidate("both", SPECS), features(scale), lengths, chosen, rejected)


def test_swapping_the_responses_negates_the_rows():
    there, back = design(), design(chosen=REJECTED, rejected=CHOSEN)
    gram, swapped = there.rows @ there.rows.T, there.rows @ back.rows.T
    torch.testing.assert_close(swapped.abs(), gram.abs(), atol=1e-3, rtol=0)  # float16 features, signs of axes are free


def test_the_scale_of_a_trunk_does_not_matter():
    small, large = design(0.5), design(8.0)
    torch.testing.assert_close(small.rows @ small.rows.T, large.rows @ large.rows.T, atol=1e-3, rtol=0)  # float16


def test_features_that_never_change_add_nothing():
    assert torch.isfinite(design().rows).all()
    assert design().rows.shape[1] <= 13  # twelve that vary, and the length


def test_every_large_category_gets_a_head_of_its_own_beside_the_common_one():
    base = design()
    names = ["a"] * 180 + ["b"] * 180 + ["rare"] * 40
    split = by_category(base, names)
    assert split is not None
    width = base.rows.shape[1]
    assert split.rows.shape[1] == 3 * width
    common, own_a, own_b = split.rows.split(width, dim=1)
    torch.testing.assert_close(own_a[:180], common[:180])
    assert not own_a[180:].any() and not own_b[:180].any()
    assert not torch.cat([own_a, own_b], dim=1)[360:].any()


def test_one_category_or_none_gives_no_design_of_its_own():
    assert by_category(design(), ["a"] * 400) is None
    assert by_category(design(), [None] * 400) is None
    assert by_category(design(), [f"c{i % 50}" for i in range(400)]) is None


def test_candidates_stay_inside_the_trunk():
    for num_layers in (1, 2, 6, 30):
        for is_encoder in (True, False):
            specs = distinct_specs(default_candidates(num_layers, is_encoder))
            assert all(1 <= spec.layer <= num_layers for spec in specs)
