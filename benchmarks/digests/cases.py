"""What is run: one case a way through the code, all with fixed seeds. Paths are those of the work folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from digests.material import rows

Call = tuple[str, dict[str, Any]]

SMALL = "--model_name_or_path model --max_length 64 --device cpu"
TRAIN = f"train pairs.jsonl {SMALL} --learning_rate 3e-3 --max_steps 12 --logging_steps 1 --max_tokens_per_batch 300"
FULL = f"audit pairs.jsonl {SMALL} --num_members 4 --num_judges 2 --learning_rate 1e-3"
IN_MEMORY = {"model_name_or_path": "model", "max_length": 64, "device": "cpu", "learning_rate": 3e-3}
TWO_PROCESSES = "-m torch.distributed.run --standalone --nproc_per_node 2"
RECIPES = (
    *("soft_label", "drop", "drop_lowest", "flip", "flip_wrong", "smooth", "margin", "flip+margin"),
    *("soft_label+margin", "votes", "decisions", "none"),
    *("structured_soft_label", "structured_drop", "structured_flip_wrong"),
    *("paper_flip", "paper_margin", "paper_flip+margin", "paper_soft_label+margin", "auto", "own.yaml"),
)
CONSUMERS = ("trl", "openrlhf", "llamafactory", "ms_swift", "nemo_rl", "datasets")


@dataclass(frozen=True)
class Case:
    """One process, by the command line (``words``) or the Python API (``calls``); ``OUT`` is its own folder."""

    name: str
    words: str = ""
    calls: tuple[Call, ...] = ()
    needs: tuple[str, ...] = ()
    launcher: str = ""
    killed_at: str = ""
    """What must be in its folder for it to be killed; then it is started again."""
    same_as: str = ""
    """The case whose files it must reproduce."""


def _auditing() -> list[Case]:
    return [
        Case("audit_demo", "audit embedded/dialogues --output_dir OUT"),
        Case("audit_ukp", "audit ukp_convarg.jsonl.gz --max_pairs 500 --output_dir OUT"),
        Case("audit_probe", f"audit more.jsonl {SMALL} --num_judges 2 --output_dir OUT"),
        Case("audit_given", "audit pairs.jsonl --ensemble given --output_dir OUT"),
        Case("audit_full", f"{FULL} --ensemble full --output_dir OUT"),
        Case(
            "audit_full_averaged",
            f"{FULL} --ensemble full --use_peft --average_members --parallel_members 2 --output_dir OUT",
        ),
        Case("audit_forked", f"{FULL} --ensemble forked --output_dir OUT"),
        Case(
            "audit_forked_killed",
            f"{FULL} --ensemble forked --save_steps 2 --output_dir OUT",
            killed_at="**/checkpoints/step-*",
            same_as="audit_forked",
        ),
    ]


def _training() -> list[Case]:
    return [
        Case("train_packed", f"{TRAIN} --eval_dataset_name heldout.jsonl --output_dir OUT"),
        Case("train_padded", f"{TRAIN} --packing off --output_dir OUT"),
        Case("train_lora", f"{TRAIN} --use_peft --lora_dropout 0.1 --output_dir OUT"),
        Case("train_partial", f"{TRAIN} --train_layers 1 --output_dir OUT"),
        Case("train_two_processes", f"{TRAIN} --output_dir OUT", launcher=TWO_PROCESSES),
        Case("train_corrected", f"{TRAIN} --max_steps 24 --data_smoothing 0.3 --batch_margin 0.5 --output_dir OUT"),
        Case(
            "train_recomputed",
            f"{TRAIN} --gradient_checkpointing --bf16 --gradient_accumulation_steps 2 --lr_scheduler_type cosine "
            "--center_rewards_coefficient 0.01 --average_checkpoints 3 --save_steps 2 --output_dir OUT",
        ),
        Case("train_rows", calls=(("train", {"dataset": rows(40, 3), **IN_MEMORY, "output_dir": "OUT/model"}),)),
        Case(
            "train_noise_aware",
            f"{TRAIN.replace('pairs', 'more')} --noise_aware runs/audit_probe --output_dir OUT",
            needs=("audit_probe",),
        ),
        Case(
            "train_killed",
            f"{TRAIN} --eval_dataset_name heldout.jsonl --save_steps 2 --output_dir OUT",
            killed_at="checkpoints/step-*",
            same_as="train_packed",
        ),
    ]


def _refining() -> list[Case]:
    every = (("full", "runs/audit_full"), ("probe", "runs/audit_probe"), ("given", "runs/audit_given"))
    recipes = tuple(
        ("refine", {"audit_dir": audit, "recipe": recipe, "output_dir": f"OUT/{name}/{recipe}", **_decided(recipe)})
        for name, audit in every
        for recipe in RECIPES
    )
    exports = tuple(
        ("export", {"dataset": "runs/refine_rounds", "to": name, **_place(name), "overwrite": True})
        for name in CONSUMERS
    )
    return [
        Case("refine_recipes", calls=recipes, needs=("audit_full", "audit_probe", "audit_given")),
        Case(
            "refine_rounds",
            "refine --audit_dir runs/audit_probe --recipe flip_wrong --rounds 2 --output_dir OUT",
            needs=("audit_probe",),
        ),
        Case("undo", "undo --refined_dir runs/refine_rounds --output_file OUT/back.jsonl", needs=("refine_rounds",)),
        Case("export", calls=exports, needs=("refine_rounds",)),
    ]


def _decided(recipe: str) -> dict[str, str]:
    return {"decisions": "decided.csv"} if recipe == "decisions" else {}


def _place(consumer: str) -> dict[str, str]:
    folder = consumer in ("llamafactory", "datasets")
    return {"output_dir": f"OUT/{consumer}"} if folder else {"output_file": f"OUT/{consumer}.jsonl"}


def _measuring() -> list[Case]:
    scores = tuple(
        ("score", {"dataset": "heldout.jsonl", "reward_model_path": model, "output_file": f"OUT/{name}.parquet"})
        for name, model in (("one", "runs/train_packed"), ("several", "runs/audit_forked"))
    )
    return [
        Case(
            "evaluate",
            "evaluate heldout.jsonl --reward_model_path runs/train_packed --compare_to runs/train_lora "
            "--output_dir OUT",
            needs=("train_packed", "train_lora"),
        ),
        Case("score", calls=scores, needs=("train_packed", "audit_forked")),
        Case(
            "study",
            f"study noise more.jsonl {SMALL} --kinds uniform,votes --rates 0,0.3 --methods drop,oracle:flip,soft_label "
            "--num_seeds 2 --num_judges 2 --output_dir OUT",
        ),
        Case(
            "study_forked",
            f"study noise more.jsonl {SMALL} --trainer forked --kinds uniform --rates 0.3 --methods drop --num_seeds 2 "
            "--num_judges 2 --num_train_epochs 2 --output_dir OUT",
        ),
        Case(
            "simulate",
            "simulate --output_file OUT/simulated.jsonl --num_pairs 200 --flips longer --flip_rate 0.2 --tie_rate 0.1 "
            "--annotator_skills 1.0,0.6 --votes_per_pair 3",
        ),
    ]


CASES = (*_auditing(), *_training(), *_refining(), *_measuring())
