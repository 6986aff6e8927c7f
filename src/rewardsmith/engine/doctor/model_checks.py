"""Checks of a model for the faults that silently spoil rewards. Each is a question, asked by running the model."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.batches.model_inputs import PaddedInputs
from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.batches.reward_module import RewardModule
from rewardsmith.engine.doctor.check import Check, verdict
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.models.layers.heads import compute_rewards, output_layer
from rewardsmith.models.loading.files import quiet_transformers
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.reward_models import load_reward_model, save_reward_model
from rewardsmith.models.options import LoraOptions
from rewardsmith.tokens.batching import pad_batch
from rewardsmith.tokens.chat_template import template_depends_on_date
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded
from rewardsmith.tokens.padding import conversation_ends

TOLERANCE = 1e-4
"""Rewards of a float32 model differ by less through the order of additions alone; scaled by the largest reward."""


def sample_pairs() -> tuple[list[Conversation], list[Conversation]]:
    """Pairs of unlike lengths: one turn, several turns, a system message, other scripts, an emoji."""

    def talk(*turns: str, system: str | None = None) -> list[dict[str, str]]:
        head = [{"role": "system", "content": system}] if system else []
        return head + [{"role": ("user", "assistant")[i % 2], "content": turn} for i, turn in enumerate(turns)]

    capital = "What is the capital of France?"
    tea = ("How do I make tea?", "Boil water first.", "And then?")
    pairs = [
        (talk(capital, "Paris."), talk(capital, "I would rather talk about something else, if you do not mind.")),
        (talk(*tea, "Pour it over the leaves and wait four minutes."), talk(*tea, "Nothing.")),
        (talk("Sag hallo", "Grüß Gott! 👋", system="Be brief."), talk("Sag hallo", "نعم", system="Be brief.")),
        (talk("List three colours", "1. red\n2. green\n3. blue"), talk("List three colours", "red " * 24)),
    ]
    return [chosen for chosen, _ in pairs], [rejected for _, rejected in pairs]  # type: ignore[misc]


class ModelUnderTest:
    """A reward model with what is needed to run it on token lists."""

    def __init__(self, model: Any, encoder: ConversationEncoder) -> None:
        self.model = model
        self.encoder = encoder
        self.chosen, self.rejected = (encoder.encode_samples(side) for side in sample_pairs())

    @property
    def pad_id(self) -> int:
        return int(self.model.config.get_text_config().pad_token_id)

    def batch(self, encoded: list[Encoded], side: Any = "right", extra: int = 0) -> dict[str, Tensor]:
        """A padded batch, ``extra`` tokens wider than it has to be."""
        width = max(len(item.input_ids) for item in encoded) + extra
        return pad_batch(encoded, self.pad_id, side, self.encoder.has_token_types, width)

    def rewards(self, encoded: list[Encoded], side: Any = "right", extra: int = 0) -> Tensor:
        with torch.inference_mode():
            return compute_rewards(self.model, self.batch(encoded, side, extra))

    def plain_rewards(self, encoded: list[Encoded], side: Any = "right", model: Any = None) -> Tensor:
        """What a model's own forward pass gives, with no care of ours."""
        batch = self.batch(encoded, side)
        del batch["response_mask"]
        with torch.inference_mode():
            rewards: Tensor = (model or self.model)(**batch).logits[:, 0].float()
        return rewards


def check_model(model: Any, tokenizer: Any, max_length: int = 512) -> list[Check]:
    """All checks, in the order of a report. The model is trained a little by the last one: do not use it afterwards."""
    test = ModelUnderTest(model.eval(), ConversationEncoder(tokenizer, max_length))
    checks: list[Callable[[ModelUnderTest], Check]] = [
        check_swap,
        check_batch_size,
        check_padding_amount,
        check_padding_side,
        check_pad_token,
        check_bos,
        check_end,
        check_date,
        check_reload,
        check_lora,
    ]
    return [check(test) for check in checks]


def check_swap(test: ModelUnderTest) -> Check:
    """Does swapping the responses of a pair negate its gap?"""
    num = len(test.chosen)
    first, second = (test.rewards(a + b) for a, b in ((test.chosen, test.rejected), (test.rejected, test.chosen)))
    gap, swapped = first[:num] - first[num:], second[:num] - second[num:]
    off = difference(gap, -swapped, first)
    same = bool((gap.abs() < 1e-9).all())
    if same:
        return Check("swap", "fail", "Every sample response gets the same reward as its rival: the head reads nothing.")
    return verdict(
        "swap",
        off < TOLERANCE,
        f"Swapping the two responses negates the gap (off by {off:.1e}).",
        f"Swapping the two responses does not negate the gap: off by {off:.1e} where {TOLERANCE:.0e} is rounding.",
    )


