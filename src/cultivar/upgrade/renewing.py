"""Both versions of what the template makes: of the old answers, and of the new ones."""

from __future__ import annotations

from collections.abc import Mapping

from cultivar.errors import CultivarError, UsageError
from cultivar.generation.vault import Vault
from cultivar.generation.workshop import Job, Workshop
from cultivar.model import Answers, Json
from cultivar.record import Record
from cultivar.templating.making.making import Made, Making
from cultivar.templating.rendering.render import Rendered
from cultivar.tree import Entry, Tree
from cultivar.upgrade.work import Work


class Renewed(Record):
    """What the two versions of a template make, and the answers of the new one."""

    base: Tree
    theirs: Tree
    """With placeholders for secrets, as the ledger keeps it."""
    revealed: Tree
    """With the secrets that are at hand, as it is merged."""
    answers: Answers
    skip_if_exists: tuple[str, ...] = ()
    message: str = ""


def renew(work: Work, answers: Answers | None) -> Renewed:
    """Render the new version, and the old one too where its files are not kept.

    Args:
        work: The upgrade.
        answers: All answers, where they are settled; else those that are carried are taken.

    Raises:
        TemplateError: A version does not render, or a task of it failed.
        AnswerError: A question has no answer.
        RefusedError: The template is not trusted, or there is no wall.
    """
    makings = [_new(work, answers), *_old(work)]
    workshop = work.context.get(Workshop)
    made = workshop.make(makings, unconfined=work.order.unconfined)
    settled = work.carried.sourced(made[0].answers) if answers is None else answers
    theirs = _with_tasks(work, settled, made[0].rendered.tree)
    revealed = _revealed(work, settled, theirs, made[0].rendered)
    base = _base(work, made)
    _refuse_unreadable(work, base, revealed)
    return Renewed(
        base=_readable(work, base),
        theirs=theirs,
        revealed=_readable(work, revealed),
        answers=settled,
        skip_if_exists=made[0].rendered.skip_if_exists,
        message=made[0].rendered.message,
    )


def _refuse_unreadable(work: Work, base: Tree, theirs: Tree) -> None:
    """See that the template changes nothing that cannot be read of the project.

    Raises:
        UsageError: It does.
    """
    for path in work.read.left_out:
        if base.get(path) != theirs.get(path):
            raise UsageError(
                f"The template changes `{path}`, which cannot be read: it is not checked out, too "
                "large, or a link that leads out.",
                "Check it out (`git sparse-checkout disable`), or move it away.",
            )


def _readable(work: Work, tree: Tree) -> Tree:
    """`tree` without what could not be read of the project: that is left alone."""
    return tree.replace(dict.fromkeys(work.read.left_out))


def _new(work: Work, answers: Answers | None) -> Making:
    given = _answered({**work.carried.given, **work.given})
    return Making(
        template=work.template,
        given=given,
        answers=answers,
        folder_name=work.folder.name,
        existing=work.project,
    )


def _answered(given: Mapping[str, Json]) -> dict[str, Json]:
    """What is given, without the nulls by which Copier keeps that a question was not asked."""
    return {name: value for name, value in given.items() if value is not None}


def _old(work: Work) -> list[Making]:
    """The making of the old version, where it is not kept."""
    base = work.base
    if base.tree is not None or base.template is None:
        return []
    return [
        Making(
            template=base.template,
            given=_answered(base.given),
            folder_name=work.folder.name,
            existing=work.project,
            complete=False,
        )
    ]


def _base(work: Work, made: tuple[Made, ...]) -> Tree:
    return made[1].rendered.tree if work.base.tree is None else work.base.tree


def _job(work: Work, answers: Answers, secrets: Mapping[str, Json]) -> Job:
    return Job(
        template=work.template,
        answers=answers,
        folder_name=work.folder.name,
        unconfined=work.order.unconfined,
        secrets=secrets,
    )


def _with_tasks(work: Work, answers: Answers, tree: Tree) -> Tree:
    """`tree` after the template's tasks, if the old one had them too.

    Where the old version was rendered anew, its tasks did not run again; so those of the new one
    wait for the merged files.
    """
    if work.order.skip_tasks or work.base.tree is None or not work.template.rules.tasks:
        return tree
    return work.context.get(Workshop).finish(tree, _job(work, answers, {}))


def run_tasks(work: Work, answers: Answers, merged: Tree) -> Tree:
    """The merged files after the tasks that waited for them.

    Raises:
        TemplateError: One failed.
    """
    if work.order.skip_tasks or work.base.tree is not None or not work.template.rules.tasks:
        return merged
    return work.context.get(Workshop).finish(merged, _job(work, answers, {}))


def _revealed(work: Work, answers: Answers, theirs: Tree, rendered: Rendered) -> Tree:
    """`theirs` with the secrets that the user gave in the files that show them."""
    held = work.context.get(Vault).of(work.run_id)
    if not held:
        return theirs
    secrets = work.context.get(Workshop).secret_values(work.template, held, answers)
    try:
        real = work.context.get(Workshop).render(_job(work, answers, secrets)).tree
    except CultivarError as error:
        raise work.context.get(Vault).redactor.error(error) from None
    changed: dict[str, Entry | None] = {
        path: entry for path, entry in real.items() if rendered.tree.get(path) != entry
    }
    return theirs.replace(changed)


def refuse_placeholders(work: Work, answers: Answers, before: Tree, after: Tree) -> None:
    """See that nothing is written that stands for a secret and is none.

    Raises:
        UsageError: A file would get a placeholder that it did not have.
    """
    held = work.context.get(Vault).of(work.run_id)
    for answer in answers:
        if not answer.secret or answer.name in held or f"<{answer.name}>" != answer.value:
            continue
        for path, entry in after.items():
            mark, old = f"<{answer.name}>".encode(), before.get(path)
            if entry.content.count(mark) > (old.content.count(mark) if old else 0):
                raise UsageError(
                    f"`{path}` shows the secret `{answer.name}`, which is never kept.",
                    f"Give it again: `--answer {answer.name}=…`.",
                )
