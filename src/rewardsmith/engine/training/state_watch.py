"""How the states of the newest optimiser step lie, for the log: near, spread out, of full rank, apart, or collapsed."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from rewardsmith.artifacts.progress import say


class StateWatch:
    """Remembers what it saw last, and speaks once: how often the model runs, and of a collapse."""

    def __init__(self) -> None:
        self._pairs: Tensor | None = None
        self._said: set[str] = set()

    def look(self, pairs: Float[Tensor, "B 2 2 D"], num_runs: int) -> None:
        """The states of a step, side by view, and how often the model ran for them."""
        self._pairs = pairs
        how = "is one micro-batch: the model runs once" if num_runs == 1 else "has several micro-batches: it runs twice"
        self._once("form", f"A step's share of a process {how} (`max_tokens_per_batch`).")

    def figures(self) -> dict[str, float | None]:
        """Of the states seen last."""
        return {}

    def _once(self, subject: str, message: str) -> None:
        if subject not in self._said:
            self._said.add(subject)
            say(message)
