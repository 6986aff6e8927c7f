"""Five subjects for one training loop. As a program, for `torchrun`: trains each in its processes, also interrupted.

What they show: a step that reads pairs; two views of each pair; a gradient at weights that unlabelled samples moved;
samples drawn from the current weights; two modules with rates of their own that learn several steps from one drawn
batch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from torch import Tensor, nn

from rewardsmith.engine.batches.batch_forms import PaddedForm
from rewardsmith.engine.batches.encoded_pairs import encode_pairs
from rewardsmith.engine.batches.model_inputs import PaddedInputs
from rewardsmith.engine.batches.sample_batches import encode_samples
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.checkpoints import Checkpoints
from rewardsmith.engine.training.contrastive.contrastive_step import ContrastiveStep
from rewardsmith.engine.training.contrastive.swav import SwAV
from rewardsmith.engine.training.loop import TrainOutcome, Watch, train
from rewardsmith.engine.training.meta.meta_options import MetaOptions
from rewardsmith.engine.training.meta.meta_source import MetaSource
from rewardsmith.engine.training.meta.meta_step import MetaStep
from rewardsmith.engine.training.meta.sample_source import SampleSource
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.pair_source import PairSource
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.engine.training.subject import Source, Step, StepOutput
from rewardsmith.models.layers.heads import RewardOutput
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_reward_models import pair_table, sample_table, some_rows, tiny_tokenizer

OPTIONS = TrainOptions(learning_rate=1e-2, logging_steps=1, warmup_ratio=0.0)
NUM_STEPS = 12
NUM_ACTIONS = 5
STEPS_A_DRAW = 4
GOLD = torch.linspace(-1.0, 1.0, NUM_ACTIONS)


class WordReward(nn.Module):
    """The mean over a conversation's tokens of what each is worth."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.worth = nn.Embedding(512, 8)
        self.head = nn.Linear(8, 1, bias=False)  # which would move both rewards of a pair alike

    def forward(self, inputs: PaddedInputs) -> RewardOutput:
        mask = inputs.tensors["attention_mask"][..., None]
        states = (self.worth(self._read(inputs.tensors["input_ids"])) * mask).sum(1) / mask.sum(1)
        return RewardOutput(self.head(states)[:, 0], states)

    def _read(self, tokens: Tensor) -> Tensor:
        return tokens


class HalfBlindReward(WordReward):
    """Overlooks the odd tokens in one view of a pair, and the even ones in the other."""

    def _read(self, tokens: Tensor) -> Tensor:
        by_view = tokens.unflatten(0, (2, 2, -1))
        return torch.where(by_view % 2 == torch.arange(2)[:, None, None], by_view, 0).flatten(0, 2)


def pairs_of(accelerator: Accelerator, num_views: int = 1) -> PairSource:
    pairs = encode_pairs(ConversationEncoder(tiny_tokenizer(), 96), pair_table(some_rows(20)), quiet=True)
    return PairSource(
        pairs,
        PaddedForm(pad_id=3),
        pairs_per_step=4,
        max_tokens=200,
        seed=0,
        max_steps=NUM_STEPS,
        num_views=num_views,
        process=accelerator.process_index,
        num_processes=accelerator.num_processes,
    )


def contrasted() -> ContrastiveStep:
    """With everything that a contrast can have learned: prototypes, their moments, past states."""
    swav = SwAV("differences", temperature=0.1, num_prototypes=10, width=8, queue_steps=3)
    return ContrastiveStep(contrast=swav, coefficient=0.5)


def samples_of(accelerator: Accelerator) -> SampleSource:
    """Three of four responses to each of five prompts."""
    encoded = encode_samples(ConversationEncoder(tiny_tokenizer(), 96), sample_table(5, 4), quiet=True)
    return SampleSource(
        encoded,
        PaddedForm(pad_id=3),
        prompts_per_step=3,
        num_samples=3,
        max_tokens=80,
        seed=0,
        process=accelerator.process_index,
        num_processes=accelerator.num_processes,
    )


def pairs_and_samples(accelerator: Accelerator) -> MetaSource:
    return MetaSource(pairs_of(accelerator), samples_of(accelerator))


def moved_by_samples(**options: Any) -> MetaStep:
    meta = MetaOptions(**{"meta_step_size": 0.05, "meta_objective": "standardised", **options})
    return MetaStep(RewardStep(), meta, head=lambda module: [module.head.weight])


@dataclass(frozen=True)
class Draws:
    """Actions that a policy drew, and what it thought of them."""

    actions: Tensor
    logprobs: Tensor
    total: int

    def to(self, device: torch.device) -> Draws:
        return Draws(self.actions.to(device), self.logprobs.to(device), self.total)


