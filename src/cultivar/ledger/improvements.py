"""The seam to the record of what improves: versions, experiments, cases, releases, executions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.lifecycle import (
        Alias,
        Artifact,
        ArtifactVersion,
        CaseOrigin,
        Execution,
        Experiment,
        ExperimentStatus,
        Kind,
        Release,
        TrialCase,
        TrialResult,
    )


class Pointer(Record):
    """Where an alias points."""

    alias: Alias
    tree_hash: str
    share: float = 1.0
    """Of the uses that get it, 0 to 1."""
    since: datetime


class ExperimentQuery(Record):
    """Which experiments to list; what is empty does not narrow."""

    artifact: Artifact | None = None
    campaign: str = ""
    status: ExperimentStatus | None = None
    limit: int = 50


class ExecutionQuery(Record):
    """Which executions to list; what is empty does not narrow."""

    artifact: Artifact
    tree_hash: str = ""
    since: datetime | None = None
    succeeded: bool | None = None
    limit: int = 1000


class ArtifactStore(Protocol):
    """Keeps every version of what improves; the files are in the content store."""

    def keep(self, version: ArtifactVersion) -> None:
        """Keep a version; one of a known tree stays as it is."""
        ...

    def artifacts(self, kind: Kind | None = None) -> tuple[Artifact, ...]:
        """All that has a version, by id."""
        ...

    def versions(self, artifact: Artifact) -> tuple[ArtifactVersion, ...]:
        """All versions, the newest first."""
        ...

    def version(self, artifact: Artifact, which: str) -> ArtifactVersion:
        """The version of an alias, of what people call it, or of a tree hash (or its beginning).

        Raises:
            NotKnownError: There is none, or more than one; with the nearest.
        """
        ...

    def pointer(self, artifact: Artifact, alias: Alias) -> Pointer | None:
        """Where an alias points; None where it does not."""
        ...

    def point(self, artifact: Artifact, to: Pointer, *, expected: str | None = None) -> None:
        """Move an alias, all at once.

        Args:
            artifact: Whose.
            to: Where to; its version must be kept.
            expected: The tree hash that it must point to until now, empty for none; None where
                that does not matter.

        Raises:
            ChangedError: It points elsewhere by now.
            NotKnownError: The version was never kept.
        """
        ...

    def unpoint(self, artifact: Artifact, alias: Alias) -> None:
        """Take an alias away; nothing happens where there is none."""
        ...


class ExperimentStore(Protocol):
    """Keeps experiments with their trials, the cases, and the releases."""

    def keep_experiment(self, experiment: Experiment) -> None:
        """Keep an experiment as it stands now."""
        ...

    def experiment(self, experiment_id: str) -> Experiment:
        """The experiment of that id, or of which it is the only beginning.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        ...

    def experiments(self, query: ExperimentQuery) -> tuple[Experiment, ...]:
        """The matching experiments, the newest first."""
        ...

    def tried(self, artifact: Artifact, trees: Collection[str]) -> Mapping[str, ExperimentStatus]:
        """What became of candidates with these tree hashes; those never tried are left out."""
        ...

    def keep_results(self, trial_of: str, results: Mapping[str, TrialResult]) -> None:
        """Keep what trials said, in one transaction; a known one stays as it is.

        Args:
            trial_of: The id of the experiment, or of the run of a suite.
            results: By key, a hash of all that the result depends on.
        """
        ...

    def results(self, trial_of: str) -> tuple[TrialResult, ...]:
        """What the trials of an experiment (or of a run of a suite) said, in their order."""
        ...

    def known_results(self, keys: Collection[str]) -> Mapping[str, TrialResult]:
        """What is known of these keys, from whatever experiment; `not_verified` ones are not."""
        ...

    def keep_cases(self, artifact: Artifact, cases: Iterable[TrialCase]) -> None:
        """Keep cases of an artifact as they stand now; known ones keep their place."""
        ...

    def cases(
        self, artifact: Artifact, origins: Collection[CaseOrigin] = ()
    ) -> tuple[TrialCase, ...]:
        """The kept cases of an artifact, the oldest first; of these origins, or of all."""
        ...

    def keep_release(self, release: Release) -> None:
        """Keep a release as it stands now."""
        ...

    def releases(self, artifact: Artifact | None = None, limit: int = 50) -> tuple[Release, ...]:
        """The latest releases, the newest first."""
        ...


class ExecutionLog(Protocol):
    """Keeps each use of a tool or a prompt."""

    def add_execution(self, execution: Execution) -> None:
        """Keep a use; a known id stays as it is."""
        ...

    def executions(self, query: ExecutionQuery) -> tuple[Execution, ...]:
        """The matching uses, the newest first."""
        ...

    def executed(self) -> tuple[Artifact, ...]:
        """All that was used, by id."""
        ...


class Leases(Protocol):
    """Lets one process at a time do something, also across machines that share the ledger."""

    def take(self, name: str, holder: str, seconds: float) -> bool:
        """Take the lease, or keep it if `holder` has it; False while somebody else has it.

        Args:
            name: Of what.
            holder: Who.
            seconds: For how long, if it is not renewed.
        """
        ...

    def give_back(self, name: str, holder: str) -> None:
        """Give the lease back; nothing happens where `holder` does not have it."""
        ...
