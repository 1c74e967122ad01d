"""What a loop tries no more: a candidate that time and again requires what is not to be had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar.errors import NOT_TO_BE_HAD
from cultivar.evolution.campaigns.leaving import is_unknown, reason_of, with_tries
from cultivar.ledger.improvements import ExperimentStore
from cultivar.ledger.sql import open_ledger
from cultivar.lifecycle import Experiment, GateVerdict
from cultivar.record import replace
from cultivar.testing.lifecycles import experiment_of

DOWN = GateVerdict(decision="no_verdict", sentence="No verdict.", reasons=("The wall is down.",))
LACKING = replace(DOWN, reasons=(f"{NOT_TO_BE_HAD}: The program 'x' is not installed.",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ExperimentStore]:
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        yield ledger.experiments


def tried(store: ExperimentStore, verdict: GateVerdict, run: str) -> Experiment:
    """The experiment of a candidate, as it is kept after it was tried once more."""
    made = replace(experiment_of(run), campaign=run, status="stopped")
    said = with_tries(verdict, made.candidate, store)
    store.keep_experiment(replace(made, verdict=said, reason=reason_of(said)))
    return store.experiment(made.id)


@pytest.mark.parametrize("runs", [("a", "a", "a"), ("a", "b", "c")])
def test_what_is_not_to_be_had_three_times_was_tried_in_vain(
    store: ExperimentStore, runs: tuple[str, ...]
) -> None:
    found = [tried(store, LACKING, run) for run in runs]
    assert [is_unknown(each) for each in found] == [True, True, False]
    assert found[-1].reason.startswith("Tried 3 times in vain.")
    assert "'x' is not installed" in found[-1].reason


def test_where_the_place_is_down_it_is_tried_as_often_as_it_takes(store: ExperimentStore) -> None:
    assert all(is_unknown(tried(store, DOWN, "a")) for _ in range(5))
