"""Worlds in which the policy shifts and gold is known (see metarm_shift.py)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from metarm_shift_record import Shift, Tested
from torch import Tensor, nn

NUM_PAIRS, NUM_FEATURES, FLIPPED = 2000, 32, 0.25
"""Of the preferences, the width, and the noise of the labels."""
NUM_SAMPLES, NUM_PROMPTS, BEST_OF = 5, 500, 16
"""Responses a prompt (k), prompts of the samples and of the test."""


def directions(seed: int) -> Shift:
    """Responses of the policy vary where preferences hardly do, and the reverse."""
    world = SimulatedWorld(seed)
    usual = world.deviations
    return world.shift(lambda num: world.responses(num, NUM_SAMPLES, usual.flip(0)))


def best_of_n(seed: int) -> Shift:
    """The policy takes the best of 16 by a reward model of its own, trained on as many other pairs."""
    world = SimulatedWorld(seed)
    proxy = world.proxy()

    def optimised(num: int) -> Tensor:
        drawn = world.responses(num, NUM_SAMPLES * BEST_OF, world.deviations)
        several = drawn.view(num, NUM_SAMPLES, BEST_OF, -1)
        best = proxy(several).argmax(2)
        return several[torch.arange(num)[:, None], torch.arange(NUM_SAMPLES), best]

    return world.shift(optimised)


class SimulatedWorld:
    """Gold = w . x + a small network of x, in units of its own spread over usual responses; labels are noisy."""

    def __init__(self, seed: int) -> None:
        self._seed, self._generator = seed, torch.Generator().manual_seed(seed)
        self.deviations = torch.arange(1, NUM_FEATURES + 1) ** -0.5
        self._linear = self._normal(NUM_FEATURES) / self.deviations.square().sum().sqrt()
        self._inner, self._outer = self._normal(NUM_FEATURES, 16), self._normal(16) / 4

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._generator)

    def gold(self, x: Float[Tensor, "... D"]) -> Float[Tensor, ...]:
        return x @ self._linear + torch.tanh(x @ self._inner) @ self._outer

    def responses(self, num: int, k: int, deviations: Tensor) -> Float[Tensor, "num k D"]:
        """What the responses to a prompt share has the same spread as what they do not."""
        return self._normal(num, 1, NUM_FEATURES) * self.deviations + self._normal(num, k, NUM_FEATURES) * deviations

    def pairs(self, num: int, flipped: float) -> tuple[Tensor, Tensor]:
        """Better and worse response by Bradley-Terry with gaps of standard deviation 2 or so, then flips."""
        pairs = self.responses(num, 2, self.deviations)
        gap = self.gold(pairs[:, 0]) - self.gold(pairs[:, 1])
        first = torch.rand(num, generator=self._generator) < (2 * gap).sigmoid()
        first ^= torch.rand(num, generator=self._generator) < flipped
        return tuple(torch.where(first[:, None], pairs[:, i], pairs[:, 1 - i]) for i in (0, 1))  # type: ignore[return-value]

    def proxy(self) -> Callable[[Tensor], Tensor]:
        """A linear reward model: the most likely one for 2,000 noisy pairs of its own, with a little decay."""
        better, worse = self.pairs(NUM_PAIRS, FLIPPED)
        head = nn.Parameter(torch.zeros(NUM_FEATURES))
        optimizer = torch.optim.LBFGS([head], max_iter=100)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = -nn.functional.logsigmoid((better - worse) @ head).mean() + 1e-3 * head.square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)  # type: ignore[arg-type]
        return lambda x: x @ head.detach()

    def tested(self, responses: Float[Tensor, "m k D"]) -> Tested:
        """Every two responses to a prompt, by gold."""
        first, second = torch.triu_indices(responses.shape[1], responses.shape[1], 1)
        one, other = responses[:, first].flatten(0, 1), responses[:, second].flatten(0, 1)
        ahead = (self.gold(one) > self.gold(other))[:, None]
        names = [f"world {self._seed}, prompt {i}" for i in range(len(responses))]
        return Tested(torch.where(ahead, one, other), torch.where(ahead, other, one), np.repeat(names, len(first)))

    def shift(self, policy: Callable[[int], Tensor]) -> Shift:
        """``policy`` gives k responses to each of some prompts."""
        chosen, rejected = self.pairs(NUM_PAIRS, FLIPPED)
        usual = self.responses(NUM_PROMPTS, NUM_SAMPLES, self.deviations)
        return Shift(chosen, rejected, policy(NUM_PROMPTS), self.tested(policy(NUM_PROMPTS)), self.tested(usual))
