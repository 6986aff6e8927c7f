"""The reference that a policy is held near: the policy without its adapters, or a frozen copy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from torch import Tensor

from rewardsmith.errors import ConfigError


class Reference(ABC):
    """A policy that does not learn."""

    @abstractmethod
    def opened(self) -> Any:
        """A context whose value is the causal model."""

    def reset(self, policy: Any) -> None:
        """Becomes the policy as it is now."""
        raise ConfigError(
            "`reference_reset_rollouts`: the reference is the policy without its adapters, which cannot be moved. "
            "Train whole weights, or merge the adapters between runs."
        )

    def state(self) -> dict[str, Tensor]:
        """What a resumed run has to know of it."""
        return {}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Goes on from ``state``."""


class AdaptersOff(Reference):
    """The policy itself with its adapters off: no memory, and exactly what it began with."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy

    @contextmanager
    def opened(self) -> Iterator[Any]:
        with self._policy.disable_adapter():
            yield self._policy


class FrozenCopy(Reference):
    """A model of its own; ``policy`` as it is when this is made, or another one."""

    def __init__(self, policy: Any) -> None:
        self.model = deepcopy(policy).requires_grad_(False).eval()
        self._was_reset = False

    @contextmanager
    def opened(self) -> Iterator[Any]:
        yield self.model

    def reset(self, policy: Any) -> None:
        self.model.load_state_dict(policy.state_dict())
        self._was_reset = True

    def state(self) -> dict[str, Tensor]:
        if not self._was_reset:
            return {}
        return {name: parameter.detach().cpu().contiguous() for name, parameter in self.model.named_parameters()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        if tensors:
            self.model.load_state_dict(tensors, strict=False)  # buffers never change
            self._was_reset = True


def reference_of(policy: Any) -> Reference:
    """The policy as it is now."""
    return AdaptersOff(policy) if hasattr(policy, "peft_config") else FrozenCopy(policy)
