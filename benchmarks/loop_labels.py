"""What are fresh labels worth in rounds of RLHF?

Question   At equal RL steps and samples: how much higher does gold rise, and end, by 50, 200 or 1,000 labels a round of
           what the policy writes; does it matter which pairs get them, and who gives them?
Workload   That of loop_arms.py, 3 rounds, with what `iterate` does by default: the reference stays; with fresh labels
           reward models are trained anew in every round on all preferences so far, without them the first serve all
           rounds. There are three (their mean is the reward), from whose disagreement pairs can be chosen. Pairs are
           chosen among 4 responses to each of 512 prompts, at most two of a prompt, so that of 1,000 only the choice
           within a prompt is left.
Arms       none; retrained: no labels either, but reward models trained anew in every round, as labels bring with them;
           so many labels a round of a person who errs in a quarter of them (gold, flipped), of pairs at random or
           by disagreement; of 200, also: the best against the worst of a prompt (extremes), labels without errors
           (right), and those of a weak judge: a reward model trained like the loop's own on 2,000 preferences of its
           own. `wrong_N` says how weak it is on the pairs that it labels; one of 300 preferences erred in 42 %.
Ceiling    Gold is at most 1; the mean of usual responses is about 0.4.
Cost       One thread of two, both at work: 5 minutes for an arm of a seed without labels, 6 with 50 or 200 labels a
           round, 8 to 9 with 1,000 or a judge that is to be trained; 70 minutes a seed, six hours in all.
Command    OMP_NUM_THREADS=1 python benchmarks/loop_labels.py --output_dir runs/loop-labels
"""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path
from typing import Any

from loop_cells import (
    LoopCell,
    Options,
    Results,
    by_round,
    finished,
    loop_parser,
    options_of,
    result_of,
    shown_numbers,
)
from policy_paths import sampler_of, trained_reward_model
from seed_table import SeedTable

from rewardsmith.contracts.metrics.iterate import IterateMetrics
from rewardsmith.policy.worlds.options import WorldOptions
from rewardsmith.policy.worlds.preferences import draw_preferences
from rewardsmith.policy.worlds.world import open_world

BASELINE = "none"
COMMON: Options = {"adapt": "auto", "num_members": 3}


def labels(num: int, choice: str = "random", by: str = "gold", **others: Any) -> Options:
    return {"labels": by, "labels_per_round": num, "label_choice": choice, **others}


ARMS: dict[str, Options] = {
    BASELINE: {},
    "retrained": {"adapt": "retrain"},
    **{f"{num} {choice}": labels(num, choice) for num in (50, 200, 1000) for choice in ("random", "disagreement")},
    "200 extremes": labels(200, "extremes"),
    "200 right": labels(200, label_flip_rate=0.0),
    "200 judge": labels(200, by="judge"),
}
SEED_OF_JUDGE = 100_000
"""Away from those of any loop."""


def main() -> None:
    """Runs what is missing, seed after seed, then prints a table and one JSON line. May be killed and given again."""
    parser = loop_parser(__doc__, ARMS, BASELINE)
    parser.add_argument("--num_shift_prompts", type=int, default=512, help="to choose pairs from")
    parser.set_defaults(seeds=list(range(5)), num_rounds=3)
    args = parser.parse_args()
    arms = list(dict.fromkeys([args.baseline, *args.arms]))

    def options(cell: LoopCell) -> Options:
        arm = COMMON | {"num_shift_prompts": args.num_shift_prompts} | ARMS[cell.arm]
        if arm.get("labels") == "judge":
            arm["judge_model_path"] = str(judge_of(cell, args))
        return options_of(args, arm)

    results = finished(args, arms, options, with_labels)
    extra = ["num_labels", *by_round(args.num_rounds, "wrong"), "peak_per_1000_labels", "last_per_1000_labels"]
    SeedTable(with_worth(results)).show(arms, args.baseline, [*extra, *shown_numbers(args.num_rounds)])


def judge_of(cell: LoopCell, args: argparse.Namespace) -> Path:
    """A reward model of the same kind on other preferences of the same world, of which a quarter are wrong too."""
    folder: Path = args.output_dir / f"{cell.world}-{cell.seed}-judge"
    if not (folder / "manifest.json").exists():
        how = WorldOptions(world=cell.world, world_seed=cell.seed)  # type: ignore[arg-type] # one of these
        world, seed = open_world(how), SEED_OF_JUDGE + cell.seed
        with closing(sampler_of(world)) as sampler:
            drawn = draw_preferences(sampler, world.gold, world.preference_prompts, args.num_pairs, how, seed)
        trained_reward_model(drawn.rows, world.reward_model, folder, seed)
    return folder


def with_labels(metrics: IterateMetrics, args: argparse.Namespace) -> dict[str, Any]:
    """The result of a loop, with what became of its labels."""
    given = {one["round"]: one["labels"] for one in metrics["rounds"] if one["labels"] is not None}
    return {
        **result_of(metrics, args),
        "num_labels": sum(one["num_pairs"] for one in given.values()),
        **{f"wrong_{number}": one["wrong_share"] for number, one in given.items()},
    }


def with_worth(results: Results) -> Results:
    """The same with the gain of gold over no labels and the same seed, for a thousand labels."""
    found = {}
    for (arm, seed), result in results.items():
        none, num = results.get((BASELINE, seed)), result["num_labels"]
        found[arm, seed] = dict(result)
        for name in ("peak", "last") if none else ():
            gain = result[f"gold_{name}"] - none[f"gold_{name}"]
            found[arm, seed][f"{name}_per_1000_labels"] = 1000 * gain / num if num else 0.0
    return found


if __name__ == "__main__":
    main()
