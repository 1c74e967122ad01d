"""Take a run back, and nothing that a person did since."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from cultivar.delivery.changes import Entries
from cultivar.delivery.journal import Journals
from cultivar.delivery.transaction import recover
from cultivar.delivery.undoing import Edited, look_at_undo, undo
from cultivar.errors import NotKnownError, UsageError
from cultivar.ledger.base import Ledger
from cultivar.record import Record
from cultivar.tree import Tree
from cultivar.upgrade.merging.base import Merge, Policy, Trees
from cultivar.upgrade.merging.ladder import merge
from cultivar.upgrades import Migration


class Undone(Record):
    """What became of the files of a run that was taken back."""

    run_id: str
    folder: str
    """Absolute."""
    restored: tuple[str, ...] = ()
    """They are what they were, or gone where they had not been."""
    merged: tuple[str, ...] = ()
    """They were edited since; the edits stay."""
    conflicts: tuple[str, ...] = ()
    """They were edited where the run had written; a person has to settle them."""


class Undoer(Record):
    """Takes runs back."""

    ledger: Ledger
    journals: Journals

    def latest(self, folder: Path) -> str:
        """The latest upgrade in `folder` or below it that was not taken back.

        Raises:
            NotKnownError: There is none.
        """
        place = folder.resolve()
        for each in self.ledger.migrations():
            if _stands(each) and Path(each.output).is_relative_to(place):
                return each.id
        raise NotKnownError("upgrade to undo in", str(place))

    def recover(self) -> tuple[str, ...]:
        """Take back what was interrupted while it wrote; the folders, absolute."""
        return recover(self.journals)

    def undo(self, run_id: str) -> Undone:
        """Take a run back: an upgrade, or the writing of something new.

        Files that nobody changed since become what they were, byte for byte. Where a person
        changed one, what the run did to it is taken out, and the edit stays.

        Args:
            run_id: The run, or the beginning of its id.

        Raises:
            NotKnownError: There is no such run, it changed no file, or it is too long ago.
            WriteError: The folder cannot be written to; it is as it was.
        """
        found = self._migration(run_id)
        if found is not None:
            self._refuse_out_of_order(found)
        run_id = found.id if found else self.ledger.run(run_id).id
        seen = look_at_undo(run_id, self.journals)
        kept = {found.answers_file} if found else set[str]()
        settled = _settled({path: each for path, each in seen.edited.items() if path not in kept})
        done = undo(
            run_id,
            self.journals,
            settled=settled.changes,
            expected={path: each.now for path, each in seen.edited.items()},
        )
        if found is not None:
            self.ledger.mark_undone(run_id)
        conflicts = (
            *(each.versions.path for each in settled.conflicts),
            *(path for path in seen.edited if path in kept),
        )
        changed = {*done.applied.added, *done.applied.replaced, *done.applied.removed}
        return Undone(
            run_id=run_id,
            folder=str(done.folder),
            restored=tuple(sorted(changed - set(seen.edited))),
            merged=tuple(sorted(set(seen.edited) - set(conflicts))),
            conflicts=conflicts,
        )

    def _refuse_out_of_order(self, found: Migration) -> None:
        """See that the upgrade stands, and that no other one stands on it.

        Raises:
            UsageError: It was taken back, or another one came after it.
        """
        if not _stands(found):
            raise UsageError(f"The run {found.id!r} was taken back already.")
        for each in self.ledger.migrations(found.output):
            if each.id == found.id:
                return
            if _stands(each) and each.answers_file == found.answers_file:
                raise UsageError(
                    f"The upgrade {found.id[:8]} to {found.to_version} cannot be taken back: "
                    f"the one to {each.to_version} came after it.",
                    f"Take that one back first: `cultivar undo {each.id[:8]}`.",
                )

    def _migration(self, run_id: str) -> Migration | None:
        with suppress(NotKnownError):
            return self.ledger.migration(run_id)
        return None


def _stands(migration: Migration) -> bool:
    return migration.outcome in {"done", "conflicts"}


def take_back_unrecorded(run_id: str, ledger: Ledger, journals: Journals) -> None:
    """Take back what a run wrote before it was killed, since it is about to do it again.

    What it had recorded already stays.
    """
    with suppress(NotKnownError):
        look_at_undo(run_id, journals)
        with suppress(NotKnownError):
            if ledger.migration(run_id).outcome != "failed":
                return
        undo(run_id, journals)


def _settled(edited: Mapping[str, Edited]) -> Merge:
    """What becomes of the files that a person changed: what the run did goes, the edit stays."""
    trees = Trees(
        base=_tree({path: each.written for path, each in edited.items()}),
        ours=_tree({path: each.now for path, each in edited.items()}),
        theirs=_tree({path: each.before for path, each in edited.items()}),
    )
    return merge(trees, Policy(distrusted="it was edited since"))


def _tree(entries: Entries) -> Tree:
    return Tree({path: entry for path, entry in entries.items() if entry is not None})
