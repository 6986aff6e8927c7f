"""One reward model from the weights of several: WARM (Ramé et al. 2024, arXiv 2401.12187, section 3).

phi_WARM = 1/M sum_i phi_i. It asks for members that were fine-tuned from one pre-trained model, so that they lie in one
valley of the loss; the mean of unrelated models is no model. Deviation from the paper: members here begin with whatever
heads they were given, not with one found by linear probing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from rewardsmith.errors import ModelError
from rewardsmith.models.loading.lora import load_merged
from rewardsmith.models.loading.reward_models import save_reward_model

# What may differ between configurations of one architecture.
_NAMES_AND_VERSIONS = {"_name_or_path", "transformers_version", "dtype", "torch_dtype"}


class RunningMean:
    """The mean of tensors that come one after the other; that of equal ones is the same to the bit."""

    def __init__(self) -> None:
        self.num = 0
        self.tensors: dict[str, Tensor] = {}

    def add(self, tensors: Mapping[str, Tensor]) -> None:
        """One more member; it has the names and shapes of the first."""
        self.num += 1
        for name, value in tensors.items():
            if self.num == 1:
                self.tensors[name] = value.detach().clone()
            elif value.is_floating_point():
                mean = self.tensors[name]
                mean += (value.detach() - mean) / self.num


def average_reward_models(folders: Sequence[str | Path], output: str | Path) -> None:
    """Writes the reward model whose weights are the mean of those in ``folders``; adapters are merged first.

    Holds the mean and one member in memory. ``ModelError`` where architectures, tokenizers or truncation differ.
    """
    if len(folders) < 2:
        raise ModelError(f"averaging takes at least two reward models, not {len(folders)}.")
    mean = RunningMean()
    first: tuple[Any, Any, dict[str, Any]] | None = None
    for folder in folders:
        model, tokenizer, extra = load_merged(folder)
        if first is None:
            first = (model.config, tokenizer, extra)
        else:
            _refuse_differences(folders[0], folder, first, (model.config, tokenizer, extra))
        mean.add(model.state_dict())
    assert first is not None
    _, tokenizer, extra = first
    model.load_state_dict(mean.tensors)  # the last member's weights are no longer needed
    save_reward_model(model, tokenizer, output, {**extra, "averaged_from": [str(folder) for folder in folders]})


def _refuse_differences(
    one: str | Path, other: str | Path, first: tuple[Any, Any, dict[str, Any]], second: tuple[Any, Any, dict[str, Any]]
) -> None:
    configs = [config.to_dict() for config in (first[0], second[0])]
    differing = [
        name
        for name in sorted(configs[0].keys() | configs[1].keys())
        if name not in _NAMES_AND_VERSIONS and configs[0].get(name) != configs[1].get(name)
    ]
    differing += [name for name in ("max_length", "truncation_side") if first[2].get(name) != second[2].get(name)]
    if first[1].get_vocab() != second[1].get_vocab() or first[1].chat_template != second[1].chat_template:
        differing.append("tokenizer")
    if differing:
        raise ModelError(f"{one} and {other} cannot be averaged: they differ in {', '.join(differing)}.")
