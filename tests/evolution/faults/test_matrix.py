"""Whatever goes wrong, it ends in the old version, a proven new one, or what a person wrote."""

from __future__ import annotations

import pytest

from evals.benchmarks.faults.grounds import Grounds
from evals.benchmarks.faults.matrix import FAULTS


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Grounds:
    """Workspaces that are made once."""
    return Grounds(tmp_path_factory.mktemp("grounds"))


@pytest.mark.parametrize("name", FAULTS)
def test_it_ends_as_it_must(name: str, grounds: Grounds) -> None:
    fault = FAULTS[name]
    outcome = fault.run(grounds)
    assert fault.is_met(outcome), outcome


def test_what_must_be_used_in_the_end_was_proven_or_written_by_a_person() -> None:
    assert {fault.ends for fault in FAULTS.values()} == {"old", "new", "edit"}
