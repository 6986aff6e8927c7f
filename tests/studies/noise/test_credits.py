import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rewardsmith.studies.noise.credits import decode, encode


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=70))
def test_what_is_written_is_read(credits):
    np.testing.assert_array_equal(decode(encode(np.array(credits)), len(credits)), np.array(credits))
