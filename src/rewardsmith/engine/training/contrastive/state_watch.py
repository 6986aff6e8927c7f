"""How the states of the newest optimiser step lie, for the log: near, spread out, of full rank, apart, or collapsed."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.metrics.states import Collapse, alignment, describe_states

COLLAPSED: dict[Collapse, str] = {
    "point": "are nearly one point, so that all responses look alike to the head",
    "line": "vary along one axis only, so that nothing but a number is left of a response",
}

FORMS = {
    1: "A step is one micro-batch, and the model runs once for the contrast of its states.",
    2: "A step has several micro-batches, so the model runs twice for the contrast of its states "
    "(`max_tokens_per_batch`).",
}


class StateWatch:
    """Remembers what it saw last, and says once each: how often the model runs, and that states have collapsed."""

    def __init__(self) -> None:
        self._pairs: Tensor | None = None
        self._said: set[str] = set()

    def look(self, pairs: Float[Tensor, "B 2 2 D"], num_runs: int) -> None:
        """The states of a step, side by view, and how often the model ran for them."""
        self._pairs = pairs
        self._once(f"runs {num_runs}", FORMS[num_runs])

    def figures(self) -> dict[str, float | None]:
        """Of the states seen last; None where they are too few. ``alignment`` is of two views, the others of the first.

        A pair is compared with all others, also of its prompt.
        """
        if self._pairs is None:
            return {}
        states = self._pairs.flatten(0, 1)
        seen = describe_states(*self._pairs[:, :, 0].unbind(1))
        if seen.collapse is not None:
            self._once(
                seen.collapse,
                f"The states of the newest step {COLLAPSED[seen.collapse]}. A lower `learning_rate` or a higher "
                "`contrastive_coefficient` works against it.",
            )
        found = {
            "alignment": float(alignment(states[:, 0], states[:, 1])),
            "uniformity": seen.uniformity,
            "effective_rank": seen.effective_rank,
            "overlap": seen.overlap,
            "collapsed": float(seen.collapse is not None),
        }
        return {name: value if math.isfinite(value) else None for name, value in found.items()}

    def _once(self, subject: str, message: str) -> None:
        if subject not in self._said:
            self._said.add(subject)
            say(message)
