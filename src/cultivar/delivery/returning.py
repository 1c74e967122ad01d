"""Put a folder back as it was before an interrupted delivery, as far as nobody changed it since."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from cultivar.delivery import index
from cultivar.delivery.journal import Note, read_note
from cultivar.delivery.places import (
    exists,
    identity,
    is_folder,
    make_folder,
    remove_empty,
    standing,
)

NEW = "new"
"""Where in the stage the new files are until they are in their places."""

OLD = "old"
"""Where in it the files are kept that stood there."""


def staged(stage: Path, side: str, path: str) -> Path:
    """The place in a stage of what stands at `path`, or is to stand there."""
    return stage / side / hashlib.sha256(path.encode()).hexdigest()


def put_back(journal: Path) -> None:
    """Take back the delivery that `journal` tells of, or clear up after it where it was done.

    It can be interrupted too, and called again.

    Raises:
        WriteError: The journal is damaged.
    """
    if not journal.is_file():
        return
    note = read_note(journal)
    folder = Path(note.folder)
    if not note.done and is_folder(folder / note.stage):
        _put_files_back(note, folder)
    _settle_index(note)
    if is_folder(folder / note.stage):
        shutil.rmtree(folder / note.stage)
    remove_empty(map(Path, note.roots))
    journal.unlink()


def _settle_index(note: Note) -> None:
    if note.index:
        exchange = index.noted_exchange(note.index)
        (index.clear if note.done else index.take_back)(exchange)


def _put_files_back(note: Note, folder: Path) -> None:
    stage = folder / note.stage
    for path in reversed(list(note.written)):
        _put_back_written(note, folder, path)
    remove_empty(folder / path for path in note.made)
    for path in reversed(list(note.emptied)):
        make_folder(folder / path, note.emptied[path])
    for path in note.removed:
        old, place = staged(stage, OLD, path), folder / path
        if exists(old) and not exists(place) and place.parent.is_dir():
            old.replace(place)


def _put_back_written(note: Note, folder: Path, path: str) -> None:
    stage, place = folder / note.stage, folder / path
    old, new = (staged(stage, side, path) for side in (OLD, NEW))
    if exists(place) and _identity(place) not in {note.written[path], _identity(old)}:
        return
    if exists(old):
        old.replace(place)
    elif path in note.added and exists(place) and not exists(new):
        place.unlink()


def _identity(place: Path) -> str:
    """Which file or link it is; empty where it is none."""
    found = None if is_folder(place) else standing(place)
    return identity(found.entry) if found else ""
