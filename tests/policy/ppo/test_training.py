"""Training a policy: what the first step must be, what a run does not depend on, and how it is taken up again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import EVERYTHING, OPTIONS, Killed, Lines, adapted, run, weights
from safetensors.torch import load_file
from toy_policies import PROMPTS, changed, letter_scorer, toy_policy

from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.objectives.policy import clipped_ratio_cost
from rewardsmith.policy.ppo.training import train_policy
from stub_scorer import StubScorer
from tiny_architectures import tokenizer_for

Whole = tuple[Any, Lines, Path]


def assert_equal_weights(one: Any, other: Any) -> None:
    for name, value in weights(other).items():
        assert torch.equal(weights(one)[name], value), name


def largest_difference(one: Any, other: Any) -> float:
    return max(float((weights(one)[name] - value).abs().max()) for name, value in weights(other).items())


def test_without_learning_every_ratio_is_one_and_no_weight_moves() -> None:
    log = Lines()
    policy, trained = run(log=log, policy_learning_rate=0.0, critic_learning_rate=0.0)
    assert_equal_weights(policy, toy_policy()[0])
    for line in log.lines:
        assert line["clip_share"] == 0 and abs(line["kl_to_rollout"]) < 1e-10
        assert line["kl"] == 0 and line["kl_k3"] == 0
        assert line["policy_loss"] == pytest.approx(0.0, abs=1e-6)  # whitened advantages at a ratio of 1
    assert trained.outcome.counts["responses"] == 3 * 6 * 2


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_in_the_first_pass_every_ratio_is_one(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Token by token, though micro-batches are cut and padded otherwise than those that the roll-out was read in."""
    shifts: list[torch.Tensor] = []

    def seen(logprobs: torch.Tensor, old: torch.Tensor, *more: Any) -> Any:
        shifts.append((logprobs.detach() - old)[old < 0])  # 0 behind a response
        return clipped_ratio_cost(logprobs, old, *more)

    monkeypatch.setattr("rewardsmith.policy.ppo.step.clipped_ratio_cost", seen)
    once = {"num_rollouts": 1, "num_ppo_epochs": 1, "num_minibatches": 1}
    for longest in (20, 4096):
        run(toy_policy(architecture)[0], rollout_max_tokens=longest, **once)
    ratios = torch.cat(shifts).exp()
    assert len(ratios) > 30 and float((ratios - 1).abs().max()) < 1e-6


def test_learning_moves_policy_and_critic_and_says_how_far() -> None:
    policy, trained = run()
    assert largest_difference(policy, toy_policy()[0]) > 1e-4
    assert bool(trained.module.critic.head.weight.any())
    line = trained.outcome.last
    assert line["kl"] != 0 and line["kl_k3"] > 0 and line["ref_perplexity"] > 1 and line["entropy"] > 0
    assert 0 < line["response_length"] <= 6 and 0 <= line["share_without_end"] <= 1
    assert line["spread"] > 0 and line["disagreement"] == 0 and line["explained_variance"] <= 1


@pytest.mark.parametrize(
    "variant",
    [{}, {"advantage": "rloo", "loss_mean": "sequences"}, {"advantage": "grpo", "loss_mean": "response_sums"}],
)
def test_how_a_step_is_cut_changes_nothing(variant: dict[str, str]) -> None:
    whole, first = run(num_rollouts=1, **variant)
    cut, other = run(num_rollouts=1, rollout_max_tokens=20, **variant)
    assert largest_difference(whole, cut) < 2e-5
    assert first.outcome.last["loss"] == pytest.approx(other.outcome.last["loss"], abs=1e-5)


SLOW = [pytest.param(step, marks=pytest.mark.slow) for step in range(1, 17) if step not in (5, 8, 13)]


@pytest.mark.parametrize("kill_at", [5, 8, 13, *SLOW])  # roll-outs begin at steps 1, 5, 9 and 13
def test_a_killed_run_goes_on_to_the_same_bits(
    kill_at: int, tmp_path: Path, whole_run: tuple[Any, Lines, Path]
) -> None:
    whole, lines, folder = whole_run
    log = Lines()
    with pytest.raises(Killed):
        run(folder=tmp_path, kill_at=kill_at, log=log, **EVERYTHING)
    _, resumed = run(folder=tmp_path, log=log, **EVERYTHING)
    assert_equal_weights(resumed.module, whole.module)
    timeless = [[line["kl"], line["kl_coef"], line["score"], line["loss"]] for line in lines.lines]
    assert [[line["kl"], line["kl_coef"], line["score"], line["loss"]] for line in log.lines] == timeless
    assert (tmp_path / "samples.jsonl").read_text() == (folder / "samples.jsonl").read_text()


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    log, folder = Lines(), tmp_path_factory.mktemp("whole")
    _, trained = run(folder=folder, log=log, **EVERYTHING)
    return trained, log, folder


def test_an_adaptive_coefficient_a_reset_and_samples_are_seen(whole_run: Whole) -> None:
    _, log, folder = whole_run
    first, second, third, _ = log.lines
    assert first["kl"] == 0 and second["kl"] != 0 and third["kl"] == 0  # the third roll-out has a new reference
    assert second["kl_coef"] == pytest.approx(first["kl_coef"] * (1 - 0.2 * 6 / 10))
    samples = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    assert [(one["step"], one["rollout"]) for one in samples[::2]] == [(1, 0), (5, 1), (9, 2), (13, 3)]
    assert len(samples) == 8
    assert set(samples[0]) == {"step", "rollout", "prompt", "response", "score", "reward", "kl", "ended"}


