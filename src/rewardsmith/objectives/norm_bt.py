"""NormBT (arXiv 2512.06343): weights that take the distance of a pair's states out of its gradient.

In a linear head the gradient of a Bradley-Terry loss is (sigmoid(gap) - target) (h_chosen - h_rejected): pairs whose
states lie far apart move it more, whatever is wrong about them. Such a pair weighs less, and a near one more.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

EPSILON = 1e-6
"""A pair of equal states teaches a head nothing; its weight only has to be finite."""


def distance_weights(distances: Float[Tensor, " B"], usual: Float[Tensor, ""]) -> Float[Tensor, " B"]:
    """usual / (distance + epsilon) of each pair, without a gradient: 1 at the usual distance."""
    return usual.detach() / (distances.detach() + EPSILON)
