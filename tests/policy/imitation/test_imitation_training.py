"""Imitation: that one round is SPIN, what a run does not depend on, and how it is taken up again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from imitation_runs import NUM_STEPS, SHOWN, run
from runs import Killed, Lines, adapted, weights
from safetensors.torch import load_file
from torch import Tensor
from toy_policies import toy_policy

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.policy.imitation.own_responses import OwnResponses
from rewardsmith.policy.networks.likelihood import likelihoods
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_architectures import tokenizer_for


def assert_equal_weights(one: Any, other: Any) -> None:
    for name, value in weights(other).items():
        assert torch.equal(weights(one)[name], value), name


def largest_difference(one: Any, other: Any) -> float:
    return max(float((weights(one)[name] - value).abs().max()) for name, value in weights(other).items())


def test_one_round_is_spin(tmp_path: Path) -> None:
    """SPIN (arXiv 2401.01335, Algorithm 1 and Eq. 4.7) written out, with the same own responses."""
    whole = {"num_rounds": 1, "demonstrations_per_step": len(SHOWN), "lr_scheduler_type": "constant"}
    ours, _ = run(folder=tmp_path, beta=0.3, warmup_ratio=0.0, max_grad_norm=0.0, **whole)
    drawn = OwnResponses(**load_file(tmp_path / "step-000001" / "source.safetensors")).tokens
    encoded = ConversationEncoder(tokenizer_for("llama"), 64).encode_many(SHOWN)
    prompts = [one.input_ids[: one.response_start] for one in encoded]
    real = [one.input_ids[one.response_start :] for one in encoded]

    theta, opponent = toy_policy()[0], toy_policy()[0]
    optimizer = torch.optim.AdamW(theta.parameters(), lr=1e-3, weight_decay=0.0)
    for _ in range(3):
        losses = []
        for x, y, own in zip(prompts, real, [drawn[place] for place in range(len(SHOWN))], strict=True):
            with torch.no_grad():
                p_t, p_t_own = log_p(opponent, x, y), log_p(opponent, x, own)
            t = 0.3 * (log_p(theta, x, y) - p_t) - 0.3 * (log_p(theta, x, own) - p_t_own)
            losses.append(torch.log(1 + torch.exp(-t)))
        optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        optimizer.step()
    assert largest_difference(ours, toy_policy()[0]) > 1e-3
    assert largest_difference(ours, theta) < 2e-5


def log_p(model: Any, x: list[int], y: list[int]) -> Tensor:
    logits = model(torch.tensor([x + y])).logits[0, len(x) - 1 : -1]
    return (logits.gather(1, torch.tensor(y)[:, None])[:, 0] - logits.logsumexp(1)).sum()


def test_each_round_begins_with_new_responses_and_no_gap() -> None:
    log = Lines()
    run(log=log)
    gaps = [abs(line["gap_mean"]) for line in log.lines]
    assert len(gaps) == NUM_STEPS and max(gaps[0], gaps[3], gaps[6]) < 1e-6
    assert min(gaps[1:3] + gaps[4:6] + gaps[7:]) > 1e-4
    once = Lines()
    run(log=once, num_rounds=1)
    assert [line["loss"] for line in once.lines[:3]] == [line["loss"] for line in log.lines[:3]]
    assert once.lines[3]["loss"] != log.lines[3]["loss"]


def test_what_is_logged_of_demonstrations_is_their_likelihood() -> None:
    log = Lines()
    _, outcome = run(log=log, imitation="sft", num_rounds=5, demonstrations_per_step=5, learning_rate=1e-12)
    found = likelihoods(toy_policy()[0], ConversationEncoder(tokenizer_for("llama"), 64), SHOWN)
    line = log.lines[0]
    assert line["demonstration_logprob"] == pytest.approx(found.logprobs.mean(), abs=1e-4)
    assert line["loss"] == -line["demonstration_logprob"]
    assert line["accuracy"] is None and line["gap_mean"] is None and line["own_logprob"] is None
    assert outcome.counts["demonstrations"] == 3 * len(SHOWN)
    assert outcome.counts["tokens"] == 3 * found.num_tokens.sum()


@pytest.mark.parametrize("imitation", ["log_sigmoid", "linear", "sft"])
def test_demonstrations_become_likelier(imitation: str) -> None:
    rounds = {"num_rounds": 5 if imitation == "sft" else 6}
    policy, _ = run(imitation=imitation, num_train_epochs=20, learning_rate=3e-3, **rounds)
    encoder = ConversationEncoder(tokenizer_for("llama"), 64)
    before, after = (likelihoods(one, encoder, SHOWN).logprobs for one in (toy_policy()[0], policy))
    assert np.all(after > before + 1)


@pytest.mark.parametrize("imitation", ["log_sigmoid", "sft"])
def test_how_a_step_is_cut_changes_nothing(imitation: str) -> None:
    one = {"imitation": imitation, "demonstrations_per_step": 5, "num_rounds": 5 if imitation == "sft" else 1}
    whole, first = run(**one)
    cut, other = run(max_tokens_per_batch=20, **one)
    assert largest_difference(whole, cut) < 2e-5
    for name in ("loss", "grad_norm"):
        assert first.last[name] == pytest.approx(other.last[name], rel=1e-4)


@pytest.mark.parametrize("kill_at", [1, 3, 5])  # rounds begin at steps 1, 4 and 7
def test_a_killed_run_goes_on_to_the_same_bits(kill_at: int, tmp_path: Path) -> None:
    whole_log, log = Lines(), Lines()
    whole, _ = run(log=whole_log)
    with pytest.raises(Killed):
        run(folder=tmp_path, kill_at=kill_at, log=log)
    resumed, _ = run(folder=tmp_path, log=log)
    assert_equal_weights(resumed, whole)
    assert [line["loss"] for line in log.lines] == [line["loss"] for line in whole_log.lines]


def test_another_run_is_not_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(folder=tmp_path, kill_at=2)
    for change in ({"beta": 0.2}, {"shown": SHOWN[:4]}, {"policy": toy_policy(seed=1)[0]}):
        with pytest.raises(ConfigError, match="checkpoint of another run"):
            run(folder=tmp_path, **change)


def test_adapters_alone_learn() -> None:
    policy, _ = run(adapted())
    start = adapted()
    moved = {name for name, value in weights(start).items() if not torch.equal(weights(policy)[name], value)}
    assert moved and all("lora_" in name for name in moved)


@pytest.mark.distributed
def test_two_processes_do_what_one_does_whole_or_interrupted(tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "imitation_runs.py"
    path = os.pathsep.join([str(script.parent), str(script.parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script, tmp_path]
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    alone = weights(run()[0])
    together, resumed = (load_file(tmp_path / f"{name}.safetensors") for name in ("whole", "resumed"))
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value, rtol=0, atol=2e-5)
        assert torch.equal(together[name], resumed[name]), name


def test_demonstrations_that_are_too_long_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    long = [{"role": "user", "content": "why"}, {"role": "assistant", "content": "so " * 80}]
    _, outcome = run(shown=[long, *SHOWN])
    assert "1 of 6 demonstrations are left out: longer than 64 tokens" in capsys.readouterr().err
    assert outcome.counts["demonstrations"] == 3 * len(SHOWN)
    with pytest.raises(DataError, match="All 1 demonstrations are longer than 64 tokens"):
        run(shown=[long])


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(DataError, match="no demonstration"):
        run(shown=[])
    with pytest.raises(ConfigError, match="`num_rounds` 10: the run has 9 steps"):
        run(num_rounds=10)
    with pytest.raises(ConfigError, match="`beta` 0.0 must be a number above 0"):
        run(beta=0.0)
    with pytest.raises(ConfigError, match="`num_rounds` 3: `imitation` sft has none"):
        run(imitation="sft")
