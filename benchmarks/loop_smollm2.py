"""Does a larger policy over-optimise in the same way, and do fresh labels keep its reward model valid?

Question   The two outermost arms of the loop, the same reward model and fresh labels, with `embedded/smollm2-135m` and
           adapters as the policy: where do gold and the proxy part, when the policy is a hundred times larger?
Workload   The lexicon world: 1,000 pairs of the policy's own, 25 % of the labels flipped; `embedded/tiny-reader` as the
           reward model, 2 epochs at 1e-3; 3 rounds of 15 roll-outs of RLOO, of 4 prompts with 4 responses each; 100
           labels a round. Responses have at most 16 tokens: SmolLM2 hardly ever ends one by itself, and what it writes
           in 24 is longer than gold allows (mean gold 0.001; in 16 it is 0.11, and 0.09 its deviation in a prompt).
Ceiling    Gold is at most 1. One seed: it shows that something happens, not how much of it.
Cost       Forecast from two rounds of two roll-outs on a busy machine: 40 minutes of processor time and 4 GiB for an
           arm, so an hour for both with two threads. At a rate of 1e-3 four roll-outs moved the policy by 3.4 nats.
Command    OMP_NUM_THREADS=2 python benchmarks/loop_smollm2.py --output_dir runs/loop-smollm2
"""

from __future__ import annotations

from pathlib import Path

from loop_cells import RESET, LoopCell, Options, finished, loop_parser, options_of, result_of, shown_numbers
from seed_table import SeedTable

from rewardsmith.artifacts.files.atomic import atomic_folder
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy, save_policy

COMMON: Options = RESET | {
    "policy_use_peft": True,
    "max_new_tokens": 16,
    "prompts_per_rollout": 4,
    "num_samples": 4,
}
ARMS: dict[str, Options] = {
    "reset": {},
    "fresh labels": {"adapt": "retrain", "labels": "gold", "labels_per_round": 100},
}
BASELINE = "reset"


def main() -> None:
    """Runs what is missing, then prints a table and one JSON line. May be killed and given again."""
    parser = loop_parser(__doc__, ARMS, BASELINE)
    parser.set_defaults(
        seeds=[0], num_rounds=3, num_rollouts=15, policy_learning_rate=5e-4, num_pairs=1000, num_prompts=48
    )
    args = parser.parse_args()
    arms = list(dict.fromkeys([args.baseline, *args.arms]))

    def options(cell: LoopCell) -> Options:
        policy = str(unpacked(args.output_dir / "smollm2"))
        return options_of(args, COMMON | {"policy_name_or_path": policy} | ARMS[cell.arm])

    SeedTable(finished(args, arms, options, result_of, num_threads=2)).show(
        arms, args.baseline, shown_numbers(args.num_rounds)
    )


def unpacked(folder: Path) -> Path:
    """SmolLM2 as safetensors, made once: its GGUF file takes 18 s to read, and every stage reads the policy anew."""
    if not folder.is_dir():
        with atomic_folder(folder) as made:
            save_policy(*load_policy(resolve_model("embedded/smollm2-135m")), made)
    return folder


if __name__ == "__main__":
    main()
