"""What becomes of a run's last draft: written where it may be, recorded in any case."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cultivar.agent import Context
from cultivar.delivery.journal import Journals
from cultivar.delivery.trees import Manner, deliver, plan
from cultivar.errors import CultivarError, UsageError
from cultivar.generation.templates import TemplateStore
from cultivar.generation.vault import Vault
from cultivar.generation.workshop import Job, Workshop
from cultivar.ledger.base import CallRecord, ContentStore, Ledger
from cultivar.model import (
    Answers,
    Attempt,
    Delivery,
    Draft,
    FailurePattern,
    Generation,
    Json,
    Order,
    TemplateRef,
)
from cultivar.record import Record, replace
from cultivar.settings import Settings
from cultivar.templating.questions.answers_file import answers_file, answers_file_path
from cultivar.templating.template import Template
from cultivar.tree import Entry, Tree


class Result(Record):
    """What a run came to."""

    run_id: str
    order: Order
    template: TemplateRef
    answers: Answers
    draft: Draft
    attempts: tuple[Attempt, ...]
    began: float
    """Seconds since the epoch."""
    recalled: tuple[FailurePattern, ...] = ()
    delivery: Delivery | None = None

    @property
    def folder(self) -> str:
        """Where it may be written to: nowhere, where its required checks failed."""
        if self.attempts and self.attempts[-1].proof.verdict == "failed":
            return self.order.keep_failed
        return self.order.output


def deliver_result(result: Result, context: Context) -> Delivery | None:
    """Write the draft with its answers file, or say what would be written on a dry run.

    Raises:
        DestinationError: Files that differ are in the way.
        WriteError: The folder cannot be written to.
    """
    if not result.folder:
        return None
    ready = _deliverable(result, context)
    folder = Path(result.folder)
    if result.order.dry_run:
        planned = plan(ready.tree, folder, skip_if_exists=ready.skip_if_exists)
    else:
        manner = Manner(
            force=result.order.force,
            skip_if_exists=ready.skip_if_exists,
            hidden=ready.secret,
            # What takes to undo it would hold the secrets, which are kept nowhere.
            run_id="" if ready.secret else result.run_id,
        )
        planned = deliver(ready.tree, folder, context.get(Journals), manner)
    return replace(planned, answers_file=ready.answers_file, secret=ready.secret)


def record_result(result: Result, context: Context) -> str:
    """Record the generation in the ledger; recorded again, nothing changes.

    Returns:
        The generation's id.
    """
    delivery = result.delivery
    folder = delivery.folder if delivery else ""
    generation = Generation(
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, result.run_id)),
        run_id=result.run_id,
        task=result.order.task,
        template=result.template,
        answers=result.answers,
        attempts=result.attempts,
        instance_id=context.get(Settings).instance_id,
        generated_at=datetime.fromtimestamp(result.began, UTC),
        output=folder,
        file_path=_file_path(result, context) if delivery else "",
        recalled=tuple(pattern.id for pattern in result.recalled),
        usage=context.get(CallRecord).usage(result.run_id),
        seconds=time.time() - result.began,
    )
    context.get(Ledger).record(generation)
    return generation.id


def _file_path(result: Result, context: Context) -> str:
    """The one file of the result, or its folder."""
    paths = list(context.get(ContentStore).tree(result.draft.tree_hash))
    return str(Path(result.folder) / paths[0]) if len(paths) == 1 else result.folder


class _Deliverable(Record):
    """What may be written."""

    tree: Tree
    skip_if_exists: tuple[str, ...]
    answers_file: str
    secret: tuple[str, ...]
    """The files that hold secrets."""


def _deliverable(result: Result, context: Context) -> _Deliverable:
    """The draft with its secrets and its answers file."""
    template = context.get(TemplateStore).load(result.template)
    draft = context.get(ContentStore).tree(result.draft.tree_hash)
    job = Job(
        template=template,
        answers=result.answers,
        folder_name=Path(result.order.output).name,
        unconfined=result.order.unconfined,
    )
    rendered = context.get(Workshop).render(job)
    vault = context.get(Vault)
    vault.demand(result.run_id, tuple(a.name for a in result.answers if a.secret and a.given))
    tree = _reveal(draft, rendered.tree, job, vault.of(result.run_id), context)
    path = answers_file_path(template, draft, result.answers)
    if path not in rendered.tree:
        content = _answers(result, template, Path(result.folder) / path)
        tree = tree.replace({path: Entry(content=content)})
    return _Deliverable(
        tree=tree,
        skip_if_exists=rendered.skip_if_exists,
        answers_file=path,
        secret=tuple(path for path in draft if tree[path] != draft[path]),
    )


def _answers(result: Result, template: Template, present: Path) -> bytes:
    """The answers file; one that says the same but for its date stays as it is."""
    when = datetime.fromtimestamp(result.began, UTC)
    content = answers_file(template, result.answers, generated_at=when)
    if not present.is_file():
        return content
    old = present.read_bytes()
    return old if _DATE.sub(b"", old) == _DATE.sub(b"", content) else content


_DATE = re.compile(rb"^_generated_at: .*$", re.MULTILINE)


def _reveal(
    draft: Tree, rendered: Tree, job: Job, held: Mapping[str, Json], context: Context
) -> Tree:
    """The draft with secrets in the place of their placeholders.

    The files that a secret changes are found by rendering with and without it.

    Raises:
        UsageError: A file with a secret was changed after it was rendered.
    """
    if not held:
        return draft
    workshop = context.get(Workshop)
    secret = replace(job, secrets=workshop.secret_values(job.template, held, job.answers))
    shown = workshop.finish(rendered, job)
    try:
        real = workshop.finish(workshop.render(secret).tree, secret)
    except CultivarError as error:
        # The checkpoint keeps it, and so may whoever reads the log.
        raise context.get(Vault).redactor.error(error) from None
    return draft.replace(_secret_files(draft, shown, real))


def _secret_files(draft: Tree, shown: Tree, real: Tree) -> Mapping[str, Entry]:
    if set(shown) != set(real):
        raise UsageError(
            "Which files there are, or what they are called, depends on a secret.",
            "Keep secrets in the contents of files.",
        )
    changed = {path: entry for path, entry in real.items() if shown[path] != entry}
    for path in changed:
        if draft.get(path) != shown[path]:
            raise UsageError(
                f"`{path}` holds a secret and was changed after it was rendered.",
                "Keep secrets in a file of their own, without slots.",
            )
    return changed
