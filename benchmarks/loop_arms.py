"""What keeps a reward model valid over rounds of RLHF?

Question   At equal RL steps and samples: how high does gold rise, and where does it end, when the reward model is kept,
           trained anew in one way or another, or given fresh labels, and when the reference moves along or stays?
Workload   A world, a seed each (lexicon, prompts and labels change with it): 2,000 pairs of `embedded/tiny-chat`, 25 %
           of the labels flipped; reward models from `embedded/tiny-reader`, 2 epochs at 1e-3; rounds of RLOO on
           roll-outs of 16 prompts with 4 responses each, KL cost 0.05 a nat, rewards standardised by those of the first
           policy. The policy goes on from round to round. Arms of a seed share pairs, prompts and draws.
Arms       `ARMS` below, options of `rewardsmith iterate`. PAR's rewards rise a quarter as steeply, and so does its KL
           cost.
Ceiling    Gold is at most 1; the mean of usual responses is about 0.4.
Cost       One and a half to four minutes of one free thread for an arm of a seed: all of eight take four hours.
Command    OMP_NUM_THREADS=1 python benchmarks/loop_arms.py --output_dir runs/loop-arms
"""

from __future__ import annotations

from loop_cells import (
    KL_COEF,
    RESET,
    LoopCell,
    Options,
    finished,
    loop_parser,
    options_of,
    result_of,
    shown_numbers,
)
from seed_table import SeedTable

ARMS: dict[str, Options] = {
    "reset": RESET,
    "one long": {"num_rounds": 1},
    "no reset": {},
    "retrained": RESET | {"adapt": "retrain"},
    "metarm": RESET | {"adapt": "metarm", "meta_step_size": 0.01},
    "ocrm": RESET | {"adapt": "ocrm"},
    "par": RESET | {"reward_shape": "par", "kl_coef": KL_COEF / 4},
    "uwo": RESET | {"num_members": 4, "aggregate": "mean_minus_variance"},
    "fresh labels": RESET | {"adapt": "retrain", "labels": "gold"},
    "retrained no reset": {"adapt": "retrain"},
    "fresh labels no reset": {"adapt": "retrain", "labels": "gold"},
}
BASELINE = "reset"
"""The same reward model in all rounds, the reference the policy of the round before."""


def main() -> None:
    """Runs what is missing, seed after seed, then prints a table and one JSON line. May be killed and given again."""
    parser = loop_parser(__doc__, ARMS, BASELINE)
    parser.add_argument("--labels_per_round", type=int, default=200)
    args = parser.parse_args()
    arms = list(dict.fromkeys([args.baseline, *args.arms]))

    def options(cell: LoopCell) -> Options:
        return options_of(args, {"labels_per_round": args.labels_per_round} | ARMS[cell.arm])

    SeedTable(finished(args, arms, options, result_of)).show(arms, args.baseline, shown_numbers(args.num_rounds))


if __name__ == "__main__":
    main()
