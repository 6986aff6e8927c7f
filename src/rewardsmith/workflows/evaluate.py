"""``rewardsmith evaluate``: how good is a reward model on a preference set, and how sure is that?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rewardsmith.artifacts.atomic import write_jsonl, write_table
from rewardsmith.artifacts.fingerprints import fingerprint_json
from rewardsmith.artifacts.flat_config import flatten
from rewardsmith.artifacts.progress import say, set_quiet
from rewardsmith.artifacts.run_folder import RunFolder
from rewardsmith.evaluation.reward_benchmark import benchmark_rewards
from rewardsmith.preferences.load import load_preferences
from rewardsmith.workflows.default_output import default_output
from rewardsmith.workflows.open_scorer import open_scorer
from rewardsmith.workflows.options import EvaluateConfig

SHOWN_CATEGORIES = 30


@dataclass(frozen=True)
class EvaluateResult:
    """Numbers of a reward model on a set, and the folder with the reward of every response."""

    path: str
    metrics: dict[str, Any]

    def summary(self) -> dict[str, Any]:
        """The result in one JSON document."""
        return {"path": self.path, **self.metrics}

    def print(self, console: Any) -> None:
        """The result for a reader, on a rich console."""
        print_metrics(self.metrics, console)
        console.print(f"Rewards of every pair: {self.path}/rewards.parquet", markup=False, highlight=False)


def run_evaluate(config: EvaluateConfig, dataset: Any = None) -> EvaluateResult:
    """Scores a set and writes ``metrics.json`` and ``rewards.parquet``. ``dataset``: rows in memory, if not named."""
    set_quiet(config.run.quiet)
    given = load_preferences(dataset if dataset is not None else config.data.dataset_name, config.data, config.run.seed)
    scorer = open_scorer(config.reward_model_path, config.scoring, config.run.quiet)
    folder = RunFolder.open(
        config.run.output_dir or default_output("evaluate", given.name),
        "evaluate",
        flatten(config),
        {**given.sources, "reward model": fingerprint_json(scorer.fingerprint)},
        config.run.overwrite,
        config.run.seed,
    )
    if given.quarantine:
        write_jsonl(folder.path / "quarantine.jsonl", (asdict(row) for row in given.quarantine))
        say(f"{len(given.quarantine):,} of {given.num_rows_read:,} rows cannot be used: see quarantine.jsonl.")
    result = benchmark_rewards(scorer, given.table, config.run.seed)
    metrics = {
        **result.metrics,
        "reward_model": config.reward_model_path,
        "dataset": given.name,
        "num_quarantined": len(given.quarantine),
        "num_conversations_cut": scorer.num_cut,
    }
    write_table(folder.path / "rewards.parquet", result.rewards)
    folder.finish(metrics, device=scorer.device)
    return EvaluateResult(str(folder.path), metrics)


def print_metrics(metrics: dict[str, Any], console: Any) -> None:
    """The numbers of ``benchmark_rewards`` in words and tables."""
    m = metrics
    console.print(
        f"Accuracy {with_interval(m['eval_accuracy'], m['eval_accuracy_ci_low'], m['eval_accuracy_ci_high'])} "
        f"on {m['eval_num_pairs']:,} pairs of {m['eval_num_prompts']:,} prompts (95 % interval over prompts); "
        f"with half credit for {m['eval_num_ties']:,} tied rewards {share(m['eval_accuracy_ties_half'])}.",
        highlight=False,
    )
    console.print(
        f"Mean gap {m['eval_gap_mean']:+.3f}; negative log-likelihood {m['eval_nll']:.4f} (constant rewards: 0.6931); "
        f"preferring the longer response: {share(m['eval_length_accuracy'])}.",
        highlight=False,
    )
    if m["eval_num_label_ties"]:
        console.print(
            f"{m['eval_num_label_ties']:,} pairs whose label is a tie are in neither accuracy.", highlight=False
        )
    if m["eval_num_without_weight"]:
        console.print(f"{m['eval_num_without_weight']:,} pairs of weight 0 were left out.", highlight=False)
    lengths = [{**entry, "name": f"{entry['from']:+,} to {entry['to']:+,}"} for entry in m["by_length_difference"]]
    if m["by_category"]:
        console.print(_table("category", m["by_category"][:SHOWN_CATEGORIES]))
        if len(m["by_category"]) > SHOWN_CATEGORIES:
            console.print(f"... and {len(m['by_category']) - SHOWN_CATEGORIES} more in metrics.json")
    console.print(_table("preferred response longer by (characters)", lengths))


def share(value: float | None) -> str:
    """``0.6667``, or a dash where there is no number."""
    return "-" if value is None else f"{value:.4f}"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """``0.6667 [0.60, 0.73]``."""
    return share(value) if low is None or high is None else f"{share(value)} [{low:.4f}, {high:.4f}]"


def _table(what: str, entries: list[dict[str, Any]]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(what, "pairs", "accuracy", "ties", "mean gap")
    for column in table.columns[1:]:
        column.justify = "right"
    for entry in entries:
        accuracy = with_interval(entry["accuracy"], entry["accuracy_ci_low"], entry["accuracy_ci_high"])
        name = escape(str(entry["name"]))
        table.add_row(name, f"{entry['count']:,}", accuracy, f"{entry['num_ties']:,}", f"{entry['gap_mean']:+.3f}")
    return table
