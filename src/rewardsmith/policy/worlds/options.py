"""Options of a world. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WorldName = Literal["lexicon", "detail"]


@dataclass(frozen=True)
class WorldOptions:
    """A world with a known reward, and who labels its preferences."""

    world: WorldName = "lexicon"
    """`lexicon`: some words are worth more than others; `detail`: the more is said within the window of lengths, the
    better, which a reward model learns as "longer is better"."""
    world_seed: int = 0
    """Of the lexicon, of who gets which prompts, and of labels."""
    world_language_model: str = "embedded/tiny-chat"
    """Judges how likely a response is; gold is 0 for what it finds absurd. It never learns."""
    label_annotator: Literal["exact", "bradley_terry"] = "exact"
    """Before flips: the sign of the gold gap, or a draw with P = sigmoid(--bradley_terry_scale * gap)."""
    bradley_terry_scale: float = 20.0
    """Logits of a gold gap of 1, where labels are drawn."""
    flip_rate: float = 0.25
    """Share of labels that are then flipped."""
