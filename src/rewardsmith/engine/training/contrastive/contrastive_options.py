"""Options of contrastive reward modelling. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.errors import ConfigError


@dataclass(frozen=True)
class ContrastiveOptions:
    """A contrast of states beside the preference loss (arXiv 2401.06080)."""

    contrastive: Literal["none", "simcse", "swav"] = "none"
    """Every pair is read in two views, each with other dropout; `simcse` tells the views of a response from those of
    all others, `swav` predicts the cluster of one view from the other."""
    contrast_on: Literal["pairs", "differences"] = "pairs"
    """What is contrasted: the states of chosen and rejected responses, or their differences with both signs."""
    contrastive_coefficient: float | None = None
    """Weight of the contrast beside the preference loss; default: simcse 1, swav 0.1, swav on differences 0.5."""
    contrast_temperature: float | None = None
    """Temperature of its similarities; default: simcse 0.05, swav 0.1."""
    contrast_dropout: float = 0.05
    """Dropout of the two views, in place of --dropout."""
    symmetric_contrast: bool = False
    """simcse: tell the first view by the second too, and take the mean."""
    num_prototypes: int | None = None
    """swav: clusters; default: 50, on differences 20."""
    contrast_queue_steps: int = 0
    """swav: past optimiser steps whose states join in placing clusters while a step has fewer states than clusters."""

    @property
    def num_views(self) -> int:
        """How often a pair is read in an optimiser step."""
        return 1 if self.contrastive == "none" else 2

    @property
    def coefficient(self) -> float:
        """The paper's, unless given."""
        if self.contrastive_coefficient is not None:
            return self.contrastive_coefficient
        if self.contrastive == "simcse":
            return 1.0
        return 0.1 if self.contrast_on == "pairs" else 0.5

    @property
    def temperature(self) -> float:
        """SimCSE's and SwAV's own, unless given: the paper names none."""
        if self.contrast_temperature is not None:
            return self.contrast_temperature
        return 0.05 if self.contrastive == "simcse" else 0.1

    @property
    def prototypes(self) -> int:
        """The paper's number, unless given."""
        if self.num_prototypes is not None:
            return self.num_prototypes
        return 50 if self.contrast_on == "pairs" else 20


OF_ONE_METHOD = {
    "symmetric_contrast": "simcse",
    "num_prototypes": "swav",
    "contrast_queue_steps": "swav",
}


def check_contrastive(options: ContrastiveOptions, train: TrainOptions) -> None:
    """``ConfigError`` for a value that no run can have, or that this one would not read."""
    defaults, method = ContrastiveOptions(), options.contrastive
    for name, value in vars(options).items():
        if value == getattr(defaults, name) or name == "contrastive":
            continue
        if method == "none":
            raise ConfigError(f"`{name}` {value} belongs to a contrast: ask for one with `contrastive` simcse or swav.")
        if OF_ONE_METHOD.get(name, method) != method:
            raise ConfigError(f"`{name}` {value} belongs to `contrastive` {OF_ONE_METHOD[name]}; this is {method}.")
    if method == "none":
        return
    if train.train_layers == 0:
        raise ConfigError(f"`contrastive` {method} is about the states, and with `train_layers` 0 no state changes.")
    if train.dropout:
        raise ConfigError(
            f"`dropout` {train.dropout}: the two views drop as `contrast_dropout` says; leave `dropout` at 0."
        )
    if not 0 < options.contrast_dropout < 1:
        raise ConfigError(
            f"`contrast_dropout` {options.contrast_dropout} must be above 0, or both views are the same, and below 1."
        )
    if not 0 <= options.coefficient < float("inf"):
        raise ConfigError(f"`contrastive_coefficient` {options.coefficient} must not be negative.")
    if not 0 < options.temperature < float("inf"):
        raise ConfigError(f"`contrast_temperature` {options.temperature} must be above 0.")
    if options.prototypes < 2:
        raise ConfigError(f"`num_prototypes` {options.prototypes} must be at least 2.")
    if options.contrast_queue_steps < 0:
        raise ConfigError(f"`contrast_queue_steps` {options.contrast_queue_steps} must not be negative.")
