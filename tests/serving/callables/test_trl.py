"""TRL asks for rewards: its own trainers, one step on a CPU, against ``rewardsmith score`` to the bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from answered_prompts import ANSWERED, user

import rewardsmith

Scored = Callable[..., list[float]]


def test_rewards_are_those_of_score_to_the_bit(reward_model: Path, scored: Scored) -> None:
    reward = rewardsmith.reward_function(reward_model, device="cpu")
    prompts = [prompt for prompt, _ in ANSWERED]
    said = [[{"role": "assistant", "content": response}] for _, response in ANSWERED]
    assert reward(prompts, said, completion_ids=[[1]] * 5, source=["a"] * 5) == scored(reward_model, ANSWERED)
    texts = [("Say hi.", " Hi!"), ("Once upon", " a time")]
    assert reward(*zip(*texts, strict=True)) == scored(reward_model, texts)


def test_a_loop_of_tools_is_read_whole(reward_model: Path, scored: Scored) -> None:
    turns = [
        {"role": "assistant", "content": "I add them."},
        {"role": "tool", "content": "2"},
        {"role": "assistant", "content": "It is 2."},
    ]
    reward = rewardsmith.reward_function(reward_model, device="cpu")
    assert reward([user("1 + 1?")], [turns]) == scored(reward_model, [(user("1 + 1?"), turns)])


def test_the_log_has_the_name_and_the_spread_of_members(ensemble: Path) -> None:
    logged: dict[str, float] = {}
    reward = rewardsmith.reward_function(ensemble, device="cpu", name="helpful")
    reward([prompt for prompt, _ in ANSWERED], [response for _, response in ANSWERED], log_metric=logged.__setitem__)
    assert reward.__name__ == "helpful"
    assert list(logged) == ["rewards/helpful/members_std"] and logged["rewards/helpful/members_std"] > 0
    assert rewardsmith.reward_function("runs/a, runs/b").__name__ == "a+b"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")  # of TRL
@pytest.mark.parametrize("algorithm", ["GRPO", "RLOO"])
@pytest.mark.parametrize("as_text", [False, True])
def test_trl_learns_from_the_rewards_of_score(
    algorithm: str, as_text: bool, ensemble: Path, policy: Path, scored: Scored, tmp_path: Path
) -> None:
    trl = pytest.importorskip("trl", reason="needs pip install 'rewardsmith[rl]'")
    from datasets import Dataset

    batches: list[tuple[list[tuple[Any, Any]], list[float]]] = []

    class Watched(getattr(trl, f"{algorithm}Trainer")):  # type: ignore[misc]
        def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, *given: Any) -> Any:
            rewards = super()._calculate_rewards(inputs, prompts, completions, *given)
            batches.append((list(zip(prompts, completions, strict=True)), rewards[:, 0].tolist()))
            return rewards

    texts = ["Say hi.", "Why is the sky blue?", "A longer prompt of some more words.", "So?"]
    arguments = getattr(trl, f"{algorithm}Config")(
        output_dir=str(tmp_path / "out"),
        use_cpu=True,
        bf16=False,
        per_device_train_batch_size=8,
        num_generations=4,
        max_completion_length=8,
        max_steps=1,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    trainer = Watched(
        model=str(policy),
        reward_funcs=[rewardsmith.reward_function(ensemble, device="cpu", aggregate="min", name="rm")],
        args=arguments,
        train_dataset=Dataset.from_list([{"prompt": text if as_text else user(text)} for text in texts]),
    )
    trainer.train()
    answered, rewards = batches[0]
    assert len(rewards) == 8 and len(set(rewards)) > 1
    assert rewards == scored(ensemble, answered, aggregate="min")
    logged = trainer.state.log_history[0]
    assert logged["rewards/rm/mean"] == pytest.approx(sum(rewards) / 8, rel=1e-5)
    if algorithm == "GRPO":
        assert logged["rewards/rm/members_std"] > 0
