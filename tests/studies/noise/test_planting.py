import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardsmith.errors import DataError
from rewardsmith.studies.noise.planting import NOISY_SHARE, Facts, highest_rate, plant

NUMBER = 400


def facts(seed=0, **values):
    rng = np.random.default_rng(seed)
    own = {
        "target": np.where(rng.random(NUMBER) < 0.1, 0.5, (rng.random(NUMBER) < 0.7).astype(float)),
        "belief": rng.uniform(0.05, 0.95, NUMBER),
        "longer": rng.choice([-1.0, 0.0, 1.0], NUMBER, p=[0.45, 0.1, 0.45]),
        "clusters": rng.integers(6, size=NUMBER),
        "votes": np.full((NUMBER, 3), np.nan),
    }
    return Facts(**{**own, **values})


def turned(known, noisy):
    return noisy != known.target


@given(
    kind=st.sampled_from(["uniform", "hard", "longer", "clustered"]), rate=st.floats(0, 0.3), seed=st.integers(0, 99)
)
def test_exactly_the_rate_is_turned_and_ties_stay(kind, rate, seed):
    known = facts(seed)
    noisy = plant(kind, known, rate, np.random.default_rng(seed))
    decided = known.target != 0.5
    assert turned(known, noisy).sum() == round(rate * decided.sum())
    np.testing.assert_array_equal(noisy[~decided], 0.5)
    np.testing.assert_allclose(noisy[turned(known, noisy)], 1 - known.target[turned(known, noisy)])


def test_none_leaves_every_label():
    known = facts()
    np.testing.assert_array_equal(plant("none", known, 0.0, np.random.default_rng(0)), known.target)


def test_longer_turns_only_labels_that_preferred_the_shorter_response():
    known = facts()
    where = turned(known, plant("longer", known, 0.3, np.random.default_rng(0)))
    assert (known.longer[where] * (known.target[where] - 0.5) < 0).all()


def test_longer_cannot_turn_more_labels_than_there_are():
    known = facts(target=np.ones(NUMBER))
    limit = highest_rate("longer", known)
    assert limit == pytest.approx((known.longer < 0).mean())
    assert turned(known, plant("longer", known, limit, np.random.default_rng(0))).sum() == (known.longer < 0).sum()
    with pytest.raises(DataError, match=r"only .* prefer the shorter response"):
        plant("longer", known, limit + 0.01, np.random.default_rng(0))


def test_clustered_falls_nine_in_ten_on_half_of_the_clusters():
    known = facts(target=np.ones(NUMBER))
    where = turned(known, plant("clustered", known, 0.2, np.random.default_rng(1)))
    by_cluster = np.sort(np.bincount(known.clusters[where], minlength=6))[::-1]
    assert by_cluster[:3].sum() == round(NOISY_SHARE * where.sum())


def test_clustered_spills_over_where_the_noisy_half_is_full():
    known = facts(target=np.ones(NUMBER), clusters=(np.arange(NUMBER) < 5).astype(int))
    for seed in range(6):  # whichever half is the noisy one
        assert turned(known, plant("clustered", known, 0.4, np.random.default_rng(seed))).sum() == round(0.4 * NUMBER)


def test_hard_prefers_close_pairs():
    belief = np.where(np.arange(NUMBER) < NUMBER / 2, 0.5, 0.99)
    known = facts(target=np.ones(NUMBER), belief=belief)
    where = turned(known, plant("hard", known, 0.2, np.random.default_rng(0)))
    assert where[belief == 0.5].sum() > 10 * where[belief == 0.99].sum()


def test_votes_draws_one_vote_of_each_pair():
    votes = np.tile([3.0, 2.0, 5.0], (NUMBER, 1))
    votes[0] = np.nan
    known = facts(target=np.ones(NUMBER), votes=votes)
    noisy = plant("votes", known, 0.0, np.random.default_rng(0))
    assert noisy[0] == 1.0
    shares = [(noisy[1:] == side).mean() for side in (1.0, 0.0, 0.5)]
    np.testing.assert_allclose(shares, [0.3, 0.2, 0.5], atol=0.07)  # three standard errors of 400 draws


def test_votes_needs_votes():
    with pytest.raises(DataError, match="no pair of this set carries votes"):
        plant("votes", facts(), 0.0, np.random.default_rng(0))
