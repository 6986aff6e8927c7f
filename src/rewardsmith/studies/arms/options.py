"""Options of the study of arms. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ArmsStudyOptions:
    """What is compared, and how it is measured."""

    arms: str = ""
    """YAML file of the arms: under each name the options of `train` that the arm has for itself. All other options are
    those of this command."""
    test: str = ""
    """Further sets to test on, `name=data set`; several by repeating the option, or separated by commas."""
    baseline: str | None = None
    """Arm that the others are compared with; default: the first of the file."""
    learning_rates: str = "1e-5,3e-5,1e-4"
    """Rates, separated by commas, of which each arm gets the one that suits its held-out part; one: that."""
    choose_rates_on: Literal["first", "each"] = "first"
    """Seeds that try all rates: the `first`, whose choice then holds for the others, or `each` for itself."""
    num_seeds: int = 3
    """Repetitions, each with its own first weights, order, and held-out part."""
    test_share: float = 0.3
    """Share of the pairs that is tested on, in whole groups, the same for all seeds; 0: only what --test names."""
    held_out_share: float = 0.1
    """Share of the other pairs, in whole groups, that is held out to choose rates by."""
    num_train_pairs: int | None = None
    """Train on a random sample of this many of the pairs that are left; default: on all."""
    fold_by: Literal["prompt", "pair", "category"] = "prompt"
    """What is never cut by test, held-out part and training."""
    workers: int = 2
    """Trainings at the same time, each in a process with one thread; fewer where memory does not allow them."""
    forecast: bool = False
    """Measure a few steps of every arm, tell how long the study will take, and stop."""
