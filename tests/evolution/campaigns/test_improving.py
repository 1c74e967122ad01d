from __future__ import annotations

import pytest

from cultivar.errors import BudgetSpentError, NotKnownError, UsageError
from cultivar.ledger.improvements import ExecutionLog, ExperimentQuery, ExperimentStore, Leases
from cultivar.record import replace
from cultivar.settings import BudgetSettings
from cultivar.testing.toolrooms import BUGGY, RATIO, Workspace


def test_what_fails_is_found_and_mended_and_nothing_changes_without_a_persons_word(
    workspace: Workspace,
) -> None:
    with workspace.opened() as cultivar:
        workspace.used(cultivar, 40, failing=20)
        done = cultivar.improve()
        (opportunity,) = done.opportunities
        assert (opportunity.kind, opportunity.measured) == ("failing", 0.5)
        better = done.experiments[0]
        assert better.verdict is not None
        assert better.verdict.decision == "release"
        assert better.verdict.losses == 0
        assert (better.status, better.simulated) == ("waiting", True)
        assert f"`cultivar approve {better.id[:8]} --real` releases it." in better.reason
        assert "b == 0" in cultivar.changes_of(better)
        assert not done.releases
        assert workspace.file.read_text() == BUGGY
        with pytest.raises(UsageError, match="simulated"):
            cultivar.approve(better.id, by="ada")
        assert workspace.file.read_text() == BUGGY


def test_a_person_is_asked_once_however_often_somebody_looks(workspace: Workspace) -> None:
    with workspace.opened() as cultivar:
        workspace.used(cultivar, 40, failing=20)
        (waiting,) = (each for each in cultivar.improve().experiments if each.status == "waiting")
        again = cultivar.improve()
        assert not again.opportunities
        assert not again.experiments
        said = f"tool:ratio: experiment {waiting.id[:8]} waits for your word."
        assert again.left_alone == (said,)
    with workspace.opened(real=True, automatic=True) as cultivar:
        assert [each.status for each in cultivar.improve().releases] == ["watching"]
        assert cultivar.experiment(waiting.id).status == "stopped"


def test_what_a_person_approves_is_released_and_can_be_taken_back(workspace: Workspace) -> None:
    with workspace.opened() as cultivar:
        workspace.used(cultivar, 40, failing=20)
        better = cultivar.improve(artifacts=[RATIO]).experiments[0]
        release = cultivar.approve(better.id[:8], by="ada", real=True)
        assert (release.status, release.experiment) == ("watching", better.id)
        assert "b == 0" in workspace.file.read_text()
        decided = cultivar.experiment(better.id)
        assert (decided.status, decided.decided_by) == ("released", "ada")
        with pytest.raises(UsageError, match="released already"):
            cultivar.reject(better.id, by="ada")
        cultivar.rollback(RATIO, by="ada", reason="changed my mind")
        assert workspace.file.read_text() == BUGGY
        decided = cultivar.experiment(better.id)
        assert (decided.status, decided.reason) == ("rolled_back", "changed my mind")


def test_what_a_person_rejects_is_not_tried_again(workspace: Workspace) -> None:
    with workspace.opened() as cultivar:
        workspace.used(cultivar, 40, failing=20)
        better = cultivar.improve().experiments[0]
        cultivar.reject(better.id, by="ada", reason="no")
        again = cultivar.improve().experiments
        assert better.candidate.tree_hash not in {each.candidate.tree_hash for each in again}


def test_what_is_safe_is_released_by_itself_where_that_is_switched_on(
    workspace: Workspace,
) -> None:
    with workspace.opened(real=True, automatic=True) as cultivar:
        workspace.used(cultivar, 40, failing=20)
        done = cultivar.improve()
        assert [each.status for each in done.releases] == ["watching"]
        assert done.experiments[0].status == "released"
        assert done.experiments[0].decided_by == "gate"
        assert "b == 0" in workspace.file.read_text()


