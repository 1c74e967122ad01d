"""The seam to the record of all facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeAlias

from cultivar.model import (
    CheckResult,
    FailurePattern,
    Fix,
    Generation,
    Json,
    Order,
    RunStatus,
    Usage,
)
from cultivar.record import Record
from cultivar.tree import Tree
from cultivar.upgrades import Migration, UpgradeOrder

if TYPE_CHECKING:
    from cultivar.lifecycle import ImproveOrder


class Query(Record):
    """Which generations to list; what is empty does not narrow."""

    template_id: str = ""
    template_version: str = ""
    instance_id: str = ""
    since: datetime | None = None
    success: bool | None = None
    limit: int = 50


class Run(Record):
    """One execution of a graph."""

    id: str
    graph: str
    order: Order | UpgradeOrder | ImproveOrder
    """An `UpgradeOrder` where the graph is `upgrade`, an `ImproveOrder` where it is `improve`."""
    status: RunStatus
    started_at: datetime
    generation_id: str = ""
    error: str = ""


class VersionStats(Record):
    """How one version of a template has done."""

    template_id: str
    template_version: str
    uses: int
    succeeded: int
    failed: int
    not_verified: int
    quality: float | None
    """The mean quality score, 0 to 1."""
    last_used: datetime


class ModelCall(Record):
    """One paid question and its answer, without secrets."""

    run_id: str
    purpose: str
    request_hash: str
    """With `run_id` the key by which a repeated question is answered from here."""
    model: str
    prompt: Json
    reply: str
    prompt_tokens: int
    completion_tokens: int
    money: float
    seconds: float
    attempts: int
    error: str = ""
    """Why there is no reply; empty where there is one."""


class Reserved(Record):
    """What a call that is under way may take, at most."""

    tokens: int
    money: float
    begins: float
    """When it is begun, in seconds since 1970."""
    ends: float
    """From when on it counts as given up, if nobody has ended it."""


Fits: TypeAlias = Callable[[Usage, Usage], bool]
"""Whether there is room, beside what a run's calls took and what those under way may take."""


class ContentStore(Protocol):
    """Keeps trees, each content once, compressed."""

    def put(self, tree: Tree) -> str:
        """Keep `tree`; returns its hash. Keeping it again changes nothing."""
        ...

    def tree(self, tree_hash: str) -> Tree:
        """The tree of that hash.

        Raises:
            NotKnownError: It was never kept.
        """
        ...


class VerdictCache(Protocol):
    """Remembers what a check said of a tree."""

    def verdict(self, key: str) -> CheckResult | None:
        """What was said under `key`, a hash of tree, command, environment and sandbox."""
        ...

    def remember(self, key: str, result: CheckResult) -> None:
        """Keep `result` under `key`."""
        ...


class PatternStore(Protocol):
    """The truth about failure patterns; the memory is an index over it."""

    def revision(self) -> int:
        """Grows with every change; 0 while there is no pattern.

        Whoever sees a revision sees all that came before it.
        """
        ...

    def add_pattern(self, pattern: FailurePattern, vector: bytes, embedder: str) -> None:
        """Keep a new pattern with its vector (little-endian float32) and its embedder's id.

        One of a known id stays as it is.
        """
        ...

    def patterns(self, ids: Iterable[str] | None = None) -> tuple[FailurePattern, ...]:
        """The patterns of these ids, in their order; all, the newest first, without ids.

        Ids that are not known are left out.
        """
        ...

    def vectors(self, embedder: str, after: int = 0) -> Mapping[str, bytes]:
        """All vectors that this embedder made, by pattern id.

        With `after`, only those of patterns that were added since that revision.
        """
        ...

    def add_fix(self, pattern_id: str, fix: Fix) -> None:
        """Keep a fix of the pattern; a known one stays as it is."""
        ...

    def count(self, generation: Generation) -> None:
        """Count the failures of a generation to their patterns, and what became of fixes.

        A ledger that holds the patterns does so itself, when it records the generation.
        """
        ...


