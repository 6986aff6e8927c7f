"""Labels of pairs of samples: decisions about the reward model's favourite, and the preferences that come of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rewardsmith.contracts.conversations import Conversation, Message, with_fields
from rewardsmith.contracts.judge import Outcome, Ruling
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.policy.rounds.choosing import SamplePair
from rewardsmith.policy.rounds.round_samples import Floats, RoundSamples
from rewardsmith.preferences.pairs.identity import pair_id
from rewardsmith.preferences.rows.messages import read_prompt, read_response
from rewardsmith.preferences.simulation.flips import pick_flips

Row = dict[str, Any]
Decision = Literal["keep", "flip", "tie", "drop"]
"""The favourite is better; the other one is; neither is; nothing is to be learned from the pair."""
Labeller = Literal["gold", "judge", "person", "demonstrations"]
_DECISION: dict[Outcome, Decision] = {"win": "keep", "lose": "flip", "tie": "tie"}


@dataclass(frozen=True)
class FreshLabels:
    """Preferences that ``train`` reads; what is true stands under ``meta.truth``, which no reader looks at."""

    rows: list[Row]
    wrong_share: float | None
    """Of labels that decide: how many gold contradicts. None without gold, or without such labels."""


def decisions_by(scorer: Scorer, asked: Sequence[Row], flip_rate: float, seed: int) -> list[Decision]:
    """What somebody with these rewards would say who errs at a rate: exactly that share is flipped, ties aside."""
    gaps = _gaps(scorer, asked)
    ties = gaps == 0
    nothing = np.zeros(len(asked))
    rng = np.random.default_rng(seed)
    flips = pick_flips("uniform", flip_rate, gaps, nothing, nothing.astype(np.int64), ~ties, rng)
    kept = (gaps > 0) ^ flips
    return ["tie" if tie else "keep" if keep else "flip" for tie, keep in zip(ties, kept, strict=True)]


def decisions_of(rulings: Sequence[Ruling]) -> list[Decision | None]:
    """Of a judge to whom the favourite was the first response; None where it did not judge."""
    return [None if ruling.outcome is None else _DECISION[ruling.outcome] for ruling in rulings]


def rows_to_decide(samples: RoundSamples, pairs: Sequence[SamplePair], round_number: int) -> list[Row]:
    """A preference file for a person, the favourite as chosen; ``pair_id`` is what decisions name."""
    return [
        {
            "pair_id": pair_id(prompt, [favourite], [other]),
            "id": f"round-{round_number}-{number}",
            "source": f"round {round_number}",
            "prompt": [with_fields(message) for message in prompt],
            "chosen": _readable(favourite),
            "rejected": _readable(other),
        }
        for number, (prompt, favourite, other) in enumerate(_texts(samples, pairs))
    ]


def as_decided(row: Row, decision: str | None, meta: Row) -> Row | None:
    """The preference that a row became, with target 0.5 for a tie; None where it was dropped or not decided."""
    if decision is None or decision == "drop":
        return None
    preference = {name: value for name, value in row.items() if name != "pair_id"} | {"meta": meta}
    if decision == "flip":
        preference |= {"chosen": row["rejected"], "rejected": row["chosen"]}
    return preference | {"target": 0.5} if decision == "tie" else preference


def labelled(
    asked: Sequence[Row], decisions: Sequence[str | None], round_number: int, by: Labeller, gold: Scorer | None = None
) -> FreshLabels:
    """Preferences of ``rows_to_decide`` that were decided. ``gold`` only says which are wrong."""
    gaps = None if gold is None else _gaps(gold, asked)
    rows, wrong = [], []
    for i, (to_decide, decision) in enumerate(zip(asked, decisions, strict=True)):
        row = as_decided(to_decide, decision, {"round": round_number, "labelled_by": by})
        if row is None:
            continue
        if gaps is not None:
            gap = float(-gaps[i] if decision == "flip" else gaps[i])
            is_wrong = decision != "tie" and gap < 0
            row["meta"]["truth"] = {"gap": gap, "wrong": is_wrong}
            if decision != "tie":
                wrong.append(is_wrong)
        rows.append(row)
    return FreshLabels(rows, float(np.mean(wrong)) if wrong else None)


def _texts(samples: RoundSamples, pairs: Sequence[SamplePair]) -> list[tuple[Conversation, Message, Message]]:
    own = samples.responses
    return [(samples.prompts[p.prompt], own[p.prompt][p.favourite], own[p.prompt][p.other]) for p in pairs]


def _gaps(scorer: Scorer, asked: Sequence[Row]) -> Floats:
    """Favourite less other [N]."""
    talks = [
        [*read_prompt(row["prompt"], "prompt"), read_response(row[side], side)]
        for row in asked
        for side in ("chosen", "rejected")
    ]
    rewards = scorer.score(talks).rewards.astype(np.float64).reshape(-1, 2)
    gaps: Floats = rewards[:, 0] - rewards[:, 1]
    return gaps


def _readable(response: Message) -> Any:
    """The text; where there is more to a response, its messages."""
    return [with_fields(response)] if response.get("extra") else response["content"]
