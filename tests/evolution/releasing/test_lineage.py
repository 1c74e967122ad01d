"""What a candidate builds on, and whether a model wrote some of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from cultivar.evolution.releasing.lineage import below, has_code_of_a_model
from cultivar.ledger.sql import open_ledger
from cultivar.lifecycle import Decision, Experiment, GateVerdict
from cultivar.record import replace
from cultivar.testing.lifecycles import candidate_of, experiment_of


def on_top_of(
    experiment: Experiment | None, name: str, operator: str, decision: Decision = "release"
) -> Experiment:
    candidate = replace(candidate_of(name), operator=operator)
    if experiment is not None:
        candidate = replace(candidate, parent=experiment.candidate.tree_hash)
    verdict = GateVerdict(decision=decision, sentence="")
    return experiment_of(name, candidate=candidate, verdict=verdict)


@pytest.mark.parametrize(
    ("operators", "decision", "expected"),
    [
        (("guard", "import"), "release", False),
        (("guard", "model"), "release", True),
        (("known-fix",), "release", True),
        (("known-fix", "import"), "release", True),
        (("model", "guard"), "release", True),
        (("model", "guard", "import"), "release", True),
        (("model", "guard"), "reject", False),
    ],
)
def test_what_builds_on_a_model_s_version_has_its_code(
    operators: tuple[str, ...], decision: Decision, expected: bool, tmp_path: Path
) -> None:
    made: list[Experiment] = []
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        for number, operator in enumerate(operators):
            made.append(on_top_of(made[-1] if made else None, f"v{number}", operator, decision))
            ledger.experiments.keep_experiment(made[-1])
        assert has_code_of_a_model(made[-1], ledger.experiments) is expected
        builds_on = [each.id for each in below(made[-1], ledger.experiments)]
        assert builds_on == ([each.id for each in made[:-1]] if decision == "release" else [])
