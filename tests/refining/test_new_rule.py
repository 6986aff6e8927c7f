"""A new rule is one file and one line of the table: everything else goes by what the rule says of itself."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest
from random_evidence import random_evidence

import rewardsmith
from no_waiting import leave_figures_empty
from rewardsmith.errors import ConfigError
from rewardsmith.refining.effects import counted_twice, effects
from rewardsmith.refining.evidence import Evidence, Reads
from rewardsmith.refining.recipe import apply_recipe, load_recipe, read_recipe
from rewardsmith.refining.rounds import require_judges_that_learn
from rewardsmith.refining.rules.rule import Change
from rewardsmith.refining.rules.table import RULES
from rewardsmith.refining.selection import Where
from rewardsmith.refining.supervision import Supervision
from rewardsmith.studies.noise.methods import parse_methods
from rewardsmith.workflows import refine

BY = {
    "judges": {Reads.JUDGES},
    "in_sample": {Reads.JUDGES, Reads.IN_SAMPLE},
    "structured": {Reads.STRUCTURED},
    "votes": {Reads.VOTES},
    "person": {Reads.PERSON},
    "features": {Reads.FEATURES},
    "origin": {Reads.ORIGIN},
}


@dataclass(frozen=True)
class Halve:
    """Half the way to a tie, with a margin of 1; by whom, it only claims."""

    name: ClassVar[str] = "halve"
    by: Literal["judges", "in_sample", "structured", "votes", "person", "features", "origin"] = "judges"
    where: Where = field(default_factory=Where)

    @property
    def reads(self) -> frozenset[Reads]:
        return frozenset(BY[self.by])

    def apply(self, evidence: Evidence, now: Supervision) -> Change:
        selected = self.where.select(evidence) & evidence.decided
        told = "with features" if evidence.rows is not None else "without features"
        return Change(selected, now.changed(selected, target=(now.target + 0.5) / 2, margin=1.0), lambda _: told)


@pytest.fixture(scope="module", autouse=True)
def _empty_figures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        leave_figures_empty(patch)
        yield


@pytest.fixture(autouse=True)
def one_line_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, Halve.name, Halve)


@pytest.fixture(params=BY)
def by(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def recipe_file(by: str, tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: mine\nrules:\n- {{rule: halve, by: {by}, where: {{category: [a]}}}}\n")
    return str(path)


def test_it_is_read_written_applied_and_counted(by, recipe_file):
    evidence, given = random_evidence()
    recipe = load_recipe(recipe_file)
    assert read_recipe(recipe.to_yaml(), "again") == recipe
    refined = apply_recipe(recipe, evidence, given)
    chosen = np.array([name == "a" for name in evidence.category]) & evidence.decided
    assert refined.rules_of_row() == [["halve"] if one else [] for one in chosen]
    counts = effects(evidence, given, refined, 5)["rules"]
    assert [(rule["rule"], rule["num_changed"]) for rule in counts] == [("halve", chosen.sum())]
    twice = counted_twice(given, refined)
    moved = chosen & (given.margin != 1)
    assert twice == (moved.sum() if by in ("judges", "in_sample", "structured") else 0)


def test_it_has_rounds_where_it_goes_by_judges_that_learn(by, recipe_file):
    recipe = load_recipe(recipe_file)
    if by == "judges":
        require_judges_that_learn(recipe, 3)
        return
    words = r"rule 1 \(halve\) .*trained on the pairs" if by == "in_sample" else "no rule of the recipe mine goes by"
    with pytest.raises(ConfigError, match=f"`rounds` 3: {words}"):
        require_judges_that_learn(recipe, 3)


def test_a_study_refuses_what_it_does_not_tell(by, recipe_file):
    words = {"votes": "people's votes", "person": "a person's decisions", "origin": "who labelled a pair"}.get(by)
    if words is None:
        assert recipe_file in {method.name for method in parse_methods(recipe_file)}
        return
    with pytest.raises(ConfigError, match=f"goes by {words}.*which a study does not tell"):
        parse_methods(recipe_file)


@pytest.fixture(scope="module")
def audit_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit") / "a"
    rows = [
        {"prompt": f"Question {i}?", "chosen": f"Good {i}", "rejected": f"Bad {i}", "category": "ab"[i % 2]}
        | {"chosen_score_list": [i % 7, i % 5], "rejected_score_list": [2.0, 1.0]}
        for i in range(60)
    ]
    rewardsmith.audit(rows, ensemble="given", planted_rate=0, stability=False, quiet=True, output_dir=str(folder))
    return folder


def test_refine_gives_it_what_it_reads(by, recipe_file, audit_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(refine, "rule_features", lambda audit: np.zeros((len(audit.pairs), 2)))
    decided = tmp_path / "decided.jsonl"
    decided.write_text(json.dumps({"row": 0, "decision": "keep"}) + "\n")
    options = {"recipe": recipe_file, "decisions": str(decided), "quiet": True}
    found = rewardsmith.refine(audit_dir, output_dir=tmp_path / "r", **options).ledger
    assert found["reason"][2].as_py() == f"{'with' if by == 'features' else 'without'} features (category a)"
    # a person is followed by the rule that says so, and otherwise by one that is added
    assert found["rules"][0].as_py() == (["halve"] if by == "person" else ["halve", "decisions"])
