from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from cultivar.checking.checks import CheckRunner
from cultivar.evolution.artifacts.registry import Registry
from cultivar.evolution.artifacts.verifying import Verify
from cultivar.evolution.canary.canaries import Canaries
from cultivar.evolution.canary.choosing import receives
from cultivar.evolution.canary.evidence import CanaryUses
from cultivar.evolution.releasing.releases import Releases
from cultivar.ledger.sql import SqlLedger
from cultivar.lifecycle import Artifact, Candidate, Execution, Experiment, GateVerdict, Release
from cultivar.record import Record, replace
from cultivar.settings import ImproveSettings
from cultivar.testing.artifacts import (
    CALCULATOR,
    GREETING,
    MENDED,
    SLOTS,
    TEMPLATE,
    World,
    world_in,
)
from cultivar.testing.lifecycles import experiment_of, opportunity_of
from cultivar.testing.tools import place_for_tools
from cultivar.tree import text_entry

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHANGES = {
    CALCULATOR: {"calculator.py": text_entry(MENDED)},
    TEMPLATE: {"template/greet.py.jinja": text_entry(GREETING.replace("hello", "good day"))},
    SLOTS: {"slots.md.jinja": text_entry("Write {{ what }} well.\n{{ rules }}\n")},
}


class Room(Record):
    """A workspace with its record, in which canaries run."""

    world: World
    ledger: SqlLedger
    luck: Random
    verify: Verify | None = None
    """What is done in the place of the smoke test."""

    @property
    def registry(self) -> Registry:
        """As another process would open it."""
        return self.world.registry(self.ledger, verify=self.verify)

    def canaries(self, at: datetime = BEGAN, share: float = 0.0) -> Canaries:
        """What looks after canaries, at a time; by itself it begins them with a share."""
        registry = self.registry
        return Canaries(
            releases=Releases(registry=registry, experiments=self.ledger.experiments),
            uses=CanaryUses(
                ledger=self.ledger, log=self.ledger.executions, artifacts=registry.artifacts
            ),
            settings=ImproveSettings(canary=share),
            now=partial(_same, at),
        )

    def proven(self, artifact: Artifact = CALCULATOR, name: str = "proven") -> Experiment:
        """An experiment whose candidate the gate has let pass, and which waits."""
        current = self.registry.current(artifact)
        tree = self.registry.tree(current).replace(CHANGES[artifact])
        self.ledger.content.put(tree)
        candidate = Candidate(
            artifact=artifact,
            parent=current.tree_hash,
            tree_hash=tree.hash,
            version="",
            operator="guard",
            description="Mend it.",
        )
        experiment = experiment_of(
            name,
            campaign=name,
            candidate=candidate,
            opportunity=replace(opportunity_of(), artifact=artifact),
            status="waiting",
            verdict=GateVerdict(decision="release", sentence="Better.", pairs=9, after=1.0),
        )
        self.ledger.experiments.keep_experiment(experiment)
        return experiment

    def started(self, share: float = 0.5) -> Release:
        """A canary of the calculator."""
        return self.canaries().release(self.proven(), by="ada", share=share)

    def used(
        self, canary: Release, sessions: int, old: float, new: float, lost: float = 0.0
    ) -> datetime:
        """Use it in sessions of one use, of which some fail.

        Args:
            canary: Which runs.
            sessions: How many.
            old: The success rate of the version that is used.
            new: That of the canary.
            lost: The share of its uses that are never recorded.

        Returns:
            When they are whole.
        """
        at = BEGAN + timedelta(minutes=2)
        for number in range(sessions):
            unit = UUID(int=self.luck.getrandbits(128)).hex
            due = receives(canary.artifact, unit, canary.share, canary.after)
            fails = self.luck.random() >= (new if due else old)
            if due and self.luck.random() < lost:
                continue
            self.ledger.executions.add_execution(
                Execution(
                    id=f"{UUID(int=self.luck.getrandbits(128))}.{unit}",
                    artifact=canary.artifact,
                    tree_hash=canary.after if due else canary.before,
                    inputs={"a": number, "b": 1},
                    error="ZeroDivisionError" if fails else "",
                    seconds=0.01,
                    instance_id=f"i{number % 2}",
                    executed_at=at + timedelta(seconds=number),
                )
            )
        return at + timedelta(seconds=sessions, hours=1)

    def status(self, name: str = "proven") -> str:
        """What became of an experiment."""
        return self.ledger.experiments.experiment(name).status


def _same(moment: datetime) -> datetime:
    return moment


@pytest.fixture(scope="session")
def runner() -> Iterator[CheckRunner]:
    """What runs tools behind a wall."""
    with place_for_tools(seconds=5.0) as place:
        yield place.runner


@pytest.fixture
def room(tmp_path: Path, runner: CheckRunner) -> Iterator[Room]:
    world = world_in(tmp_path / "world", lambda: runner)
    with world.ledger() as ledger:
        made = Room(world=world, ledger=ledger, luck=Random(1))
        made.registry.sync()
        yield made
