"""Whether the set is as hard, and as free of giveaways, as it should be."""

from __future__ import annotations

from typing import Any

import numpy as np

PROBE_RANGE = (0.65, 0.85)
LENGTH_LIMIT = 0.55


def true_pairs(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(better, worse) responses by the truth."""
    return [
        (r["rejected"], r["chosen"]) if r["meta"]["truth"]["flipped"] else (r["chosen"], r["rejected"]) for r in rows
    ]


def length_accuracy(rows: list[dict[str, Any]], unit: str = "letters") -> float:
    """Accuracy of judging by length alone in its better direction, on clean labels; equal lengths count half."""
    measure = len if unit == "letters" else (lambda text: len(text.split()))
    gaps = np.array([measure(better) - measure(worse) for better, worse in true_pairs(rows)])
    longer = float(np.mean((gaps > 0) + 0.5 * (gaps == 0)))
    return max(longer, 1 - longer)


def probe_accuracies(rows: list[dict[str, Any]], num_folds: int = 5) -> dict[str, float]:
    """Held-out accuracy on clean labels of a linear probe on `embedded/minilm`, by layer; folds by prompt.

    Features: mean over all tokens of "prompt [SEP] response" at a layer; logistic regression without intercept on
    their difference, both orders, C = 0.1 on standardised features.
    """
    from sklearn.linear_model import LogisticRegression

    pairs = true_pairs(rows)
    prompts = ["\n".join(m["content"] for m in r["prompt"]) for r in rows]
    layers = _embed([(p, text) for p, pair in zip(prompts, pairs, strict=True) for text in pair])
    groups = np.unique(prompts, return_inverse=True)[1]
    folds = np.random.default_rng(0).permutation(int(groups.max()) + 1)[groups] % num_folds
    accuracies = {}
    for layer, features in enumerate(layers):
        gaps = features[0::2] - features[1::2]
        right = np.zeros(len(rows), dtype=bool)
        for fold in range(num_folds):
            train = folds != fold
            x = gaps / gaps[train].std(axis=0)
            model = LogisticRegression(C=0.1, fit_intercept=False, max_iter=500)
            model.fit(np.concatenate([x[train], -x[train]]), np.repeat([1, 0], train.sum()))
            right[~train] = model.decision_function(x[~train]) > 0
        accuracies[f"layer {layer}"] = float(right.mean())
    return accuracies


def _embed(texts: list[tuple[str, str]]) -> list[np.ndarray]:
    """Mean-pooled hidden states, one array [N, D] a layer."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    from rewardsmith.models.loading.embedded import resolve_model

    path = resolve_model("embedded/minilm").path_or_id
    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path).eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i][0]) + len(texts[i][1]))
    out: list[np.ndarray] = []
    for start in range(0, len(order), 64):
        part = order[start : start + 64]
        asked, given = zip(*(texts[k] for k in part), strict=True)
        batch = tokenizer(asked, given, padding=True, truncation=True, max_length=256, return_tensors="pt")
        with torch.inference_mode():
            states = model(**batch, output_hidden_states=True).hidden_states
        mask = batch["attention_mask"].unsqueeze(-1)
        for layer, state in enumerate(states):
            if len(out) <= layer:
                out.append(np.zeros((len(texts), state.shape[-1])))
            out[layer][part] = ((state * mask).sum(1) / mask.sum(1)).numpy()
    return out


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts and lengths for the data card."""
    sides = [(r, side) for r in rows for side in ("chosen", "rejected")]
    truths = [r["meta"]["truth"][side] | {"words": len(r[side].split())} for r, side in sides]
    flipped = np.array([r["meta"]["truth"]["flipped"] for r in rows])
    size = np.abs([r["meta"]["truth"]["gap"] for r in rows])
    pairs = [r["meta"]["truth"] for r in rows]
    mixed = [t for t in pairs if t["chosen"]["origin"] != t["rejected"]["origin"]]
    reference_won = [(t["chosen"]["origin"] == "reference") != t["flipped"] for t in mixed]
    return {
        "num_pairs": len(rows),
        "num_prompts": len({str(r["prompt"]) for r in rows}),
        "flipped": float(flipped.mean()),
        "flipped_by_annotator": _by([(r["annotator_id"], r["meta"]["truth"]["flipped"]) for r in rows]),
        "flipped_by_gap_quarter": [float(q.mean()) for q in np.array_split(flipped[np.argsort(size)], 4)],
        "responses_by_grade": _count([t["grade"] for t in truths]),
        "words_by_grade": _by([(t["grade"], t["words"]) for t in truths]),
        "responses_by_cause": _count([t["cause"] for t in truths]),
        "responses_by_edit": _count([t["edit"] for t in truths]),
        "responses_by_origin": _count([t["origin"] for t in truths]),
        "quality_by_grade": _by([(t["grade"], t["quality"]) for t in truths]),
        "pairs_by_category": _count([r["category"] for r in rows]),
        "reference_wins_over_sample": float(np.mean(reference_won)),
        "num_reference_against_sample": len(mixed),
        "multi_turn": sum(len(r["prompt"]) > 2 for r in rows),
        "with_system": sum(r["prompt"][0]["role"] == "system" for r in rows),
        "length_accuracy": {unit: length_accuracy(rows, unit) for unit in ("letters", "words")},
    }


def _count(values: list[Any]) -> dict[str, int]:
    return {str(k): int(n) for k, n in zip(*np.unique(np.array(values), return_counts=True), strict=True)}


def _by(items: list[tuple[Any, float]]) -> dict[str, float]:
    names = sorted({name for name, _ in items})
    return {str(name): round(float(np.mean([v for n, v in items if n == name])), 3) for name in names}
