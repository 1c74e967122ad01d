"""What improving costs is known to the cent, and holds it back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cultivar.application.cultivar import Cultivar
from cultivar.application.rounds import Bounds, LoopSpentError
from cultivar.evolution.campaigns.spending import Spending
from cultivar.evolution.roles import Candidates, Refusal
from cultivar.ledger.base import CallRecord
from cultivar.ledger.improvements import ExperimentStore
from cultivar.lifecycle import Experiment, TrialResult
from cultivar.llm.base import ModelReply, Provider
from cultivar.llm.scripted import ScriptedModel
from cultivar.record import replace
from cultivar.settings import BudgetSettings
from cultivar.testing.lifecycles import candidate_of, experiment_of
from cultivar.testing.toolrooms import Workspace
from tests.evolution.loop.test_loop import Pace, improved

MENDED = {
    "path": "ratio.py",
    "search": "    return a / b",
    "replace": "    return a / b if b else None",
}
EDIT = {"cause": "It divides by zero.", "change": "gives nothing for zero", "edits": [MENDED]}
PRICE = 0.3


def reply(said: object = EDIT) -> ModelReply:
    """What the model says, at its price."""
    return ModelReply(text=json.dumps(said), model="scripted", money=PRICE)


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def cultivar(workspace: Workspace, model: ScriptedModel) -> Iterator[Cultivar]:
    services: dict[type[Any], object] = {Provider: model}
    with Cultivar(workspace.settings, services=services) as opened:
        workspace.used(opened, 40, failing=20)
        yield opened


def test_an_experiment_costs_what_making_its_candidate_did(
    cultivar: Cultivar, model: ScriptedModel
) -> None:
    model.enqueue(reply())
    (done,) = cultivar.improve_loop(Bounds(rounds=1))
    made = {each.candidate.operator: each.money for each in improved(done).experiments}
    assert made.pop("model") == PRICE
    assert set(made.values()) == {0}
    assert improved(done).money == done.money == PRICE


def test_a_loop_ends_with_its_money(cultivar: Cultivar, model: ScriptedModel) -> None:
    model.enqueue(reply())
    going = cultivar.improve_loop(Bounds(money=PRICE), stop=Pace())
    assert next(going).rest is None
    with pytest.raises(LoopSpentError, match=r"0\.3 of 0\.3 US dollars") as spent:
        next(going)
    assert (spent.value.kind, spent.value.exit_code) == ("money", 5)


def test_a_run_that_spent_its_money_is_closed_and_not_paid_for_again(
    workspace: Workspace, model: ScriptedModel
) -> None:
    model.enqueue(reply())
    poor = replace(workspace.settings, budget=BudgetSettings(money=PRICE / 2))
    services: dict[type[Any], object] = {Provider: model}
    with Cultivar(poor, services=services) as cultivar:
        workspace.used(cultivar, 40, failing=20)
        first, second = cultivar.improve_loop(Bounds(rounds=2), stop=Pace())
        assert first.trouble is not None
        assert "The budget of money is spent: 0.3 of 0.15" in first.trouble.what
        assert first.closed
        assert {each.status for each in cultivar.experiments()} == {"stopped"}
        assert not improved(second).opportunities
        assert second.money == PRICE
        assert len(model.requests) == 1


def test_a_model_that_has_nothing_to_propose_is_not_asked_at_each_look(
    cultivar: Cultivar, model: ScriptedModel
) -> None:
    nothing: dict[str, object] = {**EDIT, "edits": []}
    model.enqueue(reply(nothing), reply(nothing))
    first, second = cultivar.improve_loop(Bounds(rounds=2), stop=Pace())
    for each in improved(first).experiments:
        if each.status == "waiting":
            cultivar.reject(each.id, by="ada")
    third, fourth = cultivar.improve_loop(Bounds(rounds=2), stop=Pace())
    assert not improved(second).opportunities
    assert improved(third).opportunities
    assert not improved(fourth).opportunities
    assert len(model.requests) == 2


def spending(cultivar: Cultivar) -> Spending:
    """Knows what runs of this ledger have cost."""
    need = cultivar.services.need
    return Spending(calls=need(CallRecord), experiments=need(ExperimentStore))


def tried(experiment: Experiment, repeat: int, money: float, *, cached: bool) -> TrialResult:
    """A trial of its candidate."""
    return TrialResult(
        case_id="a case",
        tree_hash=experiment.candidate.tree_hash,
        repeat=repeat,
        verdict="passed",
        money=money,
        cached=cached,
    )


def test_trials_cost_once_however_often_they_are_looked_at(cultivar: Cultivar) -> None:
    experiment = experiment_of("one", candidate=replace(candidate_of(), money=0.5))
    results = [tried(experiment, 0, 0.25, cached=False), tried(experiment, 1, 9.0, cached=True)]
    store = cultivar.services.need(ExperimentStore)
    store.keep_results(experiment.id, {str(each.repeat): each for each in results})
    once = spending(cultivar).with_money(experiment)
    assert once.money == 0.75
    assert spending(cultivar).with_money(once).money == 0.75
    store.keep_experiment(once)
    assert spending(cultivar).of_run(experiment.campaign) == 0.25  # the model was never asked


def test_what_a_question_cost_is_shared_by_what_came_of_it(
    cultivar: Cultivar, model: ScriptedModel
) -> None:
    model.enqueue(reply())
    done = cultivar.improve()
    by_model = replace(candidate_of(), operator="model", money=0.0)
    made = Candidates(
        candidates=(by_model, replace(by_model, operator="guard")),
        refused=(Refusal(operator="model", reason="It is too large."),),
    )
    shared = spending(cultivar).shared(done.run_id, made, ())
    assert [each.money for each in shared.candidates] == [PRICE / 2, 0]
    assert [each.money for each in shared.refused] == [PRICE / 2]
    known = done.experiments  # which have their share
    assert spending(cultivar).shared(done.run_id, made, known) == made
