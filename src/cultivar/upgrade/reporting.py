"""What an upgrade came to, as a person or a program reads it."""

from __future__ import annotations

from collections.abc import Iterator

from cultivar.generation.vault import Vault
from cultivar.model import Proof
from cultivar.record import replace
from cultivar.tree import Entry
from cultivar.upgrade.merging.base import MergedFile
from cultivar.upgrade.result import Result, diff_of
from cultivar.upgrade.work import Work
from cultivar.upgrades import FileAction, FileChange, Migration, Risk, RiskLevel, UpgradeReport

_CERTAIN = frozenset({"git", "script"})
"""Who settles a file without a rule that could be wrong."""

_LEVELS: tuple[RiskLevel, ...] = ("low", "medium", "high")


def nothing_to_do(work: Work) -> UpgradeReport:
    """The report of an output that is up to date."""
    return replace(_about(work), up_to_date=True)


def report_of(done: Migration) -> UpgradeReport:
    """The report of an upgrade that was recorded already, as far as the ledger knows it."""
    return UpgradeReport(
        folder=done.output,
        answers_file=done.answers_file,
        template_id=done.template_id,
        from_version=done.from_version,
        to_version=done.to_version,
        files=tuple(FileChange(path=path, action="conflict") for path in done.conflicts),
        scripts=done.scripts,
        proof=done.proof,
    )


def report(work: Work, result: Result, proof: Proof, message: str = "") -> UpgradeReport:
    """What the upgrade did, or on a dry run would do."""
    merged = [change for each in result.files if (change := _merged(each, result))]
    known = {each.path for each in merged} | {each.moved_from for each in merged}
    others = [_by_script(path, result) for path in sorted(set(result.changes) - known)]
    kept = [
        FileChange(path=each.path, action="kept", rung=each.rung, reason=each.reason)
        for each in result.kept
    ]
    files = tuple(sorted([*merged, *others, *kept], key=lambda each: each.path))
    told = replace(_about(work), files=files, scripts=result.scripts, proof=proof, message=message)
    told = replace(told, answers=work.carried.changes, risk=risk_of(told))
    if not work.order.dry_run:
        return told
    shown = result.shown(work.order.conflicts)
    return replace(told, diff=work.context.get(Vault).redactor.text(diff_of(shown)))


def risk_of(told: UpgradeReport) -> Risk:
    """How much a person should look at, and at what."""
    found = list(_dangers(told))
    level = _LEVELS[max((_LEVELS.index(each) for each, _ in found), default=0)]
    return Risk(level=level, reasons=tuple(reason for _, reason in found))


def _dangers(told: UpgradeReport) -> Iterator[tuple[RiskLevel, str]]:
    ruled = [each for each in told.files if each.rung and each.rung not in _CERTAIN]
    ruled = [each for each in ruled if each.action != "conflict"]
    model = [each for each in ruled if each.rung == "model"]
    if told.conflicts:
        yield "high", _counted(len(told.conflicts), "file", "in conflict")
    if told.proof.verdict == "failed":
        yield "high", "required checks failed"
    if model:
        yield "high", _counted(len(model), "file", "merged by a model")
    if len(ruled) > len(model):
        yield "medium", _counted(len(ruled) - len(model), "file", "settled by a rule")
    if deleted := [each for each in told.files if each.action == "deleted"]:
        yield "medium", _counted(len(deleted), "file", "taken away")
    if told.scripts:
        yield "medium", _counted(len(told.scripts), "migration script", "run")
    if any(not each.idempotent for each in told.scripts):
        yield "medium", "a migration script that is not idempotent"
    if told.files and told.proof.verdict == "not_verified":
        yield "low", "no check said whether the result works"


def _counted(count: int, thing: str, what: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'} {what}"


def _about(work: Work) -> UpgradeReport:
    return UpgradeReport(
        folder=str(work.folder),
        answers_file=work.output.answers_file,
        template_id=work.template.ref.id,
        from_version=work.from_version,
        to_version=work.to_version,
    )


def _merged(file: MergedFile, result: Result) -> FileChange | None:
    """What the merge did to a file; None where scripts or tasks left nothing of it."""
    if file.conflict is not None:
        return FileChange(
            path=file.path,
            action="conflict",
            reason=file.conflict.reason,
            moved_from=file.moved_from,
            places=file.conflict.places,
        )
    if file.path not in result.changes and not file.moved_from:
        return None
    change = _plain(file.path, result, file.rung, file.reason)
    moved = bool(file.moved_from) and file.entry is not None
    return replace(change, action="moved", moved_from=file.moved_from) if moved else change


def _by_script(path: str, result: Result) -> FileChange:
    by = "script" if path in result.by_scripts else "git"
    return _plain(path, result, by, "")


def _plain(path: str, result: Result, rung: str, reason: str) -> FileChange:
    before: Entry | None = result.before.get(path)
    after: Entry | None = result.after.get(path)
    action: FileAction = "added" if before is None else "deleted" if after is None else "changed"
    return FileChange(path=path, action=action, rung=rung, reason=reason)
