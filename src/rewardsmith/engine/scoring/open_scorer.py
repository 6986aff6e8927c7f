"""A scorer by what names it: one reward model, several separated by commas, or an ensemble's folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.scoring.ensemble_scorer import EnsembleScorer
from rewardsmith.engine.scoring.feature_head_scorer import FeatureHeadScorer
from rewardsmith.engine.scoring.local_scorer import load_local_scorer
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.errors import ConfigError, ModelError
from rewardsmith.metrics.aggregates import Aggregation
from rewardsmith.models.feature_head import FeatureHead, is_feature_head

ENSEMBLE_FILE = "ensemble.json"


@dataclass(frozen=True)
class ScorerKind:
    """A kind of thing that gives rewards."""

    is_named_by: Callable[[str], bool]
    """Whether a name means one of these."""
    load: Callable[[str, ScoringOptions, Aggregation, bool], Scorer]
    """By name, options, how its members become one, and whether to be quiet."""


def open_scorer(name: str, options: ScoringOptions | None = None, quiet: bool = True) -> Scorer:
    """The scorer that a name and options ask for, loaded and checked.

    ``ConfigError`` for options that do not fit together; ``ModelError`` for what cannot be loaded.
    """
    options = options or ScoringOptions()
    aggregation = aggregation_of(options)
    names = [name] if name and Path(name).exists() else [part.strip() for part in name.split(",") if part.strip()]
    if not names:
        raise ConfigError("`reward_model_path` is missing: name the folder or Hub id of a reward model.")
    scorer = _load_all(names, options, aggregation, quiet)
    if scorer.num_members == 1 and aggregation != Aggregation():
        raise ConfigError(f"`aggregate` {aggregation.how} needs several members, and this is one model.")
    return scorer


def aggregation_of(options: ScoringOptions) -> Aggregation:
    """How members become one reward; ``ConfigError`` for a coefficient that does not fit."""
    try:
        return Aggregation(options.aggregate, options.aggregate_coefficient)
    except ValueError as error:
        raise ConfigError(f"`aggregate_coefficient`: {error}.") from error


def ensemble_members(path: str | Path) -> list[str]:
    """The folders of an ensemble's members; ``ModelError`` for a broken index."""
    return _index(path)[0]


def _index(path: str | Path) -> tuple[list[str], list[tuple[float, float]] | None]:
    """Folders of the members, and their ``scales`` (``EnsembleScorer``) where the index has any."""
    index = Path(path) / ENSEMBLE_FILE
    try:
        found = json.loads(index.read_text(encoding="utf-8"))
        folders = [str(index.parent / member) for member in found["members"]]
        scales = [(float(mean), float(std)) for mean, std in found["scales"]] if "scales" in found else None
        if scales is not None and (len(scales) != len(folders) or not all(std > 0 for _, std in scales)):
            raise ValueError(f"{len(folders)} members and the scales {scales}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{index} is no index of an ensemble: {type(error).__name__}: {error}.") from error
    missing = [folder for folder in folders if not Path(folder).is_dir()]
    if missing or not folders:
        raise ModelError(f"{index} names {len(folders)} members; {missing[0] if missing else 'one'} is not there.")
    return folders, scales


def _load_all(
    names: Sequence[str],
    options: ScoringOptions,
    aggregation: Aggregation,
    quiet: bool,
    scales: Sequence[tuple[float, float]] | None = None,
) -> Scorer:
    if len(names) == 1:
        return _load(names[0], options, aggregation, quiet)
    return EnsembleScorer([partial(_load, name, options, Aggregation(), quiet) for name in names], aggregation, scales)


def _load(name: str, options: ScoringOptions, aggregation: Aggregation, quiet: bool) -> Scorer:
    kind = next(kind for kind in SCORER_KINDS if kind.is_named_by(name))
    return kind.load(name, options, aggregation, quiet)


def _is_ensemble(name: str) -> bool:
    return (Path(name) / ENSEMBLE_FILE).is_file()


def _load_ensemble(name: str, options: ScoringOptions, aggregation: Aggregation, quiet: bool) -> Scorer:
    members, scales = _index(name)
    return _load_all(members, options, aggregation, quiet, scales)


def _load_feature_head(name: str, options: ScoringOptions, aggregation: Aggregation, quiet: bool) -> Scorer:
    head = FeatureHead.load(name)
    if options.max_length not in (None, head.max_length):
        raise ModelError(
            f"`max_length` {options.max_length}: {name} was fitted at {head.max_length} tokens and has no other."
        )
    return FeatureHeadScorer(head, options.device, quiet, aggregation)


def _load_model(name: str, options: ScoringOptions, _: Aggregation, quiet: bool) -> Scorer:
    return load_local_scorer(name, options, quiet)


SCORER_KINDS = (
    ScorerKind(_is_ensemble, _load_ensemble),
    ScorerKind(is_feature_head, _load_feature_head),
    ScorerKind(bool, _load_model),  # any other name: a folder or a Hub id
)
"""The first one that a name fits is taken. One more kind is one more entry."""
