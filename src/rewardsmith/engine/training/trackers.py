"""Experiment trackers (TensorBoard, Weights & Biases, trackio, MLflow, ...) beside ``metrics.jsonl``, by accelerate."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers  # type: ignore[import-untyped]

from rewardsmith.artifacts.config.flat_config import suggest
from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.engine.training.options import TrackerOptions
from rewardsmith.errors import ConfigError

PROJECT = "rewardsmith"
# What each service calls the name of one run. TensorBoard has none: there it is the name of a folder.
_RUN_NAME = {
    "clearml": "task_name",
    "mlflow": "run_name",
    "swanlab": "experiment_name",
    "trackio": "name",
    "wandb": "name",
}


def check_trackers(options: TrackerOptions) -> list[str]:
    """Names of the trackers asked for; ``ConfigError`` for one that is unknown or not installed."""
    names = [name.strip() for name in options.report_to.split(",") if name.strip() not in ("", "none")]
    installed = {str(getattr(name, "value", name)) for name in get_available_trackers()}
    for name in names:
        if name not in LOGGER_TYPE_TO_CLASS:
            known = ["none", *sorted(LOGGER_TYPE_TO_CLASS)]
            raise ConfigError(f"`report_to` {name} is not known; use {', '.join(known)}.{suggest(name, known)}")
        if name not in installed:
            package = name.replace("_", "-")
            raise ConfigError(f"`report_to` {name} is not installed: pip install {package}")
    return names


class TrackedLog:
    """``metrics.jsonl`` in a folder, whose lines also go to the trackers asked for. Close it by ``with``."""

    def __init__(self, path: Path, options: TrackerOptions, config: dict[str, Any]) -> None:
        self._file = MetricsLog(path)
        self._folder = path.parent
        self._names = check_trackers(options)
        self._run_name = options.run_name or path.parent.resolve().name
        self._config = config
        self._trackers: list[Any] = []

    def cut_back(self, step: int) -> None:
        """Begins after a step; see ``MetricsLog``. TensorBoard forgets later steps too, the others begin a new run."""
        self._file.cut_back(step)
        self._trackers = [self._made(name, step) for name in self._names]
        for tracker in self._trackers:
            tracker.start()
            if step == 0:
                tracker.store_init_configuration({name: v for name, v in self._config.items() if v is not None})

    def log(self, **fields: Any) -> None:
        """One line everywhere; ``step`` is its place on the axis of the trackers."""
        self._file.log(**fields)
        values = {name: value for name, value in fields.items() if name != "step" and value is not None}
        for tracker in self._trackers:
            tracker.log(values, step=fields["step"])

    def __enter__(self) -> TrackedLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for tracker in self._trackers:
            tracker.finish()
        self._trackers = []

    def _made(self, name: str, step: int) -> Any:
        kind = LOGGER_TYPE_TO_CLASS[name]
        named = {_RUN_NAME[name]: self._run_name} if name in _RUN_NAME else {}
        if name == "tensorboard":
            return kind(self._run_name, str(self._folder / name), purge_step=step + 1 if step else None)
        if kind.requires_logging_directory:
            return kind(PROJECT, str(self._folder / name), **named)
        return kind(PROJECT, **named)
