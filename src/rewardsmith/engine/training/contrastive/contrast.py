"""Contrasts of the states of an optimiser step, and what one of them learns besides the model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from rewardsmith.objectives.contrastive import ContrastOn, contrasted, info_nce


class Contrast(ABC):
    """One function of all states of an optimiser step: of all its micro-batches and processes."""

    @abstractmethod
    def cost(self, pairs: Float[Tensor, "B 2 2 D"]) -> Float[Tensor, ""]:
        """Of the states of all pairs, side by view. Its backward pass may reach what the contrast itself learns."""

    def finish(self) -> None:
        """The optimiser step was taken whose cost was asked for last."""

    def state(self) -> dict[str, Tensor]:
        """Everything the next step depends on, the same on all processes."""
        return {}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Goes on from ``state``, which may hold other tensors too."""


@dataclass(frozen=True)
class SimCSE(Contrast):
    """Every state is told from all others by its other view (Eq. 9)."""

    on: ContrastOn
    temperature: float
    symmetric: bool = False

    def cost(self, pairs: Float[Tensor, "B 2 2 D"]) -> Float[Tensor, ""]:
        return info_nce(*contrasted(pairs, self.on), self.temperature, self.symmetric)
