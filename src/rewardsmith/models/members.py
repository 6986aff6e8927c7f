"""An ensemble in one model: a frozen trunk up to a block, and above it every member's own low-rank updates and head.

Below the fork a batch is computed once. There its hidden states are repeated for every member, [R, T, D] to [M * R, T,
D], and go on through the same blocks, whose linear layers tell the members apart by row. Members do not influence one
another: each gives the rewards, and gets the gradients, of a peft model of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from rewardsmith.errors import ModelError
from rewardsmith.models.blocks import num_layers, transformer_blocks
from rewardsmith.models.heads import has_score_head, head_names, initialise_head, output_layer
from rewardsmith.models.lora import pooler_names
from rewardsmith.models.member_layers import MemberDense, MemberLinear, Members
from rewardsmith.models.options import LoraOptions

CHECK_TOLERANCE = 1e-3


class BatchInputs(Protocol):
    """What a batch has to offer here; padded and packed ones do."""

    @property
    def num_rows(self) -> int: ...

    def arguments(self) -> dict[str, Any]: ...

    def last(self, hidden: Tensor) -> Tensor: ...


class _ReachedForkError(Exception):
    """Ends a forward pass where the members part."""


class ForkedModel(nn.Module):
    """M reward models that share what is below block ``layer``. Made by ``fork``."""

    def __init__(self, model: Any, blocks: list[nn.Module], layer: int, members: Members) -> None:
        super().__init__()
        self.model = model
        """The sequence-classification model, with the layers of the members in it."""
        self.layer = layer
        self.members = members
        self._blocks = blocks  # a plain list: they are registered in the model already

    @property
    def num_members(self) -> int:
        """M."""
        return self.members.total

    @property
    def member_parameters(self) -> dict[str, nn.Parameter]:
        """All that is trained, by name; the first axis is the member."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    def forward(
        self,
        inputs: BatchInputs,
        chosen: Int[Tensor, " m"] | None = None,
        states: Float[Tensor, "R T D"] | None = None,
    ) -> Float[Tensor, "m N"]:
        """Rewards of the chosen members (None: all), float32. ``states``: what ``lower_states`` gave for this batch."""
        states = self.lower_states(inputs) if states is None else states
        self.members.chosen = chosen
        try:
            with self._from_fork(states, inputs.num_rows):
                if not has_score_head(self.model):
                    logits: Tensor = self.model(**inputs.arguments()).logits
                    return logits.view(self.members.count, -1).float()
                hidden = _trunk(self.model)(**inputs.arguments(), use_cache=False).last_hidden_state
            last = inputs.last(hidden.view(self.members.count, -1, *hidden.shape[1:]))
            with torch.autocast(device_type=last.device.type, enabled=False):
                rewards: Tensor = self.model.score(last.float())
            return rewards[..., 0]
        finally:
            self.members.chosen = None

    @torch.no_grad()
    def lower_states(self, inputs: BatchInputs) -> Float[Tensor, "R T D"]:
        """Hidden states that enter block ``layer``: the same for all members, and in every epoch."""
        found: list[Tensor] = []

        def stop(_: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
            found.append(arguments[0] if arguments else named["hidden_states"])
            raise _ReachedForkError

        handle = self._blocks[self.layer].register_forward_pre_hook(stop, with_kwargs=True)
        try:
            _trunk(self.model)(**inputs.arguments())
        except _ReachedForkError:
            pass
        finally:
            handle.remove()
        return found[0]

    @contextmanager
    def _from_fork(self, states: Tensor, num_rows: int) -> Iterator[None]:
        """Lets the trunk's own forward pass begin at the fork, with a row for every member."""
        repeated: dict[int, tuple[Any, Any]] = {}  # keeps what it repeated, so that no other gets its address

        def for_members(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(for_members(item) for item in value)
            if not isinstance(value, Tensor) or value.ndim < 2 or len(value) != num_rows or num_rows == 1:
                return value  # one row, or none of the batch's: what broadcasts stays as it is
            if id(value) not in repeated:
                repeated[id(value)] = value, _repeat(value, self.members.count)
            return repeated[id(value)][1]

        def enter(block: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
            hidden = arguments[0] if arguments else named["hidden_states"]
            if block is self._blocks[self.layer]:
                hidden = _repeat(states, self.members.count)
            others = {name: for_members(value) for name, value in named.items() if name != "hidden_states"}
            return (hidden, *map(for_members, arguments[1:])), others

        handles = [block.register_forward_pre_hook(enter, with_kwargs=True) for block in self._blocks[self.layer :]]
        for block in self._blocks[: self.layer]:
            block.forward = _pass_on
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            for block in self._blocks[: self.layer]:
                del block.forward  # the class's own is found again


def fork(model: Any, layer: int, num_members: int, options: LoraOptions, seed: int = 0) -> ForkedModel:
    """Forks a reward model at block ``layer`` (0: at the embedding), in place: all of it but the members is frozen.

    Adapters begin without effect, heads as ``initialise_head`` draws them from ``seed + m``. ``ModelError`` for a model
    whose blocks are not found or do not take the rows of all members.
    """
    name, found_blocks = type(model).__name__, transformer_blocks(_trunk(model))
    if found_blocks is None:
        raise ModelError(f"{name} keeps its blocks in a form that cannot be forked; use --ensemble full.")
    blocks = list(found_blocks)
    if not 0 <= layer < len(blocks):
        raise ModelError(f"--fork_layer {layer}: {name} has {len(blocks)} blocks; use 0 to {len(blocks) - 1}.")
    if num_members < 1 or options.lora_r < 1:
        raise ModelError(f"--num_members {num_members} and --lora_r {options.lora_r} must be at least 1.")
    if options.lora_dropout:
        raise ModelError(f"--lora_dropout {options.lora_dropout}: forked members have none; use 0.")
    model.requires_grad_(False).eval()
    check = _CheckInputs(model)
    expected = check.hidden()
    members = Members(num_members)
    _add_adapters(blocks[layer:], options, members, seed)
    _add_heads(model, members, seed)
    forked = ForkedModel(model, blocks, layer, members)
    with torch.no_grad(), forked._from_fork(forked.lower_states(check), check.num_rows):
        found = check.hidden().view(num_members, *expected.shape)
    if not (found - expected).abs().max() <= CHECK_TOLERANCE * expected.abs().max():
        raise ModelError(f"{name} gives other hidden states for several members than for one; use --ensemble full.")
    return forked


def default_fork_layer(config: Any) -> int:
    """Blocks below the fork unless told otherwise: three quarters."""
    layers = num_layers(config)
    return layers - max(1, round(layers / 4))


def _trunk(model: Any) -> Any:
    return getattr(model, model.base_model_prefix)


def _repeat(value: Tensor, count: int) -> Tensor:
    """The rows once for every member, one member after the other; no copy of a single row."""
    return value.expand(count, *value.shape).flatten(0, 1)


def _pass_on(hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
    return hidden_states


def _add_adapters(blocks: Sequence[nn.Module], options: LoraOptions, members: Members, seed: int) -> None:
    wanted = {name.strip() for name in options.lora_target_modules.split(",")}
    generators = [torch.Generator().manual_seed(seed + member) for member in range(members.total)]
    num_found = 0
    for block in blocks:
        for name, layer in list(block.named_modules()):
            is_linear = isinstance(layer, (nn.Linear, Conv1D))
            if is_linear and (wanted == {"all-linear"} or name.rpartition(".")[2] in wanted):
                adapted = MemberLinear(layer, members, options.lora_r, options.lora_alpha, generators)
                block.set_submodule(name, adapted)
                num_found += 1
    if not num_found:
        raise ModelError(
            f"--lora_target_modules {options.lora_target_modules}: no linear layer above the fork is called so."
        )


def _add_heads(model: Any, members: Members, seed: int) -> None:
    """Copies of the linear layers of head and pooler; the reward's own weights are drawn for every member."""
    output = output_layer(model)
    drawn = []
    for member in range(members.total):
        initialise_head(model, seed + member)
        drawn.append(output.weight.detach().clone())
    for head in head_modules(model):
        for name, layer in list(model.get_submodule(head).named_modules(prefix=head)):
            if isinstance(layer, nn.Linear):
                dense = MemberDense(layer, members)
                if layer is output:
                    dense.weight.data.copy_(torch.stack(drawn))
                model.set_submodule(name, dense)


def head_modules(model: Any) -> list[str]:
    """Names of the modules that every member has a copy of."""
    return [*head_names(model), *(f"{model.base_model_prefix}.{name}" for name in pooler_names(model))]


class _CheckInputs:
    """Two short rows of different length, to see whether a model can be forked."""

    num_rows = 2

    def __init__(self, model: Any) -> None:
        device = next(model.parameters()).device
        ids = torch.arange(12, device=device).view(2, 6) % int(model.config.get_text_config().vocab_size)
        mask = torch.ones_like(ids)
        mask[1, 4:] = 0
        self._arguments = {"input_ids": ids, "attention_mask": mask}
        self._trunk, self._is_real = _trunk(model), mask.bool()[..., None]

    def arguments(self) -> dict[str, Any]:
        return self._arguments

    def last(self, hidden: Tensor) -> Tensor:
        return hidden

    @torch.no_grad()
    def hidden(self) -> Tensor:
        """The trunk's output [2, 6, D], zero at padding; with members their rows follow one another."""
        output: Tensor = self._trunk(**self._arguments).last_hidden_state
        return torch.where(self._is_real, output.view(-1, *self._is_real.shape[:2], output.shape[-1]), 0.0).squeeze(0)
