"""``rewardsmith west-of-n``: preferences that a reward model makes of samples, alone or beside those of people."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.runs.metrics_file import check_metrics
from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.conversations import key_of, with_fields
from rewardsmith.contracts.metrics.west_of_n import WestOfNMetrics
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.errors import ConfigError, DataError, RunError
from rewardsmith.metrics.win_rates import win_rate
from rewardsmith.policy.west_of_n import MadePair, ScoredResponses, keep_most, make_pairs
from rewardsmith.preferences.exports.outgoing import oriented
from rewardsmith.preferences.exports.trl import trl_rows
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.report.commands import LANGUAGE_MODEL
from rewardsmith.report.notebook import MeasuredResult
from rewardsmith.report.numbers import percent, percent_range
from rewardsmith.workflows.inputs.sample_files import read_samples, write_quarantine
from rewardsmith.workflows.options.west_of_n import WestOfNConfig
from rewardsmith.workflows.outputs.output_paths import default_output, refuse_existing, refuse_inputs

SUFFIX = ".jsonl"
SOURCE = "west_of_n"
"""In the column ``source`` of every pair that was made."""

Row = dict[str, Any]


@dataclass(frozen=True, repr=False)
class WestOfNResult(MeasuredResult[WestOfNMetrics]):
    """Where the pairs are, and what they are worth as far as that is known."""

    def in_short(self) -> str:
        return f"{self.metrics['num_made']:,} pairs made, {self.metrics['num_human']:,} of people"

    def print(self, console: Any) -> None:
        for line in _lines(self.metrics):
            console.print(line, markup=False, highlight=False)
        console.print(f"Written to {self.path}", markup=False, highlight=False)
        train = f"rewardsmith train {shlex.quote(self.path)} --model_name_or_path {LANGUAGE_MODEL}"
        console.print(f"Next: {train}", markup=False, highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class _Scored:
    """Rows of samples and what the reward model says of them."""

    rows: list[Row]
    prompts: list[ScoredResponses]
    num_truncated: int

    def logprob(self, pair: MadePair) -> float:
        """Log-likelihood of both responses under the policy that drew them."""
        own = self.rows[pair.prompt]["logprob"]
        return float(own[pair.chosen] + own[pair.rejected])

    def gold_gap(self, pair: MadePair) -> float | None:
        """Chosen less rejected, where both are known."""
        gold = self.rows[pair.prompt]["gold"] or [None] * len(self.prompts[pair.prompt].texts)
        chosen, rejected = gold[pair.chosen], gold[pair.rejected]
        return None if chosen is None or rejected is None else chosen - rejected

    def length_gap(self, pair: MadePair) -> int:
        """Characters."""
        lengths = [len(turns[-1]["content"]) for turns in self.rows[pair.prompt]["responses"]]
        return lengths[pair.chosen] - lengths[pair.rejected]


def run_west_of_n(config: WestOfNConfig, dataset: Any = None) -> WestOfNResult:
    """Scores samples, makes pairs and writes them. ``dataset``: rows in memory, if the configuration names none.

    ``ConfigError`` and ``OutputError`` before anything is scored; ``DataError`` where no pair is left.
    """
    set_quiet(config.run.quiet)
    _check(config)
    human = _human(config)
    with closing(open_scorer(config.reward_model_path, config.scoring, config.run.quiet)) as scorer:
        samples = read_samples(config.data, scorer.refusals, dataset)
        path = Path(config.output_file or f"{default_output('west-of-n', samples.name)}{SUFFIX}")
        refuse_existing(path, config.run.overwrite)
        refuse_inputs("--output_file", path, [*samples.sources, *(human.sources if human else ())])
        num_without = samples.table["logprob"].null_count
        if config.keep_likely < 1 and num_without:
            raise DataError(
                f"--keep_likely {config.keep_likely}: {num_without:,} of {len(samples.table):,} rows of {samples.name} "
                "have no `logprob`, which `rewardsmith sample` writes for a model here."
            )
        scored = _scored(scorer, samples.table.to_pylist(), config.num_responses)
        fingerprint = scorer.fingerprint
    made = make_pairs(scored.prompts, config.against, config.seed)
    sure = keep_most(made, config.keep_confident, lambda pair: pair.confidence)
    likely = sure if config.keep_likely == 1 else keep_most(sure, config.keep_likely, scored.logprob)
    kept = _in_ratio(likely, config, human)
    if not kept:
        raise DataError(f"{samples.name}: no prompt has two responses of different text and reward.")
    credits = [gap > 0 for pair in kept if (gap := scored.gold_gap(pair))]
    lengths = [gap > 0 for pair in kept if (gap := scored.length_gap(pair))]
    metrics: WestOfNMetrics = {
        "reward_model": config.reward_model_path,
        "fingerprint": fingerprint,
        "num_members": len(scored.prompts[0].members),
        "samples": samples.name,
        "num_prompts": len(scored.rows),
        "num_responses": sum(len(prompt.rewards) for prompt in scored.prompts),
        "num_quarantined": len(samples.quarantine),
        "num_conversations_cut": scored.num_truncated,
        "num_alike": len(scored.rows) - len(made),
        "num_unsure": len(made) - len(sure),
        "num_unlikely": len(sure) - len(likely),
        "num_beyond_ratio": len(likely) - len(kept),
        "num_made": len(kept),
        "num_human": len(human.table) if human else 0,
        "confidence": float(np.mean([pair.confidence for pair in kept])),
        "longer_share": float(np.mean(lengths)) if lengths else None,
        "num_gold_pairs": len(credits),
        "gold_accuracy": win_rate(credits, np.arange(len(credits))).as_dict(),
    }
    check_metrics(metrics, WestOfNMetrics, path.name)
    write_quarantine(path.with_name(f"{path.stem}.quarantine{SUFFIX}"), samples)
    write_jsonl(path, _mixed(scored, kept, human, config))
    return WestOfNResult(str(path), metrics)


def _check(config: WestOfNConfig) -> None:
    if not config.reward_model_path:
        raise ConfigError("--reward_model_path is missing: name the reward model, or an ensemble, that chooses.")
    if config.output_file is not None:
        if Path(config.output_file).suffix != SUFFIX:
            raise ConfigError(f"--output_file {config.output_file} must end with {SUFFIX}.")
        refuse_existing(Path(config.output_file), config.run.overwrite)
    for name in ("keep_confident", "keep_likely"):
        if not 0 < (share := getattr(config, name)) <= 1:
            raise ConfigError(f"--{name} {share} must be a share over 0 and up to 1.")
    if config.num_responses is not None and config.num_responses < 2:
        raise ConfigError(f"--num_responses {config.num_responses} must be at least 2: a pair has two.")
    if config.synthetic_per_human <= 0:
        raise ConfigError(f"--synthetic_per_human {config.synthetic_per_human} must be over 0.")


def _human(config: WestOfNConfig) -> PreferenceSet | None:
    name = config.human_dataset_name
    if name is None:
        return None
    return load_preferences(name, DataOptions(dataset_name=name, on_bad_row=config.data.on_bad_row), config.seed)


def _scored(scorer: Scorer, rows: list[Row], num_responses: int | None) -> _Scored:
    """Of the first ``num_responses`` responses to each prompt; ``RunError`` where a reward is not a finite number."""
    talks = [[[*row["prompt"], *turns] for turns in row["responses"][:num_responses]] for row in rows]
    scores = scorer.score([talk for own in talks for talk in own])
    if num := int((~np.isfinite(scores.rewards)).sum()):
        raise RunError(f"{num} of {scores.rewards.size} rewards are not finite numbers.")
    ends = np.cumsum([len(own) for own in talks])[:-1]
    rewards = np.split(scores.rewards.astype(np.float64), ends)
    members = np.split(scores.members.astype(np.float64), ends, axis=1)
    prompts = [
        ScoredResponses(one, each, [key_of(talk[-1]) for talk in own])
        for one, each, own in zip(rewards, members, talks, strict=True)
    ]
    return _Scored(rows, prompts, scores.num_truncated)


def _in_ratio(pairs: list[MadePair], config: WestOfNConfig, human: PreferenceSet | None) -> list[MadePair]:
    """At most so many for each of people, drawn at random; all of them where there are none of people."""
    if human is None:
        return pairs
    most = int(config.synthetic_per_human * len(human.table))
    drawn = np.random.default_rng(config.seed).permutation(len(pairs))[:most]
    return [pairs[i] for i in sorted(drawn)]


def _mixed(scored: _Scored, pairs: list[MadePair], human: PreferenceSet | None, config: WestOfNConfig) -> list[Row]:
    """Rows of both kinds in a random order, in TRL's form, which every verb reads."""
    rows = [_row(scored, pair, config) for pair in pairs]
    if human is not None:
        rows += trl_rows(oriented(human.table))
    return [rows[i] for i in np.random.default_rng(config.seed).permutation(len(rows))]


