"""SwAV in the training loop: the prototypes, which learn beside the model and are no part of it."""

from __future__ import annotations

import math
from collections import deque

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.training.contrastive.contrast import Contrast
from rewardsmith.engine.training.optimizers import load_optimizer_tensors, optimizer_tensors
from rewardsmith.objectives.contrastive import ContrastOn, contrasted, swapped_prediction

TURN = 0.02
"""About how far a prototype of length 1 moves in a step, whatever its width: Adam moves each coordinate by its rate."""
PROTOTYPES, QUEUE, QUEUE_SIZES = "prototypes", "queue", "queue_sizes"


class SwAV(Contrast):
    """Swapped prediction over K prototypes (Eqs 7 and 8), which an Adam of their own moves on the sphere.

    All processes hold the same ones and see all states, so they stay the same without a word. Where a step has fewer
    states than there are prototypes, those of the last ``queue_steps`` steps take part in placing its codes.
    """

    def __init__(
        self,
        on: ContrastOn,
        temperature: float,
        num_prototypes: int,
        width: int,
        queue_steps: int = 0,
        device: torch.device | str = "cpu",
        seed: int = 0,
    ) -> None:
        drawn = torch.randn(num_prototypes, width, generator=torch.Generator().manual_seed(seed))
        self._prototypes = normalize(drawn).to(device).requires_grad_()
        self._optimizer = torch.optim.Adam([self._prototypes], lr=TURN / math.sqrt(width))
        self._queue: deque[tuple[Tensor, Tensor]] = deque(maxlen=queue_steps)
        self._newest: tuple[Tensor, Tensor] | None = None
        self._on, self._temperature = on, temperature
        self._has_spoken = False

    def cost(self, pairs: Float[Tensor, "B 2 2 D"]) -> Float[Tensor, ""]:
        """Its backward pass leaves the gradient of this step in the prototypes, too."""
        self._optimizer.zero_grad()
        one, other = contrasted(pairs, self._on)
        self._newest = one.detach(), other.detach()
        return swapped_prediction(one, other, self._prototypes, self._temperature, self._past(len(one)))

    def _past(self, num_states: int) -> tuple[Tensor, Tensor] | None:
        is_enough = num_states >= len(self._prototypes)
        self._say_what_a_queue_would_do(num_states, is_enough)
        if is_enough or not self._queue:
            return None
        ones, others = zip(*self._queue, strict=True)
        return torch.cat(ones), torch.cat(others)

    def _say_what_a_queue_would_do(self, num_states: int, is_enough: bool) -> None:
        """Once, where there is one for nothing, or none though there is need of one."""
        queue_steps = self._queue.maxlen
        if self._has_spoken or is_enough != bool(queue_steps):
            return
        self._has_spoken = True
        found = f"A step has {num_states} states to contrast for {len(self._prototypes)} prototypes: "
        if queue_steps:
            say(f"{found}`contrast_queue_steps` {queue_steps} adds nothing to it.")
        else:
            say(
                f"{found}codes are coarse. `contrast_queue_steps` adds states of past steps, `num_prototypes` lowers "
                "their number."
            )

    def finish(self) -> None:
        """Prototypes move and are of length 1 again; the step's states enter the queue."""
        assert self._newest is not None, "a step was taken without its cost"
        self._optimizer.step()
        with torch.no_grad():
            self._prototypes.copy_(normalize(self._prototypes))
        self._queue.append(self._newest)

    def state(self) -> dict[str, Tensor]:
        """Prototypes, their moments, and the queue."""
        tensors = {PROTOTYPES: self._prototypes, **optimizer_tensors(self._optimizer, {self._prototypes: PROTOTYPES})}
        if self._queue:
            tensors[QUEUE] = torch.cat([torch.stack(views) for views in self._queue], dim=1)
            tensors[QUEUE_SIZES] = torch.tensor([len(one) for one, _ in self._queue])
        return {name: tensor.detach().cpu() for name, tensor in tensors.items()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Goes on from a checkpoint."""
        with torch.no_grad():
            self._prototypes.copy_(tensors[PROTOTYPES])
        moments = {name: value for name, value in tensors.items() if name.startswith(f"{PROTOTYPES}/")}
        load_optimizer_tensors(self._optimizer, {self._prototypes: PROTOTYPES}, moments)
        if QUEUE in tensors:
            parts = torch.split(tensors[QUEUE].to(self._prototypes.device), tensors[QUEUE_SIZES].tolist(), dim=1)
            self._queue.extend((views[0], views[1]) for views in parts)
