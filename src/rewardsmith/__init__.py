"""rewardsmith turns human preferences into a reward model you can trust.

``rewardsmith.audit("prefs.jsonl")`` measures how strong every preference is and which labels are doubtful; ``train``,
``evaluate`` and ``score`` make, measure and use a reward model. Each takes the data first, and the options of its
command as keyword arguments. Importing this package loads nothing heavy; the first call does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, TypeVar

from rewardsmith.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from rewardsmith.contracts.judge import Judge
    from rewardsmith.workflows.audit import AuditResult
    from rewardsmith.workflows.evaluate import EvaluateResult
    from rewardsmith.workflows.export import ExportResult
    from rewardsmith.workflows.imitate import ImitateResult
    from rewardsmith.workflows.iterate import IterateResult
    from rewardsmith.workflows.judge import JudgeForecast, JudgeResult
    from rewardsmith.workflows.refine import RefineResult
    from rewardsmith.workflows.sample import SampleResult
    from rewardsmith.workflows.score import ScoreResult
    from rewardsmith.workflows.study_arms import ArmsResult, ForecastResult
    from rewardsmith.workflows.study_noise import StudyResult
    from rewardsmith.workflows.train import TrainResult
    from rewardsmith.workflows.undo import UndoResult
    from rewardsmith.workflows.west_of_n import WestOfNResult

__all__ = [
    "__version__",
    "audit",
    "evaluate",
    "export",
    "imitate",
    "iterate",
    "judge",
    "leanings",
    "refine",
    "reward_function",
    "sample",
    "score",
    "study_arms",
    "study_noise",
    "train",
    "undo",
    "west_of_n",
]

_Config = TypeVar("_Config")


def audit(dataset: Any, **options: Any) -> AuditResult:
    """Which labels are doubtful, how strong every preference is, and how far to trust the answer.

    ``dataset``: a name as on the command line, a list of rows, a pandas data frame, a ``datasets.Dataset`` or an
    Arrow table. ``options``: those of ``rewardsmith audit --help``, by name.
    """
    from rewardsmith.workflows.audit import run_audit
    from rewardsmith.workflows.options.audit import AuditConfig

    return run_audit(_config(AuditConfig, dataset, options), **_in_memory(dataset))


def leanings(dataset: Any, **options: Any) -> pd.DataFrame:
    """What preferred responses have more of: words, lists, questions, apologies and others, without any model.

    One row for each feature in the whole set, in each category and of each annotator; ``AuditResult.leanings`` has the
    judges' beside them. ``options``: those by which a set is read, as in ``rewardsmith audit --help``.
    """
    from rewardsmith.workflows.leanings import run_leanings
    from rewardsmith.workflows.options.leanings import LeaningsConfig

    return run_leanings(_config(LeaningsConfig, dataset, options), **_in_memory(dataset))


def refine(audit_dir: str | PathLike[str], **options: Any) -> RefineResult:
    """Repairs an audited set by the rules of a recipe; ``.ledger`` has every pair. Options: those of the command."""
    from rewardsmith.workflows.options.refine import RefineConfig
    from rewardsmith.workflows.refine import run_refine

    return run_refine(_config(RefineConfig, None, {"audit_dir": audit_dir, **options}))


def undo(refined_dir: str | PathLike[str], output_file: str | PathLike[str], **options: Any) -> UndoResult:
    """Writes the rows that went into a refined folder, as they were. Options: ``rewardsmith undo --help``."""
    from rewardsmith.workflows.options.undo import UndoConfig
    from rewardsmith.workflows.undo import run_undo

    return run_undo(_config(UndoConfig, None, {"refined_dir": refined_dir, "output_file": output_file, **options}))


def train(dataset: Any, **options: Any) -> TrainResult:
    """Trains a Bradley-Terry reward model on a preference set. Options: ``rewardsmith train --help``."""
    from rewardsmith.workflows.options.train import TrainConfig
    from rewardsmith.workflows.train import run_train

    return run_train(_config(TrainConfig, dataset, options), **_in_memory(dataset))


def evaluate(dataset: Any, *, reward_model_path: str | PathLike[str], **options: Any) -> EvaluateResult:
    """Measures a reward model on a preference set. Options: ``rewardsmith evaluate --help``."""
    from rewardsmith.workflows.evaluate import run_evaluate
    from rewardsmith.workflows.options.evaluate import EvaluateConfig

    options = {"reward_model_path": reward_model_path, **options}
    return run_evaluate(_config(EvaluateConfig, dataset, options), **_in_memory(dataset))


def sample(dataset: Any, *, model_name_or_path: str | PathLike[str], **options: Any) -> SampleResult:
    """Writes several responses of a policy to each prompt of a set. Options: ``rewardsmith sample --help``."""
    from rewardsmith.workflows.options.sample import SampleConfig
    from rewardsmith.workflows.sample import run_sample

    options = {"model_name_or_path": model_name_or_path, **options}
    return run_sample(_config(SampleConfig, dataset, options), **_in_memory(dataset))


def score(dataset: Any, *, reward_model_path: str | PathLike[str], **options: Any) -> ScoreResult:
    """Writes the reward of every response of a set; ``.table`` reads it back. Options: ``rewardsmith score --help``."""
    from rewardsmith.workflows.options.score import ScoreConfig
    from rewardsmith.workflows.score import run_score

    options = {"reward_model_path": reward_model_path, **options}
    return run_score(_config(ScoreConfig, dataset, options), **_in_memory(dataset))


def west_of_n(samples: Any, *, reward_model_path: str | PathLike[str], **options: Any) -> WestOfNResult:
    """Makes preferences of a policy's samples. Options: ``rewardsmith west-of-n --help``."""
    from rewardsmith.workflows.options.west_of_n import WestOfNConfig
    from rewardsmith.workflows.west_of_n import run_west_of_n

    options = {"reward_model_path": reward_model_path, **options}
    return run_west_of_n(_config(WestOfNConfig, samples, options), **_in_memory(samples))


