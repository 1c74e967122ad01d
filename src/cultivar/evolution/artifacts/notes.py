"""What is noted in the user's home about artifacts on this disk.

Which version each place had when disk and record were last the same, and which releases are under
way. The invariant: it only tells what the disk cannot; it is never more than one step behind.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, Literal
from uuid import UUID, uuid4

import msgspec

from cultivar.delivery.journal import digest_of, is_locked, locked
from cultivar.delivery.places import write_synced
from cultivar.errors import WriteError
from cultivar.lifecycle import Artifact, Release
from cultivar.record import Record, to_builtins

_NOTE: Final = ".json"


class Underway(Record):
    """A release that is being put on the disk."""

    release: Release
    place: str
    """The file, or the template's folder, absolute."""
    stood: str
    """The tree hash of what stood there; that of an empty tree where nothing did."""
    comes: str
    """That of what is to stand there."""
    becomes: Literal["watching", "kept"]
    """The status of the release once it is in its place."""


class Notes(Record, kw_only=False):
    """The notes in the user's home."""

    home: Path

    def base(self, place: Path) -> str:
        """The tree hash that `place` had when disk and record were last the same; else empty."""
        try:
            return self._base(place).read_text(encoding="ascii")
        except (OSError, ValueError):
            return ""

    def place(self, artifact: Artifact) -> Path | None:
        """Where an artifact was last; None where that is not known."""
        try:
            return Path(os.fsdecode(self._place(artifact).read_bytes()))
        except OSError:
            return None

    def agreed(self, artifact: Artifact, place: Path, tree_hash: str) -> None:
        """Note that disk and record are the same now."""
        if self.base(place) != tree_hash:
            _write(self._base(place), tree_hash.encode())
        if self.place(artifact) != place:
            _write(self._place(artifact), os.fsencode(place))

    def begin(self, underway: Underway) -> None:
        """Note that a release is under way."""
        _write(self._note(Path(underway.place)), json.dumps(to_builtins(underway)).encode())

    def end(self, place: Path) -> None:
        """Note that the release at `place` is done with."""
        self._note(place).unlink(missing_ok=True)

    def underway(self, place: Path) -> Underway | None:
        """The release at `place` that is under way or was interrupted.

        Raises:
            WriteError: What is noted of it is damaged.
        """
        note = self._note(place)
        return _read(note) if note.is_file() else None

    def interrupted(self) -> Iterator[Underway]:
        """The releases that were interrupted; not those under way right now.

        Raises:
            WriteError: What is noted of one is damaged.
        """
        for note in sorted(self._folder.glob(f"*{_NOTE}")):
            with _named_failures(self._folder):
                is_busy = is_locked(note)
            if not is_busy:
                with suppress(FileNotFoundError):  # somebody else saw to it meanwhile
                    yield _read(note)

    @contextmanager
    def alone(self, place: Path) -> Generator[None]:
        """Nobody else on this machine puts anything in `place` meanwhile.

        Raises:
            WriteError: Somebody else does, and does not come to an end; or nothing can be noted.
        """
        with ExitStack() as stack:
            with _named_failures(self._folder):
                stack.enter_context(locked(self._note(place)))
            yield

    @contextmanager
    def decider(self, artifact: Artifact, patience: float) -> Generator[str | None]:
        """Nobody else on this machine decides about the artifact meanwhile.

        Args:
            artifact: Which.
            patience: Seconds to wait for whoever does now.

        Returns:
            By which name others know who decides here; None while somebody else does.

        Raises:
            WriteError: Nothing can be noted.
        """
        file = self._of(artifact, ".decider")
        with ExitStack() as stack:
            with _named_failures(self._folder):
                is_alone = _is_taken(locked(file, patience), stack)
            yield _name_in(file) if is_alone else None

    @property
    def _folder(self) -> Path:
        return self.home / "artifacts"

    def _base(self, place: Path) -> Path:
        return self._folder / f"{digest_of(place)}.base"

    def _place(self, artifact: Artifact) -> Path:
        return self._of(artifact, ".place")

    def _of(self, artifact: Artifact, kind: str) -> Path:
        digest = hashlib.sha256(artifact.id.encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / f"{digest[:32]}{kind}"

    def _note(self, place: Path) -> Path:
        return self._folder / f"{digest_of(place)}{_NOTE}"


def _write(file: Path, content: bytes) -> None:
    """Write a file, in one step."""
    with _named_failures(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.part")
        write_synced(part, content)
        part.replace(file)


@contextmanager
def _named_failures(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"Nothing can be noted in `{folder}`: {error.strerror or error}.",
            "Free some space, or see who may write there; then try again.",
        ) from error


def _is_taken(lock: AbstractContextManager[None], stack: ExitStack) -> bool:
    try:
        stack.enter_context(lock)
    except WriteError:
        return False
    return True


def _name_in(file: Path) -> str:
    """The name in a file; it is given where there is none yet."""
    with suppress(OSError, ValueError):
        return str(UUID(file.read_text(encoding="ascii")))
    name = str(uuid4())
    _write(file, name.encode())
    return name


def _read(note: Path) -> Underway:
    try:
        return msgspec.convert(json.loads(note.read_bytes()), Underway)
    except (ValueError, msgspec.ValidationError) as error:
        raise WriteError(
            f"`{note}`, which tells how to take back an interrupted release, is damaged.",
            "Look at what `cultivar sync --check` says, then delete that file.",
        ) from error
