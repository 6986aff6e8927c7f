"""AdamW for all members of an ensemble at once: each has its own clock and clipping, and may sit steps out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class MemberAdamW:
    """Updates stacked parameters [M, ...] as M separate runs of ``torch.optim.AdamW`` would.

    A member that is not active in a step keeps its weights, moments and number of steps. Only what are matrices of a
    member decay, as in the training loop. Parameters become one row of numbers a member, so that a step is a dozen
    operations whatever the number of layers and members.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], weight_decay: float = 0.0, max_grad_norm: float = 0.0
    ) -> None:
        self._parameters = list(parameters)
        first = self._parameters[0]
        self._sizes = [parameter[0].numel() for parameter in self._parameters]
        self._max_grad_norm = max_grad_norm
        self._decays = [weight_decay if parameter.ndim > 2 else 0.0 for parameter in self._parameters]
        self._mean = first.new_zeros(len(first), sum(self._sizes))
        self._square = torch.zeros_like(self._mean)
        self._num_steps = torch.zeros(len(first), dtype=torch.float64)

    @torch.no_grad()
    def step(self, learning_rate: float, active: Bool[Tensor, " M"]) -> Float[Tensor, " M"]:
        """One step of the active members, from the gradients; gives each member's gradient norm before clipping.

        ``active`` lies on the CPU.
        """
        device = self._mean.device
        gradient = self._gradients()
        norm = torch.linalg.vector_norm(gradient, dim=1)
        if self._max_grad_norm > 0:
            gradient *= (self._max_grad_norm / (norm + 1e-6)).clamp(max=1.0)[:, None]
        self._num_steps += active
        clock = self._num_steps.clamp(min=1)
        moves = active.to(torch.float64)
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
        mean_rate, square_rate, size, correction, decay_rate = rates.to(gradient.dtype).to(device)[:, :, None]
        self._mean.lerp_(gradient, mean_rate.expand_as(gradient))
        self._square.lerp_(gradient.square_(), square_rate.expand_as(gradient))
        update = self._square.sqrt().div_(correction).add_(EPSILON)
        torch.div(self._mean, update, out=update).mul_(size)
        self._subtract(update, decay_rate)
        return torch.where(active.to(device), norm, 0.0)

    def zero_grad(self) -> None:
        """Forgets the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """All that a resumed run needs."""
        return {"mean": self._mean, "square": self._square, "num_steps": self._num_steps}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Takes up what ``state`` gave."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])

    def _gradients(self) -> Tensor:
        parts = [
            torch.zeros_like(parameter) if parameter.grad is None else parameter.grad for parameter in self._parameters
        ]
        return torch.cat([part.flatten(1) for part in parts], dim=1)

    def _subtract(self, update: Tensor, decay_rate: Tensor) -> None:
        parts = torch.split(update, self._sizes, dim=1)
        for parameter, part, decay in zip(self._parameters, parts, self._decays, strict=True):
            parameter.flatten(1).mul_(1 - decay_rate * decay).sub_(part)
