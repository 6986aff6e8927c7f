"""``rewardsmith score``: the reward of every response of a set, in constant memory, going on after an interruption."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.artifacts.files.parts import PartsFolder
from rewardsmith.artifacts.runs.metrics_file import check_metrics
from rewardsmith.artifacts.terminal.progress import progress, say, set_quiet
from rewardsmith.contracts.metrics.score import ScoreMetrics
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.scoring.open_scorer import aggregation_of, open_scorer
from rewardsmith.engine.scoring.taken import score_taken
from rewardsmith.errors import ConfigError, DataError, ModelError
from rewardsmith.evaluation.reward_columns import (
    ROW_FORMS,
    count_rewards,
    reward_columns,
    reward_schema,
    summarise_counts,
)
from rewardsmith.models.loading.kept_temperature import read_temperature
from rewardsmith.preferences.rows.fields import columns_not_read
from rewardsmith.preferences.unlabelled.streaming import RowStream, ScoringRow, stream_rows
from rewardsmith.report.notebook import MeasuredResult
from rewardsmith.report.terminal import printable
from rewardsmith.version import __version__
from rewardsmith.workflows.options.score import ScoreConfig
from rewardsmith.workflows.outputs.output_paths import default_output, refuse_inputs
from rewardsmith.workflows.outputs.score_file import ScoreOutput, check_output

PARTS_VERSION = 2


@dataclass(frozen=True, repr=False)
class ScoreResult(MeasuredResult[ScoreMetrics]):
    """Where the rewards are, and their numbers."""

    def in_short(self) -> str:
        return f"{self.metrics['num_responses']:,} responses of {self.metrics['num_rows']:,} rows"

    @property
    def table(self) -> pa.Table:
        """The rewards, read into memory."""
        import pyarrow.json as pj
        import pyarrow.parquet as pq

        return pq.read_table(self.path) if self.path.endswith(".parquet") else pj.read_json(self.path)

    def print(self, console: Any) -> None:
        for line in _lines(self.metrics):
            console.print(line, markup=False, highlight=False)
        console.print(f"Written to {self.path}", markup=False, highlight=False)


def run_score(config: ScoreConfig, dataset: Any = None) -> ScoreResult:
    """Scores a set and writes the file. ``dataset``: rows in memory, if not named."""
    set_quiet(config.run.quiet)
    _check(config)
    if config.output_file is not None:
        check_output(Path(config.output_file), config.run.overwrite)
    stream = stream_rows(dataset if dataset is not None else config.data.dataset_name, config.data)
    output = Path(config.output_file or f"{default_output('score', stream.name)}.parquet")
    check_output(output, config.run.overwrite)
    refuse_inputs("--output_file", output, [config.data.dataset_name])
    if config.probabilities and not ROW_FORMS[stream.kind].has_gap:
        raise ConfigError(
            f"--probabilities: {stream.name} holds no pairs. A reward means something only beside another response to "
            "the same prompt."
        )
    if stream.column is not None:
        say(f"Responses are those in the column {printable(stream.column)}; --response_key names another.")
    with closing(open_scorer(config.reward_model_path, config.scoring, config.run.quiet)) as scorer:
        return _score_rows(config, stream, scorer, output)


def _score_rows(config: ScoreConfig, stream: RowStream, scorer: Scorer, output: Path) -> ScoreResult:
    temperature = _temperature(config, scorer) if config.probabilities else None
    run = _Run(config, stream, scorer, output, temperature)
    started = time.monotonic()
    with run.parts.opened():
        parts = run.score()
        metrics: ScoreMetrics = {
            "reward_model": config.reward_model_path,
            "dataset": stream.name,
            "kind": stream.kind,
            "form": stream.form,
            "num_members": scorer.num_members,
            "temperature": temperature,
            **summarise_counts(stream.kind, run.records),
            "num_rows_resumed": run.num_resumed,
            "columns_not_read": dict(stream.not_read),
            "duration_s": round(time.monotonic() - started, 3),
        }
        check_metrics(metrics, ScoreMetrics, output.name)
        run.output.join(parts, {"fingerprint": scorer.fingerprint, "version": __version__, **metrics})
        run.parts.remove()
    if not metrics["num_responses"]:
        raise DataError(_nothing_scored(metrics, output))
    return ScoreResult(str(output), metrics)


def _nothing_scored(metrics: ScoreMetrics, output: Path) -> str:
    reasons = ", ".join(f"{reason} {number:,}" for reason, number in metrics["bad_rows_by_reason"].items())
    return (
        f"{metrics['dataset']}: none of its {metrics['num_rows']:,} rows could be scored ({reasons}). The column "
        f"`problem` of {output} says why of each."
    )


def _check(config: ScoreConfig) -> None:
    if config.window < 1:
        raise ConfigError(f"--window {config.window} must be at least 1.")
    if config.temperature is not None:
        if not config.probabilities:
            raise ConfigError(f"--temperature {config.temperature} is for --probabilities: rewards stay as they are.")
        if not 0 < config.temperature < math.inf:
            raise ConfigError(f"--temperature {config.temperature} must be a number above 0.")


def _temperature(config: ScoreConfig, scorer: Scorer) -> float:
    """The one given, else the one that the model carries. ``ModelError`` where there is neither."""
    path = config.reward_model_path
    temperature = config.temperature or read_temperature(path, scorer.fingerprint)
    if temperature is None:
        raise ModelError(
            f"--probabilities: {path} carries no temperature for these rewards. Fit one to pairs that were held out: "
            f"rewardsmith evaluate heldout.jsonl --reward_model_path {path} --fit_temperature; or pass --temperature "
            "(1 takes the gaps as they are)."
        )
    return temperature


class _Run:
    """Scores windows of rows, each saved as a part; a part that is there already is taken as it is."""

    def __init__(
        self, config: ScoreConfig, stream: RowStream, scorer: Scorer, path: Path, temperature: float | None
    ) -> None:
        self.stream, self.scorer, self.temperature = stream, scorer, temperature
        self.aggregation = aggregation_of(config.scoring)
        self.parts = PartsFolder(path)
        self.records: list[dict[str, Any]] = []
        self.num_resumed = 0
        self._window, self._keep = config.window, config.keep_columns
        self.output = ScoreOutput(path, reward_schema(stream.kind, scorer.num_members, temperature is not None).names)
        keys = (config.data.prompt_key, config.data.chosen_key, config.data.rejected_key)
        self._settings = fingerprint_json(
            [PARTS_VERSION, scorer.fingerprint, stream.kind, stream.form, keys, config.keep_columns, temperature]
        )

    def score(self) -> list[Path]:
        """The parts of the whole input, in order."""
        done = []
        with progress("Scoring rows", None) as bar:
            try:
                for index, rows in enumerate(self._windows()):
                    done.append(self._part(index, rows))
                    bar.advance(len(rows))
            except KeyboardInterrupt:
                say(f"{len(done) * self._window:,} rows are saved: the same command goes on from there.")
                raise
        return done

    def _windows(self) -> Iterator[list[ScoringRow]]:
        while rows := list(islice(self.stream.rows, self._window)):
            yield rows

    def _part(self, index: int, rows: list[ScoringRow]) -> Path:
        digest = hashlib.sha256(f"{self._settings} {rows[0].row}\n".encode())
        for row in rows:
            digest.update(f"{row.raw.line} {row.raw.original}\n".encode())
        path = self.parts.path(index, digest.hexdigest())
        record = self.parts.finished(path)
        if record is None:
            record = self._write(path, rows)
        else:
            if not self.num_resumed:
                say(f"Going on with what {self.parts.folder} holds.")
            self.num_resumed += len(rows)
        self.records.append(record)
        return path

    def _write(self, path: Path, rows: list[ScoringRow]) -> dict[str, Any]:
        conversations = [conversation for row in rows for conversation in row.conversations]
        scores = score_taken(self.scorer, conversations)
        rewards = reward_columns(
            self.stream.kind, rows, scores.members, self.aggregation, self.temperature, scores.refused
        )
        kept = [row.raw.record for row in rows] if self._keep else None
        self.output.write_part(path, kept, rewards)
        record = {**count_rewards(self.stream.kind, rewards), "num_cut": scores.num_truncated}
        self.parts.finish(path, record)
        return record


def _lines(m: ScoreMetrics) -> Iterator[str]:
    bad = ", ".join(f"{reason} {number:,}" for reason, number in m["bad_rows_by_reason"].items())
    yield f"{m['num_responses']:,} responses of {m['num_rows']:,} rows scored in {m['duration_s']:.0f} s" + (
        f" ({m['num_rows_resumed']:,} rows were done before)." if m["num_rows_resumed"] else "."
    )
    if m["num_bad_rows"]:
        yield f"{m['num_bad_rows']:,} rows have no reward; their column `reason` says why: {bad}."
    if m["columns_not_read"]:
        yield f"Columns {columns_not_read(m['columns_not_read'])}"
    if m["num_cut"]:
        yield f"{m['num_cut']:,} conversations were longer than the model reads and were truncated."
    if m["mean_reward"] is not None:
        yield (
            f"Rewards: mean {m['mean_reward']:+.3f}, standard deviation {m['std_reward']:.3f}, "
            f"from {m['min_reward']:+.3f} to {m['max_reward']:+.3f}."
        )
    if m.get("share_chosen_higher") is not None:
        decided = m["num_pairs"] - m["num_ties"]
        yield (
            f"Chosen has the higher reward in {m['share_chosen_higher']:.1%} of {decided:,} pairs; "
            f"{m['num_ties']:,} more are ties. Mean gap {m['gap_mean']:+.3f}."
        )