def check_batch_size(test: ModelUnderTest) -> Check:
    """Is a reward the same alone and in company?"""
    everything = test.chosen + test.rejected
    together = test.rewards(everything)
    alone = torch.cat([test.rewards([item]) for item in everything])
    off = difference(together, alone, together)
    return verdict(
        "batch size",
        off < TOLERANCE,
        f"A conversation gets the same reward alone and in a batch of {len(everything)} (off by {off:.1e}).",
        f"Rewards depend on the batch: alone and in a batch of {len(everything)} they differ by {off:.1e}.",
    )


def check_padding_amount(test: ModelUnderTest) -> Check:
    """Does more padding change a reward?"""
    everything = test.chosen + test.rejected
    plain, wide = test.rewards(everything), test.rewards(everything, extra=7)
    off = difference(plain, wide, plain)
    return verdict(
        "padding amount",
        off < TOLERANCE,
        f"More padding changes nothing (off by {off:.1e}).",
        f"Seven more padding tokens change rewards by {off:.1e}: the attention mask is not honoured.",
    )


def check_padding_side(test: ModelUnderTest) -> Check:
    """Does padding on the left change a reward, as we read it and as plain transformers does?"""
    everything = test.chosen + test.rejected
    right, left = test.rewards(everything), test.rewards(everything, side="left")
    off = difference(right, left, right)
    if off >= TOLERANCE:
        return Check("padding side", "fail", f"Padding on the left changes rewards by {off:.1e}.")
    plainly = difference(right, test.plain_rewards(everything, side="left"), right)
    return verdict(
        "padding side",
        plainly < TOLERANCE,
        f"Padding on the left gives the same rewards as on the right (off by {max(off, plainly):.1e}).",
        f"Here the side of padding changes nothing, but plain transformers is off by {plainly:.1e} with padding on the "
        "left, since this architecture counts positions from the padding. Pad on the right elsewhere too.",
        otherwise="warn",
    )


def check_pad_token(test: ModelUnderTest) -> Check:
    """Can the padding token be the last of a conversation? Plain transformers would then read the reward too early."""
    tokenizer = test.encoder.tokenizer
    pad = tokenizer.convert_ids_to_tokens(test.pad_id)
    everything = test.chosen + test.rejected
    ours = test.rewards(everything)
    off = difference(ours, test.plain_rewards(everything), ours)
    ends = test.pad_id in conversation_ends(tokenizer)
    return verdict(
        "pad token",
        not ends and off < TOLERANCE,
        f"{pad!r} pads and can never end a conversation; plain transformers reads the same rewards (off by {off:.1e}).",
        f"{pad!r} pads"
        + (" and can also end a conversation" if ends else "")
        + ": plain transformers, which looks for "
        f"the last token that is not padding, reads rewards that differ by {off:.1e}. Set another pad token.",
    )


def check_bos(test: ModelUnderTest) -> Check:
    """Exactly one BOS, at the front, where the tokenizer's own way of encoding a text begins with one."""
    tokenizer = test.encoder.tokenizer
    bos = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.cls_token_id
    if bos is None:
        return Check("BOS", "ok", "The model has no token that begins a text, and none is written.")
    leading = {next((i for i, token in enumerate(e.input_ids) if token != bos), 0) for e in test.chosen + test.rejected}
    name = tokenizer.convert_ids_to_tokens(bos)
    expected = tokenizer("a")["input_ids"][:1] == [bos]
    if leading == {0} and not expected:
        return Check("BOS", "ok", f"The tokenizer does not begin texts with {name!r}, and none is written.")
    return verdict(
        "BOS",
        leading == {1},
        f"Every conversation begins with exactly one {name!r}.",
        f"Conversations begin with {' or '.join(map(str, sorted(leading)))} {name!r}; the model expects exactly one.",
    )


def check_end(test: ModelUnderTest) -> Check:
    """Does a conversation that had to be cut still end as an uncut one does?"""
    long: Conversation = [
        {"role": "user", "content": "word " * 400},
        {"role": "assistant", "content": "word " * 400},
    ]
    tokenizer = test.encoder.tokenizer
    cut = [ConversationEncoder(tokenizer, 64, side).encode_samples([long])[0] for side in ("left", "right")]
    ends = {tuple(e.input_ids[e.response_end :]) for e in [*test.chosen, *test.rejected, *cut]}
    name = " or ".join(repr(tokenizer.decode(end)) if end else "nothing" for end in sorted(ends))
    return verdict(
        "end of turn",
        len(ends) == 1 and ends != {()} and max(len(e.input_ids) for e in cut) <= 64,
        f"Every conversation ends with {name}, cut ones too.",
        f"Conversations end with {name}: the reward is read where the model has not learned to expect an end.",
    )


