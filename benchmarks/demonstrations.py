"""What is the most that a policy can learn from demonstrations, a quarter of them bad?

Question   Does telling demonstrations from a policy's own responses, by a reward model (RFT) or by the policy itself
           (IRFT, SPIN), reach more gold than their likelihood alone (SFT), where a quarter of them is worse than what
           the policy writes by itself?
Workload   A world, a seed each (lexicon; gold, prompts and draws change with it): demonstrations to the prompts of the
           preferences, each the best by gold of eight responses of `embedded/tiny-chat`, a quarter of them replaced by
           the worst of the eight. All arms of a seed share them. Implicit arms and SFT pass over them three times at
           one rate; RFT has three rounds of a reward model from `embedded/tiny-reader` and RLOO at a KL cost of 1 to
           the policy of the round before.
Arms       sft; spin, which is IRFT with one round; irft and irft linear, three rounds; rft. Gold of the demonstrations
           and of the first policy stand in every line.
Ceiling    Gold is at most 1. A policy that imitates all demonstrations alike has theirs (`gold_demonstrations`); more
           takes telling the bad ones.
Cost       Eight minutes of one free thread for a seed: sft two thirds of a minute, the other arms about two each.
Command    OMP_NUM_THREADS=1 python benchmarks/demonstrations.py --output_dir runs/demonstrations
"""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
import torch
from policy_paths import QUICK, sampler_of
from seed_table import SeedTable

import rewardsmith
from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy
from rewardsmith.policy.networks.likelihood import likelihoods
from rewardsmith.policy.worlds.options import WorldName, WorldOptions
from rewardsmith.policy.worlds.world import World, open_world
from rewardsmith.sampling.local_sampler import load_local_sampler
from rewardsmith.sampling.options import LocalSamplingOptions, SamplingOptions
from rewardsmith.tokens.encoding import ConversationEncoder
from rewardsmith.trials.cell_log import CellLog

ARMS: dict[str, dict[str, Any] | None] = {
    "sft": {"imitation": "sft"},
    "spin": {"num_rounds": 1},
    "irft": {"num_rounds": 3},
    "irft linear": {"num_rounds": 3, "imitation": "linear"},
    "rft": None,
}
"""Options of ``imitate``; None: ``iterate`` with a reward model."""
BASELINE = "sft"
DRAWN, BAD_SHARE = 8, 0.25
SHOWN = ("gold", "kl", "gold_first", "gold_demonstrations", "seconds")


@dataclass(frozen=True)
class DemonstrationCell:
    """One arm in one world with one seed."""

    world: str
    seed: int
    arm: str

    @property
    def key(self) -> str:
        return f"{self.world}-{self.seed}-{self.arm.replace(' ', '_')}"


@dataclass(frozen=True)
class Shown:
    """Demonstrations of a world, each beside another response of the first policy."""

    rows: list[dict[str, Any]]
    gold: float
    gold_first: float


