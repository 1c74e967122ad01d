"""Write what an upgrade came to, and record it."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from datetime import UTC, datetime

from cultivar.delivery.changes import Changes
from cultivar.delivery.journal import Journals
from cultivar.delivery.transaction import apply
from cultivar.errors import ChangedError, NotKnownError
from cultivar.ledger.base import CallRecord, ContentStore, Ledger
from cultivar.model import Answers, Attempt, Draft, Generation, Proof, TemplateRef
from cultivar.settings import Settings
from cultivar.tree import Tree
from cultivar.upgrade.renewing import Renewed, refuse_placeholders
from cultivar.upgrade.result import Result
from cultivar.upgrade.work import Work
from cultivar.upgrades import Migration, UpgradeReport


def commit(work: Work, result: Result, answers: Answers) -> None:
    """Write the result, all or nothing, so that `undo` can take it back.

    Raises:
        ChangedError: A file was changed while it was merged; nothing was written.
        UsageError: A file would show a placeholder for a secret.
        WriteError: The folder cannot be written to; it is as it was.
    """
    refuse_placeholders(work, answers, result.before, result.after)
    shown = result.shown(work.order.conflicts)
    changes = Changes(
        entries=shown.changes,
        unmerged={} if work.order.conflicts == "rej" else result.unmerged,
    )
    applied = apply(
        changes,
        work.folder,
        work.context.get(Journals),
        run_id=work.run_id,
        expected={path: result.before.get(path) for path in shown.changes},
    )
    if shown.changes and not (applied.added or applied.replaced or applied.removed):
        raise ChangedError(tuple(shown.changes))  # another run has written the very same


def record(work: Work, renewed: Renewed, told: UpgradeReport, began: float) -> str:
    """Record the upgrade and what it made; recorded again, nothing changes.

    Returns:
        The id of the generation that stands there now.
    """
    content, ledger = work.context.get(ContentStore), work.context.get(Ledger)
    tree = _made(work, renewed)
    generation = Generation(
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, work.run_id)),
        run_id=work.run_id,
        task=work.order.task,
        template=_version(work),
        answers=renewed.answers,
        attempts=(
            # What the checks said was said of a person's files, so it is the migration's.
            Attempt(number=1, draft=Draft(tree_hash=content.put(tree)), proof=Proof(results=())),
        ),
        instance_id=work.context.get(Settings).instance_id,
        generated_at=datetime.fromtimestamp(began, UTC),
        output=str(work.folder),
        file_path=str(work.output.path),
        usage=work.context.get(CallRecord).usage(work.run_id),
        seconds=time.time() - began,
    )
    ledger.record(generation)
    ledger.record_migration(_migration(work, told, generation))
    return generation.id


def _made(work: Work, renewed: Renewed) -> Tree:
    """What stands there of the template's now: the base of the next upgrade."""
    if not work.order.file:
        return renewed.theirs
    return renewed.base.replace({work.order.file: renewed.theirs.get(work.order.file)})


def _version(work: Work) -> TemplateRef:
    """The version of the template; the old one, where one file alone was upgraded.

    Raises:
        NotKnownError: Of the old version nothing is known but its files.
    """
    if not work.order.file:
        return work.template.ref
    old = work.base.generation.template if work.base.generation else None
    if old is None and work.base.template is not None:
        old = work.base.template.ref
    if old is None:
        raise NotKnownError("template of the version", work.from_version)
    return old


def _migration(work: Work, told: UpgradeReport, generation: Generation) -> Migration:
    before = work.base.generation
    conflicts = tuple(each.path for each in told.conflicts)
    return Migration(
        id=work.run_id,
        template_id=work.template.ref.id,
        from_version=work.from_version,
        to_version=work.to_version,
        output=str(work.folder),
        answers_file=work.output.answers_file,
        generation_before=before.id if before else "",
        generation_after=generation.id,
        outcome="conflicts" if conflicts else "done",
        instance_id=generation.instance_id,
        migrated_at=datetime.now(UTC),
        changed=sum(each.action != "kept" for each in told.files),
        conflicts=conflicts,
        rungs=dict(Counter(each.rung for each in told.files if each.rung)),
        scripts=told.scripts,
        proof=told.proof,
        seconds=generation.seconds,
    )
