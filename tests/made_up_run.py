"""A made-up run of iterated RLHF: three rounds, gold best after the second, the proxy rising all along."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

GOLD = (0.40, 0.49, 0.53, 0.31)
"""On the test prompts: of the first policy and after each round."""
KL = (0.0, 3.2, 8.1, 17.5)
PERPLEXITY = (24.0, 21.0, 27.0, 61.0)
REWARD = (0.0, 0.9, 1.9, 3.1)
MATCHES = ((0.58, 0.06, 0.36), (0.66, 0.05, 0.29), (0.3, 0.04, 0.66))
AGAINST_LAST = ((0.58, 0.06, 0.36), (0.55, 0.06, 0.39), (0.2, 0.03, 0.77))
ACCURACY = (0.63, 0.58, 0.49)
SPREAD = (0.9, 0.72, 0.2)
SECONDS = {"sample": 11.0, "adapt": 21.0, "look": 3.0, "improve": 62.0, "evaluate": 17.0}


def interval(value: float, half: float = 0.03) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def match(shares: tuple[float, float, float]) -> dict[str, Any]:
    win, tie, lose = shares
    return {"win": win, "tie": tie, "lose": lose, "rate": interval(win + tie / 2, 0.07)}


def policy(number: int) -> dict[str, Any]:
    return {
        "reward": REWARD[number] * 1.4 - 0.3,
        "gold": interval(GOLD[number]),
        "kl": KL[number],
        "kl_k3": KL[number] * 1.1,
        "perplexity": PERPLEXITY[number],
        "length": 17.0 - number,
        "share_without_end": 0.02 * number,
        "against_first": match(MATCHES[number - 1]) if number else None,
        "against_last": match(AGAINST_LAST[number - 1]) if number else None,
        "reward_gap_first": REWARD[number],
        "samples": f"round-{number}/test.jsonl" if number else "first/test.jsonl",
    }


def path(number: int, num_rollouts: int = 30) -> list[dict[str, Any]]:
    """From the policy of the round before to this one, with the noise of roll-outs."""
    rng = np.random.default_rng(number)
    points = []
    for i in range(num_rollouts):
        share = (i + 1) / num_rollouts
        kl, gold, reward = (
            (1 - share) * each[number - 1] + share * each[number] + scale * rng.standard_normal()
            for each, scale in ((KL, 0.3), (GOLD, 0.025), (REWARD, 0.15))
        )
        points.append({"rollout": i, "kl": kl, "reward": reward, "reward_gap_first": reward, "gold": gold})
    return points


def reward_model(number: int) -> dict[str, Any]:
    spread = SPREAD[number - 1]
    quantiles = [sqrt(2) * z for z in (0.063, 0.319, 0.674, 1.15, 1.96)]
    return {
        "num_pairs": 1800 + 200 * (number - 1),
        "held_out_accuracy": 0.61,
        "spread_here": spread,
        "spread_first": 0.9,
        "objective": 0.44,
        "disagreement": 0.5,
        "drift": REWARD[number - 1],
        "gap_quantiles_here": [spread * each for each in quantiles],
        "gap_quantiles_first": [0.9 * each for each in quantiles],
        "gold_accuracy": interval(ACCURACY[number - 1], 0.035),
        "num_gold_pairs": 768,
        "judge_accuracy": {"value": None, "low": None, "high": None},
        "num_judge_pairs": 0,
    }


def samples(number: int, num: int = 4) -> dict[str, Any]:
    """The reward model's choices among four responses to each prompt."""
    gain = 0.1 * (2 - number)
    golds = [GOLD[number - 1] + gain * (n - 1) / (num - 1) for n in range(1, num + 1)]
    return {
        "num_prompts": 128,
        "num_responses": 128 * num,
        "num_conversations_cut": 0,
        "spread": interval(SPREAD[number - 1], 0.05),
        "spread_share": 0.8,
        "num_gold_prompts": 128,
        "num_gold_pairs": 768,
        "gold_accuracy": interval(ACCURACY[number - 1], 0.035),
        "gold_rank_correlation": interval(0.3 * (2 - number), 0.06),
        "gold_gain": interval(gain, 0.04),
        "best_of_n": [
            {"n": n, "kl_bound": 0.3 * n, "length": 60.0 + n, "gold": interval(gold), "gold_possible": 0.7}
            for n, gold in enumerate(golds, 1)
        ],
    }


def stages(with_forecast: bool) -> list[dict[str, Any]]:
    return [
        {
            "stage": stage,
            "forecast_s": 1.1 * seconds if with_forecast else None,
            "forecast_tokens": int(3100 * seconds) if with_forecast else None,
            "forecast_gib": 0.9 if with_forecast else None,
            "seconds": seconds,
            "tokens": int(3000 * seconds),
            "memory_gib": 0.9,
        }
        for stage, seconds in SECONDS.items()
    ]


def one_round(number: int, stops: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "round": number,
        "labels": {"num_pairs": 200, "num_not_judged": 0, "by": "gold", "wrong_share": 0.26},
        "reward_model": reward_model(number),
        "samples": samples(number),
        "policy": policy(number),
        "path": path(number),
        "path_from_first": True,
        "stops": stops or [],
        "stages": stages(with_forecast=number > 1),
    }


def made_up_run() -> dict[str, Any]:
    stops = [
        {"rule": "spread_collapsed", "value": 0.22, "bar": 0.25},
        {"rule": "no_gain", "value": 0.14, "bar": 0.5},
    ]
    return {
        "dataset": "embedded/world",
        "policy": "embedded/tiny-chat",
        "reward_model": "embedded/tiny-reader",
        "adapt": "retrain",
        "labels": "gold",
        "chat_judge": None,
        "preference_data": "all",
        "policy_start": "last",
        "reference": "sft",
        "judged_by": "gold",
        "num_pairs": 2000,
        "num_decided": 0,
        "wrong_share": 0.27,
        "num_policy_prompts": 4000,
        "num_test_prompts": 128,
        "samples_per_prompt": 4,
        "start": policy(0),
        "rounds": [one_round(1), one_round(2), one_round(3, stops)],
        "best_round": 2,
        "best_against_plain": match((0.54, 0.06, 0.4)),
        "stopped_after": 3,
        "should_have_stopped": 3,
        "waiting_for": None,
        "label_next": "label_next.jsonl",
        "seconds": 342.0,
        "next_steps": [
            {
                "text": "Use the policy of round 2.",
                "command": "rewardsmith sample prompts.jsonl --model_name_or_path runs/loop/round-2/policy",
            }
        ],
    }


def write_samples(folder: Path, num_prompts: int = 8) -> None:
    """Two responses of every policy to the same prompts, where the metrics say that they lie."""
    for number, gold in enumerate(GOLD):
        rows = [
            {
                "prompt": f"what is good about prompt {i}?",
                "responses": [f"policy {number} says {'a good deal ' * (2 + 3 * number)}of {i}.", ""],
                "gold": [gold, 0.0],
            }
            for i in range(num_prompts)
        ]
        file = folder / policy(number)["samples"]
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