def main() -> None:
    """Runs what is missing, seed after seed, then prints a table and one JSON line. May be killed and given again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--world", choices=get_args(WorldName), default="lexicon")
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=list(ARMS), help="sft is always among them")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--num_demonstrations", type=int, default=1500)
    parser.add_argument("--num_epochs", type=float, default=3)
    parser.add_argument("--learning_rate", type=float, default=1e-4, help="of imitation")
    parser.add_argument("--beta", type=float, default=0.1, help="of the implicit reward")
    parser.add_argument("--num_rollouts", type=int, default=20, help="of a round of rft")
    parser.add_argument("--policy_learning_rate", type=float, default=4e-4, help="of rft")
    parser.add_argument("--num_prompts", type=int, default=128, help="to test on")
    parser.add_argument("--only_show", action="store_true", help="print what is there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    set_quiet(True)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    log = CellLog(args.output_dir / "cells.jsonl", DemonstrationCell)
    arms = list(dict.fromkeys([BASELINE, *args.arms]))
    cells = [DemonstrationCell(args.world, seed, arm) for seed in args.seeds for arm in arms]
    for seed in [] if args.only_show else args.seeds:
        missing = [cell for cell in log.missing(cells) if cell.seed == seed]
        if not missing:
            continue
        world = open_world(WorldOptions(world=args.world, world_seed=seed))
        shown = demonstrations(world, args.num_demonstrations, seed)
        for cell in missing:
            began = time.process_time()
            with TemporaryDirectory(dir=args.output_dir) as folder:
                policy = trained(cell, world, shown, Path(folder), args)
                found = measured(world, policy, seed, args.num_prompts)
            seconds = time.process_time() - began
            told = {"gold_first": shown.gold_first, "gold_demonstrations": shown.gold, "seconds": seconds}
            log.add(asdict(cell) | found | told)
            print(f"{cell.key}: {seconds:.0f} s", flush=True)
    SeedTable.of(log, cells).show(arms, BASELINE, SHOWN)


def demonstrations(world: World, num: int, seed: int) -> Shown:
    """Best of so many by gold, a share of them replaced by the worst, as pairs with the first response drawn."""
    prompts = world.preference_prompts[:num]
    with closing(sampler_of(world)) as sampler:
        answers = sampler.sample(prompts, DRAWN, seed)
    talks = [[*prompt, one.response] for prompt, own in zip(prompts, answers, strict=True) for one in own.samples]
    golds = world.gold.score(talks).rewards.astype(np.float64).reshape(-1, DRAWN)
    rng = np.random.default_rng([seed, 17])
    bad = rng.permutation(len(prompts)) < BAD_SHARE * len(prompts)
    picked = np.where(bad, golds.argmin(1), golds.argmax(1))
    rows = [
        {
            "prompt": list(prompt),
            "chosen": own.samples[place].response["content"],
            "rejected": own.samples[0 if place else 1].response["content"],
        }
        for prompt, own, place in zip(prompts, answers, picked.tolist(), strict=True)
    ]
    return Shown(rows, float(np.take_along_axis(golds, picked[:, None], 1).mean()), float(golds.mean()))


def trained(cell: DemonstrationCell, world: World, shown: Shown, folder: Path, args: argparse.Namespace) -> str:
    """Where the policy of an arm is."""
    how = ARMS[cell.arm]
    if how is None:
        return explicit(cell, world, shown, folder, args)
    found = rewardsmith.imitate(
        shown.rows,
        model_name_or_path=world.policy,
        output_dir=folder / "policy",
        num_train_epochs=args.num_epochs,
        learning_rate=args.learning_rate,
        beta=args.beta,
        max_length=128,
        max_new_tokens=world.max_new_tokens,
        save_steps=0,
        seed=cell.seed,
        device="cpu",
        quiet=True,
        **how,
    )
    return found.path


def explicit(cell: DemonstrationCell, world: World, shown: Shown, folder: Path, args: argparse.Namespace) -> str:
    """RFT: each round a reward model of a third of the demonstrations above own responses, then RLOO against it."""
    files = {"prompts": world.policy_prompts, "test_prompts": world.test_prompts}
    for name, prompts in files.items():
        write_jsonl(folder / f"{name}.jsonl", ({"prompt": list(prompt)} for prompt in prompts))
    rewardsmith.iterate(
        shown.rows,
        output_dir=folder / "loop",
        policy_name_or_path=world.policy,
        model_name_or_path=world.reward_model,
        **{name: str(folder / f"{name}.jsonl") for name in files},
        labels="demonstrations",
        labels_per_round=len(shown.rows) // 3,
        preference_data="last",
        reference="last",
        kl_coef=1.0,
        standardise_rewards=False,
        num_rounds=3,
        stop_early=False,
        eval_fraction=0.0,
        learning_rate=1e-3,
        num_train_epochs=2,
        per_device_train_batch_size=32,
        max_length=128,
        num_rollouts=args.num_rollouts,
        max_prompt_length=48,
        max_new_tokens=world.max_new_tokens,
        advantage="rloo",
        num_ppo_epochs=1,
        policy_learning_rate=args.policy_learning_rate,
        policy_lr_scheduler_type="constant",
        no_end_penalty=0.0,
        num_shift_prompts=32,
        num_test_prompts=32,
        save_rollouts=0,
        save_steps=0,
        seed=cell.seed,
        device="cpu",
        quiet=True,
        **QUICK,
    )
    return str(folder / "loop" / "round-3" / "policy")


def measured(world: World, policy: str, seed: int, num_prompts: int) -> dict[str, float]:
    """Mean gold of four responses to each test prompt, and their KL to the first policy (k1, nats)."""
    prompts = world.test_prompts[:num_prompts]
    sampling = SamplingOptions(max_new_tokens=world.max_new_tokens)
    with closing(load_local_sampler(policy, None, sampling, LocalSamplingOptions(device="cpu"))) as sampler:
        answers = sampler.sample(prompts, 4, 1000 + seed)
    drawn = [(prompt, one) for prompt, own in zip(prompts, answers, strict=True) for one in own.samples]
    talks: list[Conversation] = [[*prompt, one.response] for prompt, one in drawn]
    ended = [one.finish_reason == "stop" for _, one in drawn]
    here, first = (log_likelihoods(name, talks, ended) for name in (policy, world.policy))
    return {"gold": float(world.gold.score(talks).rewards.mean()), "kl": float((here - first).mean())}


def log_likelihoods(name: str, talks: list[Conversation], ended: list[bool]) -> Any:
    model, tokenizer = load_policy(resolve_model(name))
    return likelihoods(model, ConversationEncoder(tokenizer), talks, ended).logprobs


if __name__ == "__main__":
    main()
