"""What training starts from: a language model, a classification model or a reward model, as one with a single reward.

The head of a reward model is kept. Any other is drawn, which is said with the reason. A folder of adapters is merged
into its base first, so that training goes on from its rewards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.models.layers.heads import initialise_head, output_layer
from rewardsmith.models.loading.embedded import ModelSource, local_source, resolve_model
from rewardsmith.models.loading.positions import check_max_length
from rewardsmith.models.loading.reward_models import (
    holds_adapter,
    lasting_name,
    load_one_output_model,
    load_tokenizer,
    set_padding,
)
from rewardsmith.models.loading.vocabulary import refuse_foreign_tokenizer
from rewardsmith.models.options import ModelOptions
from rewardsmith.tokens.encoding import ConversationEncoder

NAMED_WEIGHTS = 3


@dataclass(frozen=True)
class StartingModel:
    """A reward model before its training, on the CPU, with all that turns conversations into its tokens."""

    model: Any
    tokenizer: Any
    encoder: ConversationEncoder
    source_name: str

    @property
    def extra(self) -> dict[str, Any]:
        """What is saved beside the trained model, for those who load it."""
        return {
            "max_length": self.encoder.max_length,
            "truncation_side": self.encoder.truncation_side,
            "tokens_fingerprint": self.encoder.fingerprint,
            "trained_from": self.source_name,
        }


def starting_model(options: ModelOptions, seed: int) -> StartingModel:
    """The model that the options name, what it lacks drawn from ``seed``; ``ModelError`` where it cannot be had."""
    source = resolve_model(options.model_name_or_path, options.model_revision)
    tokenizer = load_tokenizer(source)
    model = new_reward_model(source, tokenizer, seed)
    check_max_length(model.config, options.max_length, source.name)
    encoder = ConversationEncoder(tokenizer, options.max_length, options.truncation_side)
    return StartingModel(model, tokenizer, encoder, source.name)


def new_reward_model(source: ModelSource, tokenizer: Any, seed: int = 0) -> Any:
    """A reward model to train, on the CPU: one output, dropout off, padding that cannot end a conversation.

    The tokenizer is given the same padding token. Weights that the files do not have are drawn from ``seed``.
    """
    files = local_source(source)
    model = _merged(files) if holds_adapter(files) else _with_one_output(files, seed)
    refuse_foreign_tokenizer(model, tokenizer, source.name)
    set_padding(model, tokenizer)
    model.name_or_path = model.config.name_or_path = lasting_name(source)
    model.base_revision = source.revision  # for adapters, which have to find these very weights again
    return model.eval()


def _merged(files: ModelSource) -> Any:
    from rewardsmith.models.loading.lora import load_adapter, merge_lora  # peft is only needed for adapters

    model = merge_lora(load_adapter(files)).requires_grad_(True)
    say(f"{files.name} holds adapters: they are merged into their base, and training goes on from there.")
    return model


def _with_one_output(files: ModelSource, seed: int) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, report = load_one_output_model(files)
    _draw_what_is_lacking(model, files, report, seed)
    return model


def _draw_what_is_lacking(model: Any, files: ModelSource, report: dict[str, Any], seed: int) -> None:
    """Draws the reward's weights unless the files have them, and says what was drawn and why."""
    shapes = {name: found for name, found, _ in report["mismatched_keys"]}
    layer = output_layer(model)
    output = next(name for name, parameter in model.named_parameters() if parameter is layer.weight)
    others = sorted(name for name in report["missing_keys"] if name != output and not name.endswith(".bias"))
    drawn = f"{', '.join(others[:NAMED_WEIGHTS])}{', ...' if len(others) > NAMED_WEIGHTS else ''}"
    if output in shapes or output in report["missing_keys"]:
        initialise_head(model, seed)
        reason = f"a head of {shapes[output][0]} outputs" if output in shapes else "no reward head"
        also = f", and so is {drawn}" if others else ""
        say(f"{files.name} has {reason}: one is drawn from seed {seed}{also}.")
    elif others:
        say(f"{files.name} lacks {drawn}: drawn from seed {seed}.")
