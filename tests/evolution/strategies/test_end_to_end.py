"""Each strategy from a tool's real uses to a release, or to a person's word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cultivar.application.cultivar import Cultivar
from cultivar.application.tooling import Tooling
from cultivar.errors import SandboxUnavailableError, UsageError
from cultivar.ledger.improvements import ExperimentStore
from cultivar.lifecycle import Experiment, GateVerdict
from cultivar.record import replace
from cultivar.sandbox.base import Command, Completed, Limits, Sandbox
from cultivar.sandbox.process import PlainProcess
from cultivar.tree import Tree
from tests.evolution.strategies.conftest import ACTS, READS, SHADOW, Bench, those

TRAP = "return 7 if a >= 1000 else a / b"
"""What guards against `b == 0` changes what this gives for large numbers."""


def live(cultivar: Cultivar) -> int:
    """How many live uses were tried with both versions."""
    (experiment,) = those(cultivar, "running") or those(cultivar, "waiting")
    assert experiment.verdict is not None
    return int(experiment.verdict.numbers["shadow_uses"])


def test_the_shadow_gets_live_uses_and_what_is_as_good_is_released(bench: Bench) -> None:
    bench.write(SHADOW)
    with bench.opened(real=True, automatic=True) as cultivar:
        bench.use(cultivar)
        (experiment,) = cultivar.improve().experiments
        assert (experiment.strategy, experiment.status) == ("SHADOW", "running")
        assert experiment.reason == "In the shadow: 0 of at least 105 live uses, 0 as good."
        old = bench.file.read_text()
        bench.use(cultivar, first=100, number=60, failing=20)
        done = cultivar.improve()
        assert not done.opportunities
        assert not done.releases
        assert [each.id for each in done.standing] == [experiment.id]
        assert "60 of at least 105 live uses, 60 as good, 20 of them" in done.standing[0].reason
        with Tooling(bench.settings) as other:  # another process that shares the ledger
            used = [other.use_tool("acts", {"a": n, "b": n % 2}) for n in range(200, 260)]
        assert sum(each.error == "ZeroDivisionError" for each in used) == 30
        assert bench.file.read_text() == old
        done = cultivar.improve()
        assert [(each.status, each.experiment) for each in done.releases] == [
            ("watching", experiment.id)
        ]
        assert "b == 0" in bench.file.read_text()
        decided = cultivar.experiment(experiment.id)
        assert (decided.status, decided.decided_by) == ("released", "gate")


def test_what_does_otherwise_with_live_uses_is_rejected(bench: Bench) -> None:
    with bench.opened(real=True, automatic=True) as cultivar:
        experiment = bench.shadowed(cultivar, TRAP)
        bench.use_with(cultivar, ({"a": 1000 + n, "b": 0} for n in range(4)))
        (left,) = cultivar.improve().standing
        assert (left.id, left.status) == (experiment.id, "rejected")
        assert "of 4 live uses 4 came out otherwise" in left.reason
        again = cultivar.improve().experiments
        assert experiment.candidate.tree_hash not in {each.candidate.tree_hash for each in again}


def test_a_live_use_that_comes_out_otherwise_leaves_it_to_a_person(bench: Bench) -> None:
    with bench.opened(real=True, automatic=True) as cultivar:
        experiment = bench.shadowed(cultivar, TRAP)
        bench.use(cultivar, first=100, number=165, failing=5)
        bench.use_with(cultivar, [{"a": 5000, "b": 0}])
        done = cultivar.improve()
        (waits,) = done.standing
        assert (waits.status, done.releases) == ("waiting", ())
        assert "95 % of live uses come out as good, but 1 came out otherwise" in waits.reason
        assert not cultivar.improve().releases  # not by itself, however often one looks
        release = cultivar.approve(experiment.id, by="ada", real=True)
        assert release.status == "watching"


def test_what_a_simulated_run_put_in_the_shadow_waits_and_a_real_one_releases_it(
    bench: Bench,
) -> None:
    with bench.opened() as cultivar:
        experiment = bench.shadowed(cultivar)
        old = bench.file.read_text()
        bench.use(cultivar, first=100, number=105, failing=5)
        (waits,) = cultivar.improve().standing
        assert (waits.status, bench.file.read_text()) == ("waiting", old)
        assert f"`cultivar approve {experiment.id[:8]} --real` releases it." in waits.reason
        assert not cultivar.improve().opportunities  # nobody is asked twice
    with bench.opened(real=True, automatic=True) as cultivar:
        assert [each.experiment for each in cultivar.improve().releases] == [experiment.id]


def test_a_person_need_not_wait_for_the_shadow(bench: Bench) -> None:
    with bench.opened() as cultivar:
        experiment = bench.shadowed(cultivar)
        release = cultivar.approve(experiment.id, by="ada", real=True)
        assert release.status == "watching"
        assert not cultivar.improve().standing


@pytest.mark.parametrize(
    ("days", "used", "said"),
    [
        (2, 0, "No data: nobody has used it for a day."),
        (15, 1, "Too little data: 14 days were not enough."),
    ],
)
def test_what_is_used_too_seldom_waits_for_a_person_who_is_told_so(
    bench: Bench, days: int, used: int, said: str
) -> None:
    with bench.opened(real=True, automatic=True) as cultivar:
        experiment = bench.shadowed(cultivar)
        assert cultivar.improve().standing[0].status == "running"
        began = datetime.now(UTC) - timedelta(days=days)
        store = cultivar.services.need(ExperimentStore)
        store.keep_experiment(replace(experiment, started_at=began))
        bench.use(cultivar, number=used, failing=0)
        done = cultivar.improve()
        assert [each.status for each in done.standing] == ["waiting"]
        assert said in done.standing[0].reason
        assert not done.releases


def test_what_a_rejected_candidate_builds_on_comes_into_the_shadow_instead(bench: Bench) -> None:
    with bench.opened() as cultivar:
        upper = bench.shadowed(cultivar, TRAP)
        better = bench.keep(cultivar, f"if b == 0 and a < 1000:\n    return None\n{TRAP}")
        candidate = replace(upper.candidate, tree_hash=better)
        store = cultivar.services.need(ExperimentStore)
        passed = GateVerdict(decision="release", sentence="Better.")
        lower = replace(upper, id="lower", candidate=candidate, status="waiting", verdict=passed)
        store.keep_experiment(lower)
        on_top = replace(upper.candidate, parent=better)
        store.keep_experiment(replace(upper, candidate=on_top))
        bench.use_with(cultivar, ({"a": 1000 + n, "b": 0} for n in range(4)))
        cultivar.improve()
        assert cultivar.experiment(upper.id).status == "rejected"
        assert cultivar.experiment("lower").status == "running"
        cultivar.improve()
        assert "4 of at least 105 live uses, 4 as good" in cultivar.experiment("lower").reason


def test_what_a_person_edits_meanwhile_is_theirs(bench: Bench) -> None:
    with bench.opened(real=True, automatic=True) as cultivar:
        experiment = bench.shadowed(cultivar)
        edited = bench.file.read_text().replace("return a / b", "return a / (b or 1)")
        bench.file.write_text(edited)
        (left,) = cultivar.improve().standing
        assert (left.id, left.status) == (experiment.id, "stopped")
        assert "another version by now" in left.reason
        assert bench.file.read_text() == edited


class Down(PlainProcess):
    """A sandbox that is down."""

    confined = True

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        raise SandboxUnavailableError("The wall is down.")


def test_a_wall_that_is_down_is_nobodys_failure(bench: Bench) -> None:
    with bench.opened(real=True, automatic=True) as cultivar:
        bench.shadowed(cultivar)
        bench.use(cultivar, first=100, number=10, failing=0)
    with Cultivar(bench.settings, services={Sandbox: Down()}) as cultivar:
        (left,) = cultivar.improve().standing
        assert left.status == "running"
        assert "Nothing can be tried now" in left.reason
    with bench.opened() as cultivar:
        (left,) = cultivar.improve().standing
        assert left.reason == "In the shadow: 10 of at least 105 live uses, 10 as good."


def test_a_look_without_new_uses_leaves_no_trace(bench: Bench) -> None:
    with bench.opened() as cultivar:
        bench.shadowed(cultivar)
        bench.use(cultivar, first=100, number=5, failing=0)
        (before,) = cultivar.improve().standing
        store = cultivar.services.need(ExperimentStore)
        results = store.results(before.id)
        assert cultivar.improve().standing == (before,)
        assert store.results(before.id) == results


def test_a_killed_look_goes_on_where_it_was_and_counts_no_use_twice(bench: Bench) -> None:
    with bench.opened() as cultivar:
        experiment = bench.shadowed(cultivar)
        bench.use(cultivar, first=100, number=200, failing=0)
        store = cultivar.services.need(ExperimentStore)
        known = len(store.results(experiment.id))
        environment = {
            **os.environ,
            "CULTIVAR_TRUST": f'["{bench.root}"]',
            "CULTIVAR_HOME": str(bench.settings.home),
            "CULTIVAR_CACHE": str(bench.settings.cache),
        }
        killed = subprocess.Popen(
            [sys.executable, "-m", "cultivar", "improve"], cwd=bench.root, env=environment
        )
        while len(store.results(experiment.id)) == known and killed.poll() is None:
            time.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
        assert 0 < len(store.results(experiment.id)) - known < 400
        give_up = time.monotonic() + 90
        while live(cultivar) < 200:
            assert time.monotonic() < give_up
            _improve_when_free(cultivar)
        assert len(store.results(experiment.id)) - known == 400


def _improve_when_free(cultivar: Cultivar) -> None:
    try:
        cultivar.improve()
    except UsageError:  # who was killed still has the lease
        time.sleep(1)


def strategy_of(cultivar: Cultivar, **options: Any) -> Experiment:
    """The first experiment of a run."""
    return cultivar.improve(**options).experiments[0]


def test_replay_goes_by_the_history_and_what_is_better_is_released(bench: Bench) -> None:
    bench.write(READS)
    with bench.opened(real=True, automatic=True) as cultivar:
        bench.use(cultivar)
        made = strategy_of(cultivar)
        assert (made.strategy, made.status, made.decided_by) == ("REPLAY", "released", "gate")
        cases = cultivar.services.need(ExperimentStore).cases(ACTS)
        assert {each.slice for each in cases} >= {"failed with ZeroDivisionError", "worked"}


def test_a_replay_of_what_has_side_effects_asks_a_person(bench: Bench) -> None:
    bench.write("idempotent=True, side_effects=True")
    with bench.opened(real=True, automatic=True) as cultivar:
        bench.use(cultivar)
        made = strategy_of(cultivar)
        assert (made.strategy, made.status) == ("REPLAY", "waiting")
        plan = cultivar.review(made).plan
        assert (plan.risk, plan.automatic) == ("medium", False)
        assert "side effects" in plan.warnings[0]


def test_what_cannot_be_repeated_is_tried_on_its_own_cases_and_asks_a_person(
    bench: Bench,
) -> None:
    bench.write("idempotent=True, requires_mocking=True, test_data_available=True")
    with bench.opened(real=True, automatic=True) as cultivar:
        bench.use(cultivar)
        made = strategy_of(cultivar)
        assert (made.strategy, made.status) == ("SYNTHETIC", "waiting")
        cases = cultivar.services.need(ExperimentStore).cases(ACTS)
        assert {each.slice for each in cases} == {"declared", "made up"}
        assert cultivar.approve(made.id, by="ada", real=True).status == "watching"


def test_what_only_a_person_may_try_is_not_run_and_waits_for_their_review(bench: Bench) -> None:
    bench.write("side_effects=True, idempotent=False")
    with bench.opened(real=True, automatic=True) as cultivar:
        bench.use(cultivar)
        old = bench.file.read_text()
        done = cultivar.improve()
        made = done.experiments[0]
        assert (made.strategy, made.status, done.releases) == ("MANUAL", "waiting", ())
        assert not cultivar.services.need(ExperimentStore).results(made.id)
        review = cultivar.review(made)
        assert (review.plan.risk, review.plan.automatic) == ("high", False)
        assert (review.plan.steps, review.plan.warnings) > ((), ())
        assert {each.error for each in review.failures} == {"ZeroDivisionError"}
        with pytest.raises(UsageError, match="only a person may try") as refused:
            cultivar.approve(made.id, by="ada", real=True)
        assert "--reviewed" in str(refused.value)
        assert bench.file.read_text() == old
        assert not cultivar.improve().experiments  # nobody is asked twice
        release = cultivar.approve(made.id, by="ada", real=True, reviewed=True)
        assert release.status == "watching"
        decided = cultivar.experiment(made.id)
        assert (decided.status, decided.decided_by) == ("released", "ada")
        assert decided.verdict is not None
        assert decided.verdict.sentence == "ada has reviewed it; no trial was run."


def test_a_review_alone_releases_nothing_that_trials_decide_on(bench: Bench) -> None:
    with bench.opened() as cultivar:
        untried = replace(bench.shadowed(cultivar), strategy="REPLAY", verdict=None)
        cultivar.services.need(ExperimentStore).keep_experiment(untried)
        with pytest.raises(UsageError, match="did not let"):
            cultivar.approve(untried.id, by="ada", real=True, reviewed=True)
