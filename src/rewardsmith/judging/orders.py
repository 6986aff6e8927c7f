"""In which orders two responses are shown, and what the opinions say together.

Both orders: the same response twice wins; disagreement, or a tie in one of them, is a tie.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.contracts.conversations import key_of
from rewardsmith.contracts.judge import Outcome, ResponsePair, Ruling
from rewardsmith.judging.asked_model import Trouble
from rewardsmith.judging.question import Opinion
from rewardsmith.preferences.pairs.identity import pair_id

EQUAL = Ruling("tie", "the responses are equal")
OF_THE_OTHER: dict[Outcome, Outcome] = {"win": "lose", "tie": "tie", "lose": "win"}


def are_equal(pair: ResponsePair) -> bool:
    return key_of(pair.first) == key_of(pair.second)


def key_in_order(pair: ResponsePair) -> str:
    """Equal for pairs that look the same, the order included."""
    return pair_id(pair.prompt, [pair.first], [pair.second])


def shown_orders(pair: ResponsePair, orders: Literal["both", "random"], seed: int) -> list[ResponsePair]:
    """The pair as it is shown; none where its responses are equal.

    ``random``: one order, a function of texts and seed; which response is called the first has no part in it.
    """
    if are_equal(pair):
        return []
    both = [pair, pair.swapped]
    if orders == "both":
        return both
    names = sorted(map(key_in_order, both))
    chosen = names[int(fingerprint_json([seed, *names])[-1], 16) % 2]
    return [one for one in both if key_in_order(one) == chosen]


def ruling_of(pair: ResponsePair, opinions: Mapping[str, Opinion | Trouble]) -> Ruling:
    """From the opinions on the orders that were shown, by ``key_in_order``."""
    if are_equal(pair):
        return EQUAL
    straight, swapped = opinions.get(key_in_order(pair)), opinions.get(key_in_order(pair.swapped))
    said = (
        straight.outcome if isinstance(straight, Opinion) else None,
        OF_THE_OTHER[swapped.outcome] if isinstance(swapped, Opinion) else None,
    )
    for one in (straight, swapped):
        if isinstance(one, Trouble):
            return Ruling(None, one.reason, *said, one.problem)
    words = [one.explanation for one in (straight, swapped) if isinstance(one, Opinion)]
    stated = {one for one in said if one is not None}
    return Ruling(stated.pop() if len(stated) == 1 else "tie", "\n\nWith sides swapped: ".join(words), *said)
