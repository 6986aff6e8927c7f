"""What a run of iterated RLHF says, in sentences: for the report and for a terminal."""

from __future__ import annotations

from rewardsmith.contracts.metrics.iterate import IterateFindings, MatchNumbers, PolicyNumbers, StopNumbers
from rewardsmith.contracts.metrics.parts import EstimateNumbers, IntervalNumbers
from rewardsmith.report.numbers import count, decimal, known, percent, percent_range

ADAPT = {
    "none": "that of round 1 for all rounds",
    "retrain": "trained anew each round, with another seed",
    "metarm": "trained anew each round, with gradients taken where the policy's samples move it (arXiv 2401.06080)",
    "ocrm": "trained anew each round, pairs weighted by how likely the policy makes them (arXiv 2507.15507)",
}
LABELS = {
    "none": "none: all rounds learn from the preferences given",
    "gold": "by gold",
    "judge": "by another reward model",
    "person": "by a person",
    "demonstrations": "the better responses given, each above what the policy writes to its prompt",
}
PREFERENCE_DATA = {
    "first": "the preferences given",
    "last": "those labelled in the last round",
    "all": "the preferences given and those of all rounds",
}
POLICY_START = {"sft": "the first policy", "last": "the policy of the round before"}
REFERENCE = POLICY_START


def headline(metrics: IterateFindings) -> str:
    """Where the run stands, or which round is best."""
    if metrics["waiting_for"]:
        return f"Round {len(metrics['rounds']) + 1} waits for a person's decisions, in {metrics['waiting_for']}."
    return best_sentence(metrics) if metrics["rounds"] else "No round is finished yet."


def points(metrics: IterateFindings) -> list[str]:
    """What else a reader takes away: how good the best round is, what became of gold, when to stop."""
    if not metrics["rounds"]:
        return []
    best = best_sentence(metrics) if metrics["waiting_for"] else ""
    said = (best, gain_sentence(metrics), fall_sentence(metrics), stop_sentence(metrics))
    return [sentence for sentence in said if sentence]


def best_sentence(metrics: IterateFindings) -> str:
    """Which round's policy is best, and by what."""
    best, number = metrics["best_round"], len(metrics["rounds"])
    if best is None:
        return "Nobody judged the policies: which round is best is not known, and rewards alone do not tell."
    if best == 0 and number == 1:
        return "The only round made no policy that is judged better than the first one."
    if best == 0:
        return f"None of {number} rounds made a policy that is judged better than the first one."
    if number == 1:
        return "The policy of the only round is judged better than the first one."
    return f"The policy of round {best} is judged best of {number} rounds."


def gain_sentence(metrics: IterateFindings) -> str:
    """How much better the best round is than the first policy, and than plain RL; nothing where none is."""
    if not metrics["best_round"]:
        return ""
    best, said = policy_of(metrics, metrics["best_round"]), []
    if against := best["against_first"]:
        plain = against_plain(metrics)
        alone = "" if metrics["adapt"] == "metarm" or metrics["labels"] != "none" else " alone, which is plain RL"
        more = f", and {rate_words(plain)} against round 1{alone}" if plain else ""
        said.append(f"judged by {judge_words(metrics)} it wins {rate_words(against)} against the first policy{more}")
    if known(best["gold"]["value"]):
        said.append(f"its mean gold is {gold_words(best)}, that of the first policy {gold_words(metrics['start'])}")
    sentence = "; ".join(said)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def fall_sentence(metrics: IterateFindings) -> str:
    """That the reward went on rising while gold clearly fell; nothing where it did not."""
    best, number = metrics["best_round"], len(metrics["rounds"])
    if not over_optimised(metrics):
        return ""
    assert best is not None
    last, before = policy_of(metrics, number), policy_of(metrics, best)
    seen, best_seen = (decimal(policy["reward_gap_first"], 1) for policy in (last, before))
    since, instead = (f"after round {best}", f" instead of {best_seen}") if best else ("of the first policy", "")
    return (
        f"Over-optimisation: mean gold is down from {gold_words(before)} {since} to {gold_words(last)} after round "
        f"{number}, although the reward model sees a gain of {seen} standard deviations{instead}."
    )


def over_optimised(metrics: IterateFindings) -> bool:
    """Whether the last policy has more reward and, by intervals that do not meet, less gold than the best one."""
    best, number = metrics["best_round"], len(metrics["rounds"])
    if best is None:
        return False
    last, before = policy_of(metrics, number), policy_of(metrics, best)
    high, low = last["gold"]["high"], before["gold"]["low"]
    return high is not None and low is not None and high < low and last["reward_gap_first"] > before["reward_gap_first"]


def stop_sentence(metrics: IterateFindings) -> str:
    """When the run should have stopped, and why."""
    end, number = metrics["should_have_stopped"], len(metrics["rounds"])
    if end is None:
        limits = "" if metrics["judged_by"] else ", as far as that can be told without a judge"
        best = metrics["best_round"]
        although = "" if best in (None, number) else ", although the last one is not judged the best"
        return f"No stop rule held after any round{limits}{although}."
    reasons = "; ".join(stop_words(stop) for stop in metrics["rounds"][end - 1]["stops"])
    if metrics["stopped_after"] == end:
        return f"It stopped after round {end}, the first after which a rule held: {reasons}."
    if end == number:
        return f"Here is where to stop, after round {end}: {reasons}."
    return f"It should have stopped after round {end}: {reasons}."


