"""What an upgrade is asked for, what it proposes and what it came to.

Like `model`, these are types that a checkpoint or the ledger may hold; they hold hashes of trees,
never their bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from cultivar.model import Answer, Json, Proof
from cultivar.record import Record, field

ConflictStyle = Literal["markers", "rej"]
"""How a conflict is shown: markers in the file, or the rejected part beside it in `<file>.rej`."""


class UpgradeOrder(Record):
    """What a user asked of `upgrade`: to bring one generated output to another version."""

    folder: str
    """Absolute: the root of what was generated."""
    answers_file: str
    """Which of the outputs in that folder, by its answers file's path relative to it."""
    file: str = ""
    """The one file that is meant, relative to the folder; empty: all."""
    to: str = ""
    """A version, tag, branch or commit; empty: the newest release."""
    from_version: str = ""
    """Instead of the version that the answers file says."""
    template: str = ""
    """An id, a folder or a git address, instead of where the template came from."""
    answers: tuple[Answer, ...] = ()
    """The user's own, without secrets' values."""
    test: str = ""
    """The command that runs the project's own tests."""
    conflicts: ConflictStyle = "markers"
    interactive: bool = False
    trust: bool = False
    force: bool = False
    """Whether a working tree with changes is upgraded all the same."""
    seen_clean: bool = False
    """Whether the working tree was looked at before another output in it was upgraded."""
    dry_run: bool = False
    allow_downgrade: bool = False
    pre_releases: bool = False
    skip_tasks: bool = False
    """Whether the template's tasks and migration scripts are left out."""
    unconfined: bool = False
    secrets: tuple[str, ...] = ()
    """The names of the secret answers that the user gave; their values are never kept."""

    @property
    def task(self) -> str:
        """What is wanted, in words."""
        return f"upgrade {self.template or self.answers_file} to {self.to or 'the newest version'}"


FileAction = Literal["added", "changed", "deleted", "moved", "kept", "conflict"]
"""What became of a file; `kept`: it is as the person has it, though the template changed it."""


class FileChange(Record):
    """What an upgrade did, or would do, to one file."""

    path: str
    """Relative to the output's folder."""
    action: FileAction
    rung: str = ""
    """What settled it: `git`, `lines`, `keys`, `code`, `model`; `script` of a migration script."""
    reason: str = ""
    """Why it was settled so, or why it was not."""
    moved_from: str = ""
    places: int = 0
    """Of a conflict, how many places of the file are open."""


class AnswerChange(Record):
    """What an upgrade did to one answer."""

    name: str
    kind: Literal["new", "renamed", "adopted", "refused", "dropped"]
    old: Json = None
    new: Json = None
    why: str = ""


class ProposedHunk(Record):
    """What one open place might become."""

    path: str
    number: int
    body: str
    reason: str = ""


class MergeProposal(Record):
    """What open places might become. Whoever asked holds each to the rules of a merge."""

    hunks: tuple[ProposedHunk, ...] = ()
    stopped: str = ""
    """Why not every file was looked at; empty: each was."""


RiskLevel = Literal["low", "medium", "high"]


class Risk(Record):
    """How much a person should look at before they take an upgrade, and at what."""

    level: RiskLevel
    reasons: tuple[str, ...] = ()


class UpgradeReport(Record):
    """What an upgrade came to."""

    folder: str
    """Absolute."""
    answers_file: str
    template_id: str
    from_version: str
    to_version: str
    files: tuple[FileChange, ...] = ()
    answers: tuple[AnswerChange, ...] = ()
    scripts: tuple[ScriptRun, ...] = ()
    proof: Proof = Proof(results=())
    """What the checks and the project's own tests said of the merged files."""
    risk: Risk = Risk(level="low")
    message: str = ""
    """What the template says after it was used."""
    up_to_date: bool = False
    """Nothing had to be done."""
    diff: str = ""
    """Of a dry run: all that would change."""

    @property
    def conflicts(self) -> tuple[FileChange, ...]:
        """The files that a person has to settle."""
        return tuple(each for each in self.files if each.action == "conflict")


MigrationStage = Literal["before", "after"]

MigrationOutcome = Literal["done", "conflicts", "failed", "undone"]


class ScriptRun(Record):
    """One migration script of a template, as it was run over a project."""

    script: str
    """What it is known by: a hash of its version, its stage and its command."""
    version: str
    stage: MigrationStage
    command: str
    succeeded: bool
    idempotent: bool
    """Whether running it a second time changed nothing more."""
    changed: tuple[str, ...] = ()
    """The paths that it changed, added or took away."""
    seconds: float = 0.0
    output: str = ""
    """The end of what it printed."""


class Migration(Record):
    """One upgrade of one output, as the ledger keeps it (`template_migrations`)."""

    id: str
    """The run's id."""
    template_id: str
    from_version: str
    to_version: str
    output: str
    """The absolute folder."""
    answers_file: str
    generation_before: str
    """What was upgraded; empty where the ledger did not know it."""
    generation_after: str
    """What it is now; empty where nothing was written."""
    outcome: MigrationOutcome
    instance_id: str
    migrated_at: datetime
    changed: int = 0
    """How many files were written, moved or taken away."""
    conflicts: tuple[str, ...] = ()
    """The files that a person has to settle."""
    rungs: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many files each rung of the merge ladder settled."""
    scripts: tuple[ScriptRun, ...] = ()
    proof: Proof = Proof(results=())
    """What the checks said of the merged tree."""
    seconds: float = 0.0
    error: str = ""
