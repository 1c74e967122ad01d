"""Undo what a run did to a folder, and lose nothing that a person did to it since."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cultivar.delivery.changes import Applied, Changes, Entries, IndexLines
from cultivar.delivery.journal import Journals
from cultivar.delivery.places import exists, is_folder, present
from cultivar.delivery.planning import parents
from cultivar.delivery.records import UndoRecord, undo_record
from cultivar.delivery.repository import repository_of
from cultivar.delivery.transaction import delivering, take_back, write
from cultivar.record import Record
from cultivar.tree import Entry


class Edited(Record):
    """A file that a person changed after a run had written it."""

    before: Entry | None
    """What stood there before the run."""
    written: Entry | None
    """What the run put there."""
    now: Entry | None


class Undone(Record):
    """What undoing a run did, or would do."""

    folder: Path
    applied: Applied
    edited: Mapping[str, Edited]
    """By path, what a person changed since and nobody settled; it stays as it is."""


def look_at_undo(run_id: str, journals: Journals) -> Undone:
    """Say which files stand in the way of undoing a run, without doing anything.

    Raises:
        NotKnownError: The run changed no file, or it is too long ago.
    """
    record = undo_record(run_id, journals)
    take_back(record.folder, journals)
    return Undone(folder=record.folder, applied=Applied(), edited=_edited(record))


def undo(
    run_id: str,
    journals: Journals,
    *,
    settled: Entries | None = None,
    expected: Entries | None = None,
    as_run: str = "",
) -> Undone:
    """Put back what stood in a folder before a run, all or nothing.

    Files that nobody changed since become byte for byte what they were. Those that a person
    changed stay, unless `settled` says what is to become of them.

    Args:
        run_id: The run.
        journals: Where it is noted what it did.
        settled: By path, what is to become of files that a person changed.
        expected: By path, what that was made from.
        as_run: By what name undoing can be undone in turn; empty where it need not be.

    Raises:
        NotKnownError: The run changed no file, or it is too long ago.
        ChangedError: Something else than `expected` stands there by now; nothing was written.
        WriteError: The folder cannot be written to; it is as it was.
    """
    record = undo_record(run_id, journals)
    with delivering(record.folder, journals):
        edited = _edited(record)
        changes = _restored(record, edited, settled or {})
        applied = write(changes, record.folder, journals, run_id=as_run, expected=expected)
    left = {path: each for path, each in edited.items() if path not in changes.entries}
    return Undone(folder=record.folder, applied=applied, edited=left)


def _edited(record: UndoRecord) -> dict[str, Edited]:
    """What stands neither as the run left it nor as it was before."""
    edited: dict[str, Edited] = {}
    for path, old in sorted(record.before.items()):
        before, written = old.entry if old else None, record.written[path]
        now = None if is_folder(record.folder / path) else present(record.folder / path)
        if now not in (before, written) or (before and _is_blocked(record, path, edited)):
            edited[path] = Edited(before=before, written=written, now=now)
    return edited


def _is_blocked(record: UndoRecord, path: str, edited: Mapping[str, Edited]) -> bool:
    """Whether a person put something else in the way: files below it, or one in place of a folder.

    What the run itself put there goes, and is not in the way.
    """
    place = record.folder / path
    if is_folder(place):
        files = (each for each in place.rglob("*") if not is_folder(each))
        inside = {each.relative_to(record.folder).as_posix() for each in files}
        return not inside <= {*record.written}
    above = [each for each in parents(path) if exists(record.folder / each)]
    return any(
        each in edited or (each not in record.written and not (record.folder / each).is_dir())
        for each in above
    )


def _restored(record: UndoRecord, edited: Mapping[str, Edited], settled: Entries) -> Changes:
    olds = {path: old for path, old in record.before.items() if path not in edited}
    chosen = {path: entry for path, entry in settled.items() if path in edited}
    needed = {folder for path, old in olds.items() if old for folder in parents(path)}
    return Changes(
        entries={**{path: old.entry if old else None for path, old in olds.items()}, **chosen},
        permissions={
            path: old.permissions for path, old in olds.items() if old and old.entry.mode != "link"
        },
        folders={
            path: bits
            for path, bits in record.folders.items()
            if path in needed or is_folder(record.folder / path)
        },
        index=_index_before(record),
        restored=True,
    )


def _index_before(record: UndoRecord) -> IndexLines:
    """What git's index held, where it holds still what the run put there."""
    repository = repository_of(record.folder) if record.index_written else None
    if repository is None:
        return {}
    there = repository.lines()
    return {
        path: record.index_before[path]
        for path, lines in record.index_written.items()
        if there.get(path, ()) == lines
    }
