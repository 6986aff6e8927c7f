"""How fast is a policy improved, beside TRL's RLOO, and where does a step of PPO spend its time?

Question   Tokens of responses a second of processor time: drawn, learned from, and over the whole run (with scoring and
           the reading of log-probabilities), by our RLOO and TRL's, from the same policy, prompts and rewards. Then the
           shares of a roll-out of PPO with a critic: draw, score, read, learn.
Workload   Prompts of `embedded/dialogues`, --num_samples responses each at temperature 1, one optimiser step from each
           roll-out in float32, k1 in the reward; the rate is 0, so that both sides draw from one policy to the end. The
           reward model has the policy's size. Blocks of --num_rollouts roll-outs by each side in turns, in one process;
           the first block of each side warms up, and so does the first roll-out of every block.
           "trl" takes a roll-out in one batch, without gradient checkpointing; "trl as shipped" has its own batch of 8,
           gradient checkpointing and bf16.
Ceiling    Drawing: see sampling_speed.py. Learning: both compute the same tokens, so TRL's padding is what can be won.
Command    OMP_NUM_THREADS=1 python benchmarks/rl_speed.py --model embedded/tiny-chat
           Needs the `benchmark` extra.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from sampling_speed import distinct_prompts
from side_by_side import machine, shown

from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.hardware.devices import use_all_cores
from rewardsmith.engine.scoring.local_scorer import LocalScorer
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.files import quiet_transformers
from rewardsmith.models.loading.policies import load_policy
from rewardsmith.models.loading.starting import starting_model
from rewardsmith.models.options import ModelOptions
from rewardsmith.policy.options import SETTINGS, KLOptions, PolicyOptimizerOptions, PolicyOptions
from rewardsmith.policy.ppo.step import PPOStep
from rewardsmith.policy.ppo.training import train_policy
from rewardsmith.policy.rollouts.maker import RolloutMaker
from rewardsmith.policy.rollouts.rewards import RewardRule
from rewardsmith.policy.trl.settings import trl_arguments
from rewardsmith.sampling.options import SamplingOptions

SIDES = ("rewardsmith", "trl", "trl as shipped", "rewardsmith, PPO")
PHASES = ("draw", "score", "read", "learn")
OF_ONE = {"seconds": 2, "tokens": 0}
SHIPPED = {"per_device_train_batch_size": 8, "gradient_checkpointing": True, "bf16": True}


@dataclass
class Rollouts:
    """Processor seconds of each roll-out by phase, and tokens of its responses."""

    seconds: list[dict[str, float]] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    _began: float = 0.0

    def begin(self) -> None:
        """A roll-out begins, and the one before it has been learned from."""
        self.end()
        self.seconds.append(defaultdict(float))

    def end(self) -> None:
        if self.seconds and "learn" not in self.seconds[-1]:
            done = self.seconds[-1]
            done["learn"] = time.process_time() - self._began - sum(done.values())

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.process_time()
        if name == "draw":
            self.begin()
            self._began = started
        yield
        self.seconds[-1][name] += time.process_time() - started

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*given: Any, **named: Any) -> Any:
            with self.phase(name):
                return function(*given, **named)

        return call


@dataclass(frozen=True)
class Setting:
    """What both sides share."""

    model: str
    prompts: Sequence[Conversation]
    scorer: Scorer
    options: PolicyOptions


def ours(setting: Setting, seed: int, options: PolicyOptions) -> Rollouts:
    """A block by our trainer."""
    seen = Rollouts()
    kept = {(RolloutMaker, "_drawn"): "draw", (RewardRule, "score"): "score", (RolloutMaker, "_read"): "read"}
    originals = {key: getattr(*key) for key in kept}
    for (owner, name), phase in kept.items():
        setattr(owner, name, seen.timed(phase, originals[owner, name]))
    metrics = PPOStep.metrics

    def count(step: PPOStep, totals: dict[str, float]) -> dict[str, float | None]:
        seen.tokens.append(int(totals["num_tokens"]) // options.steps_per_rollout)
        return metrics(step, totals)

    PPOStep.metrics = count  # type: ignore[method-assign]
    try:
        policy, tokenizer = load_policy(resolve_model(setting.model))
        accelerator = make_accelerator("cpu")
        train_policy(policy, tokenizer, setting.prompts, setting.scorer, options, accelerator, seed, quiet=True)
    finally:
        PPOStep.metrics = metrics  # type: ignore[method-assign]
        for key, original in originals.items():
            setattr(*key, original)
    seen.end()
    return seen


def theirs(setting: Setting, seed: int, changes: dict[str, Any]) -> Rollouts:
    """A block by TRL's RLOO, as its users start it."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import RLOOConfig, RLOOTrainer

    seen, options = Rollouts(), setting.options

    class Timed(RLOOTrainer):  # type: ignore[misc]
        def _generate(self, prompts: Any) -> Any:
            with seen.phase("draw"):
                drawn = super()._generate(prompts)
            seen.tokens.append(sum(map(len, drawn[1])))
            return drawn

        def _get_per_token_logps_and_entropies(self, *given: Any, **named: Any) -> Any:
            if torch.is_grad_enabled():
                return super()._get_per_token_logps_and_entropies(*given, **named)
            with seen.phase("read"):
                return super()._get_per_token_logps_and_entropies(*given, **named)

    def reward(prompts: Any, completions: Any, **_: Any) -> list[float]:
        talks = [[*prompt, *response] for prompt, response in zip(prompts, completions, strict=True)]
        return list(map(float, setting.scorer.score(talks).rewards))

    with TemporaryDirectory() as folder, quiet_transformers(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # TRL calls old names of transformers
        policy, tokenizer = load_policy(resolve_model(setting.model))
        policy.save_pretrained(folder)
        policy.config.name_or_path = policy.name_or_path = folder  # where TRL finds its reference
        num = options.rollouts.prompts_per_rollout * options.rollouts.num_samples
        chosen = {"per_device_train_batch_size": num, "gradient_checkpointing": False, "bf16": False, **changes}
        told = trl_arguments("trl_rloo", options, longest_prompt=0) | chosen
        arguments = RLOOConfig(
            output_dir=str(Path(folder) / "run"),
            use_cpu=True,
            seed=seed,
            dataloader_pin_memory=False,
            save_strategy="no",
            logging_steps=1,
            report_to="none",
            disable_tqdm=True,
            learning_rate=0.0,
            lr_scheduler_type="constant",
            **told
            | {
                "beta": options.kl.kl_coef,
                "gradient_accumulation_steps": num // told["per_device_train_batch_size"],
            },
        )
        rows = Dataset.from_list([{"prompt": list(prompt)} for prompt in setting.prompts])
        trainer = Timed(policy, seen.timed("score", reward), arguments, rows, processing_class=tokenizer)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    seen.end()
    return seen


def main() -> None:
    """Prints two tables, then one line of JSON."""
    given = _arguments()
    set_quiet(True)
    use_all_cores()
    setting = _setting(given)
    with_critic = replace(setting.options, ppo=SETTINGS["ppo-summarize"].ppo)
    sides: dict[str, Callable[[int], Rollouts]] = {
        "rewardsmith": lambda seed: ours(setting, seed, setting.options),
        "trl": lambda seed: theirs(setting, seed, {}),
        "trl as shipped": lambda seed: theirs(setting, seed, SHIPPED),
        "rewardsmith, PPO": lambda seed: ours(setting, seed, with_critic),
    }
    sides = {name: side for name, side in sides.items() if name in given.sides or name == "rewardsmith"}
    rates: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    shares: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for block in range(given.repeats + 1):
        for name in sorted(sides, reverse=block % 2 == 1):
            seen = sides[name](block)
            print(f"block {block}: {name}", flush=True)
            if block:
                rates[name].append(_rates(seen))
                shares[name].append(_shares(seen))
    _print_rates(rates)
    _print_shares(shares)
    print(json.dumps({**vars(given), "rates": rates, "shares": shares, "machine": machine()}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded/tiny-chat")
    parser.add_argument("--num_prompts", type=int, default=64)
    parser.add_argument("--prompts_per_rollout", type=int, default=16)
    parser.add_argument("--num_samples", type=int, default=4)
    parser.add_argument("--max_new_tokens", type=int, default=32)
    parser.add_argument("--num_rollouts", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sides", nargs="*", default=SIDES, help="some of them; the first always comes along")
    return parser.parse_args()


def _setting(given: argparse.Namespace) -> Setting:
    start = starting_model(ModelOptions(given.model, max_length=512), seed=0)
    rollouts = replace(
        SETTINGS["rloo"].rollouts,
        num_rollouts=given.num_rollouts,
        prompts_per_rollout=given.prompts_per_rollout,
        num_samples=given.num_samples,
    )
    options = replace(
        SETTINGS["rloo"],
        sampling=SamplingOptions(max_new_tokens=given.max_new_tokens),
        rollouts=rollouts,
        kl=KLOptions(kl_coef=0.05),
        optimizer=PolicyOptimizerOptions(policy_learning_rate=0.0, critic_learning_rate=0.0),
    )
    scorer = LocalScorer(start.model, start.encoder, device="cpu")
    return Setting(given.model, distinct_prompts(given.num_prompts), scorer, options)


def _rates(seen: Rollouts) -> dict[str, float]:
    """Tokens a second of a block, less its first roll-out."""
    seconds, tokens = seen.seconds[1:], sum(seen.tokens[1:])
    learned = sum(one["learn"] for one in seconds)
    return {
        "drawn": tokens / sum(one["draw"] for one in seconds),
        "learned": tokens / learned,
        "whole": tokens / sum(sum(one.values()) for one in seconds),
    }


def _shares(seen: Rollouts) -> dict[str, float]:
    """Of the time of a block, and seconds and tokens of one of its roll-outs."""
    sums = {phase: sum(one[phase] for one in seen.seconds[1:]) for phase in PHASES}
    total = sum(sums.values())
    num = len(seen.seconds) - 1
    shares = {phase: value / total for phase, value in sums.items()}
    return {**shares, "seconds": total / num, "tokens": sum(seen.tokens[1:]) / num}


def _print_rates(rates: dict[str, list[dict[str, float]]]) -> None:
    print("| side | tokens/s drawn | learned from | whole run | rewardsmith is faster by |\n|---|---|---|---|---|")
    for name, blocks in rates.items():
        pairs = zip(rates["rewardsmith"], blocks, strict=True)
        factor = shown([one["whole"] / other["whole"] for one, other in pairs])
        columns = " | ".join(shown([block[kind] for block in blocks], 0) for kind in ("drawn", "learned", "whole"))
        print(f"| {name} | {columns} | {factor} |")


def _print_shares(shares: dict[str, list[dict[str, float]]]) -> None:
    print(f"| side | {' | '.join(PHASES)} | seconds a roll-out | its tokens |\n|---|---|---|---|---|---|---|")
    for name, blocks in shares.items():
        columns = " | ".join(f"{100 * median(block[phase] for block in blocks):.0f} %" for phase in PHASES)
        of_one = " | ".join(shown([block[kind] for block in blocks], digits) for kind, digits in OF_ONE.items())
        print(f"| {name} | {columns} | {of_one} |")


if __name__ == "__main__":
    main()