class Bandit(nn.Module):
    """A softmax over actions."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(NUM_ACTIONS))

    def forward(self, actions: Tensor) -> Tensor:
        return self.logits.log_softmax(0)[actions]


class DrawnBatches(Source):
    """Every process draws the same actions and learns from its share of them."""

    items: ClassVar[str] = "actions"
    num_steps = NUM_STEPS

    def __init__(self, accelerator: Accelerator, steps_a_draw: int = 1) -> None:
        self._accelerator, self._steps_a_draw = accelerator, steps_a_draw
        self._generator = torch.Generator().manual_seed(0)
        self._drawn: Draws | None = None

    def steps(self, done: int, model: Any) -> Iterator[tuple[float, list[Draws]]]:
        for number in range(done, self.num_steps):
            if number % self._steps_a_draw == 0:
                self._drawn = self._draw(model)
            assert self._drawn is not None
            mine = slice(self._accelerator.process_index, None, self._accelerator.num_processes)
            parts = Draws(self._drawn.actions[mine], self._drawn.logprobs[mine], self._drawn.total)
            yield number + 1.0, [parts]

    @torch.no_grad()
    def _draw(self, model: Any) -> Draws:
        logprobs = getattr(model, "actor", model).logits.log_softmax(0)
        actions = torch.multinomial(logprobs.exp(), 16, replacement=True, generator=self._generator)
        return Draws(actions, logprobs[actions], len(actions))

    def names(self, batch: Draws, which: Tensor | None = None) -> list[str]:
        actions = batch.actions if which is None else batch.actions[which]
        return [f"action {action}" for action in actions.tolist()]

    def state(self) -> dict[str, Tensor]:
        assert self._drawn is not None
        drawn = {"actions": self._drawn.actions, "logprobs": self._drawn.logprobs}
        return {"generator": self._generator.get_state(), **drawn}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        self._generator.set_state(tensors["generator"])
        self._drawn = Draws(tensors["actions"], tensors["logprobs"], len(tensors["actions"]))


class Reinforce(Step):
    """Raises what is worth more than nothing."""

    counted: ClassVar[tuple[str, ...]] = ("actions",)

    def loss(self, model: Any, batch: Draws) -> StepOutput:
        gold = GOLD[batch.actions]
        costs = -gold * model(batch.actions)
        totals = {"num_actions": torch.tensor(len(costs)), "worth": gold.sum()}
        return StepOutput(costs.sum() / batch.total, costs.detach(), totals)

    def metrics(self, totals: dict[str, float]) -> dict[str, float | None]:
        return {"loss": None, "worth": totals["worth"] / totals["num_actions"]}


class ActorCritic(nn.Module):
    """A policy, and what it expects of it."""

    def __init__(self) -> None:
        super().__init__()
        self.actor = Bandit()
        self.critic = nn.Linear(1, 1)
        nn.init.zeros_(self.critic.weight)
        nn.init.zeros_(self.critic.bias)

    def forward(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        return self.actor(actions), self.critic(torch.ones(len(actions), 1))[:, 0]


class ClippedRatio(Reinforce):
    """PPO's loss, with a critic beside it."""

    def loss(self, model: Any, batch: Draws) -> StepOutput:
        logprobs, values = model(batch.actions)
        gold = GOLD[batch.actions]
        ratio, advantages = (logprobs - batch.logprobs).exp(), gold - values.detach()
        costs = -torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages) + (values - gold).square()
        totals = {"num_actions": torch.tensor(len(costs)), "worth": gold.sum()}
        return StepOutput(costs.sum() / batch.total, costs.detach(), totals)


def two_rates(model: ActorCritic) -> torch.optim.Optimizer:
    groups = [{"params": model.actor.parameters()}, {"params": model.critic.parameters(), "lr": 0.1}]
    return torch.optim.AdamW(groups, lr=1e-2, weight_decay=0.0)


@dataclass(frozen=True)
class Subject:
    """What one run of the loop is about."""

    model: Callable[[], nn.Module]
    source: Callable[[Accelerator], Source]
    step: Callable[[], Step]
    optimizer: Callable[[Any], torch.optim.Optimizer] | None = None


SUBJECTS = {
    "rewards": Subject(WordReward, pairs_of, RewardStep),
    "two views": Subject(HalfBlindReward, lambda acc: pairs_of(acc, num_views=2), contrasted),
    "perturbed": Subject(WordReward, pairs_and_samples, moved_by_samples),
    "bandit": Subject(Bandit, DrawnBatches, Reinforce),
    "actor and critic": Subject(ActorCritic, lambda acc: DrawnBatches(acc, STEPS_A_DRAW), ClippedRatio, two_rates),
}


class Killed(BaseException):
    """Nothing catches it."""


class KillingLog:
    """Ends the process, as far as a test can, behind the checkpoint of one step: when the next one is logged."""

    def __init__(self, step: int | None = None) -> None:
        self.lines: list[dict[str, Any]] = []
        self._step = step

    def cut_back(self, step: int) -> None:
        self.lines = [line for line in self.lines if line["step"] <= step]

    def log(self, **fields: Any) -> None:
        if fields["step"] == self._step:
            raise Killed
        self.lines.append(fields)


def run(
    subject: Subject,
    folder: Path | None = None,
    kill_at: int | None = None,
    watch: Watch | None = None,
    step: Step | None = None,
) -> tuple[nn.Module, TrainOutcome, KillingLog]:
    accelerator, log = make_accelerator("cpu"), KillingLog(kill_at)
    model = subject.model()
    checkpoints = Checkpoints(folder, every=2) if folder else None
    optimizer = subject.optimizer(model) if subject.optimizer else None
    step = step or subject.step()
    source = subject.source(accelerator)
    outcome = train(model, source, step, OPTIONS, accelerator, log, checkpoints, optimizer, watch, quiet=True)
    return model, outcome, log


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def main(folder: Path) -> None:
    """Leaves ``<subject>.safetensors`` and ``<subject> resumed.safetensors``. All processes die at the same step."""
    for name, subject in SUBJECTS.items():
        model, _, _ = run(subject)
        with suppress(Killed):
            run(subject, folder / name, watch=_killing)
        step = subject.step()
        resumed, _, _ = run(subject, folder / name, step=step)
        accelerator = make_accelerator("cpu")
        for tensor in step.state().values():
            everywhere = accelerator.gather(tensor[None])
            assert all(torch.equal(one, tensor) for one in everywhere), f"{name}: processes differ"
        if accelerator.is_main_process:
            save_file(weights(model), folder / f"{name}.safetensors")
            save_file(weights(resumed), folder / f"{name} resumed.safetensors")


def _killing(moment: Any) -> None:
    if moment.step == 7:
        raise Killed


if __name__ == "__main__":
    main(Path(sys.argv[1]))