def reward_function(reward_model_path: str | PathLike[str], form: str = "trl", **options: Any) -> Callable[..., Any]:
    """A reward model as a function that another RL trainer calls: ``form`` is trl, openrlhf or verl.

    ``options``: those of scoring, as in ``rewardsmith score --help`` (``device``, ``max_length``, ``aggregate``, ...);
    ``name``, for the trainer's log; and for openrlhf ``policy_name_or_path``. The model is opened at the first call,
    once in a process.
    """
    from rewardsmith.serving.callables.forms import make_reward_function
    from rewardsmith.serving.callables.options import RewardFunctionConfig

    options = {"reward_model_path": reward_model_path, "form": form, **options}
    return make_reward_function(_config(RewardFunctionConfig, None, options))


def iterate(dataset: Any, **options: Any) -> IterateResult:
    """Rounds of RLHF in which the reward model is looked at and adapted before each.

    ``dataset``: preferences, or ``embedded/world``. Options: ``rewardsmith iterate --help``.
    """
    from rewardsmith.workflows.iterate import run_iterate
    from rewardsmith.workflows.options.iterate import IterateConfig

    return run_iterate(_config(IterateConfig, dataset, options), **_in_memory(dataset))


def imitate(dataset: Any, *, model_name_or_path: str | PathLike[str], **options: Any) -> ImitateResult:
    """Trains a policy to answer as in demonstrations. Options: ``rewardsmith imitate --help``."""
    from rewardsmith.workflows.imitate import run_imitate
    from rewardsmith.workflows.options.imitate import ImitateConfig

    options = {"model_name_or_path": model_name_or_path, **options}
    return run_imitate(_config(ImitateConfig, dataset, options), **_in_memory(dataset))


def judge(
    files: Sequence[Any] | Mapping[str, Any], judge: Judge | None = None, **options: Any
) -> JudgeResult | JudgeForecast:
    """Who writes better responses: win rates of several files, and how far the judge is to be trusted.

    ``files``: names or rows in memory, in a list or by name. ``judge``: anything with ``judge``, ``fingerprint`` and
    ``close``, in place of the one that options name. ``options``: those of ``rewardsmith judge --help``.
    """
    from rewardsmith.workflows.judge import run_judge
    from rewardsmith.workflows.options.judge import JudgeConfig

    return run_judge(_config(JudgeConfig, None, options), files, judge)


def export(dataset: Any, **options: Any) -> ExportResult:
    """Writes a set or a refined folder for another trainer. Options: ``rewardsmith export --help``."""
    from rewardsmith.workflows.export import run_export
    from rewardsmith.workflows.options.export import ExportConfig

    return run_export(_config(ExportConfig, dataset, options), **_in_memory(dataset))


def study_arms(
    dataset: Any, arms: Mapping[str, Mapping[str, Any]] | str | PathLike[str], **options: Any
) -> ArmsResult | ForecastResult:
    """Which settings of ``train`` are best on this set: named arms on the same pairs, over seeds, paired intervals.

    ``arms``: options of ``train`` by name of the arm, or a YAML file of them. ``options``: those of the command.
    """
    from rewardsmith.workflows.options.study_arms import StudyArmsConfig
    from rewardsmith.workflows.study_arms import run_study_arms

    if isinstance(arms, Mapping):
        return run_study_arms(_config(StudyArmsConfig, dataset, options), **_in_memory(dataset), arms=arms)
    return run_study_arms(_config(StudyArmsConfig, dataset, {"arms": arms, **options}), **_in_memory(dataset))


def study_noise(dataset: Any, **options: Any) -> StudyResult:
    """Which repair helps on this set: known noise is planted, repaired blind, and tested on untouched labels.

    Options: ``rewardsmith study noise --help``.
    """
    from rewardsmith.workflows.options.study_noise import StudyNoiseConfig
    from rewardsmith.workflows.study_noise import run_study_noise

    return run_study_noise(_config(StudyNoiseConfig, dataset, options), **_in_memory(dataset))


def _config(config_class: type[_Config], dataset: Any, options: dict[str, Any]) -> _Config:
    from rewardsmith.artifacts.config.flat_config import build_config
    from rewardsmith.errors import ConfigError

    if options.get("dry_run"):
        raise ConfigError("dry_run is for the command line; from Python, look at the options you pass.")
    named = {"dataset_name": dataset} if isinstance(dataset, str | PathLike) else {}
    given = {**named, **options}
    return build_config(
        config_class, {name: fspath(value) if isinstance(value, PathLike) else value for name, value in given.items()}
    )


def _in_memory(dataset: Any) -> dict[str, Any]:
    return {} if isinstance(dataset, str | PathLike) else {"dataset": dataset}