def _row(scored: _Scored, pair: MadePair, config: WestOfNConfig) -> Row:
    row = scored.rows[pair.prompt]
    made: Mapping[str, Any] = {
        "reward_model": config.reward_model_path,
        "policy": row["policy"],
        "num_responses": len(scored.prompts[pair.prompt].texts),
        "against": config.against,
        "confidence": round(pair.confidence, 6),
    }
    texts = (row["responses"][place] for place in (pair.chosen, pair.rejected))
    chosen, rejected = ([with_fields(message) for message in turns] for turns in texts)
    return {
        "prompt": [with_fields(message) for message in row["prompt"]],
        "chosen": chosen,
        "rejected": rejected,
        "source": SOURCE,
        "strength_mean": round(pair.strength_mean, 6),
        "strength_std": round(pair.strength_std, 6),
        "meta": made,
    }


def _lines(m: WestOfNMetrics) -> Iterator[str]:
    yield (
        f"{m['num_made']:,} pairs from {m['num_responses']:,} responses to {m['num_prompts']:,} prompts"
        + (f", with {m['num_human']:,} pairs of people" if m["num_human"] else "")
        + "."
    )
    left_out = (
        (m["num_alike"], "prompts had no two responses of different text and reward"),
        (m["num_unsure"], "pairs were too close (--keep_confident)"),
        (m["num_unlikely"], "pairs were too unlikely under the policy (--keep_likely)"),
        (m["num_beyond_ratio"], "pairs were more than the ratio to those of people allows (--synthetic_per_human)"),
        (m["num_conversations_cut"], "responses were too long for the model, and were truncated"),
    )
    yield from (f"  {number:>7,} {words}" for number, words in left_out if number)
    who = f"{m['num_members']} members are" if m["num_members"] > 1 else "the model is"
    yield f"On average {who} {percent(m['confidence'])} sure of a pair, by its own reckoning."
    if m["longer_share"] is not None:
        yield f"The chosen response is the longer one in {percent(m['longer_share'])}."
    if not m["num_gold_pairs"]:
        yield "How many are right cannot be told: the samples have no gold."
        return
    gold = m["gold_accuracy"]
    ends = "" if gold["low"] is None else f" ({percent_range(gold['low'], gold['high'])})"
    yield f"Gold agrees with {percent(gold['value'])}{ends} of {m['num_gold_pairs']:,} pairs that it decides."
