"""``rewardsmith sample``: several responses to each prompt of a set, going on after an interruption."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.artifacts.files.parts import PartsFolder
from rewardsmith.artifacts.runs.metrics_file import check_metrics
from rewardsmith.artifacts.terminal.progress import progress, say, set_quiet
from rewardsmith.contracts.metrics.sample import AnswerCounts, SampleMetrics
from rewardsmith.contracts.sampler import Sampler
from rewardsmith.errors import ConfigError, DataError, ModelError
from rewardsmith.preferences.pairs.identity import pair_id, prompt_id
from rewardsmith.preferences.pairs.preference_set import QuarantinedRow
from rewardsmith.preferences.problems import REFUSED_BY_MODEL, BadRowError
from rewardsmith.preferences.rows.fields import columns_not_read
from rewardsmith.preferences.unlabelled.prompt_rows import PromptRow, PromptStream, stream_prompts
from rewardsmith.report.notebook import MeasuredResult
from rewardsmith.sampling.open_sampler import open_sampler
from rewardsmith.workflows.options.sample import SampleConfig
from rewardsmith.workflows.outputs.output_paths import default_output, refuse_inputs
from rewardsmith.workflows.outputs.sample_file import (
    SUFFIX,
    check_output,
    counts_of,
    join,
    pair_rows,
    sample_row,
    summed,
    write_quarantine,
)

PARTS_VERSION = 1


@dataclass(frozen=True, repr=False)
class SampleResult(MeasuredResult[SampleMetrics]):
    """Where the samples are, and their numbers."""

    def in_short(self) -> str:
        return f"{self.metrics['num_responses']:,} responses to {self.metrics['num_prompts']:,} prompts"

    def print(self, console: Any) -> None:
        for line in _lines(self.metrics):
            console.print(line, markup=False, highlight=False)
        console.print(f"Written to {self.path}", markup=False, highlight=False)


def run_sample(config: SampleConfig, dataset: Any = None) -> SampleResult:
    """Samples and writes the file. ``dataset``: rows in memory, if not named."""
    set_quiet(config.run.quiet)
    _check(config)
    if config.output_file is not None:
        check_output(Path(config.output_file), config.run.overwrite)
    stream = stream_prompts(dataset if dataset is not None else config.data.dataset_name, config.data)
    output = Path(config.output_file or f"{default_output('sample', stream.name)}{SUFFIX}")
    check_output(output, config.run.overwrite)
    refuse_inputs("--output_file", output, [config.data.dataset_name])
    policy = (config.model_name_or_path, config.model_revision)
    with closing(open_sampler(*policy, config.sampling, config.local, config.endpoint, config.run.quiet)) as sampler:
        run = _Run(config, stream, sampler, output)
        started = time.monotonic()
        with run.parts.opened():
            written = run.sample()
            if not run.num_answered:
                raise DataError(f"{stream.name}: none of its {run.num_rows:,} rows is usable. {run.first_problem()}")
            metrics = run.metrics(time.monotonic() - started)
            check_metrics(metrics, SampleMetrics, output.name)
            write_quarantine(output, run.bad)
            join(written, output)
            run.parts.remove()
    return SampleResult(str(output), metrics)


def _check(config: SampleConfig) -> None:
    config.sampling.settings()
    for name, value in (
        ("num_samples", config.num_samples),
        ("window", config.window),
        ("max_prompts", config.data.max_prompts),
    ):
        if value is not None and value < 1:
            raise ConfigError(f"--{name} {value} must be at least 1.")


class _Run:
    """Samples windows of prompts, each saved as a part; a part that is there already is taken as it is."""

    def __init__(self, config: SampleConfig, stream: PromptStream, sampler: Sampler, output: Path) -> None:
        self._config, self._stream, self._sampler = config, stream, sampler
        self.parts = PartsFolder(output)
        self.bad: list[QuarantinedRow] = []
        self.num_rows = 0
        self._seen: set[str] = set()
        self._num_repeated = self._num_resumed = 0
        self._counts: list[AnswerCounts] = []
        self._about = {"policy": sampler.fingerprint, "on_policy": sampler.on_policy, "seed": config.seed}
        settings = {**asdict(config.sampling), **asdict(config.sampling.settings())}
        here = (config.local.max_prompt_length, config.local.bf16)
        written = (config.num_samples, config.pairs)
        self._settings = fingerprint_json([PARTS_VERSION, self._about, settings, *here, *written])

    @property
    def num_answered(self) -> int:
        return sum(one["num_prompts"] for one in self._counts)

    def first_problem(self) -> str:
        return f"The first: {self.bad[0].file} line {self.bad[0].line}: {self.bad[0].message}." if self.bad else ""

    def sample(self) -> list[Path]:
        """The parts of the whole input, in order."""
        done = []
        with progress("Sampling prompts", self._config.data.max_prompts) as bar:
            try:
                for index, rows in enumerate(self._windows()):
                    done.append(self._part(index, rows))
                    bar.advance(len(rows))
            except KeyboardInterrupt:
                say(f"{len(done) * self._config.window:,} prompts are saved: the same command goes on from there.")
                raise
        return done

    def _windows(self) -> Iterator[list[PromptRow]]:
        prompts = islice(self._distinct(), self._config.data.max_prompts)
        while rows := list(islice(prompts, self._config.window)):
            yield rows

    def _distinct(self) -> Iterator[PromptRow]:
        """Rows with a prompt that no earlier one has."""
        for row in self._stream.rows:
            self.num_rows += 1
            if row.problem is not None:
                self._quarantine(row, row.problem.reason, str(row.problem))
            elif self._config.pairs and row.response is None:
                none = row.undecided or BadRowError("missing_field", "no response to be above others (`pairs`)")
                self._quarantine(row, none.reason, str(none))
            elif (name := self._name(row)) in self._seen:
                self._num_repeated += 1
            else:
                self._seen.add(name)
                yield row

    def _part(self, index: int, rows: list[PromptRow]) -> Path:
        digest = hashlib.sha256(self._settings.encode())
        for row in rows:
            digest.update(f"{row.row} {self._name(row)}\n".encode())
        path = self.parts.path(index, digest.hexdigest())
        record = self.parts.finished(path)
        if record is None:
            record = self._write(path, rows)
        else:
            if not self._num_resumed:
                say(f"Going on with what {self.parts.folder} holds.")
            self._num_resumed += len(rows)
        self._counts.append(record["counts"])
        for row in rows:
            if problem := record["refused"].get(str(row.row)):
                self._quarantine(row, REFUSED_BY_MODEL, problem)
        return path

    def _name(self, row: PromptRow) -> str:
        """Equal for rows that need one answer only."""
        return pair_id(row.prompt, [row.response], []) if self._config.pairs and row.response else prompt_id(row.prompt)

    def _write(self, path: Path, rows: list[PromptRow]) -> dict[str, Any]:
        answers = self._sampler.sample([row.prompt for row in rows], self._config.num_samples, self._config.seed)
        both = list(zip(rows, answers, strict=True))
        refused = {str(row.row): one.problem for row, one in both if one.problem is not None}
        if len(refused) == len(rows):
            raise ModelError(
                f"{self._config.model_name_or_path} takes none of {len(rows)} prompts; the first, {rows[0].place}: "
                f"{answers[0].problem}."
            )
        answered = [(row, one) for row, one in both if one.problem is None]
        if self._config.pairs:
            write_jsonl(path, (pair for row, one in answered for pair in pair_rows(row, one)))
        else:
            write_jsonl(path, (sample_row(row, one, self._about) for row, one in answered))
        record = {"counts": counts_of(answers), "refused": refused}
        self.parts.finish(path, record)
        return record

    def _quarantine(self, row: PromptRow, reason: str, message: str) -> None:
        self.bad.append(QuarantinedRow(row.row, row.file, row.raw.line, reason, message, row.raw.original))

    def metrics(self, duration_s: float) -> SampleMetrics:
        how = self._config.sampling
        settings = how.settings()
        return {
            "policy": self._config.model_name_or_path,
            "base_url": self._config.endpoint.base_url,
            "fingerprint": self._sampler.fingerprint,
            "dataset": self._stream.name,
            "num_rows": self.num_rows,
            "num_repeated": self._num_repeated,
            "num_bad_rows": len(self.bad),
            "bad_rows_by_reason": dict(Counter(row.reason for row in self.bad).most_common()),
            "num_prompts_resumed": self._num_resumed,
            "columns_not_read": dict(self._stream.not_read),
            **summed(self._counts),
            "num_samples": self._config.num_samples,
            "on_policy": self._sampler.on_policy,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "repetition_penalty": settings.repetition_penalty,
            "max_new_tokens": how.max_new_tokens,
            "seed": self._config.seed,
            "duration_s": round(duration_s, 3),
        }


def _lines(m: SampleMetrics) -> Iterator[str]:
    rate = f", {m['num_tokens'] / m['num_responses']:.0f} tokens each on average" if m["num_tokens"] else ""
    yield f"{m['num_responses']:,} responses to {m['num_prompts']:,} prompts in {m['duration_s']:.0f} s{rate}" + (
        f" ({m['num_prompts_resumed']:,} prompts were done before)." if m["num_prompts_resumed"] else "."
    )
    if m["num_cut_off"]:
        share = m["num_cut_off"] / m["num_responses"]
        yield f"{share:.1%} of them were cut off at {m['max_new_tokens']} tokens (--max_new_tokens)."
    if m["num_empty"]:
        yield f"{m['num_empty']:,} are empty."
    if m["num_prompts_cut"]:
        yield f"{m['num_prompts_cut']:,} prompts were longer than --max_prompt_length and lost their beginning."
    if m["num_repeated"]:
        yield f"{m['num_repeated']:,} rows repeat the prompt of an earlier one, which is answered once."
    if m["num_bad_rows"]:
        bad = ", ".join(f"{reason} {number:,}" for reason, number in m["bad_rows_by_reason"].items())
        yield f"{m['num_bad_rows']:,} rows have no responses; the quarantine beside the file says why: {bad}."
    if m["columns_not_read"]:
        yield f"Columns {columns_not_read(m['columns_not_read'])}"
    if not m["on_policy"]:
        yield (
            f"Off-policy (temperature {m['temperature']:g}, top-p {m['top_p']:g}, repetition penalty "
            f"{m['repetition_penalty']:g}): good to look at and to score, but a KL or a ratio taken on them is biased."
        )
