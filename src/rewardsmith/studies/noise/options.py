"""Options of the noise study. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class NoiseStudyOptions:
    """What is planted, what is tried against it, and how it is measured."""

    kinds: str = "uniform,hard,longer,clustered"
    """Kinds of noise, separated by commas: `uniform`; `hard` (on close pairs); `longer` (so that the longer response
    wins); `clustered` (nine in ten in one half of the categories); `votes` (one vote a pair, drawn at random)."""
    rates: str = "0,0.1,0.2,0.3,0.4"
    """Shares of the training labels that are turned round, separated by commas; 0 is the set as it came."""
    methods: str = "all"
    """Methods, separated by commas: those of docs/methods/study.md, names of recipes, or recipe files. `all`: every
    method of that page; `plain` and `clean` always take part."""
    num_seeds: int = 6
    """Repetitions, each with its own split, noise and folds. The method is chosen on half of them and reported on the
    other half, which takes four."""
    test_share: float = 0.3
    """Share of the pairs that is tested on, in whole groups."""
    fold_by: Literal["prompt", "pair", "category"] = "prompt"
    """What is wholly in training or wholly in the test."""
    audit_fold_by: Literal["prompt", "pair", "category"] = "prompt"
    """What judges of the training labels leave out together; `pair` finds more where responses stand in many pairs."""
    num_judges: int = 4
    """Judges of every training pair."""
    trainer: Literal["probe"] = "probe"
    """What every arm trains: `probe`, a head on frozen features with its penalty chosen by inner folds."""
    choose_by: Literal["given", "own"] = "given"
    """The held-out labels by which every arm chooses its regularisation: the noisy ones as `given`, or its `own`, which
    for repaired arms are the repaired ones."""
    feature_dtype: Literal["float32", "bfloat16"] = "float32"
    """Number type of the trunk's forward pass."""
    workers: int = 2
    """Cells of the study that are computed at the same time, each in a process of its own."""