def test_what_was_mended_once_is_a_case_of_every_later_trial(workspace: Workspace) -> None:
    with workspace.opened(real=True, automatic=True) as cultivar:
        workspace.used(cultivar, 40, failing=20)
        cultivar.improve()
        kept = cultivar.services.need(ExperimentStore).cases(RATIO, ["regression"])
        assert [each for each in kept if each.inputs.get("b") == 0]


def test_what_does_worse_in_use_is_taken_back_by_itself_and_rests(workspace: Workspace) -> None:
    with workspace.opened(real=True, automatic=True) as cultivar:
        workspace.used(cultivar, 80, failing=20)
        workspace.used(cultivar, 20, failing=20)
        (release,) = cultivar.improve().releases
        workspace.used(cultivar, 60, failing=60, tree_hash=release.after)
        done = cultivar.improve()
        (taken_back,) = done.releases
        assert (taken_back.id, taken_back.status) == (release.id, "rolled_back")
        assert "Worse in use" in taken_back.reason
        assert workspace.file.read_text() == BUGGY
        assert cultivar.experiment(release.experiment).decided_by == "watch"
        assert not done.opportunities
        (why,) = done.left_alone
        assert why.startswith("tool:ratio rests until 2")
        assert why.endswith("UTC, since a release was taken back.")


def test_what_does_well_in_use_is_kept(workspace: Workspace) -> None:
    with workspace.opened(real=True, automatic=True) as cultivar:
        workspace.used(cultivar, 60, failing=30)
        (release,) = cultivar.improve().releases
        workspace.used(cultivar, 60, failing=0, tree_hash=release.after)
        (kept,) = cultivar.improve().releases
        assert (kept.id, kept.status) == (release.id, "kept")
        watch = cultivar.watch_of(cultivar.experiment(release.experiment))
        assert watch is not None
        assert (watch.status, watch.sentence) == ("kept", kept.reason)


def test_healthy_tools_are_left_alone(workspace: Workspace) -> None:
    with workspace.opened(real=True, automatic=True) as cultivar:
        workspace.used(cultivar, 40, failing=2)
        done = cultivar.improve()
        assert not done.opportunities
        assert not done.experiments


def test_two_runs_at_once_are_one_run_and_an_error(workspace: Workspace) -> None:
    with workspace.opened() as cultivar:
        cultivar.services.need(Leases).take("improve", "another", 60)
        with pytest.raises(UsageError, match="Another run"):
            cultivar.improve()
        cultivar.services.need(Leases).give_back("improve", "another")
        assert not cultivar.improve().experiments


def test_a_run_that_spent_its_time_goes_on_later(workspace: Workspace) -> None:
    with workspace.opened() as cultivar:
        workspace.used(cultivar, 40, failing=20)
    tight = replace(workspace, settings=replace(workspace.settings, budget=_seconds(0)))
    with tight.opened() as cultivar, pytest.raises(BudgetSpentError) as spent:
        cultivar.improve()
    with workspace.opened() as cultivar:
        done = cultivar.improve_on(spent.value.run_id)
        assert done.run_id == spent.value.run_id
        assert cultivar.experiments(ExperimentQuery(campaign=done.run_id))[-1].status == "waiting"


def _seconds(limit: float) -> BudgetSettings:
    return BudgetSettings(seconds=limit)


def test_what_is_sealed_is_tried_and_shown_to_nobody(workspace: Workspace) -> None:
    with workspace.opened() as cultivar:
        workspace.used(cultivar, 40, failing=20)
        done = cultivar.improve()
        cases = cultivar.services.need(ExperimentStore).cases(RATIO, ["sealed"])
        shown = set(done.experiments[0].opportunity.examples)
        log = cultivar.services.need(ExecutionLog)
        from cultivar.ledger.improvements import ExecutionQuery

        used = {each.id: each for each in log.executions(ExecutionQuery(artifact=RATIO))}
        assert cases
        hidden = [each.inputs for each in cases]
        assert shown
        assert not [each for each in shown if used[each].inputs in hidden]


def test_an_experiment_that_is_not_known_is_said_to_be_so(workspace: Workspace) -> None:
    with workspace.opened() as cultivar, pytest.raises(NotKnownError):
        cultivar.approve("beef", by="ada", real=True)
