"""The sets of a study of arms: read, divided, and written for its processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rewardsmith.artifacts.config.flat_config import flatten
from rewardsmith.artifacts.files.atomic import write_table
from rewardsmith.artifacts.files.fingerprints import fingerprint_file, fingerprint_json
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation, Refusals
from rewardsmith.errors import DataError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.files import weights_fingerprint
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.pairs.conversations import distinct, pair_conversations, turns_of
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.preferences.unlabelled.samples import SampleSet
from rewardsmith.strength.ensembles.crossfit import independent_groups
from rewardsmith.studies.arms.findings import ScoredSet
from rewardsmith.studies.arms.forecast import HELD_OUT, Workload
from rewardsmith.studies.arms.options import ArmsStudyOptions
from rewardsmith.studies.arms.parts import Parts
from rewardsmith.workflows.arms.files import ArmFiles
from rewardsmith.workflows.arms.plan import OWN_TEST, ArmPlan
from rewardsmith.workflows.inputs.meta_samples import meta_samples
from rewardsmith.workflows.inputs.refused_rows import refusals_of, set_aside_refused
from rewardsmith.workflows.options.study_arms import StudyArmsConfig
from rewardsmith.workflows.options.train import TrainConfig
from rewardsmith.workflows.steps.train_model import with_known_errors
from rewardsmith.workflows.train import load_other


@dataclass(frozen=True)
class ArmSets:
    """All that a study reads."""

    given: PreferenceSet
    others: Mapping[str, PreferenceSet]
    """Sets that are tested on besides a part of the given one, by name."""
    own: Mapping[str, pa.Table]
    """By arm, the pairs of those that learn from others than the given ones."""
    sampled: frozenset[str]
    """Prompts of unlabelled samples that some arm learns from."""
    fingerprints: Mapping[str, str]
    """Of all that decides what cells compute, besides the given set."""

    def tests(self, parts: Parts) -> dict[str, pa.Table]:
        """Tables of pairs by name; the part of the set itself first."""
        own = {OWN_TEST: self.given.table.take(pa.array(parts.test))} if len(parts.test) else {}
        return own | {name: other.table for name, other in self.others.items()}

    def write(self, files: ArmFiles, parts: Parts) -> None:
        """Writes what the processes read."""
        for name, pairs in self.tests(parts).items():
            write_table(files.test(name), pairs)
        for seed, rows in parts.train.items():
            learned = self.given.table.take(pa.array(rows))
            write_table(files.held_out(seed), self.given.table.take(pa.array(parts.held_out[seed])))
            write_table(files.learned(None, seed), learned)
            for arm, pairs in self.own.items():
                write_table(files.learned(arm, seed), _those_of(learned, pairs, arm, seed))


def read_sets(config: StudyArmsConfig, plan: ArmPlan, dataset: Any) -> ArmSets:
    """Every set, without the rows that the model of some arm refuses; ``dataset``: rows in memory, if not named."""
    data, seed, refusals = config.train.data, config.run.seed, _refusals(plan)
    given = load_preferences(dataset if dataset is not None else data.dataset_name, data, seed)
    given = set_aside_refused(given, refusals, data)
    others = {name: load_other(place, data, refusals, seed) for name, place in plan.tests.items()}
    samples = _samples(plan, refusals)
    own, prints = {}, _fingerprints(plan, others)
    prints |= {f"samples {source}": mark for one in samples for source, mark in one.sources.items()}
    for arm in filter(plan.has_own_pairs, plan.configs):
        version = None if plan.reads_another_set(arm) else given
        own[arm], read = _own_pairs(plan.configs[arm], version, refusals, seed)
        prints |= {f"arm {arm}: {source}": mark for source, mark in read.items()}
        if config.study.test_share:
            say(
                f"Arm {arm} learns from pairs that something has changed. If that saw the labels of the pairs that are "
                f"tested on, {OWN_TEST} flatters the arm: look at sets named with `test`."
            )
    sampled = frozenset(chain.from_iterable(one.table["prompt_id"].to_pylist() for one in samples))
    return ArmSets(given, others, own, sampled, prints)


def scored_sets(sets: ArmSets, parts: Parts, study: ArmsStudyOptions) -> list[ScoredSet]:
    """What statistics have to know of each test."""
    used = np.unique(np.concatenate(list(parts.train.values())))
    trained_on = set(sets.given.table["prompt_id"].take(pa.array(used)).to_pylist())
    found = []
    for name, pairs in sets.tests(parts).items():
        groups = independent_groups(pairs, study.fold_by if name == OWN_TEST else "prompt")
        decided = (pairs["weight"].to_numpy() > 0) & (pairs["target"].to_numpy() != 0.5)
        if not decided.any():
            raise DataError(f"Test {name}: none of its {len(pairs):,} pairs has a label that decides, and a weight.")
        prompts = set(pairs["prompt_id"].to_pylist())
        dataset_name = sets.given.name if name == OWN_TEST else sets.others[name].name
        found.append(
            ScoredSet(name, dataset_name, groups[decided], len(prompts & trained_on), len(prompts & sets.sampled))
        )
    return found


def workload(sets: ArmSets, parts: Parts, plan: ArmPlan) -> Workload:
    """How much trainings and tests have to read, on average over the seeds."""
    per_training = float(np.mean([len(rows) for rows in parts.train.values()]))
    held_out = sets.given.table.take(pa.array(parts.held_out[plan.seeds[0]]))
    return Workload(
        {arm: _num_pairs(config, per_training) for arm, config in plan.configs.items()},
        {name: _num_conversations(pairs) for name, pairs in {HELD_OUT: held_out, **sets.tests(parts)}.items()},
    )


def _num_pairs(config: TrainConfig, pairs: float) -> float:
    options = config.train
    per_step = options.per_device_train_batch_size * options.gradient_accumulation_steps
    return options.max_steps * per_step if options.max_steps > 0 else pairs * options.num_train_epochs


def _num_conversations(pairs: pa.Table) -> int:
    return len(distinct(chain.from_iterable(pair_conversations(pairs)), turns_of)[0])


def _refusals(plan: ArmPlan) -> Refusals:
    """What some arm's model does not take."""
    every = [refusals_of(model) for model in dict.fromkeys(config.model for config in plan.configs.values())]

    def found(conversations: Sequence[Conversation]) -> dict[int, str]:
        return {place: reason for refusals in every for place, reason in refusals(conversations).items()}

    return found


