"""The SQL ledger keeps what improves as every ledger must, on each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from cultivar.ledger.improvements import ArtifactStore, ExecutionLog, ExperimentStore, Leases
from cultivar.ledger.served import LedgerProcess
from cultivar.ledger.sql import open_ledger
from cultivar.settings import Settings
from cultivar.testing.improvements import ArtifactStoreContract, ExperimentStoreContract
from cultivar.testing.lifecycles import (
    TOOL,
    execution_of,
    experiment_of,
    kept,
    pointer_to,
)
from cultivar.testing.uses import ExecutionLogContract, LeasesContract
from cultivar.wiring import Services, Stores


class TestArtifacts(ArtifactStoreContract):
    pass


class TestExperiments(ExperimentStoreContract):
    pass


class TestExecutions(ExecutionLogContract):
    pass


class TestLeases(LeasesContract):
    pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[LedgerProcess]:
    process = LedgerProcess()
    yield process.open(f"sqlite:///{tmp_path}/ledger.db")
    process.close()
    process.wait()


def test_a_ledger_in_a_process_of_its_own_keeps_the_same(
    served: LedgerProcess, tmp_path: Path
) -> None:
    version = kept(cast("Stores", served), "old")
    served.artifacts.point(TOOL, pointer_to(version), expected="")
    served.experiments.keep_experiment(experiment_of("one"))
    served.executions.add_execution(execution_of("one"))
    assert served.executions.executed() == (TOOL,)
    assert served.leases.take("improve", "one", 60)
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        assert ledger.artifacts.version(TOOL, "current") == version
        assert ledger.experiments.experiment("one") == experiment_of("one")
        assert not ledger.leases.take("improve", "two", 60)


def test_the_application_hands_them_out(tmp_path: Path) -> None:
    services = Services(Settings(home=tmp_path, workspace=tmp_path), {})
    try:
        version = kept(services.need(Stores), "old")
        assert services.need(ArtifactStore).versions(TOOL) == (version,)
        assert services.need(ExperimentStore).releases() == ()
        assert services.need(ExecutionLog).executed() == ()
        assert services.need(Leases).take("improve", "one", 60)
    finally:
        services.close()
