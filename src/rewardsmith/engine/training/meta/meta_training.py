"""From a table of samples and the options of MetaRM to the source and the step of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
from accelerate import Accelerator  # type: ignore[import-untyped]

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.batches.batch_forms import BatchForm, usual_training_tokens
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs
from rewardsmith.engine.batches.sample_batches import EncodedSamples, encode_samples, usual_number
from rewardsmith.engine.training.accelerators import computes_in_bf16
from rewardsmith.engine.training.meta.meta_options import MetaOptions
from rewardsmith.engine.training.meta.meta_source import MetaSource
from rewardsmith.engine.training.meta.meta_step import MetaStep
from rewardsmith.engine.training.meta.sample_source import SampleSource
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.pair_source import PairSource
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.tokens.encoding import ConversationEncoder

MakeStep = Callable[[EncodedPairs, TrainOptions], RewardStep | MetaStep]


@dataclass(frozen=True)
class MetaTraining:
    """What MetaRM makes of the step and the source of a training run."""

    samples: pa.Table
    """``contracts.tables.SAMPLES``"""
    meta: MetaOptions
    encoder: ConversationEncoder
    options: TrainOptions
    accelerator: Accelerator
    seed: int

    def make_step(self, make_inner: Callable[[EncodedPairs, TrainOptions], RewardStep]) -> MakeStep:
        """Makes the same step, at weights moved by the samples."""
        return lambda pairs, options: MetaStep(make_inner(pairs, options), self.meta)

    def source(self, pairs: PairSource, form: BatchForm) -> MetaSource:
        """The steps of the pairs, each with a meta batch in front."""
        encoded = encode_samples(self.encoder, self.samples, quiet=not self.accelerator.is_main_process)
        samples = SampleSource(
            encoded,
            form,
            prompts_per_step=self.meta.meta_batch_size or pairs.pairs_per_step,
            num_samples=self.meta.meta_samples or usual_number(encoded),
            seed=self.seed,
            max_tokens=self.options.max_tokens_per_batch,
            usual_tokens=usual_training_tokens(self.accelerator.device.type, computes_in_bf16(self.accelerator)),
            process=self.accelerator.process_index,
            num_processes=self.accelerator.num_processes,
        )
        say(_in_words(samples, self.meta.meta_step_size > 0))
        _say_what_is_cut(encoded, self.encoder)
        return MetaSource(pairs, samples)


def _in_words(samples: SampleSource, moves: bool) -> str:
    left_out = f"; {samples.num_left_out:,} prompts with fewer are left out" if samples.num_left_out else ""
    num_prompts = len(samples.samples) - samples.num_left_out
    return (
        f"Each step {'moves the weights by' if moves else 'measures'} {samples.num_samples} responses to each of "
        f"{samples.prompts_per_step} of {num_prompts:,} meta prompts{left_out}."
    )


def _say_what_is_cut(samples: EncodedSamples, encoder: ConversationEncoder) -> None:
    cut = samples.responses.num_cut > 0
    if cut.any():
        say(f"{cut.sum():,} samples ({cut.mean():.1%}) are cut on the {encoder.truncation_side} (`max_length`).")
