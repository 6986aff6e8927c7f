"""The numbers of a judging, put together: files, contests, truth, the judge and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from rewardsmith.contracts.judge import Judge, Ruling
from rewardsmith.contracts.metrics.judge import (
    ContestNumbers,
    FileNumbers,
    ForecastNumbers,
    JudgedNumbers,
    SpentNumbers,
    TruthNumbers,
)
from rewardsmith.judging.endpoint_judge import EndpointJudge
from rewardsmith.judging.findings import Judged, contest_numbers, file_ratings, position_numbers, truth_numbers
from rewardsmith.judging.scorer_judge import ScorerJudge
from rewardsmith.workflows.judges.choice import OpenedJudge
from rewardsmith.workflows.judges.inputs import JudgeInputs


def judge_metrics(
    inputs: JudgeInputs, opened: OpenedJudge, rulings: Sequence[Ruling], forecast: ForecastNumbers | None
) -> JudgedNumbers:
    """All that follows from the rulings, which are in the order of the inputs' pairs."""
    judge = opened.judge
    return {
        "judge": opened.name,
        "kind": opened.kind,
        "fingerprint": judge.fingerprint,
        "rubric": judge.rubric.name if isinstance(judge, EndpointJudge) else None,
        "orders": judge.rubric.orders if isinstance(judge, EndpointJudge) else None,
        "tie_band": judge.tie_band if isinstance(judge, ScorerJudge) else None,
        "files": _files(inputs, rulings),
        "contests": _contests(inputs, rulings),
        "truth": _truth(inputs, rulings),
        "position": position_numbers(rulings, inputs.prompts),
        "spent": _spent(judge, forecast),
    }


def _files(inputs: JudgeInputs, rulings: Sequence[Ruling]) -> list[FileNumbers]:
    ratings = file_ratings(len(inputs.sets), inputs.compared, rulings[: len(inputs.compared)])
    return [
        {
            "name": name,
            "num_rows": one.num_rows,
            "num_bad_rows": len(one.quarantine),
            "bad_rows_by_reason": one.quarantine_by_reason,
            "num_prompts": len(one.prompts),
            "num_responses": one.num_answers,
            "rating": rating.as_dict(),
            "columns_not_read": one.columns_not_read,
        }
        for name, one, rating in zip(inputs.names, inputs.sets, ratings, strict=True)
    ]


def _contests(inputs: JudgeInputs, rulings: Sequence[Ruling]) -> list[ContestNumbers]:
    found = []
    for i, j in combinations(range(len(inputs.sets)), 2):
        own = [place for place, one in enumerate(inputs.compared) if (one.first, one.second) == (i, j)]
        if own:
            compared, ruled = [inputs.compared[place] for place in own], [rulings[place] for place in own]
            found.append(contest_numbers(inputs.names[i], inputs.names[j], compared, ruled))
    return found


def _truth(inputs: JudgeInputs, rulings: Sequence[Ruling]) -> list[TruthNumbers]:
    """The judge beside gold in the files, and beside the labels of the set."""
    judged = [Judged(*row) for row in zip(inputs.pairs, inputs.prompts, rulings, strict=True)]
    of_files = zip(judged, inputs.compared, strict=False)
    known = [(one, compared.gold_gap) for one, compared in of_files if compared.gold_gap is not None]
    found = []
    if any(gap for _, gap in known):
        found.append(truth_numbers("gold of the files", "gold", [one for one, _ in known], [gap for _, gap in known]))
    if inputs.truth is not None:
        gaps = [row["target"] - 0.5 for row in inputs.truth.rows]
        labelled = judged[len(inputs.compared) :]
        found.append(truth_numbers(inputs.truth.given.name, "labels", labelled, gaps))
    return found


def _spent(judge: Judge, forecast: ForecastNumbers | None) -> SpentNumbers | None:
    if not isinstance(judge, EndpointJudge) or forecast is None:
        return None
    spending = judge.model.spending
    return {
        "num_requests": spending.num_requests,
        "num_retries": judge.model.num_retries,
        "num_kept": spending.num_kept,
        "num_tokens_in": spending.num_tokens_in,
        "num_tokens_out": spending.num_tokens_out,
        "num_uncounted": spending.num_uncounted,
        "cost": spending.cost,
        "forecast": forecast,
    }
