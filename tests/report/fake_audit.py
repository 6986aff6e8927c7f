"""A realistic audit made of numbers: tables and metrics in the shapes that the renderers read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from rewardsmith.contracts.tables import PAIRS, STRENGTH_CLASSES
from rewardsmith.report.audit.words.next_steps import AskedFor
from rewardsmith.report.audit.words.results import with_words
from rewardsmith.strength.label_noise.posterior import LabelNoise
from rewardsmith.strength.numbers.claimed_numbers import claimed
from rewardsmith.strength.planted.review_curve import review_curve
from rewardsmith.strength.planted.self_audit import reliability

Message = dict[str, str]
WORDS = ["the", "answer", "explains", "each", "step", "and", "names", "its", "source", "but", "misses", "one", "part"]


def synthetic_text(rng: np.random.Generator, length: int) -> str:
    """Words in random order."""
    return " ".join(rng.choice(WORDS, size=length)).capitalize() + "."


def fake_tables(
    num_pairs: int = 600, seed: int = 0, texts: list[tuple[list[Message], str, str]] | None = None
) -> tuple[pa.Table, pa.Table]:
    """Pairs and strengths in row order: a fifth of the labels wrong, spread larger at both ends."""
    rng = np.random.default_rng(seed)
    quality = rng.gamma(2.0, 0.9, num_pairs)
    mean = np.where(rng.random(num_pairs) < 0.2, -0.7, 1.0) * quality + rng.normal(0, 0.35, num_pairs)
    std = 0.22 + 0.16 * np.abs(mean) + rng.gamma(2.0, 0.06, num_pairs)
    p_wrong = 1 / (1 + np.exp(2.2 * mean + 0.8))
    order = np.argsort(np.argsort(mean))
    classes = np.select([mean < -0.4, np.abs(mean) <= 0.4, mean < 3], [0, 1, 2], 3)
    rows = np.arange(num_pairs)
    strengths = pa.table(
        {
            "pair_id": [f"pair{i}" for i in rows],
            "row": pa.array(rows, pa.int64()),
            "split_group": [f"group{i // 3}" for i in rows],
            "num_judges": pa.array(np.full(num_pairs, 10), pa.int32()),
            "strength_mean": pa.array(mean, pa.float32()),
            "strength_std": pa.array(std, pa.float32()),
            "strength_mean_in_sample": pa.array(mean * 1.2 + 0.5, pa.float32()),
            "strength_std_in_sample": pa.array(std * 0.7, pa.float32()),
            "p_wrong": pa.array(p_wrong, pa.float32()),
            "strength_class": pa.DictionaryArray.from_arrays(classes.astype(np.int8), list(STRENGTH_CLASSES)),
            "strength_bin": pa.array(order * 20 // num_pairs, pa.int32()),
        }
    )
    return fake_pairs(num_pairs, rng, texts), strengths


def fake_judged(
    num_pairs: int, seed: int = 0, texts: list[tuple[list[Message], str, str]] | None = None
) -> tuple[pa.Table, pa.Table]:
    """The same with all that refining reads: supervision, two judges, and a structured audit of its own opinion."""
    pairs, strengths = fake_tables(num_pairs, seed, texts)
    for name in ("target", "weight", "margin"):
        values = pa.array(np.full(num_pairs, float(name != "margin")), pa.float32())
        pairs = pairs.set_column(pairs.column_names.index(name), name, values)
    for member in range(2):
        strengths = strengths.append_column(f"gap_{member}", strengths["strength_mean"])
        strengths = strengths.append_column(f"trained_{member}", pa.array(np.zeros(num_pairs, dtype=bool)))
    p_wrong = strengths["p_wrong"].to_numpy()
    other = np.where(np.arange(num_pairs) % 9 == 0, 1 - p_wrong, p_wrong)
    return pairs, strengths.append_column("p_wrong_structured", pa.array(other, pa.float32()))


def fake_pairs(
    num_pairs: int, rng: np.random.Generator, texts: list[tuple[list[Message], str, str]] | None
) -> pa.Table:
    """Pairs whose texts are given (repeated as needed) or a few synthetic ones."""
    texts = texts or [
        (
            [{"role": "user", "content": f"question {i} " + synthetic_text(rng, 8)}],
            synthetic_text(rng, 30) + " CHOSENTEXT",
            synthetic_text(rng, 24) + " REJECTEDTEXT",
        )
        for i in range(50)
    ]
    picked = pa.array(np.arange(num_pairs) % len(texts))
    message = PAIRS.field("prompt").type
    columns: dict[str, Any] = {
        "prompt": pa.array([prompt for prompt, _, _ in texts], message).take(picked),
        "chosen": pa.array([[{"role": "assistant", "content": c}] for _, c, _ in texts], message).take(picked),
        "rejected": pa.array([[{"role": "assistant", "content": r}] for _, _, r in texts], message).take(picked),
        "pair_id": pa.array([f"pair{i}" for i in range(num_pairs)]),
        "row": pa.array(np.arange(num_pairs), pa.int64()),
        "split_group": pa.array([f"group{i // 3}" for i in range(num_pairs)]),
        "category": pa.array(np.array(["advice", "cooking", "history", "coding"])[np.arange(num_pairs) % 4]),
        "annotator_id": pa.array(np.array(["ann-1", "ann-2", "ann-3"])[np.arange(num_pairs) % 3]),
    }
    return pa.table([columns.get(f.name, pa.nulls(num_pairs, f.type)) for f in PAIRS], schema=PAIRS)


def fake_metrics(num_pairs: int = 600, strengths: pa.Table | None = None) -> dict[str, Any]:
    """The metrics.json of an audit of these pairs."""
    strengths = fake_tables(num_pairs)[1] if strengths is None else strengths
    classes = strengths["strength_class"].cast(pa.string()).to_numpy(zero_copy_only=False)
    mean = strengths["strength_mean"].to_numpy()
    return {
        "schema_version": 1,
        "dataset_name": "helpful-base.jsonl.gz",
        "title": "Audit of helpful-base",
        "claim": {"level": "labels_judged", "doubts": []},
        "data": data_metrics(num_pairs),
        "ensemble": {
            "kind": "probe",
            "model": "embedded/minilm",
            "num_members": 50,
            "num_judges": 10,
            "num_pairs_without_judges": 0,
            "num_folds": 5,
            "fold_by": "prompt",
            "crossfit": "groups",
            "share_at_end_of_grid": 0.02,
            "choices": [
                {"choice": "layer 4 response_mean, l2 0.01", "count": 38},
                {"choice": "layer 6 mean, l2 0.1", "count": 12},
            ],
            "limits": None,
        },
        "strength": {
            "share_negative_mean": float((mean < 0).mean()),
            "share_negative_mean_in_sample": 0.11,
            "classes": {name: int((classes == name).sum()) for name in STRENGTH_CLASSES},
            "spread_by_bin": spread_by_bin(strengths),
        },
        "accuracy": {
            "held_out": {"value": 0.712, "low": 0.699, "high": 0.726},
            "in_sample": 0.804,
            "length_only": {"value": 0.561, "low": 0.548, "high": 0.575, "prefers": "longer"},
            "attainable": {"value": 0.81, "low": 0.782, "high": 0.843},
            "sentence": "Of the distance to a perfect score, about 19 points are label noise that no model can learn.",
        },
        "label_noise": {
            "low": 0.157,
            "high": 0.218,
            "value": 0.19,
            "identifiable": True,
            "in_sample": False,
            "num_groups": num_pairs // 3,
            "kept": 1.0,
            "vote_error": None,
            "num_labels": num_pairs,
            "expected_wrong": 0.19 * num_pairs,
            "num_flagged": int((classes == "incorrect").sum()),
            "expected_wrong_flagged": 0.09 * num_pairs,
            "assumption": "errors do not depend on the texts beyond their strength",
            "sentence": "About 16 to 22 % of the labels are estimated to be wrong.",
        },
        "planted_flips": [planted("uniform", 0.82), planted("hard", 0.69)],
        "length": length_metrics(),
        "categories": [
            {"name": name, "count": n, "accuracy": a, "share_doubtful": d, "strength_mean": s}
            for name, n, a, d, s in [
                ("advice", 2011, 0.74, 0.11, 1.3),
                ("cooking", 1502, 0.71, 0.16, 1.1),
                ("history", 640, 0.66, 0.22, 0.7),
                ("coding", 201, 0.58, 0.31, 0.2),
            ]
        ],
        "annotators": [
            {"name": "ann-1", "count": 1900, "error_rate": 0.09, "low": 0.07, "high": 0.12},
            {"name": "ann-2", "count": 1500, "error_rate": 0.16, "low": 0.13, "high": 0.19},
            {"name": "ann-3", "count": 210, "error_rate": 0.34, "low": 0.26, "high": 0.42},
        ],
        "stability": None,
        "structured": {
            "expected_share": 0.17,
            "longer_rate": 0.31,
            "shorter_rate": 0.04,
            "p_rates_differ": 0.999,
            "leans_to": "longer",
            "gathers": True,
            "categories": [
                {"name": "advice", "count": 2011, "share_wrong": 0.14, "longer_rate": 0.3, "shorter_rate": 0.02},
                {"name": "coding", "count": 201, "share_wrong": 0.47, "longer_rate": 0.55, "shorter_rate": 0.38},
            ],
            "sentence": "Labels lean towards the longer response: it is preferred in about 31% of the pairs where it "
            "is the worse one, and a true preference for length at equal quality would look the same.",
        },
        "verdict": {
            "line": "Check by hand: at least about one label in five is wrong.",
            "points": [
                "Start with the 431 doubtful pairs.",
                "The judges agree with 71 % of the labels they never saw.",
                "Length alone reaches 56 %, so this is not a length effect.",
            ],
            "rest": ["Some 78 to 84 % is attainable."],
        },
        "next_steps": [
            {
                "text": "Flip or drop the doubtful labels and write a training file.",
                "command": "rewardsmith refine audit/ --output_dir refined/",
            },
            {"text": "Train on the refined pairs.", "command": "rewardsmith train refined/ --output_dir reward_model/"},
        ],
        "timings": {"read": 1.9, "features": 141.0, "members": 22.4, "planted flips": 40.2, "report": 3.1},
    }


def at_level(
    metrics: dict[str, Any], strengths: pa.Table, level: str, doubts: list[str]
) -> tuple[dict[str, Any], pa.Table]:
    """Metrics, with the words of today, and strengths as the audit of the same set at another level of claim."""
    numbers = claimed({**metrics, "claim": {"level": level, "doubts": doubts}})
    metrics = with_words(numbers, AskedFor("audit", {"dataset_name": "prefs.jsonl"}), keeps_members=False)
    at = strengths.schema.get_field_index("strength_class")
    names = [
        None if level == "cannot_tell" or (name == "incorrect" and level == "reading_order") else name
        for name in strengths["strength_class"].cast(pa.string()).to_pylist()
    ]
    return metrics, strengths.set_column(at, "strength_class", pa.array(names))


def data_metrics(num_pairs: int) -> dict[str, Any]:
    """What reading found."""
    return {
        "num_rows_read": num_pairs + 47,
        "num_rows_available": num_pairs + 47,
        "num_pairs": num_pairs,
        "num_quarantined": 47,
        "quarantine_by_reason": {"identical_responses": 36, "empty_field": 11},
        "findings": [
            {
                "check": "identical_responses",
                "count": 36,
                "action": "quarantined",
                "message": "chosen and rejected are the same text",
                "examples": [{"file": "helpful-base.jsonl.gz", "line": 112, "row": 111}],
            },
            {
                "check": "near_duplicate_prompts",
                "count": 592,
                "action": "joined",
                "message": "prompts that differ in a few words share a split group",
                "examples": [],
            },
        ],
        "num_prompts": num_pairs // 3,
        "num_groups": num_pairs // 3,
        "num_responses": 2 * num_pairs,
        "num_ties": 0,
        "format": "hh_rlhf",
        "truncated_share": 0.031,
        "max_length": 512,
        "max_length_enough": 480,
        "max_length_limit": 512,
    }


def spread_by_bin(strengths: pa.Table) -> list[dict[str, Any]]:
    """Mean strength and spread in each of the 20 groups."""
    groups = strengths["strength_bin"].to_numpy()
    names = ("strength_mean", "strength_std", "strength_mean_in_sample", "strength_std_in_sample")
    columns = {name: strengths[name].to_numpy() for name in names}
    return [
        {"bin": b, "count": int((groups == b).sum())} | {n: float(columns[n][groups == b].mean()) for n in names}
        for b in range(20)
    ]


def planted(kind: str, auroc: float) -> dict[str, Any]:
    """How well planted flips of one kind were found."""
    thresholds = np.linspace(0.1, 0.9, 9)
    precision, recall = 0.32 + 0.5 * thresholds, (1.0 - 0.85 * thresholds**1.3) * (auroc / 0.82)
    return {
        "kind": kind,
        "rate": 0.2,
        "repeats": 3,
        "auroc": {"value": auroc, "low": auroc - 0.014, "high": auroc + 0.013},
        "by_threshold": [
            {
                "threshold": round(float(t), 2),
                "num_flagged": int(900 * (1.05 - t)),
                "num_positive": 600,
                "num_found": int(600 * r),
                "f1": float(2 * p * r / (p + r)),
                "precision_at_natural_rate": None,
                "precision": float(p),
                "precision_low": float(p - 0.03 - 0.05 * t),
                "precision_high": float(p + 0.03 + 0.04 * t),
                "recall": float(r),
                "recall_low": float(r - 0.03),
                "recall_high": float(r + 0.03),
            }
            for t, p, r in zip(thresholds, precision, recall, strict=True)
        ],
        "reliability": kept_promises(),
        "noise_expected": 0.314,
        "noise_found": {"value": 0.301, "low": 0.27, "high": 0.33},
        "review": review(auroc) if kind == "uniform" else None,
        "baselines": [
            {"method": "rewardsmith", "auroc": auroc, "precision": 0.57, "recall": 0.61, "f1": 0.59, "note": ""},
            {
                "method": "single-model loss",
                "auroc": auroc - 0.05,
                "precision": 0.5,
                "recall": 0.58,
                "f1": 0.54,
                "note": "",
            },
            {"method": "AUM", "auroc": auroc - 0.09, "precision": 0.45, "recall": 0.5, "f1": 0.47, "note": "in-sample"},
            {
                "method": "confident learning",
                "auroc": auroc - 0.05,
                "precision": 0.48,
                "recall": 0.62,
                "f1": 0.54,
                "note": "its ranking is that of the single-model loss by construction",
            },
        ],
        "limits": "Recall holds for uniform flips and is optimistic for natural errors; precision is a lower bound.",
    }


def kept_promises(num_pairs: int = 3000) -> list[Any]:
    """Of a ``p_wrong`` that says how often labels were flipped, but for the fifth that was wrong before."""
    rng = np.random.default_rng(0)
    p_wrong = rng.beta(0.6, 1.4, num_pairs)
    return [*reliability(p_wrong, rng.random(num_pairs) < 0.8 * p_wrong, 0.2, 0.05)]


def review(auroc: float, num_pairs: int = 3000) -> dict[str, Any]:
    """What reading finds where suspicion is normal in both classes, a distance apart that gives this AUROC."""
    rng = np.random.default_rng(0)
    planted = np.arange(num_pairs) % 5 == 0
    wrong = planted ^ (rng.random(num_pairs) < 0.19)
    suspicion = 2**0.5 * ndtri(auroc) * wrong + rng.normal(size=num_pairs)
    one_model = suspicion + 0.5 * rng.normal(size=num_pairs)
    others = {
        "rewardsmith, structured": suspicion + 0.2 * rng.normal(size=num_pairs),
        "single-model loss": one_model,
        "cleanlab (confident learning)": one_model,
        "AUM": suspicion + 0.8 * rng.normal(size=num_pairs),
    }
    noise = LabelNoise(0.19, 0.157, 0.218, num_pairs // 3, 1.0, np.ones((1, 1, 1)))
    found = review_curve(suspicion, others, planted, np.arange(num_pairs) // 3, num_pairs, noise, seed=0)
    assert found is not None
    return {**found}


def length_metrics() -> dict[str, Any]:
    """Strength by difference of length."""
    differences = np.array([-820, -410, -220, -110, -45, 0, 48, 115, 230, 420, 850], dtype=float)
    return {
        "spearman": 0.13,
        "longer_preferred_share": 0.56,
        "bins": [
            {
                "length_difference": float(d),
                "strength_mean": float(1.0 + 0.35 * np.tanh(d / 300)),
                "count": int(800 * np.exp(-abs(d) / 500)),
                "longer_chosen_share": float(d > 0),
            }
            for d in differences
        ],
    }
