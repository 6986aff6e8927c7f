"""What the rounds that are done have shown, as ``metrics.json`` has it."""

from __future__ import annotations

from rewardsmith.contracts.metrics.iterate import IterateFindings, RoundNumbers
from rewardsmith.policy.rounds.stop_rules import best_round, should_have_stopped
from rewardsmith.workflows.loop.evaluation import evaluated, match_of
from rewardsmith.workflows.loop.labels import Waiting
from rewardsmith.workflows.loop.loop import Loop


def findings_of(loop: Loop, rounds: list[RoundNumbers], waiting: Waiting | None) -> IterateFindings:
    """Of so many rounds, and of the one in which a person has yet to decide."""
    config, material, start = loop.config, loop.material, evaluated(loop, 0)
    best, last = best_round(start, rounds), rounds[-1] if rounds else None
    assert config.rounds.adapt != "auto"  # it is filled in
    stopped = last is not None and bool(last["stops"]) and config.rounds.stop_early
    return {
        "dataset": loop.setting.name,
        "policy": config.policy_model.policy_name_or_path,
        "reward_model": config.model.model_name_or_path,
        "adapt": config.rounds.adapt,
        "labels": config.labelling.labels,
        "chat_judge": config.chat.judge_model if config.labels_by_chat else None,
        "preference_data": config.rounds.preference_data,
        "policy_start": config.rounds.policy_start,
        "reference": config.rounds.reference,
        "judged_by": loop.setting.judged_by,
        "num_pairs": len(material.pairs),
        "num_decided": material.num_decided,
        "wrong_share": material.wrong_share,
        "num_policy_prompts": len(material.policy_prompts),
        "num_test_prompts": len(material.test_prompts),
        "samples_per_prompt": config.rounds.shift_samples,
        "start": start,
        "rounds": rounds,
        "best_round": best,
        "best_against_plain": match_of(loop, best, 1) if best is not None and best != 1 and rounds else None,
        "stopped_after": last["round"] if last is not None and stopped else None,
        "should_have_stopped": should_have_stopped(rounds),
        "waiting_for": None if waiting is None else str(waiting.decisions),
        "label_next": loop.files.label_next.name if loop.files.label_next.is_file() else None,
        "seconds": round(sum(stage["seconds"] for one in rounds for stage in one["stages"]), 2),
    }
