"""A workspace in which something goes wrong, and how it stands when that is over.

The invariant: how it ended is read from the disk and from the record by somebody who comes later,
never from what the run said of itself.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from cultivar.application.cultivar import Cultivar
from cultivar.application.improving import Improved
from cultivar.application.workbench import registry_of
from cultivar.errors import CultivarError
from cultivar.evolution.artifacts.finding import tree_at
from cultivar.ledger.improvements import ExperimentQuery, ExperimentStore
from cultivar.lifecycle import Artifact, Experiment
from cultivar.record import Record, replace
from cultivar.settings import Settings
from cultivar.tree import Tree

Ending = Literal["old", "new", "edit", "unproven"]
"""What is used in the end: the old version, one that the gate let pass, what a person put there; or
what nobody has proven, which must never be."""

Given: TypeAlias = Mapping[type[Any], object]
"""Services that stand in the place of Cultivar's own."""

NOTHING_GIVEN: Final[Given] = {}
ALL: Final = ExperimentQuery(limit=10_000)
_MOST: Final = 10_000


class Outcome(Record):
    """What came of a fault."""

    ends: Ending
    whole: bool
    """Whether the files on the disk are to the last byte those of what is used in the end."""
    record: tuple[str, ...]
    """How experiments and releases stand in the record, each with how many."""
    said: str
    """What Cultivar said."""
    held: bool
    """Whether all else held that this fault might have broken; and nothing is left under way."""


class Scene(Record):
    """A workspace with one artifact in use."""

    root: Path
    """The workspace."""
    artifact: Artifact
    place: Path
    """The tool's file, or the template's folder."""
    settings: Settings
    old: Tree
    """What is used before anything goes wrong."""

    @property
    def files(self) -> Tree:
        """What stands on the disk."""
        return tree_at(self.place, self.artifact)

    def opened(self, services: Given = NOTHING_GIVEN, **changes: Any) -> Cultivar:
        """Cultivar in it, as a process of its own would open it; what is proven is released.

        Args:
            services: What stands in the place of its own.
            changes: What is set otherwise.
        """
        return Cultivar(replace(self.settings, **changes), services=services)

    def improved(self, services: Given = NOTHING_GIVEN, **changes: Any) -> str:
        """What a run of `improve` came to, in its own words, or those of its error.

        Args:
            services: What stands in the place of its own.
            changes: What is set otherwise.
        """
        try:
            with self.opened(services, **changes) as cultivar:
                done = cultivar.improve()
        except CultivarError as error:
            return f"{type(error).__name__}: {error.what}"
        return _told(done)

    def forget_leases(self) -> None:
        """Let the minute pass for which a run that ended badly keeps others out."""
        with closing(sqlite3.connect(self.settings.home / "ledger.db")) as database, database:
            database.execute("UPDATE leases SET until = 0")

    def outcome(self, said: str, *, held: bool = True, edit: Tree | None = None) -> Outcome:
        """How it stands, as the next command finds it.

        Args:
            said: What Cultivar said.
            held: Whether all else held.
            edit: What a person put there, where one did.
        """
        with self.opened() as cultivar:
            registry = registry_of(cultivar.services)
            registry.recover()
            current = registry.current(self.artifact)
            used = registry.tree(current)
            store = cultivar.services.need(ExperimentStore)
            experiments = store.experiments(ALL)
            releases = store.releases(limit=_MOST)
            proven = current.tree_hash in _proven(experiments, store)
        ends = self._ends(used, proven=proven, edit=edit)
        settled = all(each.status != "running" for each in experiments)
        settled = settled and all(each.status != "preparing" for each in releases)
        return Outcome(
            ends=ends,
            whole=self.files == (edit if ends == "edit" else used),
            record=_counted(experiments, [f"release {each.status}" for each in releases]),
            said=said,
            held=held and settled,
        )

    def _ends(self, used: Tree, *, proven: bool, edit: Tree | None) -> Ending:
        if edit is not None and self.files == edit:
            return "edit"
        if used == self.old:
            return "old"
        return "new" if proven else "unproven"


def _told(done: Improved) -> str:
    told = [each.reason for each in (done.releases or done.experiments)]
    if told:
        return told[-1]
    return "Nothing could be made of it." if done.opportunities else "Nothing is worth improving."


def _proven(experiments: Iterable[Experiment], store: ExperimentStore) -> set[str]:
    """The tree hashes that were released because the gate had let an experiment pass."""
    passed = {
        each.id for each in experiments if each.verdict and each.verdict.decision == "release"
    }
    return {each.after for each in store.releases(limit=_MOST) if each.experiment in passed}


def _counted(experiments: Sequence[Experiment], releases: Sequence[str]) -> tuple[str, ...]:
    told = Counter([*(each.status for each in experiments), *releases])
    return tuple(f"{number} {what.replace('_', ' ')}" for what, number in sorted(told.items()))