class CallRecord(Protocol):
    """Keeps every model call."""

    def call(self, run_id: str, request_hash: str) -> ModelCall | None:
        """The answered call of this run with that request, if there is one."""
        ...

    def add_call(self, call: ModelCall) -> None:
        """Keep a call."""
        ...

    def usage(self, run_id: str) -> Usage:
        """What the run's calls took so far."""
        ...

    def begin_call(self, call: ModelCall, most: Reserved, fits: Fits) -> int | None:
        """Keep a call before it is made, if there is room for it beside those that are under way.

        Meanwhile nobody else begins a call of the same run, in whatever process. Whoever dies
        before it ends the call leaves it as it was kept here.

        Args:
            call: What it takes at least, once it is sent; its error says that it is under way.
            most: What it may take.
            fits: Whether there is room; what it raises is raised.

        Returns:
            What `end_call` knows it by; None where there is no room.
        """
        ...

    def end_call(self, begun: int, call: ModelCall | None) -> None:
        """Keep what a call took that was begun; None: it was not made after all."""
        ...


class Ledger(Protocol):
    """The record of runs and generations."""

    def flush(self) -> None:
        """Return when all that was asked for is kept, also by a ledger in another process.

        Raises:
            StoreUnavailableError: Some of it could not be kept.
        """
        ...

    def start(self, run: Run) -> None:
        """Record a run that begins; a known one stays as it is."""
        ...

    def finish(
        self, run_id: str, status: RunStatus, *, generation_id: str = "", error: str = ""
    ) -> None:
        """Record how the run stands.

        Raises:
            NotKnownError: It was never started.
        """
        ...

    def run(self, run_id: str) -> Run:
        """The run of that id, or of which it is the only prefix.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        ...

    def runs(self, limit: int = 50) -> tuple[Run, ...]:
        """The latest runs, the newest first."""
        ...

    def unfinished(self, graph: str) -> tuple[Run, ...]:
        """The runs of a graph that have not come to their end, the oldest first."""
        ...

    def record(self, generation: Generation) -> None:
        """Record a generation in one transaction; a known id stays as it is.

        Raises:
            NotKnownError: The content store does not keep the tree of one of its attempts.
        """
        ...

    def generation(self, generation_id: str) -> Generation:
        """The generation of that id, or of which it is the only prefix.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        ...

    def generations(self, query: Query) -> tuple[Generation, ...]:
        """The matching generations, the newest first."""
        ...

    def maker_of(self, path: str) -> Generation | None:
        """The latest generation that wrote the file (or folder) at the absolute `path`.

        One whose upgrade was taken back does not count.
        """
        ...

    def latest_at(
        self, output: str, template_id: str = "", file_path: str = ""
    ) -> Generation | None:
        """The latest generation that was written to the absolute folder `output`, and still stands.

        One whose upgrade was taken back, or failed, does not stand: the one before it does.

        Args:
            output: The folder.
            template_id: Of which template; empty: of any.
            file_path: Of which single file; empty: of any, or of the whole folder.
        """
        ...

    def stats(self, template_id: str = "") -> tuple[VersionStats, ...]:
        """How each version of each template has done, by name and version."""
        ...

    def record_migration(self, migration: Migration) -> None:
        """Record an upgrade with its scripts in one transaction; a known id stays as it is.

        One that failed gives way, since its run may be taken up again.
        """
        ...

    def mark_undone(self, run_id: str) -> None:
        """Record that the upgrade of that run was taken back.

        Raises:
            NotKnownError: There is no such upgrade.
        """
        ...

    def migration(self, run_id: str) -> Migration:
        """The upgrade of that run, or of which it is the only prefix.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        ...

    def migrations(self, output: str = "", limit: int = 50) -> tuple[Migration, ...]:
        """The latest upgrades, of the folder `output` if it is given, the newest first."""
        ...

    def scripts_done(self, output: str, template_id: str) -> frozenset[str]:
        """The migration scripts of a template whose work stands in the folder `output`.

        A script of an upgrade that failed or was taken back left nothing there.
        """
        ...
