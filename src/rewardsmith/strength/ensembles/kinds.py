"""The kinds of ensembles: one record each, with all that tells it from the others. Nobody else asks for a name.

A new kind is a module of this folder with ``make_ensemble``, and an entry here. Free of heavy imports: the module is
loaded when an ensemble is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

KindName = Literal["probe", "given", "full", "forked"]


@dataclass(frozen=True)
class ModelMembers:
    """What tells members that are language models from others of their sort: training, and words for readers."""

    learning_rate: float
    """Peak learning rate where the whole model is trained."""
    adapter_learning_rate: float
    """The same for adapters."""
    words: str
    """What they are, behind their number."""
    limits: str
    """What their agreement does not prove."""
    differ_by_order: bool = False
    """The order of the data alone makes them differ where all of them train on every pair; else random weights do."""


@dataclass(frozen=True)
class EnsembleKind:
    """One kind of ensemble."""

    module: str
    """Has ``make_ensemble``; imported when one is made (``ensemble.open_ensemble``)."""
    num_judges: int = 10
    """Judges of a pair, unless a number is asked for."""
    planted_rate: float = 0.2
    """Share of labels that the self-audit flips, unless a rate is asked for; 0 where it would cost too much."""
    refits: bool = True
    """Members learn from labels, by the model that is named; else their scores are given."""
    fits_heads: bool = False
    """Members are heads on frozen features, in folds."""
    models: ModelMembers | None = None
    """Members are language models with training of their own, not heads or columns."""
    training_words: str | None = None
    """Who has seen which labels, where folds do not say it."""
    caveat: str | None = None
    """What all members share, for the list of how it was measured."""
    planted_limits: str | None = None
    """What else to bear in mind about the planted flips that it finds."""


KINDS: dict[KindName, EnsembleKind] = {
    "probe": EnsembleKind(
        module="rewardsmith.strength.ensembles.probe_ensemble",
        fits_heads=True,
        caveat="Judges share one trunk. What it cannot see, such as facts it does not know, none of them can see.",
    ),
    "given": EnsembleKind(
        module="rewardsmith.strength.ensembles.given",
        refits=False,
        training_words="The members' scores were given. Whether the members had seen these labels is not known here.",
        planted_limits="The given scores were not refitted on the planted labels, which makes the finds optimistic.",
    ),
    "full": EnsembleKind(
        module="rewardsmith.strength.ensembles.full",
        num_judges=4,
        planted_rate=0.0,
        models=ModelMembers(
            learning_rate=1e-5,
            adapter_learning_rate=2e-4,
            words="fine-tuned models, each trained on its own",
            limits="Members begin with the same weights: a bias that all of them have from there looks like agreement, "
            "and their spread understates the doubt.",
            differ_by_order=True,
        ),
    ),
    "forked": EnsembleKind(
        module="rewardsmith.strength.ensembles.forked",
        num_judges=4,
        models=ModelMembers(
            learning_rate=1e-3,  # measured: benchmarks/forked_defaults.py
            adapter_learning_rate=1e-3,
            words="models that share their lower layers, trained together",
            limits="Members share their lower layers and the batches, and differ by groups, weights and where they "
            "begin: their spread is less than that of models trained apart, and a bias of the shared layers is in all "
            "of them.",
        ),
    ),
}