def _samples(plan: ArmPlan, refusals: Refusals) -> list[SampleSet]:
    """The unlabelled samples that arms name."""
    named = {config.meta.meta_dataset: config for config in plan.configs.values()}
    return [found for config in named.values() if (found := meta_samples(config, refusals)) is not None]


def _own_pairs(
    config: TrainConfig, given: PreferenceSet | None, refusals: Refusals, seed: int
) -> tuple[pa.Table, Mapping[str, str]]:
    """The pairs that one arm learns from, and what was read for that. ``given``: None where it names another set."""
    if given is None:
        data = replace(config.data, max_pairs=None)
        given = set_aside_refused(load_preferences(data.dataset_name, data, seed), refusals, data)
    pairs, audited = with_known_errors(config, given, given.table)
    return pairs, {**given.sources, **audited}


def _those_of(learned: pa.Table, pairs: pa.Table, arm: str, seed: int) -> pa.Table:
    """Of an arm's pairs those that a seed trains on."""
    found = pairs.filter(pc.is_in(pairs["pair_id"], learned["pair_id"].combine_chunks()))
    if not len(found):
        raise DataError(f"Arm {arm}: none of its {len(pairs):,} pairs is one of the study's {len(learned):,}.")
    if len(found) < len(learned):
        say(f"Arm {arm} has {len(found):,} of the {len(learned):,} pairs that seed {seed} trains on.")
    return found


def _fingerprints(plan: ArmPlan, others: Mapping[str, PreferenceSet]) -> dict[str, str]:
    """Of the tests, of every arm's own options, and of the models and files that options name."""
    prints = {f"test {name}: {source}": mark for name, o in others.items() for source, mark in o.sources.items()}
    prints |= {f"arm {arm}": fingerprint_json(own) for arm, own in plan.own.items()}
    for config in plan.configs.values():
        source = resolve_model(config.model.model_name_or_path, config.model.model_revision)
        prints[f"model {source.name}"] = weights_fingerprint(source)
        named = {name: value for name, value in flatten(config).items() if isinstance(value, str)}
        prints |= {f"{name} {file}": fingerprint_file(file) for name, file in named.items() if Path(file).is_file()}
    return prints
