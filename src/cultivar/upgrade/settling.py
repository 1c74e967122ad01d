"""From three trees to one result: the ladder, the answers file, and what checks say of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from cultivar.errors import TemplateError, UsageError
from cultivar.model import Answers, Check, CheckResult, Json, Proof
from cultivar.record import replace
from cultivar.templating.questions.answers_file import answers_file, asks_for_copiers
from cultivar.tree import Entry
from cultivar.upgrade.finding import known_path
from cultivar.upgrade.merging.base import Merge, Policy, Trees
from cultivar.upgrade.merging.ladder import merge
from cultivar.upgrade.merging.marking import has_markers
from cultivar.upgrade.merging.proposals import with_proposals
from cultivar.upgrade.renewing import Renewed
from cultivar.upgrade.result import Result
from cultivar.upgrade.work import Work
from cultivar.upgrades import MergeProposal

OWN_TESTS = "the project's own tests"
"""The name of the check that runs them."""


def merged(work: Work, renewed: Renewed, ready: Result, *, distrusted: str = "") -> Result:
    """Bring what the template changed into the project.

    Args:
        work: The upgrade.
        renewed: Both versions of what the template makes.
        ready: The project, as migration scripts left it.
        distrusted: Why no rule of ours may settle a conflict; empty: each may.
    """
    policy = Policy(
        skip_if_exists=renewed.skip_if_exists,
        answers_file=work.output.answers_file,
        distrusted=distrusted,
    )
    trees = Trees(base=renewed.base, ours=ready.after, theirs=renewed.revealed)
    _refuse_unsettled(trees)
    found = _meant(work, merge(trees, policy), renewed)
    changes = {**found.changes, **_answers_file(work, renewed.answers)}
    return replace(ready, files=found.files, kept=found.kept, after=ready.after.replace(changes))


def _refuse_unsettled(trees: Trees) -> None:
    """See that no file that is to be merged still holds the markers of a conflict.

    Raises:
        UsageError: One does.
    """
    for path, ours in trees.ours.items():
        sides = trees.base.get(path), trees.theirs.get(path)
        if sides[0] != sides[1] and has_markers(ours) and not any(map(has_markers, sides)):
            raise UsageError(
                f"`{path}` still holds the markers of a conflict.",
                "Settle it first, or take the last upgrade back with `cultivar undo`.",
            )


def with_proposed(result: Result, proposal: MergeProposal) -> Result:
    """The result with what a model proposed, where that holds."""
    if not proposal.hunks:
        return result
    settled = with_proposals(Merge(files=result.files), proposal)
    return replace(result, files=settled.files, after=result.after.replace(settled.changes))


def checks_of(work: Work) -> tuple[Check, ...]:
    """The project's own tests, where it is known how they run."""
    if not work.order.test:
        return ()
    return (Check(name=OWN_TESTS, run=work.order.test, required=True, timeout=600.0),)


def broken_by_us(before: Proof, after: Proof) -> Proof:
    """What the checks say, where one that failed before the upgrade is no failure of it."""
    old = {each.check for each in before.results if each.verdict == "failed"}
    return replace(after, results=tuple(_excused(each, old) for each in after.results))


def _excused(result: CheckResult, old: set[str]) -> CheckResult:
    if result.verdict != "failed" or result.check not in old:
        return result
    told = f"It failed before the upgrade, too.\n{result.output}"
    return replace(result, verdict="not_verified", output=told)


def _meant(work: Work, found: Merge, renewed: Renewed) -> Merge:
    """What is meant of a merge: all, or the one file that the order names.

    Raises:
        NotKnownError: The template makes no such file.
    """
    wanted = work.order.file
    if not wanted:
        return found
    paths = {*renewed.base, *renewed.theirs, *(each.moved_from for each in found.files)} - {""}
    known_path(wanted, sorted(paths), work.output)
    return Merge(
        files=tuple(each for each in found.files if wanted in {each.path, each.moved_from}),
        kept=tuple(each for each in found.kept if each.path == wanted),
    )


def _answers_file(work: Work, answers: Answers) -> dict[str, Entry | None]:
    """The answers file with the upgrade in it; a template that writes Copier's does so itself."""
    if work.order.file or (asks_for_copiers(work.template) and not work.output.kept.template_id):
        return {}
    extra: Mapping[str, Json] = {
        "_upgraded": True,
        "_upgraded_from": work.from_version,
        "_upgraded_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    content = answers_file(work.template, answers, generated_at=_generated_at(work), extra=extra)
    return {work.output.answers_file: Entry(content=content)}


def _generated_at(work: Work) -> datetime:
    """When it was first generated.

    Raises:
        TemplateError: The answers file says no time there.
    """
    said = str(work.output.kept.metadata.get("_generated_at") or "")
    try:
        return datetime.fromisoformat(said) if said else datetime.now(UTC)
    except ValueError as error:
        raise TemplateError(
            f"`_generated_at` is {said!r}, which is no time.",
            file=work.output.answers_file,
            line=_line_of("_generated_at", work),
            remedy="Write it like `2026-01-31T12:00:00+00:00`, or take the line away.",
        ) from error


def _line_of(name: str, work: Work) -> int | None:
    """The line of the answers file on which `name` is given."""
    entry = work.project.get(work.output.answers_file)
    lines = entry.content.splitlines() if entry else []
    found = (at for at, line in enumerate(lines, start=1) if line.startswith(f"{name}:".encode()))
    return next(found, None)
