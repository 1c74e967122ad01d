"""One run at a time: on one machine by a lock, among machines by a lease."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cultivar.application.alone import LEASE, LOCK, Alone, AtWorkError
from cultivar.errors import StoreUnavailableError
from cultivar.ledger.improvements import Leases
from cultivar.ledger.sql import open_ledger


@pytest.fixture
def leases(tmp_path: Path) -> Iterator[Leases]:
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        yield ledger.leases


def test_who_comes_second_is_told_so(leases: Leases, tmp_path: Path) -> None:
    first, second = Alone(leases, tmp_path / "here"), Alone(leases, tmp_path / "here")
    with first.held(), pytest.raises(AtWorkError, match="Another run"), second.held():
        pass
    with second.held():
        second.refuse_lost()


def test_another_machine_is_kept_out_too(leases: Leases, tmp_path: Path) -> None:
    here, there = Alone(leases, tmp_path / "here"), Alone(leases, tmp_path / "there")
    with here.held(), pytest.raises(AtWorkError), there.held():
        pass
    with there.held():
        pass


def test_who_was_killed_here_keeps_nobody_out_here(leases: Leases, tmp_path: Path) -> None:
    with Alone(leases, tmp_path).held():
        name = (tmp_path / LOCK).read_text()
    assert leases.take(LEASE, name, 60)  # what a killed process leaves behind
    with Alone(leases, tmp_path).held():
        pass
    assert leases.take(LEASE, "another", 60)
    with pytest.raises(AtWorkError), Alone(leases, tmp_path).held():
        pass


def test_whoever_loses_the_lease_works_no_further(
    leases: Leases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cultivar.application.alone._RENEWED_SECONDS", 0.01)
    alone = Alone(leases, tmp_path)
    with alone.held():
        leases.give_back(LEASE, (tmp_path / LOCK).read_text())
        while not leases.take(LEASE, "another", 60):
            leases.give_back(LEASE, (tmp_path / LOCK).read_text())
        with pytest.raises(AtWorkError):
            look_again_and_again(alone)


class Telling:
    """The leases of a ledger, and how often they were asked for.

    Args:
        real: The leases.
    """

    def __init__(self, real: Leases) -> None:
        self._real = real
        self.refused = threading.Event()
        self.given_again = threading.Event()

    def take(self, name: str, holder: str, seconds: float) -> bool:
        """See `Leases`."""
        given = self._real.take(name, holder, seconds)
        if not given:
            self.refused.set()
        elif self.refused.is_set():
            self.given_again.set()
        return given

    def give_back(self, name: str, holder: str) -> None:
        """See `Leases`."""
        self._real.give_back(name, holder)


def test_a_lease_that_was_lost_once_is_lost_though_it_is_free_again(
    leases: Leases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cultivar.application.alone._RENEWED_SECONDS", 0.01)
    telling = Telling(leases)
    alone = Alone(telling, tmp_path)
    with alone.held():
        leases.give_back(LEASE, (tmp_path / LOCK).read_text())
        while not leases.take(LEASE, "another", 60):
            leases.give_back(LEASE, (tmp_path / LOCK).read_text())
        assert telling.refused.wait(30)
        leases.give_back(LEASE, "another")
        telling.given_again.wait(0.5)  # it is not asked for any more
        with pytest.raises(AtWorkError):
            alone.refuse_lost()


def look_again_and_again(alone: Alone) -> None:
    """Until it is lost."""
    while True:
        alone.refuse_lost()


def test_a_home_that_cannot_be_written_to_says_so(leases: Leases, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailableError, match="cannot be opened"):
        Alone(leases, tmp_path / "file").held().__enter__()
