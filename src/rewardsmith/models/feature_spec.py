"""Which vector of a trunk stands for a conversation. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Pooling = Literal["response_mean", "mean", "last", "cls"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)


@dataclass(frozen=True, order=True)
class FeatureSpec:
    """A layer and how its tokens become one vector.

    ``layer`` counts as Hugging Face's ``hidden_states`` do: 0 is the embedding, k the output of block k; the last
    one is taken after the final norm where the model has one. ``response_mean`` averages the response's tokens (an
    empty response: the last token), ``mean`` all real tokens; ``last`` is the last real token, ``cls`` the first.
    """

    layer: int
    pooling: Pooling

    def __str__(self) -> str:
        return f"layer {self.layer} {self.pooling}"
