"""What the record knows of a canary: its uses, and those of the version beside it.

Compared are units that are alike but for the version: of a template runs, of a tool sessions. Of a
unit counts what it was to get by its share; one that used another version is left out of both
sides, so that it is missed where it should have been.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from cultivar.evolution.canary.choosing import receives
from cultivar.evolution.canary.tools import REFRESHED
from cultivar.ledger.base import Ledger, Query
from cultivar.ledger.improvements import ArtifactStore, ExecutionLog, ExecutionQuery
from cultivar.lifecycle import Artifact, Execution, Release
from cultivar.model import Generation
from cultivar.record import Record

MOST: Final = 50_000
"""How many of the latest uses of each version are looked at."""

COUNTED: Final = 10
"""So many uses of one unit count; it is whole when it has them, or an hour after its first."""

_WHOLE_AFTER: Final = timedelta(hours=1)
_BEFORE: Final = timedelta(days=1)
"""A session of which there are uses in so much time before a canary began was at work already."""


class UseSeen(Record):
    """One use of either version."""

    unit: str
    instance: str
    at: datetime
    succeeded: bool | None
    """None where it was not verified."""
    seconds: float = 0.0
    money: float = 0.0
    quality: float | None = None


class Unit(Record):
    """What a unit did with the version that it was to get."""

    id: str
    instance: str
    canary: bool
    """Whether it got the canary."""
    first: datetime
    """When it began."""
    last: datetime
    whole: datetime | None = None
    """Since when nothing is added to it; None where something may be."""
    success: float | None = None
    """The share of its verified uses that succeeded."""
    seconds: float = 0.0
    """What one of its uses that succeeded took."""
    money: float = 0.0
    quality: float | None = None


class CanaryUses(Record):
    """Finds the uses of a canary and of the version beside it.

    Args:
        ledger: Knows the generations.
        log: Knows the executions.
        artifacts: Knows the versions.
    """

    ledger: Ledger
    log: ExecutionLog
    artifacts: ArtifactStore

    def units(self, release: Release, until: datetime) -> tuple[Unit, ...]:
        """The units since a canary began, by the time at which they did.

        Args:
            release: The canary's.
            until: What came later does not count.
        """
        template = release.artifact.kind == "template"
        since = release.released_at
        trees = (release.after, release.before)
        if template:
            found = [self._generations(release.artifact, tree, since) for tree in trees]
        else:
            found = [self._executions(release.artifact, tree, since) for tree in trees]
            since += timedelta(seconds=REFRESHED)
        cut = [uses[-1].at for uses in found if len(uses) >= MOST]
        begun = max([since, *cut])  # what is cut off of one side is cut off of both
        early = {each.unit for uses in found for each in uses if each.at < begun}
        made = [
            unit
            for is_canary, uses in zip((True, False), found, strict=True)
            for unit in _units(uses, 1 if template else COUNTED, until, canary=is_canary)
            if unit.id not in early and _is_due(release, unit)
        ]
        return tuple(sorted(made, key=lambda each: (each.first, each.id)))

    def _generations(
        self, artifact: Artifact, tree_hash: str, since: datetime
    ) -> Sequence[UseSeen]:
        version = self.artifacts.version(artifact, tree_hash).version
        query = Query(template_id=artifact.name, template_version=version, since=since, limit=MOST)
        made = self.ledger.generations(query)
        return [_seen_made(each) for each in made if each.template.tree_hash == tree_hash]

    def _executions(self, artifact: Artifact, tree_hash: str, since: datetime) -> Sequence[UseSeen]:
        query = ExecutionQuery(
            artifact=artifact, tree_hash=tree_hash, since=since - _BEFORE, limit=MOST
        )
        return [_seen_used(each) for each in self.log.executions(query)]


def unit_of(execution_id: str) -> str:
    """The session that an execution belongs to; of one without a session, itself."""
    return execution_id.partition(".")[2] or execution_id


def _is_due(release: Release, unit: Unit) -> bool:
    """Whether a unit got what it was to get."""
    due = receives(release.artifact, unit.id, release.share, release.after)
    return due is unit.canary


def _seen_made(made: Generation) -> UseSeen:
    proof = made.proof
    return UseSeen(
        unit=made.run_id,
        instance=made.instance_id,
        at=made.generated_at,
        succeeded=made.success,
        seconds=made.seconds,
        money=made.usage.money,
        quality=proof.quality,
    )


def _seen_used(used: Execution) -> UseSeen:
    return UseSeen(
        unit=unit_of(used.id),
        instance=used.instance_id,
        at=used.executed_at,
        succeeded=used.succeeded,
        seconds=used.seconds,
        money=used.money,
    )


def _units(uses: Sequence[UseSeen], most: int, until: datetime, *, canary: bool) -> Iterator[Unit]:
    """The uses, the newest first, by unit."""
    by_unit: dict[str, list[UseSeen]] = {}
    for use in reversed(uses):
        if use.at <= until:
            by_unit.setdefault(use.unit, []).append(use)
    for own in by_unit.values():
        yield _unit(own, most, until, canary=canary)


def _unit(own: Sequence[UseSeen], most: int, until: datetime, *, canary: bool) -> Unit:
    """One unit of its uses, the oldest first."""
    first, counted = own[0], own[:most]
    ends = first.at + _WHOLE_AFTER
    in_time = [each for each in counted if each.at <= ends]
    full = len(in_time) == most
    good = [each for each in in_time if each.succeeded]
    verified = [each for each in in_time if each.succeeded is not None]
    qualities = [each.quality for each in in_time if each.quality is not None]
    return Unit(
        id=first.unit,
        instance=first.instance,
        canary=canary,
        first=first.at,
        last=own[-1].at,
        whole=in_time[-1].at if full else ends if ends <= until else None,
        success=len(good) / len(verified) if verified else None,
        seconds=sum(each.seconds for each in good) / len(good) if good else 0.0,
        money=sum(each.money for each in good) / len(good) if good else 0.0,
        quality=sum(qualities) / len(qualities) if qualities else None,
    )
