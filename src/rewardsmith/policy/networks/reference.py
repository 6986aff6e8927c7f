"""The reference that a policy is held near: the policy with its adapters as they were, or a frozen copy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]


class Reference(ABC):
    """A policy that does not learn."""

    @abstractmethod
    def opened(self) -> AbstractContextManager[Any]:
        """Its causal model, as long as the context lasts."""

    @abstractmethod
    def reset(self, policy: Any) -> None:
        """Becomes the policy as it is now."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """What a resumed run has to know of it: nothing as long as it was never reset."""

    @abstractmethod
    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Goes on from ``state``."""


class EarlierAdapters(Reference):
    """The policy itself: without its adapters, exactly what it began with; after a reset, with those of that moment."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self._then: Weights | None = None

    @contextmanager
    def opened(self) -> Iterator[Any]:
        if self._then is None:
            with self._policy.disable_adapter():
                yield self._policy
            return
        now = _copied(_trained(self._policy))
        self._put(self._then)
        try:
            yield self._policy
        finally:
            self._put(now)

    def reset(self, policy: Any) -> None:
        self._then = _copied(_trained(policy))

    def state(self) -> dict[str, Tensor]:
        return _on_cpu(self._then or {})

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        self._then = tensors or None

    @torch.no_grad()
    def _put(self, weights: Weights) -> None:
        for name, parameter in _trained(self._policy).items():
            parameter.copy_(weights[name])


class FrozenCopy(Reference):
    """A model of its own: ``policy`` as it is when this is made."""

    def __init__(self, policy: Any) -> None:
        self.model = deepcopy(policy).requires_grad_(False).eval()
        self._was_reset = False

    @contextmanager
    def opened(self) -> Iterator[Any]:
        yield self.model

    def reset(self, policy: Any) -> None:
        self.model.load_state_dict(merged(policy).state_dict())
        self._was_reset = True

    def state(self) -> dict[str, Tensor]:
        return _on_cpu(dict(self.model.named_parameters())) if self._was_reset else {}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        if tensors:
            self.model.load_state_dict(tensors, strict=False)  # buffers never change
            self._was_reset = True


def merged(policy: Any) -> Any:
    """The policy; of one with adapters, a copy that has them in its weights."""
    return deepcopy(policy).merge_and_unload() if hasattr(policy, "peft_config") else policy


def reference_of(policy: Any) -> Reference:
    """The policy as it is now, before its adapters have learned."""
    return EarlierAdapters(policy) if hasattr(policy, "peft_config") else FrozenCopy(policy)


def _trained(policy: Any) -> Weights:
    return {name: parameter for name, parameter in policy.named_parameters() if parameter.requires_grad}


def _copied(weights: Weights) -> Weights:
    return {name: weight.detach().clone() for name, weight in weights.items()}


def _on_cpu(weights: Weights) -> dict[str, Tensor]:
    return {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
