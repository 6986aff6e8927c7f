"""``metrics.json`` of ``iterate``. Rewards are those of a round's reward model as it gives them, KLs are in nats."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from rewardsmith.contracts.metrics.evaluate import SampleNumbers
from rewardsmith.contracts.metrics.parts import EstimateNumbers, IntervalNumbers, NextStep

Stage = Literal["sample", "label", "adapt", "look", "improve", "evaluate"]
StopRuleName = Literal["spread_collapsed", "ran_away", "no_gain"]
GAP_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class StageNumbers(TypedDict):
    """What a stage cost; sittings that were interrupted count as far as a checkpoint knows of them."""

    stage: Stage
    forecast_s: float | None
    """Before it began; None where nothing like it had been measured yet, as for the two below."""
    forecast_tokens: int | None
    forecast_gib: float | None
    seconds: float
    tokens: int
    """Written by the policy or learned from, each time they were."""
    memory_gib: float
    """Peak of the process; 0 on a system that does not tell."""


class LabelNumbers(TypedDict):
    """Fresh labels of a round."""

    num_pairs: int
    num_not_judged: int
    """Further pairs that a chat model was asked about and did not judge."""
    by: Literal["gold", "judge", "person", "demonstrations"]
    wrong_share: float | None
    """That gold contradicts; None without gold."""


class RewardModelNumbers(TypedDict):
    """The reward model of a round, on what the policy wrote at the beginning of it."""

    num_pairs: int
    """Learned from."""
    held_out_accuracy: float | None
    """On the preferences held out; None where none are."""
    spread_here: float
    """Standard deviation of the rewards within a prompt, mean over prompts."""
    spread_first: float
    """The same on what the first policy wrote."""
    objective: float
    """J of MetaRM's Eq. 11 here; it grows with the scale of rewards."""
    disagreement: float | None
    """Standard deviation between members over the spread; None of a single model, or without any spread."""
    drift: float
    """Mean reward here less that of the first policy's samples, in standard deviations of the latter."""
    gap_quantiles_here: list[float]
    """Of the distance between the rewards of two responses to a prompt, at ``GAP_QUANTILES``."""
    gap_quantiles_first: list[float]
    """The same on what the first policy wrote."""
    gold_accuracy: IntervalNumbers
    """How often it prefers what gold prefers, of two responses of the policy to one prompt; clustered by prompt."""
    num_gold_pairs: int
    judge_accuracy: IntervalNumbers
    """The same by the rewards of the judge in gold's place; null without a judge that is a reward model."""
    num_judge_pairs: int


class MatchNumbers(TypedDict):
    """A policy against another on the same prompts: shares of the meetings of two responses, mean over prompts."""

    win: float
    tie: float
    lose: float
    rate: EstimateNumbers
    """Wins and half of the ties; interval over prompts."""


class PolicyNumbers(TypedDict):
    """A policy on the test prompts."""

    reward: float
    """By the round's reward model."""
    gold: IntervalNumbers
    """Mean, clustered by prompt; null without gold."""
    kl: float
    """To the first policy: mean of log pi - log pi_sft a response (k1)."""
    kl_k3: float
    """The same by the estimator that is never negative."""
    perplexity: float
    """Of its responses under the first policy, a token."""
    length: float
    """Tokens of a response."""
    share_without_end: float
    against_first: MatchNumbers | None
    """Judged by gold, else by the judge; null where there is neither."""
    against_last: MatchNumbers | None
    reward_gap_first: float
    """Mean reward less that of the first policy's responses, in standard deviations of the latter."""
    samples: str
    """File of these responses in the run's folder: JSON Lines of a prompt, its ``responses``, and ``gold`` and
    ``reward`` of each of them where they are known."""


class PathPoint(TypedDict):
    """A roll-out on the way."""

    rollout: int
    kl: float
    """To the reference of the round."""
    reward: float
    """As the reward model gave it, before scaling, mean over the roll-out."""
    reward_gap_first: float
    """The same less the mean of the first policy's samples, in standard deviations of these."""
    gold: float | None


class StopNumbers(TypedDict):
    """A rule that held after a round."""

    rule: StopRuleName
    value: float
    bar: float


class RoundNumbers(TypedDict):
    round: int
    """From 1."""
    labels: LabelNumbers | None
    reward_model: RewardModelNumbers
    samples: SampleNumbers
    """What the reward model would choose of what the policy wrote at the beginning of the round."""
    policy: PolicyNumbers
    path: list[PathPoint]
    path_from_first: bool
    """Whether the KLs of the path are to the first policy."""
    stops: list[StopNumbers]
    stages: list[StageNumbers]


class IterateFindings(TypedDict):
    dataset: str
    policy: str
    """The first."""
    reward_model: str
    """What reward models begin as."""
    adapt: Literal["none", "retrain", "metarm", "ocrm"]
    labels: Literal["none", "gold", "judge", "person", "demonstrations"]
    chat_judge: str | None
    """Chat model that gives the labels of a judge; None: no chat model labels."""
    preference_data: Literal["first", "last", "all"]
    policy_start: Literal["sft", "last"]
    reference: Literal["sft", "last"]
    judged_by: Literal["gold", "judge"] | None
    """Of win rates."""
    num_pairs: int
    """Preferences given."""
    num_decided: int
    """Of them decided by a person about pairs of earlier loops."""
    wrong_share: float | None
    """Of the others that gold contradicts."""
    num_policy_prompts: int
    num_test_prompts: int
    samples_per_prompt: int
    start: PolicyNumbers
    """The first policy, by the first reward model."""
    rounds: list[RoundNumbers]
    best_round: int | None
    """Whose policy is judged best; 0: the first policy; None where nobody judges."""
    best_against_plain: MatchNumbers | None
    """The best policy against that of round 1, which is plain RL; None where they are one, or nobody judges."""
    stopped_after: int | None
    """Round after which a rule ended the run."""
    should_have_stopped: int | None
    """First round after which a rule held."""
    waiting_for: str | None
    """File of decisions that a person has yet to write."""
    label_next: str | None
    """File of the folder with pairs without a label of what the best policy wrote, as preferences; None where all have
    one."""
    seconds: float


class IterateMetrics(IterateFindings):
    next_steps: list[NextStep]
