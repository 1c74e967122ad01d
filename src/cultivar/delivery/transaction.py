"""Change a folder's files, and git's index with them, all or nothing.

The invariant: whatever interrupts it, the folder is as it was or finished once `take_back` was
called. New files are written beside their places first; only then are they renamed, and the old
ones are kept until the last one is in its place.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

from cultivar.delivery import index
from cultivar.delivery.changes import Applied, Changes, Entries
from cultivar.delivery.journal import (
    Journals,
    Note,
    interrupted,
    is_locked,
    locked,
    prepare_note,
    write_note,
)
from cultivar.delivery.places import (
    exists,
    identity,
    keep,
    make_folder,
    missing_folders,
    see_on_disk,
    standing,
    write_entry,
)
from cultivar.delivery.planning import Plan, plan_changes
from cultivar.delivery.records import keep_record
from cultivar.delivery.repository import repository_of
from cultivar.delivery.returning import NEW, OLD, put_back, staged
from cultivar.errors import ChangedError, CultivarError, WriteError
from cultivar.record import Record, replace

STAGE = ".cultivar-stage-"
"""How the folder beside the files is named in which a delivery is prepared."""


def apply(
    changes: Changes,
    folder: Path,
    journals: Journals,
    *,
    run_id: str = "",
    expected: Entries | None = None,
) -> Applied:
    """Make `changes` in `folder`; files that are as they should be are left alone.

    Args:
        changes: What is to become of the files.
        folder: Whose files; made where it does not exist.
        journals: Where it is noted what is under way.
        run_id: By what name it can be undone; empty where it need not be.
        expected: What the changes were made from, by path. A file that is neither that nor what
            it should become was changed meanwhile, and stops it.

    Raises:
        ChangedError: Files changed while the changes were made; nothing was written.
        UnsafeError: A link in `folder` leads a path out of it.
        WriteError: The folder cannot be written to, or the disk is full; it is as it was.
    """
    with delivering(folder, journals):
        return write(changes, folder, journals, run_id=run_id, expected=expected)


@contextmanager
def delivering(folder: Path, journals: Journals) -> Generator[None]:
    """Nobody else delivers into `folder`, and no interrupted delivery is left in it."""
    with _named_failures(folder), locked(journals.of(folder)):
        put_back(journals.of(folder))
        yield


def write(
    changes: Changes,
    folder: Path,
    journals: Journals,
    *,
    run_id: str = "",
    expected: Entries | None = None,
) -> Applied:
    """What `apply` does, for one who holds the folder by `delivering` already."""
    plan = plan_changes(changes, folder, expected or {})
    if not (plan.after or plan.made or changes.unmerged or changes.index):
        return plan.applied
    delivery = _Delivery(folder=folder, journal=journals.of(folder), plan=plan, note=_note(folder))
    try:
        write_note(delivery.journal, delivery.note)
        _stage(delivery)
        delivery = _noted(delivery, changes)
        keep_record(run_id, folder, plan, delivery.note.index, journals)
        _swap(delivery)
    except BaseException as error:
        _put_back_after(error, delivery)
        raise
    with suppress(OSError):  # it is done; what cannot be cleared up now is so the next time
        put_back(delivery.journal)
    return plan.applied


def take_back(folder: Path, journals: Journals) -> None:
    """Undo what an interrupted delivery left in `folder`; nothing if there is none.

    Raises:
        WriteError: What tells how to is damaged, or another process is writing to the folder.
    """
    if journals.of(folder).is_file():
        with _named_failures(folder), locked(journals.of(folder)):
            put_back(journals.of(folder))


def take_back_inside(folders: Iterable[Path], journals: Journals) -> None:
    """Undo what interrupted deliveries left in `folders` and below; those under way are waited for.

    Raises:
        WriteError: What tells how to is damaged, or another process is writing to one of them.
    """
    roots = [folder.resolve() for folder in folders]
    for note in list(interrupted(journals)):
        if any(Path(note.folder).is_relative_to(root) for root in roots):
            take_back(Path(note.folder), journals)


def recover(journals: Journals) -> tuple[str, ...]:
    """Undo what interrupted deliveries left in any folder; those under way are left alone.

    Returns:
        The folders, absolute.

    Raises:
        WriteError: What tells how to is damaged.
    """
    noted = [Path(note.folder) for note in interrupted(journals)]
    folders = [folder for folder in noted if not is_locked(journals.of(folder))]
    for folder in folders:
        take_back(folder, journals)
    return tuple(map(str, folders))


class _Delivery(Record):
    """A delivery that is under way."""

    folder: Path
    journal: Path
    plan: Plan
    note: Note

    @property
    def stage(self) -> Path:
        """The folder in which it is prepared."""
        return self.folder / self.note.stage


def _note(folder: Path) -> Note:
    """What is noted before anything is done."""
    return Note(
        folder=str(folder.resolve()),
        stage=f"{STAGE}{uuid.uuid4().hex}",
        roots=tuple(map(str, missing_folders(folder.resolve()))),
    )


def _stage(delivery: _Delivery) -> None:
    """Write all new files, each beside its place."""
    plan, stage = delivery.plan, delivery.stage
    delivery.folder.mkdir(parents=True, exist_ok=True)
    stage.mkdir()
    (stage / ".gitignore").write_text("*\n")  # so that neither git nor an editor looks at it
    for name in (NEW, OLD):
        (stage / name).mkdir()
    written = {path: entry for path, entry in plan.after.items() if entry is not None}
    for path, entry in written.items():
        write_entry(staged(stage, NEW, path), entry, plan.permissions.get(path))
    see_on_disk(staged(stage, NEW, path) for path in written)


def _noted(delivery: _Delivery, changes: Changes) -> _Delivery:
    """The delivery with all noted that it takes to put it back, and the new index written."""
    plan = delivery.plan
    exchange = _exchange(delivery, changes)
    note = replace(
        delivery.note,
        written={path: identity(entry) for path, entry in plan.after.items() if entry},
        added=plan.applied.added,
        removed=plan.removed,
        made=tuple(plan.made),
        emptied=plan.emptied,
        index=exchange.noted() if exchange else {},
    )
    write_note(delivery.journal, note)
    if exchange:
        index.prepare(exchange)
    return replace(delivery, note=note)


def _exchange(delivery: _Delivery, changes: Changes) -> index.Exchange | None:
    """How git's index is to change; not at all where there is no repository."""
    wanted = changes.unmerged or changes.index
    repository = repository_of(delivery.folder) if wanted else None
    if repository is None:
        return None
    lines = index.conflict_lines(repository, changes.unmerged, delivery.stage / "blobs")
    name = f"index{delivery.note.stage}"
    return index.planned_exchange(repository, {**changes.index, **lines}, name)


