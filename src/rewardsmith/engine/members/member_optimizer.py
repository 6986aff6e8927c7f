"""AdamW for all members of an ensemble at once: each has its own clock and clipping, and may sit steps out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.optim import Optimizer

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class MemberAdamW(Optimizer):
    """Updates stacked parameters [M, ...] as M separate runs of ``torch.optim.AdamW`` would.

    Only what are matrices of a member decay, as in the training loop. Parameters become one row of numbers a member, so
    that a step is a dozen operations whatever the number of layers and members; ``state`` has views of the moments.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], learning_rate: float, weight_decay: float = 0.0) -> None:
        super().__init__(parameters, {"lr": learning_rate})
        self._parameters = list(parameters)
        first = self._parameters[0]
        self._sizes = [parameter[0].numel() for parameter in self._parameters]
        self._decays = [weight_decay if parameter.ndim > 2 else 0.0 for parameter in self._parameters]
        self._mean = first.new_zeros(len(first), sum(self._sizes))
        self._square = torch.zeros_like(self._mean)
        self._num_steps = torch.zeros(len(first))
        self._gradient: Tensor | None = None
        self.active: Bool[Tensor, " M"] = torch.ones(len(first), dtype=torch.bool)
        """Members that take the next step, on the CPU. The others keep weights, moments and number of steps."""
        moments = zip(*(torch.split(flat, self._sizes, dim=1) for flat in (self._mean, self._square)), strict=True)
        for parameter, (mean, square) in zip(self._parameters, moments, strict=True):
            self.state[parameter] = {"exp_avg": mean, "exp_avg_sq": square}
        self.state[first]["step"] = self._num_steps

    @torch.no_grad()
    def clip(self, max_norm: float) -> Float[Tensor, " M"]:
        """Scales each member's gradient to at most this norm (0: leaves it); norms before, 0 of who sits out."""
        gradient = self._gradients()
        norm = torch.linalg.vector_norm(gradient, dim=1)
        if max_norm > 0:
            gradient *= (max_norm / (norm + 1e-6)).clamp(max=1.0)[:, None]
        self._gradient = gradient
        return torch.where(self.active.to(norm.device), norm, 0.0)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step of the active members, from gradients that may have been clipped."""
        gradient = self._gradients() if self._gradient is None else self._gradient
        self._gradient = None
        learning_rate = self.param_groups[0]["lr"]
        self._num_steps += self.active
        clock = self._num_steps.to(torch.float64).clamp(min=1)
        moves = self.active.to(torch.float64)
        first, second = BETAS
        # Rates of a member that is not active are zero: nothing of it changes.
        rates = torch.stack(
            [
                moves * (1 - first),
                moves * (1 - second),
                moves * learning_rate / (1 - first**clock),
                (1 - second**clock).sqrt(),
                moves * learning_rate,
            ]
        )
        mean_rate, square_rate, size, correction, decay_rate = rates.to(gradient.dtype).to(gradient.device)[:, :, None]
        self._mean.lerp_(gradient, mean_rate.expand_as(gradient))
        self._square.lerp_(gradient.square_(), square_rate.expand_as(gradient))
        update = self._square.sqrt().div_(correction).add_(EPSILON)
        torch.div(self._mean, update, out=update).mul_(size)
        self._subtract(update, decay_rate)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up moments and clocks; rates are given anew in every step."""
        for index, values in state_dict["state"].items():
            for name, value in values.items():
                self.state[self._parameters[index]][name].copy_(value)

    def _gradients(self) -> Tensor:
        parts = [
            torch.zeros_like(parameter) if parameter.grad is None else parameter.grad for parameter in self._parameters
        ]
        return torch.cat([part.flatten(1) for part in parts], dim=1)

    def _subtract(self, update: Tensor, decay_rate: Tensor) -> None:
        parts = torch.split(update, self._sizes, dim=1)
        for parameter, part, decay in zip(self._parameters, parts, self._decays, strict=True):
            parameter.flatten(1).mul_(1 - decay_rate * decay).sub_(part)
