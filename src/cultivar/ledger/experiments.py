"""Keeps experiments with their trials, the cases and the releases in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Column, Connection, Table, func, select

from cultivar.ledger.database import Database
from cultivar.ledger.encoding import Row, revived
from cultivar.ledger.finding import begins_with, in_batches, only
from cultivar.ledger.improvement_tables import experiments, releases, trial_cases, trials
from cultivar.ledger.improvements import ExperimentQuery
from cultivar.lifecycle import (
    Artifact,
    Candidate,
    CaseOrigin,
    Experiment,
    ExperimentStatus,
    GateVerdict,
    Kind,
    Opportunity,
    Release,
    TrialCase,
    TrialResult,
)
from cultivar.record import asdict

_experiment = experiments.c
_trial = trials.c
_case = trial_cases.c
_release = releases.c
_NEWEST = select(experiments).order_by(
    _experiment.started_at.desc(), _experiment.number.desc(), _experiment.id.desc()
)
_NEAREST = 3


class SqlExperiments:
    """The experiments of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep_experiment(self, experiment: Experiment) -> None:
        """Keep an experiment as it stands now."""
        self._keep_as_it_stands(experiments, _experiment_row(experiment))

    def experiment(self, experiment_id: str) -> Experiment:
        """The experiment of that id, or of which it is the only beginning.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        wanted = select(experiments).where(*begins_with(_experiment.id, experiment_id))
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(_experiment.id).limit(_NEAREST)).mappings()
            found = {row["id"]: row for row in rows if experiment_id}
        return _experiment_of(only("experiment", experiment_id, found))

    def experiments(self, query: ExperimentQuery) -> tuple[Experiment, ...]:
        """The matching experiments, the newest first."""
        wanted = _NEWEST.limit(query.limit)
        if query.artifact is not None:
            wanted = wanted.where(_experiment.artifact_id == query.artifact.id)
        if query.campaign:
            wanted = wanted.where(_experiment.campaign == query.campaign)
        if query.status is not None:
            wanted = wanted.where(_experiment.status == query.status)
        with self._database.read() as connection:
            return tuple(_experiment_of(row) for row in connection.execute(wanted).mappings())

    def tried(self, artifact: Artifact, trees: Collection[str]) -> Mapping[str, ExperimentStatus]:
        """What became of candidates with these tree hashes; those never tried are left out."""
        wanted = (
            select(_experiment.tree_hash, _experiment.status)
            .where(_experiment.artifact_id == artifact.id)
            .order_by(_experiment.updated_at)
        )
        with self._database.read() as connection:
            return {
                row.tree_hash: cast("ExperimentStatus", row.status)
                for batch in in_batches(dict.fromkeys(trees))
                for row in connection.execute(wanted.where(_experiment.tree_hash.in_(batch)))
            }

    def keep_results(self, trial_of: str, results: Mapping[str, TrialResult]) -> None:
        """Keep what trials said, in one transaction; a known one stays as it is.

        Args:
            trial_of: The id of the experiment, or of the run of a suite.
            results: By key, a hash of all that the result depends on.
        """
        if not results:
            return
        with self._database.write() as connection:
            first = _next_position(connection, _trial.position, _trial.trial_of, trial_of)
            rows = [
                {**_trial_row(trial_of, key, result), "position": position}
                for position, (key, result) in enumerate(results.items(), start=first)
            ]
            connection.execute(self._database.insert_new(trials), rows)

    def results(self, trial_of: str) -> tuple[TrialResult, ...]:
        """What the trials of an experiment (or of a run of a suite) said, in their order."""
        wanted = (
            select(_trial.result)
            .where(_trial.trial_of == trial_of)
            .order_by(_trial.position, _trial.key)
        )
        with self._database.read() as connection:
            found = connection.execute(wanted).scalars()
            return tuple(revived(TrialResult, each) for each in found)

    def known_results(self, keys: Collection[str]) -> Mapping[str, TrialResult]:
        """What is known of these keys, from whatever experiment; `not_verified` ones are not."""
        wanted = (
            select(_trial.key, _trial.result)
            .where(_trial.verdict != "not_verified")
            .order_by(_trial.tried_at.desc(), _trial.trial_of.desc())
        )
        with self._database.read() as connection:
            # The latest first: of many, what was said first is what stays.
            return {
                row.key: revived(TrialResult, row.result)
                for batch in in_batches(dict.fromkeys(keys))
                for row in connection.execute(wanted.where(_trial.key.in_(batch)))
            }

    def keep_cases(self, artifact: Artifact, cases: Iterable[TrialCase]) -> None:
        """Keep cases of an artifact as they stand now; known ones keep their place."""
        listed = list(cases)
        if not listed:
            return
        with self._database.write() as connection:
            first = _next_position(connection, _case.position, _case.artifact_id, artifact.id)
            rows = [
                {**_case_row(artifact, case), "position": position}
                for position, case in enumerate(listed, start=first)
            ]
            new = self._database.insert(trial_cases)
            changes = {name: new.excluded[name] for name in ("origin", "body")}
            keys = [_case.artifact_id, _case.case_id]
            connection.execute(new.on_conflict_do_update(index_elements=keys, set_=changes), rows)

    def cases(
        self, artifact: Artifact, origins: Collection[CaseOrigin] = ()
    ) -> tuple[TrialCase, ...]:
        """The kept cases of an artifact, the oldest first; of these origins, or of all."""
        wanted = select(_case.body).where(_case.artifact_id == artifact.id)
        if origins:
            wanted = wanted.where(_case.origin.in_(sorted(origins)))
        with self._database.read() as connection:
            found = connection.execute(wanted.order_by(_case.position, _case.case_id)).scalars()
            return tuple(revived(TrialCase, each) for each in found)

    def keep_release(self, release: Release) -> None:
        """Keep a release as it stands now."""
        self._keep_as_it_stands(releases, _release_row(release))

    def releases(self, artifact: Artifact | None = None, limit: int = 50) -> tuple[Release, ...]:
        """The latest releases, the newest first."""
        newest = (_release.released_at.desc(), _release.id.desc())
        wanted = select(releases).order_by(*newest).limit(limit)
        if artifact is not None:
            wanted = wanted.where(_release.artifact_id == artifact.id)
        with self._database.read() as connection:
            return tuple(_release_of(row) for row in connection.execute(wanted).mappings())

    def _keep_as_it_stands(self, table: Table[Any], row: Mapping[str, object]) -> None:
        new = self._database.insert(table)
        changes = {name: new.excluded[name] for name in row if name != "id"}
        standing = new.on_conflict_do_update(index_elements=["id"], set_=changes)
        with self._database.write() as connection:
            connection.execute(standing, row)


def artifact_of(artifact_id: str) -> Artifact:
    """The artifact that goes by that id."""
    kind, _, name = artifact_id.partition(":")
    return Artifact(kind=cast("Kind", kind), name=name)


def _next_position(
    connection: Connection, position: Column[int], owner: Column[str], whose: str
) -> int:
    """After all that its owner has."""
    last = select(func.max(position)).where(owner == whose)
    return (connection.execute(last).scalar_one() or 0) + 1


def _experiment_row(experiment: Experiment) -> Mapping[str, object]:
    candidate = experiment.candidate
    return asdict(experiment) | {
        "artifact_id": candidate.artifact.id,
        "tree_hash": candidate.tree_hash,
    }


def _experiment_of(row: Row) -> Experiment:
    verdict = row["verdict"]
    names = set(Experiment.__struct_fields__) - {"candidate", "opportunity", "verdict"}
    return Experiment(
        candidate=revived(Candidate, row["candidate"]),
        opportunity=revived(Opportunity, row["opportunity"]),
        verdict=None if verdict is None else revived(GateVerdict, verdict),
        **{name: row[name] for name in names},
    )


def _trial_row(trial_of: str, key: str, result: TrialResult) -> Mapping[str, object]:
    names = ("tree_hash", "case_id", "repeat", "verdict", "score", "seconds", "money", "quality")
    return {
        "trial_of": trial_of,
        "key": key,
        **{name: getattr(result, name) for name in names},
        "result": result,
        "tried_at": datetime.now(UTC),
    }


def _case_row(artifact: Artifact, case: TrialCase) -> Mapping[str, object]:
    return {
        "artifact_id": artifact.id,
        "case_id": case.id,
        "origin": case.origin,
        "body": case,
        "kept_at": datetime.now(UTC),
    }


def _release_row(release: Release) -> Mapping[str, object]:
    kept = {name: value for name, value in asdict(release).items() if name not in _RENAMED}
    return kept | {
        "artifact_id": release.artifact.id,
        "tree_before": release.before,
        "tree_after": release.after,
    }


_RENAMED = ("artifact", "before", "after")


def _release_of(row: Row) -> Release:
    names = set(Release.__struct_fields__) - set(_RENAMED)
    return Release(
        artifact=artifact_of(row["artifact_id"]),
        before=row["tree_before"],
        after=row["tree_after"],
        **{name: row[name] for name in names},
    )