def _swap(delivery: _Delivery) -> None:
    folder, stage, note = delivery.folder, delivery.stage, delivery.note
    done = prepare_note(delivery.journal, replace(note, done=True))
    for path in note.removed:
        _remove(stage, folder, path)
    for path in note.emptied:
        _remove_folder(folder / path)
    for path, permissions in delivery.plan.made.items():
        make_folder(folder / path, permissions)
    for path in note.written:
        _replace(stage, folder, path)
    _refuse_edited(delivery)
    if note.index:
        index.put(index.noted_exchange(note.index))
    done.replace(delivery.journal)  # from here on it is done, and nothing is put back


def _remove(stage: Path, folder: Path, path: str) -> None:
    (folder / path).replace(staged(stage, OLD, path))


def _remove_folder(folder: Path) -> None:
    """Take it away, unless somebody put something into it by now."""
    if not any(folder.iterdir()):
        folder.rmdir()


def _replace(stage: Path, folder: Path, path: str) -> None:
    if exists(folder / path):
        keep(folder / path, staged(stage, OLD, path), stage / "part")
    staged(stage, NEW, path).replace(folder / path)


def _refuse_edited(delivery: _Delivery) -> None:
    """Stop where a person saved a file after we had read it; we kept what they saved."""
    old = {path: staged(delivery.stage, OLD, path) for path in delivery.plan.before}
    edited = [path for path, each in delivery.plan.before.items() if standing(old[path]) != each]
    if edited:
        raise ChangedError(tuple(edited))


def _put_back_after(error: BaseException, delivery: _Delivery) -> None:
    try:
        put_back(delivery.journal)
    except (OSError, CultivarError) as failure:
        raise WriteError(
            f"Writing to `{delivery.folder}` failed ({error}), and it could not be put back whole "
            f"({failure}).",
            "The next command tries again to put it back.",
        ) from error


@contextmanager
def _named_failures(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"Writing to `{folder}` failed: {error.strerror or error}. It is as it was.",
            "Free some space, or see who may write there; then try again.",
        ) from error
