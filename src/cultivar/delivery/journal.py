"""What is noted in the user's home about deliveries: those under way, and who may deliver now.

It is never kept in the folder that is written to: what a stranger left there must not tell us
what to put back.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cultivar.delivery.places import write_synced
from cultivar.errors import WriteError
from cultivar.record import Record, field, to_builtins

PATIENCE = 60.0
"""Seconds to wait for another delivery into the same folder."""

_PAUSE = 0.02


class Journals(Record, kw_only=False):
    """The deliveries that are under way, and those that can be undone."""

    home: Path
    """The user's folder; nobody else writes to it."""

    @property
    def deliveries(self) -> Path:
        """The folder with a file for each delivery that is under way."""
        return self.home / "deliveries"

    @property
    def undo(self) -> Path:
        """The folder with what it takes to undo each run."""
        return self.home / "undo"

    def of(self, destination: Path) -> Path:
        """The journal of deliveries into `destination`; there where one was interrupted."""
        return self.deliveries / f"{digest_of(destination)}.json"


def digest_of(folder: Path) -> str:
    """What a folder is called where its path cannot stand."""
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]


class Note(Record):
    """All that is needed to take a delivery back."""

    folder: str
    """Absolute."""
    stage: str
    """The name of the folder in it in which the delivery is prepared."""
    done: bool = False
    """Whether all is in its place, so that nothing is put back."""
    roots: tuple[str, ...] = ()
    """The folder and those above it that were not there, absolute, outermost first."""
    written: Mapping[str, str] = field(default_factory=dict[str, str])
    """By path, the mode and the hash of what we write."""
    added: tuple[str, ...] = ()
    """Those of them at which nothing stood."""
    removed: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    """The folders that we make, outermost first."""
    emptied: Mapping[str, int] = field(default_factory=dict[str, int])
    """The folders that we take away, innermost first, with their permissions."""
    index: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """How git's index is exchanged; empty where it is not."""


def write_note(journal: Path, note: Note) -> None:
    """Write a note, in one step, so that it is there whole or not at all."""
    prepare_note(journal, note).replace(journal)


def prepare_note(journal: Path, note: Note) -> Path:
    """Write a note beside the journal that only needs to take its place."""
    part = journal.with_suffix(".part")
    write_synced(part, json.dumps(to_builtins(note)).encode())
    return part


def read_note(journal: Path) -> Note:
    """What a journal says.

    Raises:
        WriteError: It is damaged.
    """
    try:
        said: dict[str, Any] = json.loads(journal.read_text(encoding="utf-8"))
        lists = ("roots", "added", "removed", "made")
        tuples: dict[str, Any] = {key: tuple(said[key]) for key in lists}
        return Note(**{**said, **tuples})
    except (ValueError, KeyError, TypeError) as error:
        raise WriteError(
            f"`{journal}`, which tells how to take back an interrupted delivery, is damaged.",
            "Look at the folder that was written to, then delete the journal.",
        ) from error


def interrupted(journals: Journals) -> Iterator[Note]:
    """What is noted of all deliveries that are under way or were interrupted."""
    for journal in sorted(journals.deliveries.glob("*.json")):
        try:
            note = read_note(journal)
        except FileNotFoundError:
            continue  # it has come to its end meanwhile
        yield note


@contextmanager
def locked(journal: Path, patience: float = PATIENCE) -> Generator[None]:
    """One delivery at a time into a folder.

    Raises:
        WriteError: Another one is under way, and does not come to an end.
    """
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.with_suffix(".lock").open("wb") as file:
        _lock(file.fileno(), time.monotonic() + patience)
        yield  # the lock goes with the file, also when we are killed


def is_locked(journal: Path) -> bool:
    """Whether a delivery is under way right now, and not interrupted."""
    try:
        with locked(journal, patience=0):
            return False
    except WriteError:
        return True


def _lock(file: int, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise WriteError(
                    "Another process is writing to the same folder, and does not come to an end.",
                    "Wait for it, or end it; then try again.",
                ) from error
            time.sleep(_PAUSE)
