"""The terms of a report of iterated RLHF. ``docs/glossary.md`` says the same in the same words (tested)."""

from __future__ import annotations

from rewardsmith.report.glossary import Term, Terms

ITERATE_TERMS: Terms = (
    Term(
        "policy", "the language model that is improved: it answers prompts, and rewards tell it which answers to give"
    ),
    Term("first policy", "the policy before the first round, from which all distances are measured"),
    Term("roll-out", "responses drawn from the newest policy, from which it learns a step", ("roll-outs",)),
    Term(
        "proxy reward",
        "the reward that a reward model gives, which stands for what is wanted and is what the policy learns from",
        ("proxy",),
    ),
    Term(
        "gold reward",
        "what is wanted, where a formula says it: the policy never learns from it",
        ("gold",),
    ),
    Term(
        "over-optimisation",
        "the proxy reward goes on rising while what it stands for falls",
    ),
    Term(
        "KL",
        "how far a policy has moved from another: mean over its responses of log pi - log pi_ref, in nats",
    ),
    Term("nat", "unit of KL: 1 nat is 1.44 bits", ("nats",)),
    Term(
        "perplexity",
        "exp(mean negative log-probability of a token): low where the first policy would have written the same",
    ),
    Term(
        "win rate",
        "share of meetings of two policies' responses to one prompt that the one wins, ties half",
    ),
    Term(
        "spread within a prompt",
        "standard deviation of the rewards of several responses to one prompt: 0 where they are all one to the model",
        ("spread within prompts",),
    ),
    Term(
        "J",
        "how far apart a reward model puts the k responses to a prompt: (k - 1)/k times the mean sigmoid of the "
        "distance of two rewards; it grows with the scale of rewards",
    ),
    Term(
        "drift",
        "mean reward of the newest policy's responses less that of the first's, in standard deviations of these",
    ),
    Term("disagreement", "standard deviation between the members of a reward model, over the spread within a prompt"),
    Term("plain RL", "one round: a reward model trained once, and a policy improved once"),
)