def test_another_run_is_not_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(folder=tmp_path, kill_at=2)
    with pytest.raises(ConfigError, match="checkpoint of another run .options"):
        run(folder=tmp_path, clip_range=0.3)
    with pytest.raises(ConfigError, match="checkpoint of another run .reference"):
        run(toy_policy(seed=1)[0], folder=tmp_path)


@pytest.mark.distributed
def test_two_processes_do_what_one_does_whole_or_interrupted(tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "runs.py"
    path = os.pathsep.join([str(script.parent), str(script.parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script, tmp_path]
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    alone = weights(run(**EVERYTHING)[1].module)
    together, resumed = (load_file(tmp_path / f"{name}.safetensors") for name in ("whole", "resumed"))
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value, rtol=0, atol=2e-5)
        assert torch.equal(together[name], resumed[name]), name


def test_adapters_alone_learn_and_without_them_the_policy_is_its_reference() -> None:
    log = Lines()
    policy, _ = run(adapted(), log=log)
    assert log.lines[0]["kl"] == 0 and log.lines[-1]["kl"] != 0
    start = adapted()
    moved = {name for name, value in weights(start).items() if not torch.equal(weights(policy)[name], value)}
    assert moved and all("lora_" in name for name in moved)
    with policy.disable_adapter():
        tokens = torch.tensor([[1, 5, 9, 20]])
        assert torch.equal(policy(tokens).logits, toy_policy()[0](tokens).logits)


def test_while_the_critic_warms_up_the_policy_stays_to_the_bit() -> None:
    policy, trained = run(num_rollouts=2, critic_warmup_rollouts=2)
    assert_equal_weights(policy, toy_policy()[0])
    assert bool(trained.module.critic.head.weight.any())
    later, _ = run(num_rollouts=3, critic_warmup_rollouts=2)
    assert largest_difference(later, toy_policy()[0]) > 0


def test_after_the_critic_warmed_up_the_first_step_of_the_policy_is_a_whole_one() -> None:
    """A first step of Adam moves what has a gradient by the rate."""
    one_step = {"num_ppo_epochs": 1, "num_minibatches": 1, "policy_max_grad_norm": 0.0}
    constant = {"policy_lr_scheduler_type": "constant", "policy_learning_rate": 1e-3}
    policy, _ = run(num_rollouts=2, critic_warmup_rollouts=1, **one_step, **constant)
    assert largest_difference(policy, toy_policy()[0]) == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize("kill_at", [3, 5])  # the policy learns from step 5 on
def test_a_run_whose_critic_warms_up_goes_on_to_the_same_bits(kill_at: int, tmp_path: Path) -> None:
    how = {"num_rollouts": 2, "critic_warmup_rollouts": 1}
    _, whole = run(**how)
    with pytest.raises(Killed):
        run(folder=tmp_path, kill_at=kill_at, **how)
    assert_equal_weights(run(folder=tmp_path, **how)[1].module, whole.module)


def test_a_critic_that_errs_does_not_slow_the_policy() -> None:
    """Gradients of each are clipped by their own norm."""
    scale = 1e6
    plain, _ = run(advantage="gae", gae_lambda=1.0, num_rollouts=1, num_ppo_epochs=1, num_minibatches=1)
    loud, _ = run(
        advantage="gae", gae_lambda=1.0, num_rollouts=1, num_ppo_epochs=1, num_minibatches=1, value_coefficient=scale
    )
    assert_equal_weights(plain, loud)


def test_another_policy_may_be_the_reference() -> None:
    log = Lines()
    train_policy(
        toy_policy()[0],
        tokenizer_for("llama"),
        PROMPTS,
        letter_scorer(),
        changed(OPTIONS, num_rollouts=1),
        make_accelerator("cpu"),
        reference=toy_policy(seed=1)[0],
        log=log,
        quiet=True,
    )
    assert log.lines[0]["kl"] > 0


def test_off_policy_sampling_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    _, trained = run(num_rollouts=1, sampling="paper")
    assert "off policy" in capsys.readouterr().err and not trained.on_policy


def test_a_reward_that_is_no_number_ends_the_run() -> None:
    with pytest.raises(Exception, match="6 of 6 rewards are not finite"):
        run(scorer=StubScorer(lambda text: float("nan")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"advantage": "rloo", "num_samples": 1}, "`advantage` rloo compares the responses to a prompt"),
        ({"advantage": "rloo", "critic_warmup_rollouts": 1}, "`advantage` rloo has no critic"),
        ({"kl_target": 6.0, "kl_coef": 0.0}, "`kl_target` 6.0: a `kl_coef` of 0 stays 0"),
        ({"temperature": 0.0}, "`temperature` 0 draws the same response"),
        ({"top_p": 0.0}, "`top_p` 0.0 must be above 0"),
        ({"num_minibatches": 7}, "`num_minibatches` 7: a roll-out has 6 responses"),
        ({"aggregate": "min"}, "`aggregate` min needs several members, and this is one model"),
    ],
)
def test_options_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(**changes)


def test_adapters_as_they_are_may_become_the_reference() -> None:
    log = Lines()
    run(adapted(), log=log, reference_reset_rollouts=2)
    assert log.lines[1]["kl"] != 0 and log.lines[2]["kl"] == pytest.approx(0.0, abs=1e-6)


def test_no_prompts_are_an_error() -> None:
    with pytest.raises(DataError, match="no prompt"):
        train_policy(toy_policy()[0], tokenizer_for("llama"), [], letter_scorer(), OPTIONS, make_accelerator("cpu"))
