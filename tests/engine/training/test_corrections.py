"""Labels and margins that follow the model: what a step makes of them, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from given_rewards import GivenRewards, reads_its_reward
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.training.corrections.batch_margin import DECAY, BatchMargin
from rewardsmith.engine.training.corrections.correction import Seen
from rewardsmith.engine.training.corrections.data_smoothing import STATE, DataSmoothing
from rewardsmith.engine.training.corrections.noise_aware import NoiseAware
from rewardsmith.engine.training.corrections.norm_bt import NormBT
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.models.layers.heads import RewardOutput


def seen(*gaps: float, distances: tuple[float, ...] | None = None) -> Seen:
    """Pairs with these gaps whose states lie so far apart."""
    apart = torch.tensor([0.0] * len(gaps) if distances is None else distances)[:, None]
    return Seen(torch.tensor(gaps), torch.stack([apart, 0 * apart])[:, None])


NO_GAP = seen(0.0)
"""For corrections that do not ask for it."""


class OneProcess(Accelerator):  # type: ignore[misc]
    """What corrections ask of an accelerator."""

    num_processes = 1

    def __init__(self) -> None:
        """Without a device to look for."""

    def reduce(self, tensor: Tensor, reduction: str) -> Tensor:
        assert reduction == "sum"
        return tensor


class WithOther(OneProcess):
    """Two processes; the other one sends ``theirs``."""

    num_processes = 2

    def __init__(self, theirs: Tensor) -> None:
        self.theirs = theirs

    def reduce(self, tensor: Tensor, reduction: str) -> Tensor:
        return tensor + self.theirs.to(tensor)


def batch_of(gaps: list[float], indices: list[int] | None = None, **columns: list[float]) -> PairBatch:
    """Pairs whose rewards are gap and 0, as ``reads_its_reward`` reads them."""
    ones = [1.0] * len(gaps)
    weight = torch.tensor(columns.get("weight", ones))
    return PairBatch(
        inputs=GivenRewards(torch.tensor([*gaps, *([0.0] * len(gaps))])),
        target=torch.tensor(columns.get("target", ones)),
        margin=torch.tensor(columns.get("margin", [0.0] * len(gaps))),
        weight=weight,
        total_weight=float(weight.sum()),
        indices=np.arange(len(gaps)) if indices is None else np.array(indices),
    )


def smoothing(target: list[float], beta: float) -> DataSmoothing:
    return DataSmoothing(np.array(target, dtype=np.float32), beta)


def labels_of(smoothing: DataSmoothing) -> NDArray[np.float32]:
    return smoothing.state()[STATE].numpy()


def learn(labels: DataSmoothing, batch: PairBatch) -> None:
    """One optimiser step."""
    step = RewardStep(corrections=(labels,))
    step.loss(reads_its_reward, batch)
    step.finish(OneProcess())


def test_a_step_that_reads_its_pairs_twice_moves_their_labels_once() -> None:
    """As one with two views does, or one that takes its gradient elsewhere."""
    once, twice = smoothing([1.0], beta=0.5), smoothing([1.0], beta=0.5)
    learn(once, batch_of([0.0]))
    step = RewardStep(corrections=(twice,))
    first, second = (step.loss(reads_its_reward, batch_of([0.0])) for _ in range(2))
    step.finish(OneProcess())
    assert torch.equal(first.loss, second.loss)
    assert labels_of(twice).tolist() == labels_of(once).tolist() == [0.75]


def test_a_pair_is_learned_with_its_label_and_the_label_moves_after_it() -> None:
    labels = smoothing([1.0, 0.25, 0.5], beta=0.5)
    step = RewardStep(corrections=(labels,))
    plain = RewardStep().loss(reads_its_reward, batch_of([0.0, 2.0], target=[1.0, 0.5]))
    first = step.loss(reads_its_reward, batch_of([0.0, 2.0], indices=[0, 2], target=[1.0, 0.5]))
    assert torch.equal(first.loss, plain.loss)
    assert labels_of(labels) == pytest.approx([1.0, 0.25, 0.5])  # until the step is over
    step.finish(OneProcess())
    expected = [0.5 * 1.0 + 0.5 * 0.5, 0.25, 0.5 * 0.5 + 0.5 / (1 + np.exp(-2.0))]
    assert labels_of(labels) == pytest.approx(expected)
    again = step.loss(reads_its_reward, batch_of([0.0, 2.0], indices=[0, 2], target=[1.0, 0.5]))
    soft = batch_of([0.0, 2.0], target=[expected[0], expected[2]])
    assert again.loss.item() == pytest.approx(RewardStep().loss(reads_its_reward, soft).loss.item())


def test_labels_go_to_the_probability_that_is_in_the_loss() -> None:
    labels = smoothing([1.0], beta=1.0)
    learn(labels, batch_of([3.0], margin=[2.5]))
    assert labels_of(labels) == pytest.approx([1 / (1 + np.exp(-0.5))])


def test_the_change_of_labels_is_logged_and_accuracy_goes_by_those_given() -> None:
    labels = smoothing([1.0, 1.0], beta=1.0)
    step = RewardStep(corrections=(labels,))
    learn(labels, batch_of([-4.0, 4.0]))
    totals = {name: float(value) for name, value in step.loss(reads_its_reward, batch_of([-4.0, 4.0])).totals.items()}
    metrics = step.metrics(totals)
    assert metrics["label_change"] == pytest.approx(0.5)  # sigmoid(4) of the one, sigmoid(-4) of the other
    assert metrics["accuracy"] == 0.5


@settings(deadline=None)
@given(beta=st.floats(0, 1), gap=st.floats(-50, 50), target=st.floats(0, 1))
def test_swapping_a_pair_turns_its_smoothed_label(beta: float, gap: float, target: float) -> None:
    target = float(np.float32(target))
    ways = []
    for sign, label in ((1.0, target), (-1.0, 1 - target)):
        labels = smoothing([label], beta)
        learn(labels, batch_of([sign * gap], margin=[sign * 0.3]))
        ways.append(float(labels_of(labels)[0]))
    assert ways[0] == pytest.approx(1 - ways[1], abs=1e-6)
    assert 0 <= ways[0] <= 1


def test_copies_of_weight_zero_move_no_label() -> None:
    labels = smoothing([1.0, 1.0], beta=0.5)
    learn(labels, batch_of([0.0, 0.0], weight=[1.0, 0.0]))
    assert labels_of(labels).tolist() == [0.75, 1.0]


def test_processes_exchange_the_labels_that_each_has_moved() -> None:
    labels = smoothing([1.0, 0.3, 1.0], beta=0.5)
    step = RewardStep(corrections=(labels,))
    step.loss(reads_its_reward, batch_of([0.0], indices=[0]))
    theirs = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.9]])  # the other process has moved label 2
    step.finish(WithOther(theirs))
    assert labels_of(labels) == pytest.approx([0.75, 0.3, 0.9])
    step.finish(WithOther(torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.0, 0.0]])))  # and now the first one
    assert labels_of(labels) == pytest.approx([0.6, 0.3, 0.9])


def test_the_margin_of_a_step_is_the_mean_gap_of_those_before() -> None:
    margin = BatchMargin(0.5)
    step = RewardStep(corrections=(margin,))
    first = step.loss(reads_its_reward, batch_of([1.0, 3.0]))
    assert torch.equal(first.loss, RewardStep().loss(reads_its_reward, batch_of([1.0, 3.0])).loss)
    step.finish(OneProcess())
    second = step.loss(reads_its_reward, batch_of([5.0]))
    assert second.loss.item() == pytest.approx(np.logaddexp(0, -(5.0 - 0.5 * 2.0)))
    assert step.metrics({name: float(value) for name, value in second.totals.items()})["batch_margin"] == 1.0
    step.finish(OneProcess())
    third = margin.apply(batch_of([0.0]), NO_GAP)
    assert third.margin.item() == pytest.approx(0.5 * (DECAY * 4.0 + 5.0) / (DECAY * 2 + 1))


def test_the_margin_points_where_the_label_points() -> None:
    margin = BatchMargin(1.0)
    RewardStep(corrections=(margin,)).loss(reads_its_reward, batch_of([2.0, -2.0, 7.0], target=[1.0, 0.0, 0.5]))
    margin.finish(OneProcess())
    applied = margin.apply(batch_of([0.0] * 4, target=[1.0, 0.0, 0.5, 0.75], margin=[0.1, 0.1, 0.1, 0.1]), NO_GAP)
    assert applied.margin.tolist() == pytest.approx([2.1, -1.9, 0.1, 1.1])


@pytest.mark.parametrize(("target", "scale"), [(0.9, 0.5), (0.9, 1.0), (0.7, 1.0)])
def test_gaps_of_uncertain_labels_have_a_resting_point(target: float, scale: float) -> None:
    """At logit(t) / (1 - (2 t - 1) s) the gap exceeds its margin by logit(t), where the loss has no slope."""
    logit = float(np.log(target / (1 - target)))
    gap = logit / (1 - (2 * target - 1) * scale)
    margin = BatchMargin(scale)
    RewardStep(corrections=(margin,)).loss(reads_its_reward, batch_of([gap], target=[target]))
    margin.finish(OneProcess())
    assert gap - margin.apply(batch_of([gap], target=[target]), NO_GAP).margin.item() == pytest.approx(logit)


def test_a_mean_gap_below_zero_is_no_margin() -> None:
    margin = BatchMargin(1.0)
    RewardStep(corrections=(margin,)).loss(reads_its_reward, batch_of([-2.0, 1.0]))
    margin.finish(OneProcess())
    assert margin.apply(batch_of([0.0]), NO_GAP).margin.item() == 0.0


def test_weights_count_in_the_mean_gap_and_weight_zero_does_not() -> None:
    margin = BatchMargin(1.0)
    RewardStep(corrections=(margin,)).loss(reads_its_reward, batch_of([1.0, 4.0, 90.0], weight=[1.0, 2.0, 0.0]))
    margin.finish(OneProcess())
    assert margin.apply(batch_of([0.0]), NO_GAP).margin.item() == pytest.approx(3.0)


def test_micro_batches_and_processes_make_one_step() -> None:
    whole, parts, shared = BatchMargin(1.0), BatchMargin(1.0), BatchMargin(1.0)
    RewardStep(corrections=(whole,)).loss(reads_its_reward, batch_of([1.0, 2.0, 6.0]))
    for gaps in ([1.0, 2.0], [6.0]):
        RewardStep(corrections=(parts,)).loss(reads_its_reward, batch_of(gaps))
    RewardStep(corrections=(shared,)).loss(reads_its_reward, batch_of([1.0, 2.0]))
    other = WithOther(torch.tensor([6.0, 1.0]))
    for margin, accelerator in ((whole, OneProcess()), (parts, OneProcess()), (shared, other)):
        margin.finish(accelerator)
        assert margin.apply(batch_of([0.0]), NO_GAP).margin.item() == pytest.approx(3.0)


def test_no_gradient_flows_into_margin_or_label() -> None:
    reward = torch.tensor([2.0, 0.0], requires_grad=True)
    margin, labels = BatchMargin(1.0), smoothing([1.0], beta=0.5)
    step = RewardStep(corrections=(labels, margin))
    for _ in range(2):
        reward.grad = None
        learned = margin.apply(labels.apply(batch_of([0.0]), NO_GAP), NO_GAP)
        torch.autograd.backward(step.loss(lambda _: RewardOutput(reward, reward[:, None]), batch_of([0.0])).loss)
        step.finish(OneProcess())
        wanted = torch.sigmoid(2.0 - learned.margin) - learned.target
        assert reward.grad is not None
        torch.testing.assert_close(reward.grad, torch.cat([wanted, -wanted]))


def test_far_pairs_weigh_less_by_the_mean_distance_of_the_steps_before() -> None:
    norm_bt = NormBT()
    step = RewardStep(corrections=(norm_bt,))
    first = step.loss(reads_its_reward, batch_of([1.0, 3.0]))  # whose states are their rewards
    assert torch.equal(first.loss, RewardStep().loss(reads_its_reward, batch_of([1.0, 3.0])).loss)
    step.finish(OneProcess())
    second = step.loss(reads_its_reward, batch_of([4.0, 1.0, 9.0], weight=[2.0, 1.0, 0.0]))
    cost = np.logaddexp(0, [-4.0, -1.0])
    assert second.loss.item() == pytest.approx((2 * cost[0] * 2 / 4 + cost[1] * 2 / 1) / 3, rel=1e-5)
    metrics = step.metrics({name: float(value) for name, value in second.totals.items()})
    assert metrics["norm_bt_weight"] == pytest.approx((2 / 4 + 2 / 1) / 2, rel=1e-5)
    step.finish(OneProcess())
    third = norm_bt.apply(batch_of([0.0]), seen(0.0, distances=(1.0,)))
    assert third.weight.item() == pytest.approx((DECAY * 4 + 5) / (DECAY * 2 + 2), rel=1e-5)


def test_micro_batches_and_processes_have_one_usual_distance() -> None:
    whole, parts, shared = NormBT(), NormBT(), NormBT()
    RewardStep(corrections=(whole,)).loss(reads_its_reward, batch_of([1.0, 2.0, 6.0]))
    for gaps in ([1.0, 2.0], [6.0]):
        RewardStep(corrections=(parts,)).loss(reads_its_reward, batch_of(gaps))
    RewardStep(corrections=(shared,)).loss(reads_its_reward, batch_of([1.0, 2.0]))
    for norm_bt, accelerator in (
        (whole, OneProcess()),
        (parts, OneProcess()),
        (shared, WithOther(torch.tensor([6.0, 1.0]))),
    ):
        norm_bt.finish(accelerator)
        assert norm_bt.apply(batch_of([0.0]), seen(0.0, distances=(1.5,))).weight.item() == pytest.approx(2.0)


def test_a_pair_of_equal_states_keeps_a_finite_weight() -> None:
    norm_bt = NormBT()
    norm_bt.load_state({"norm_bt": torch.tensor([4.0, 2.0])})
    assert norm_bt.apply(batch_of([0.0]), seen(0.0)).weight.isfinite().all()


def test_a_state_brings_back_what_comes_next() -> None:
    def steps(step: RewardStep, number: int) -> float:
        for i in range(number):
            output = step.loss(reads_its_reward, batch_of([0.3 * i, 1.0]))
            step.finish(OneProcess())
        return output.loss.item()

    def fresh() -> RewardStep:
        return RewardStep(corrections=(smoothing([1.0, 0.9], 0.3), BatchMargin(0.7), NormBT()))

    whole, first, second = fresh(), fresh(), fresh()
    steps(first, 3)
    second.load_state({name: tensor.clone() for name, tensor in first.state().items()})
    steps(first, 2)  # what goes on with the run it came from leaves the state alone
    steps(whole, 3)
    assert steps(second, 4) == steps(whole, 4)


def test_without_corrections_a_step_has_no_state() -> None:
    assert RewardStep().state() == {}


def test_a_doubtful_label_is_believed_as_far_as_the_model_allows() -> None:
    rates = np.array([[0.0, 0.0], [0.25, 0.25], [0.1, 0.4], [0.1, 0.4]], dtype=np.float32)
    step = RewardStep(corrections=(NoiseAware(rates),))
    batch = batch_of([-1.0, 0.5, 0.0, 2.0], indices=[0, 1, 2, 3], target=[1.0, 1.0, 0.0, 0.0], margin=[0.0, 0.5, 0, 1])
    learned = step.corrections[0].apply(batch, seen(-1.0, 0.5, 0.0, 2.0))
    better = 1 / (1 + np.exp(-1.0))
    by_hand = [1.0, 0.75, 0.4 / 1.3, 0.4 * better / (0.4 * better + 0.9 * (1 - better))]
    np.testing.assert_allclose(learned.target, by_hand, rtol=1e-6)
    out = step.loss(reads_its_reward, batch)
    change = np.abs(np.array(by_hand) - [1.0, 1.0, 0.0, 0.0]).mean()
    totals = {name: float(value) for name, value in out.totals.items()}
    assert step.metrics(totals)["label_change"] == pytest.approx(change)


@pytest.mark.parametrize("target", [1.0, 0.0, 0.7])
def test_the_gradient_is_that_of_the_likelihood_of_noisy_labels(target: float) -> None:
    rates, gap = np.array([[0.1, 0.3]], dtype=np.float32), torch.tensor([0.8], requires_grad=True)
    better = (gap - 0.2).sigmoid()
    says_chosen = (1 - 0.3) * better + 0.1 * (1 - better)
    (-(target * says_chosen.log() + (1 - target) * (1 - says_chosen).log())).sum().backward()
    likelihood_gradient = gap.grad.clone() if gap.grad is not None else None
    rewards = torch.tensor([0.8, 0.0], requires_grad=True)
    batch = batch_of([0.8], target=[target], margin=[0.2])
    model = GivenRewards(rewards)
    RewardStep(corrections=(NoiseAware(rates),)).loss(lambda _: reads_its_reward(model), batch).loss.backward()
    assert rewards.grad is not None and likelihood_gradient is not None
    assert rewards.grad[0].item() == pytest.approx(likelihood_gradient.item(), rel=1e-5)
