"""What it takes to undo each run: what stood in the folder before, and what was written there."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping
from difflib import get_close_matches
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from cultivar.delivery.changes import Entries, IndexLines, index_lines
from cultivar.delivery.journal import Journals, digest_of
from cultivar.delivery.places import Standing, write_synced
from cultivar.delivery.planning import Plan, parents
from cultivar.errors import NotKnownError, WriteError
from cultivar.record import Record, field
from cultivar.tree import Entry

KEPT_RUNS: Final = 50
"""How many runs in one folder can be undone: more than anybody remembers."""

KEPT_BYTES: Final = 256 * 2**20
"""What the records of one folder may take on the disk; as much as a template's repository may."""


class UndoRecord(Record):
    """What one run did to a folder."""

    run_id: str
    folder: Path
    before: Mapping[str, Standing | None]
    """By path, what stood there."""
    written: Entries
    """By path, what the run put there."""
    folders: Mapping[str, int]
    """The folders above the paths that were there, with their permissions."""
    index_before: IndexLines = field(default_factory=dict[str, tuple[str, ...]])
    """What git's index held of the paths that it was made to hold otherwise."""
    index_written: IndexLines = field(default_factory=dict[str, tuple[str, ...]])
    """What it was made to hold of them."""


def undo_record(run_id: str, journals: Journals) -> UndoRecord:
    """What it takes to undo a run.

    Raises:
        NotKnownError: The run changed no file, or it is too long ago.
        WriteError: What was kept of it is damaged.
    """
    kept = _record_of(run_id, journals)
    if kept is None:
        known = [path.name for path in journals.undo.glob("*")]
        near = tuple(get_close_matches(run_id, known))
        raise NotKnownError("run that can be undone named", run_id, near)
    try:
        return _read(kept)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WriteError(
            f"`{kept}`, which tells how to undo a run, is damaged.",
            "What the folder held before is in its version control, if it has one.",
        ) from error


def keep_record(
    run_id: str, folder: Path, plan: Plan, noted_index: Mapping[str, Any], journals: Journals
) -> None:
    """Keep what it takes to undo a delivery that is about to be made; nothing without a run.

    A run that delivers again, as it was interrupted, can still be undone as a whole.
    """
    if not run_id:
        return
    record = UndoRecord(
        run_id=run_id,
        folder=folder.resolve(),
        before=plan.before,
        written=plan.after,
        folders=plan.above,
        index_before=index_lines(noted_index.get("before", {})),
        index_written=index_lines(noted_index.get("ours", {})),
    )
    earlier = _record_of(run_id, journals)
    _write(record if earlier is None else _joined(_read(earlier), record), journals)
    _prune(folder, journals)


def _joined(earlier: UndoRecord, later: UndoRecord) -> UndoRecord:
    """One record of two deliveries, the second made on top of the first."""
    ours = {
        path
        for path, old in later.before.items()
        if path in earlier.written and (old.entry if old else None) == earlier.written[path]
    }
    seen = {folder for path in earlier.before for folder in parents(path)}
    return UndoRecord(
        run_id=later.run_id,
        folder=later.folder,
        before={**earlier.before, **{p: s for p, s in later.before.items() if p not in ours}},
        written={**earlier.written, **later.written},
        folders={**{p: s for p, s in later.folders.items() if p not in seen}, **earlier.folders},
        index_before={**later.index_before, **earlier.index_before},
        index_written={**earlier.index_written, **later.index_written},
    )


def _record_of(run_id: str, journals: Journals) -> Path | None:
    """The file that says what a run did; a name that is no run's leads nowhere else."""
    if run_id != Path(run_id).name:
        return None
    return next((journals.undo / run_id).glob("*.json"), None)


def _write(record: UndoRecord, journals: Journals) -> None:
    """Write the contents first, so that the record is there whole or not at all."""
    folder = journals.undo / record.run_id
    journals.undo.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(exist_ok=True)
    blobs = _blobs(record)
    contents = folder / f"{uuid.uuid4().hex}.bin"
    write_synced(contents, b"".join(blobs.values()))
    part, place = contents.with_suffix(".part"), folder / f"{digest_of(record.folder)}.json"
    write_synced(part, json.dumps(_described(record, blobs, contents.name)).encode())
    part.replace(place)
    for each in folder.iterdir():
        if each not in {place, contents}:
            each.unlink()


def _blobs(record: UndoRecord) -> dict[str, bytes]:
    """All contents, each once, by their hashes."""
    olds = [old.entry for old in record.before.values() if old]
    return {entry.hash: entry.content for entry in (*olds, *record.written.values()) if entry}


def _described(record: UndoRecord, blobs: Mapping[str, bytes], contents: str) -> dict[str, Any]:
    return {
        "folder": str(record.folder),
        "contents": contents,
        "sizes": {name: len(content) for name, content in blobs.items()},
        "before": {
            path: old and [old.entry.mode, old.entry.hash, old.permissions]
            for path, old in record.before.items()
        },
        "written": {
            path: entry and [entry.mode, entry.hash] for path, entry in record.written.items()
        },
        "folders": record.folders,
        "index_before": record.index_before,
        "index_written": record.index_written,
    }


def _read(kept: Path) -> UndoRecord:
    said = json.loads(kept.read_text(encoding="utf-8"))
    blobs = _split(said["sizes"], (kept.parent / said["contents"]).read_bytes())
    return UndoRecord(
        run_id=kept.parent.name,
        folder=Path(said["folder"]),
        before={
            path: Standing(entry=_entry(old, blobs), permissions=old[2]) if old else None
            for path, old in said["before"].items()
        },
        written={
            path: _entry(entry, blobs) if entry else None for path, entry in said["written"].items()
        },
        folders=said["folders"],
        index_before=index_lines(said["index_before"]),
        index_written=index_lines(said["index_written"]),
    )


def _split(sizes: Mapping[str, int], contents: bytes) -> dict[str, bytes]:
    ends = accumulate(sizes.values())
    return {
        name: contents[end - size : end]
        for (name, size), end in zip(sizes.items(), ends, strict=True)
    }


def _entry(noted: list[Any], blobs: Mapping[str, bytes]) -> Entry:
    entry = Entry(content=blobs[noted[1]], mode=noted[0])
    if entry.hash != noted[1]:
        raise ValueError(noted[1])
    return entry


def _prune(folder: Path, journals: Journals) -> None:
    """Forget the oldest runs in `folder`, where there are too many or they take too much."""
    room = KEPT_BYTES
    records = journals.undo.glob(f"*/{digest_of(folder)}.json")
    for number, kept in enumerate(sorted(records, key=lambda each: -each.stat().st_mtime)):
        room -= sum(each.stat().st_size for each in kept.parent.iterdir())
        if number and (number >= KEPT_RUNS or room < 0):
            kept.unlink()  # first, so that no half of a record is ever believed
            shutil.rmtree(kept.parent, ignore_errors=True)