def stop_words(stop: StopNumbers) -> str:
    """Why a rule held."""
    value, bar = stop["value"], stop["bar"]
    if stop["rule"] == "spread_collapsed":
        return (
            "the reward model hardly told the policy's responses apart any more: its rewards spread "
            f"{percent(value)} as far within a prompt as on the first policy's (bar {percent(bar)})"
        )
    if stop["rule"] == "ran_away":
        return (
            "the policy ran away: its KL or perplexity grew by a factor of "
            f"{decimal(value, 1)} (bar {decimal(bar)}) and its responses are not judged better than the round before's"
        )
    return (
        "the round gained nothing that is sure: its win rate over the round before may be as low as "
        f"{percent(value)} (bar {percent(bar)})"
    )


def not_judged(metrics: IterateFindings) -> list[tuple[str, str]]:
    """What could not be judged, and why."""
    last = metrics["rounds"][-1]["reward_model"] if metrics["rounds"] else None
    told = []
    if metrics["judged_by"] is None:
        why = "there is neither a gold reward nor a judge (`judge_model_path`)"
        told.append(("Win rates, the best round", why))
        told.append(("Whether a round gained nothing, or the policy ran away", f"that goes by judged quality: {why}"))
    if last and not (known(last["gold_accuracy"]["value"]) or known(last["judge_accuracy"]["value"])):
        why = "there is neither gold nor a judge (`judge_model_path`), and nothing else could tell"
        told.append(("Whether the reward model is right on the policy's responses", why))
    if last and last["disagreement"] is None:
        told.append(("How sure the reward model is", "no two models differ in their rewards (`num_members`)"))
    if last and last["held_out_accuracy"] is None:
        told.append(("Its accuracy on preferences", "none are held out"))
    return told


def measured(metrics: IterateFindings) -> list[tuple[str, str]]:
    """How it was measured, as term and words."""
    wrong = metrics["wrong_share"]
    num_decided = metrics["num_decided"]
    pairs = f"{count(metrics['num_pairs'] - num_decided)} of {metrics['dataset']}"
    samples = count(metrics["samples_per_prompt"])
    told = [
        (
            "Preferences",
            pairs
            + (f"; gold contradicts {percent(wrong)} of the labels" if wrong is not None else "")
            + (f"; and {count(num_decided)} of earlier loops, decided by a person" if num_decided else ""),
        ),
        ("First policy", metrics["policy"]),
        ("Reward model", f"begins as {metrics['reward_model']}; {ADAPT[metrics['adapt']]}"),
        ("It learns from", PREFERENCE_DATA[metrics["preference_data"]]),
        ("Fresh labels", _labels(metrics)),
        ("A round begins at", POLICY_START[metrics["policy_start"]]),
        ("Its KL is counted from", REFERENCE[metrics["reference"]]),
        (
            "Prompts",
            f"{count(metrics['num_policy_prompts'])} to learn from, {count(metrics['num_test_prompts'])} to test on; "
            f"{samples} responses to each",
        ),
        ("Judged by", _judge(metrics)),
        ("Intervals", "95%, resampling prompts. One run has one seed: how much another would differ they do not say"),
    ]
    if metrics["best_round"] is not None:
        told.append(
            ("Best round", "picked on the test prompts on which it is then reported: that flatters it a little")
        )
    return told


def _labels(metrics: IterateFindings) -> str:
    if metrics["chat_judge"] is None:
        return LABELS[metrics["labels"]]
    labels = [each["labels"] for each in metrics["rounds"] if each["labels"]]
    untold = sum(each["num_not_judged"] for each in labels)
    asked = untold + sum(each["num_pairs"] for each in labels)
    left_out = f", which did not judge {count(untold)} of {count(asked)} pairs: these are left out" if untold else ""
    return f"by the chat model {metrics['chat_judge']}{left_out}"


def _judge(metrics: IterateFindings) -> str:
    if metrics["judged_by"] is None:
        return "nobody"
    if not metrics["judged_by"] == metrics["labels"] == "judge":
        return judge_words(metrics)
    if metrics["chat_judge"] is not None:
        return f"{judge_words(metrics)}, not the chat model that gave the fresh labels"
    return f"{judge_words(metrics)}, the one that gave the fresh labels: it finds better what it taught"


def judge_words(metrics: IterateFindings) -> str:
    return "gold" if metrics["judged_by"] == "gold" else "another reward model"


def policy_of(metrics: IterateFindings, number: int) -> PolicyNumbers:
    """Of a round, or the first one for 0."""
    return metrics["rounds"][number - 1]["policy"] if number else metrics["start"]


def against_plain(metrics: IterateFindings) -> MatchNumbers | None:
    """The best round against round 1; None where they are one, no round is best, or nobody judges."""
    return metrics["best_against_plain"] if metrics["best_round"] else None


def gold_words(policy: PolicyNumbers) -> str:
    """``0.51 (0.48 to 0.54)``."""
    gold = policy["gold"]
    interval = f" ({decimal(gold['low'])} to {decimal(gold['high'])})" if known(gold["low"]) else ""
    return f"{decimal(gold['value'])}{interval}"


def rate_words(match: MatchNumbers) -> str:
    """``61% (54 to 68%)``."""
    return share_words(match["rate"])


def share_words(share: EstimateNumbers | IntervalNumbers) -> str:
    """``61% (54 to 68%)``."""
    low, high = share["low"], share["high"]
    interval = f" ({percent_range(low, high)})" if known(low) and known(high) else ""
    return f"{percent(share['value'])}{interval}"