def check_date(test: ModelUnderTest) -> Check:
    """Does the chat template write today's date?"""
    return verdict(
        "template date",
        not template_depends_on_date(test.encoder.tokenizer),
        "The chat template does not ask for today's date." if test.encoder.layout == "chat" else "No chat template.",
        "The chat template inserts today's date, so the same conversation gets another reward tomorrow. "
        "Replace the date in the template by a fixed one before training.",
        otherwise="warn",
    )


def check_reload(test: ModelUnderTest) -> Check:
    """Does plain transformers read the same rewards from a saved folder?"""
    everything = test.chosen + test.rejected
    before = test.rewards(everything)
    with tempfile.TemporaryDirectory(prefix="rewardsmith-") as folder:
        save_reward_model(test.model, test.encoder.tokenizer, folder, {})
        if hasattr(test.model, "peft_config"):
            reloaded, how = load_reward_model(folder)[0], "peft"
        else:
            with quiet_transformers():
                reloaded = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
            how = "plain transformers"
        after = test.plain_rewards(everything, model=reloaded)
    off = difference(before, after, before)
    return verdict(
        "reload",
        off < TOLERANCE,
        f"Saved and reloaded by {how}, it gives the same rewards (off by {off:.1e}).",
        f"Saved and reloaded by {how}, rewards differ by {off:.1e}.",
    )


def check_lora(test: ModelUnderTest) -> Check:
    """Does a step of LoRA training move the head and the adapters, and does the saved folder keep both?"""
    if hasattr(test.model, "peft_config"):
        return Check("LoRA", "ok", "The model is an adapter already; its head was found in its files.")
    with torch.random.fork_rng(devices=[]), quiet_transformers():
        torch.manual_seed(0)
        model = add_lora(test.model, LoraOptions(use_peft=True, lora_r=4, lora_alpha=8))
        tuned = ModelUnderTest(model, test.encoder)
        head = {name: p for name, p in model.named_parameters() if p.requires_grad and "lora_" not in name}
        before = {name: p.detach().clone() for name, p in head.items()}
        _few_steps(tuned)
    moved = any(not torch.equal(parameter, before[name]) for name, parameter in head.items())
    adapters = [p for name, p in model.named_parameters() if "lora_B" in name]
    adapted = any(bool(parameter.any()) for parameter in adapters)
    everything = test.chosen + test.rejected
    rewards = tuned.rewards(everything)
    with tempfile.TemporaryDirectory(prefix="rewardsmith-") as folder:
        save_reward_model(model, test.encoder.tokenizer, folder, {})
        kept = sum(1 for _ in Path(folder).glob("adapter_model.safetensors")) == 1 and _head_is_saved(folder, model)
    faults = (
        (moved, "the head does not learn"),
        (adapted, "the adapters do not learn"),
        (kept, "the head is not saved"),
        (bool(rewards.isfinite().all()), "rewards are not finite"),
    )
    return verdict(
        "LoRA",
        all(fine for fine, _ in faults),
        "With LoRA the head and the adapters both learn, and both are saved.",
        "With LoRA "
        + " and ".join(text for fine, text in faults if not fine)
        + ". Train without `use_peft`, or report the model.",
    )


def difference(one: Tensor, other: Tensor, rewards: Tensor) -> float:
    """Largest difference, relative to the largest reward where that is above 1. NaN counts as infinite."""
    off = (one - other).abs().max().item() / max(1.0, rewards.abs().max().item())
    return off if math.isfinite(off) else math.inf


def _few_steps(test: ModelUnderTest) -> None:
    """Two optimiser steps: in the first one, adapters that begin at zero learn only their second matrix."""
    num = len(test.chosen)
    inputs = test.batch(test.chosen + test.rejected)
    del inputs["response_mask"]
    ones = torch.ones(num)
    batch = PairBatch(
        PaddedInputs(inputs), ones, torch.zeros(num), ones, total_weight=float(num), indices=np.arange(num)
    )
    optimizer = torch.optim.AdamW([p for p in test.model.parameters() if p.requires_grad], lr=1e-3)
    module = RewardModule(test.model)
    for _ in range(2):
        torch.autograd.backward(RewardStep().loss(module, batch).loss)
        optimizer.step()
        optimizer.zero_grad()


def _head_is_saved(folder: str, model: Any) -> bool:
    weight = output_layer(model.get_base_model()).weight
    with safe_open(f"{folder}/adapter_model.safetensors", framework="pt") as saved:
        tensors = [saved.get_tensor(name) for name in saved.keys() if "lora_" not in name]  # noqa: SIM118 - not a dict
    return any(tensor.shape == weight.shape and torch.equal(tensor, weight.detach().cpu()) for tensor in tensors)
