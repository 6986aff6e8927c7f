"""MetaRM's step against Algorithm 1 written out with autograd, on a model of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from five_subjects import (
    OPTIONS,
    WordReward,
    contrasted,
    moved_by_samples,
    pairs_and_samples,
    pairs_of,
    samples_of,
)
from torch import Tensor, nn
from torch.func import functional_call

from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.batches.sample_batches import SampleBatch
from rewardsmith.engine.training.accelerators import BF16, make_accelerator
from rewardsmith.engine.training.loop import train
from rewardsmith.engine.training.meta.meta_options import MetaOptions
from rewardsmith.engine.training.meta.meta_source import MetaSource
from rewardsmith.engine.training.meta.meta_step import MetaStep
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.engine.training.subject import StepOutput
from rewardsmith.errors import RunError
from rewardsmith.objectives.meta import meta_objective

Weights = dict[str, Tensor]


@pytest.fixture
def accelerator() -> Accelerator:
    return make_accelerator("cpu")


def first_step(accelerator: Accelerator) -> list[Any]:
    """Its micro-batches: several of samples, then several of pairs."""
    pairs = pairs_of(accelerator)
    pairs.max_tokens = 80
    _, batches = next(MetaSource(pairs, samples_of(accelerator)).steps(0, None))
    num_of_samples = sum(isinstance(batch, SampleBatch) for batch in batches)
    assert 1 < num_of_samples < len(batches) - 1
    return batches


def objective_at(model: nn.Module, weights: Weights, batches: Sequence[Any], kind: str = "spread") -> Tensor:
    samples = [batch for batch in batches if isinstance(batch, SampleBatch)]
    rewards = [batch.by_prompt(functional_call(model, weights, batch.inputs).rewards) for batch in samples]
    return meta_objective(torch.cat(rewards), kind)


def loss_at(model: nn.Module, weights: Weights, batches: Sequence[Any]) -> Tensor:
    pairs = [batch for batch in batches if isinstance(batch, PairBatch)]
    costs = [RewardStep().cost(functional_call(model, weights, batch.inputs), batch).loss for batch in pairs]
    return torch.stack(costs).sum()


def gradient_of(value: Tensor, weights: Weights) -> Weights:
    return dict(zip(weights, torch.autograd.grad(value, list(weights.values())), strict=True))


def weights_of(model: nn.Module) -> Weights:
    return {name: parameter.detach().clone().requires_grad_() for name, parameter in model.named_parameters()}


def moved(weights: Weights, gradient: Weights, size: float, unit: str) -> Weights:
    """Eq. 12, the unit written out."""
    every = torch.cat([w.flatten() for w in weights.values()]), torch.cat([g.flatten() for g in gradient.values()])
    factors = {
        name: {
            "relative": weights[name].norm() / gradient[name].norm(),
            "global": every[0].norm() / every[1].norm(),
            "plain": 1.0,
        }[unit]
        for name in weights
    }
    return {name: (w + size * factors[name] * gradient[name]).detach().requires_grad_() for name, w in weights.items()}


@pytest.mark.parametrize("unit", ["relative", "global", "plain"])
@pytest.mark.parametrize("kind", ["spread", "standardised"])
@pytest.mark.parametrize("direction", ["published", "opposite"])
def test_the_gradient_is_that_at_the_moved_weights(
    accelerator: Accelerator, unit: str, kind: str, direction: str
) -> None:
    model, batches = WordReward(), first_step(accelerator)
    weights = weights_of(model)
    step = moved_by_samples(meta_step_size=0.05, meta_step_unit=unit, meta_objective=kind, meta_direction=direction)
    outputs = step.gradient(model, batches, accelerator)
    up = gradient_of(objective_at(model, weights, batches, kind), weights)
    there = moved(weights, up, 0.05 if direction == "published" else -0.05, unit)
    expected = gradient_of(loss_at(model, there, batches), there)
    here = gradient_of(loss_at(model, weights, batches), weights)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-4, atol=1e-6)
        assert torch.equal(parameter, weights[name]), "the weights are not what they were"
    assert not torch.allclose(here["worth.weight"], expected["worth.weight"], rtol=1e-3)
    assert len(outputs) == len(batches)


def figures_of(step: MetaStep, batches: Sequence[Any], accelerator: Accelerator) -> dict[str, float | None]:
    totals: dict[str, float] = {}
    for output in step.gradient(WordReward(), batches, accelerator):
        for name, value in output.totals.items():
            totals[name] = totals.get(name, 0.0) + float(value)
    return step.metrics(totals)


def test_figures_are_those_of_the_two_gradients(accelerator: Accelerator) -> None:
    model, batches = WordReward(), first_step(accelerator)
    weights = weights_of(model)
    step = moved_by_samples(meta_objective="spread", meta_step_unit="global")
    figures = figures_of(step, batches, accelerator)
    up = gradient_of(objective_at(model, weights, batches), weights)
    there = moved(weights, up, 0.05, "global")
    down = gradient_of(loss_at(model, there, batches), there)
    one, other = (torch.cat([gradient[name].flatten() for name in weights]) for gradient in (up, down))
    assert figures["meta_gradient_cosine"] == pytest.approx((one @ other / one.norm() / other.norm()).item(), abs=1e-3)
    head = up["head.weight"].flatten()
    scaling = head @ weights["head.weight"].flatten() / head.norm() / weights["head.weight"].norm()
    assert figures["meta_head_scaling"] == pytest.approx(scaling.item(), abs=1e-4)
    assert figures["meta_head_share"] == pytest.approx((head.norm() / one.norm()).square().item(), abs=1e-4)
    assert figures["meta_objective"] == pytest.approx(objective_at(model, weights, batches).item(), abs=1e-6)
    standardised = objective_at(model, weights, batches, "standardised").item()
    assert figures["meta_standardised"] == pytest.approx(standardised, abs=1e-6)
    assert figures["meta_accuracy"] is not None and 0 < figures["meta_accuracy"] < 1
    assert figures["accuracy"] is not None


def test_size_zero_has_figures_and_no_cosine(accelerator: Accelerator) -> None:
    figures = figures_of(moved_by_samples(meta_step_size=0.0), first_step(accelerator), accelerator)
    assert figures["meta_gradient_cosine"] is None
    assert figures["meta_head_share"] is not None and figures["meta_objective"] is not None


def test_gold_that_agrees_with_every_reward_is_always_right(accelerator: Accelerator) -> None:
    batches = [
        replace(batch, gold=batch.by_prompt(WordReward()(batch.inputs).rewards.detach()))
        if isinstance(batch, SampleBatch)
        else batch
        for batch in first_step(accelerator)
    ]
    assert figures_of(moved_by_samples(), batches, accelerator)["meta_accuracy"] == 1.0
    unknown = [
        replace(batch, gold=batch.gold * float("nan")) if isinstance(batch, SampleBatch) else batch for batch in batches
    ]
    assert figures_of(moved_by_samples(), unknown, accelerator)["meta_accuracy"] is None


class Drawing(RewardStep):
    """Draws a random number where it takes its gradient, as the dropout of adapters does."""

    def gradient(self, model: Any, batches: Sequence[Any], accelerator: Accelerator) -> list[StepOutput]:
        torch.testing.assert_close(torch.rand(3), DRAWN, rtol=0, atol=0)
        return super().gradient(model, batches, accelerator)


class DrawingReward(WordReward):
    """Draws whenever it is called."""

    def forward(self, inputs: Any) -> Any:
        torch.rand(1)
        return super().forward(inputs)


DRAWN = torch.rand(3, generator=torch.Generator().manual_seed(7))


def test_the_detour_leaves_the_random_numbers_to_the_inner_step(accelerator: Accelerator) -> None:
    step, model, batches = moved_by_samples(), DrawingReward(), first_step(accelerator)
    step.inner = Drawing()
    torch.manual_seed(7)
    step.gradient(model, batches, accelerator)


class RoundedReward(WordReward):
    """Computes with weights of seven bits, as autocast does."""

    def forward(self, inputs: Any) -> Any:
        rounded = {name: _Rounded.apply(weight) for name, weight in self.named_parameters()}
        return functional_call(WordReward(), rounded, inputs)


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, weight: Tensor) -> Tensor:
        return weight.bfloat16().float()

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        return gradient


def test_a_step_that_the_precision_does_not_show_stops_the_run(
    accelerator: Accelerator, capsys: pytest.CaptureFixture[str]
) -> None:
    batches, bf16 = first_step(accelerator), make_accelerator("cpu", before={BF16: True})
    with pytest.raises(RunError, match=r"`meta_step_size` 1e-05 \(relative\) changes .* Leave out `bf16`"):
        moved_by_samples(meta_step_size=1e-5).gradient(RoundedReward(), batches, bf16)
    moved_by_samples(meta_step_size=0.05, meta_objective="spread").gradient(RoundedReward(), batches, bf16)
    moved_by_samples(meta_step_size=1e-3).gradient(WordReward(), batches, accelerator)
    assert "changes the objective by" not in capsys.readouterr().err


def test_a_step_beyond_first_order_is_said_once(accelerator: Accelerator, capsys: pytest.CaptureFixture[str]) -> None:
    step, batches = moved_by_samples(meta_step_size=50.0), first_step(accelerator)
    for _ in range(2):
        step.gradient(WordReward(), batches, accelerator)
    assert capsys.readouterr().err.count("too long for a gradient to say what it does") == 1


def test_gradients_are_clipped_as_the_inner_step_does(accelerator: Accelerator) -> None:
    calls: list[float] = []

    class Noted(RewardStep):
        def clip(self, model: Any, max_norm: float, accelerator: Accelerator) -> Tensor:
            calls.append(max_norm)
            return super().clip(model, max_norm, accelerator)

    step = moved_by_samples()
    step.inner = Noted()
    train(WordReward(), pairs_and_samples(accelerator), step, OPTIONS, accelerator, quiet=True)
    assert calls == [OPTIONS.max_grad_norm] * 12


def test_a_contrastive_step_is_taken_at_the_moved_weights_too(accelerator: Accelerator) -> None:
    pairs, model = pairs_of(accelerator, num_views=2), WordReward()
    _, batches = next(MetaSource(pairs, samples_of(accelerator)).steps(0, None))
    gradients = []
    for size in (0.0, 0.05):
        step = MetaStep(contrasted(), MetaOptions(meta_step_size=size), head=lambda module: [module.head.weight])
        model.zero_grad()
        outputs = step.gradient(model, batches, accelerator)
        gradients.append(model.worth.weight.grad.clone())
        assert sum("contrastive_loss" in output.totals for output in outputs) == 1
    model.zero_grad()
    contrasted().gradient(model, [batch for batch in batches if isinstance(batch, PairBatch)], accelerator)
    assert torch.equal(gradients[0], model.worth.weight.grad) and not torch.equal(gradients[0], gradients[1])
