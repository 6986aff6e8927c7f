"""``rewardsmith export``: a preference set in the form of another trainer, and what that trainer will not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rewardsmith.artifacts.config.flat_config import flatten
from rewardsmith.artifacts.runs.metrics_file import write_metrics
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.metrics.export import ExportMetrics
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.preferences.exports.consumers import EXPORTS
from rewardsmith.preferences.exports.outgoing import Export, Outgoing, outgoing
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.preferences.sources.refined_folder import is_refined, read_ledger
from rewardsmith.report.notebook import MeasuredResult
from rewardsmith.workflows.options.export import ExportConfig
from rewardsmith.workflows.outputs.output_paths import default_output, refuse_existing, refuse_inputs

_WHY_LEFT_OUT = {
    "weight_0": "dropped (weight 0)",
    "tie": "ties, which `chosen` and `rejected` cannot say; --ties keep writes them in their order",
    "prompt": "with turns in the prompt that it cannot hold",
    "extra": "with tool calls or reasoning that it cannot hold",
}
_TRAINED_AS = {
    "target": "targets other than 0 and 1: it trains on them as certain",
    "margin": "margins: it trains without them",
    "weight": "weights other than 1: it counts every pair once",
}


@dataclass(frozen=True, repr=False)
class ExportResult(MeasuredResult[ExportMetrics]):
    """Where the pairs are, and what the consumer gets of them."""

    def in_short(self) -> str:
        return f"{self.metrics['num_written']:,} of {self.metrics['num_pairs']:,} pairs for {self.metrics['to']}"

    def print(self, console: Any) -> None:
        for line in _lines(self.metrics):
            console.print(line, markup=False, highlight=False)
        console.print(f"Written to {self.path}", markup=False, highlight=False)
        console.print(f"To read it: {self.metrics['hint']}", markup=False, highlight=False)


def run_export(config: ExportConfig, dataset: Any = None) -> ExportResult:
    """Reads a set and writes it. ``dataset``: rows in memory, if the configuration names none."""
    set_quiet(config.quiet)
    export = EXPORTS[config.to]
    _check(config, export)
    source = dataset if dataset is not None else config.data.dataset_name
    given = load_preferences(source, config.data, config.seed)
    leaving = outgoing(_with_strengths(given, source), export, keep_ties=config.ties == "keep")
    if not leaving.pairs.num_rows:
        reasons = ", ".join(f"{number:,} {_WHY_LEFT_OUT[why]}" for why, number in leaving.left_out.items() if number)
        raise DataError(f"{given.name}: no pair is left to write for {export.name} ({reasons}).")
    path = _output(config, export, given.name)
    refuse_inputs("--output_dir" if export.is_folder else "--output_file", path, given.sources)
    metrics: ExportMetrics = {
        "to": export.name,
        "consumer": export.consumer,
        "dataset": given.name,
        "num_rows_read": given.num_rows_read,
        "num_quarantined": len(given.quarantine),
        "columns_not_read": given.columns_not_read,
        "num_pairs": leaving.num_pairs,
        "num_written": leaving.pairs.num_rows,
        "num_swapped": leaving.num_swapped,
        "left_out": leaving.left_out,
        "not_expressed": leaving.not_expressed,
        "hint": export.hint.format(path=path, name=path.resolve().name),
    }
    _write(config, export, given, leaving, path, metrics)
    return ExportResult(str(path), metrics)


def _with_strengths(given: PreferenceSet, source: Any) -> pa.Table:
    """The pairs; those of a refined folder with what its ledger says beside them."""
    if not is_refined(source):
        return given.table
    ledger = read_ledger(source)
    return ledger.filter(pc.is_in(ledger["pair_id"], given.table["pair_id"].combine_chunks()))


def _check(config: ExportConfig, export: Export) -> None:
    wrong, right = ("output_file", "output_dir") if export.is_folder else ("output_dir", "output_file")
    if getattr(config, wrong) is not None:
        kind = "a folder" if export.is_folder else "one file"
        raise ConfigError(f"--{wrong}: an export to {export.name} is {kind}; name it with --{right}.")
    if config.output_file is not None and Path(config.output_file).suffix != ".jsonl":
        raise ConfigError(f"--output_file {config.output_file} must end with .jsonl.")


def _output(config: ExportConfig, export: Export, name: str) -> Path:
    usual = default_output(f"export-{export.name}", name)
    if export.is_folder:
        return Path(config.output_dir or usual)
    path = Path(config.output_file or f"{usual}.jsonl")
    refuse_existing(path, config.overwrite)
    return path


def _write(
    config: ExportConfig, export: Export, given: PreferenceSet, leaving: Outgoing, path: Path, metrics: ExportMetrics
) -> None:
    if not export.is_folder:
        export.write(leaving.pairs, path, path.stem)
        return
    folder = RunFolder.open(path, "export", flatten(config), dict(given.sources), config.overwrite, config.seed)
    with folder.abandoned_on_input_error():
        export.write(leaving.pairs, path, path.resolve().name)
        write_metrics(folder.path, metrics, ExportMetrics)
        folder.finish()


def _lines(m: ExportMetrics) -> Iterator[str]:
    yield (
        f"{m['num_written']:,} of {m['num_pairs']:,} pairs written for {m['consumer']}; "
        f"{m['num_swapped']:,} with their responses in each other's place."
    )
    if m["num_quarantined"]:
        yield f"{m['num_quarantined']:,} of {m['num_rows_read']:,} rows could not be read; `audit` says why."
    yield from _counted("Left out:", m["left_out"], _WHY_LEFT_OUT)
    yield from _counted("What it cannot be told:", m["not_expressed"], _TRAINED_AS)


def _counted(title: str, counts: dict[str, int], meaning: dict[str, str]) -> Iterator[str]:
    found = {name: number for name, number in counts.items() if number}
    if found:
        yield title
        yield from (f"  {number:>9,} {meaning[name]}" for name, number in found.items())
