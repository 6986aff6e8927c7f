import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.preferences.simulation.flips import NOISY_SHARE
from rewardsmith.studies.noise.planting import highest_rate, parse_kinds, parse_rates, plant
from rewardsmith.studies.noise.study_pairs import PairColumns

NUMBER = 400


def columns(seed=0, **values):
    rng = np.random.default_rng(seed)
    own = {
        "target": np.where(rng.random(NUMBER) < 0.1, 0.5, (rng.random(NUMBER) < 0.7).astype(float)),
        "belief": rng.uniform(0.05, 0.95, NUMBER),
        "longer": rng.choice([-1.0, 0.0, 1.0], NUMBER, p=[0.45, 0.1, 0.45]),
        "clusters": rng.integers(6, size=NUMBER),
        "votes": np.full((NUMBER, 3), np.nan),
    }
    return PairColumns(**{**own, **values})


def flipped(known, noisy):
    return noisy != known.target


@given(
    kind=st.sampled_from(["uniform", "hard", "longer", "clustered"]), rate=st.floats(0, 0.3), seed=st.integers(0, 99)
)
def test_exactly_the_rate_is_flipped_and_ties_stay(kind, rate, seed):
    known = columns(seed)
    noisy = plant(kind, known, rate, np.random.default_rng(seed))
    decided = known.target != 0.5
    assert flipped(known, noisy).sum() == round(rate * decided.sum())
    np.testing.assert_array_equal(noisy[~decided], 0.5)
    np.testing.assert_allclose(noisy[flipped(known, noisy)], 1 - known.target[flipped(known, noisy)])


def test_none_leaves_every_label():
    known = columns()
    np.testing.assert_array_equal(plant("none", known, 0.0, np.random.default_rng(0)), known.target)


def test_longer_flips_only_labels_that_preferred_the_shorter_response():
    known = columns()
    where = flipped(known, plant("longer", known, 0.3, np.random.default_rng(0)))
    assert (known.longer[where] * (known.target[where] - 0.5) < 0).all()


def test_longer_cannot_flip_more_labels_than_there_are():
    known = columns(target=np.ones(NUMBER))
    limit = highest_rate("longer", known)
    assert limit == pytest.approx((known.longer < 0).mean())
    assert flipped(known, plant("longer", known, limit, np.random.default_rng(0))).sum() == (known.longer < 0).sum()
    with pytest.raises(DataError, match=r"only .* prefer the shorter response"):
        plant("longer", known, limit + 0.01, np.random.default_rng(0))


def test_clustered_falls_nine_in_ten_on_half_of_the_clusters():
    known = columns(target=np.ones(NUMBER))
    where = flipped(known, plant("clustered", known, 0.2, np.random.default_rng(1)))
    by_cluster = np.sort(np.bincount(known.clusters[where], minlength=6))[::-1]
    assert by_cluster[:3].sum() == round(NOISY_SHARE * where.sum())


def test_clustered_spills_over_where_the_noisy_half_is_full():
    known = columns(target=np.ones(NUMBER), clusters=(np.arange(NUMBER) < 5).astype(int))
    for seed in range(6):  # whichever half is the noisy one
        assert flipped(known, plant("clustered", known, 0.4, np.random.default_rng(seed))).sum() == round(0.4 * NUMBER)


def test_hard_prefers_close_pairs():
    belief = np.where(np.arange(NUMBER) < NUMBER / 2, 0.5, 0.99)
    known = columns(target=np.ones(NUMBER), belief=belief)
    where = flipped(known, plant("hard", known, 0.2, np.random.default_rng(0)))
    assert where[belief == 0.5].sum() > 10 * where[belief == 0.99].sum()


def test_votes_draws_one_vote_of_each_pair():
    votes = np.tile([3.0, 2.0, 5.0], (NUMBER, 1))
    votes[0] = np.nan
    known = columns(target=np.ones(NUMBER), votes=votes)
    noisy = plant("votes", known, 0.0, np.random.default_rng(0))
    assert noisy[0] == 1.0
    shares = [(noisy[1:] == side).mean() for side in (1.0, 0.0, 0.5)]
    np.testing.assert_allclose(shares, [0.3, 0.2, 0.5], atol=0.07)  # three standard errors of 400 draws


def test_votes_needs_votes():
    with pytest.raises(DataError, match="no pair of this set carries votes"):
        plant("votes", columns(), 0.0, np.random.default_rng(0))


def test_kinds_and_rates_are_read_from_text():
    assert parse_rates("0.2, 0,0.2") == (0.0, 0.2)
    assert parse_kinds("longer,uniform,longer") == ("longer", "uniform")
    with pytest.raises(ConfigError, match="'unifrom' is none of .* Did you mean uniform?"):
        parse_kinds("unifrom")
    with pytest.raises(ConfigError, match="`kinds` names nothing"):
        parse_kinds(" ,")
    with pytest.raises(ConfigError, match="`rates` '0,0.5': every rate must be at least 0 and under 0.5"):
        parse_rates("0,0.5")
    with pytest.raises(ConfigError, match="numbers separated by commas"):
        parse_rates("0;0.2")
