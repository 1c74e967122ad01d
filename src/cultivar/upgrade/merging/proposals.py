"""The last rung before the person: what a model proposed, held to the rules of a merge.

The invariant: a model writes only open places, only with words that stand in the file; it neither
drops what a side added nor brings back what a side took away. Else the file stays a conflict.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Final

from cultivar.record import Record, replace
from cultivar.roles import OpenFile, OpenHunk
from cultivar.tree import Entry
from cultivar.upgrade.merging.base import Conflict, Merge, MergedFile, Texts, Versions
from cultivar.upgrade.merging.framing import Frame, framed
from cultivar.upgrade.merging.git import merge_by_git
from cultivar.upgrade.merging.hunks import Hunk, Lines, Piece, Settled, settled_text, to_lines
from cultivar.upgrade.merging.lines import settle_hunks
from cultivar.upgrade.merging.verifying import verify
from cultivar.upgrades import MergeProposal, ProposedHunk

_WORD: Final = re.compile(r"\w+")
_AROUND: Final = 20
"""How many settled lines are shown above and below a place."""
_MOST_LINES: Final = 600
"""A file with more open lines than that is a person's to merge."""


class _Opened(Record):
    """A conflict that a model may be asked about."""

    texts: Texts
    frame: Frame
    pieces: Sequence[Piece]

    @property
    def hunks(self) -> Iterator[tuple[int, Hunk]]:
        """The open places, by the number of their piece."""
        yield from ((at, each) for at, each in enumerate(self.pieces) if isinstance(each, Hunk))


def open_files(merge: Merge) -> tuple[OpenFile, ...]:
    """The conflicts of a merge that a model may be asked about."""
    return tuple(
        OpenFile(path=path, hunks=tuple(_shown(opened)))
        for path, opened in _opened(merge.conflicts).items()
    )


def with_proposals(merge: Merge, proposal: MergeProposal) -> Merge:
    """The merge, with what was proposed in place of each conflict that it settles.

    Args:
        merge: What the other rungs left.
        proposal: What a model said of the open places of `open_files(merge)`.

    Returns:
        The merge, in which a conflict stays open unless a body for each of its places holds.
    """
    named = {each.path for each in proposal.hunks}
    opened = _opened(each for each in merge.conflicts if each.versions.path in named)
    files = (
        _settled(file, opened[file.path], proposal) or file if file.path in opened else file
        for file in merge.files
    )
    return Merge(files=tuple(files))


def _opened(conflicts: Iterable[Conflict]) -> Mapping[str, _Opened]:
    found = [framed(each.versions) for each in conflicts if _is_text(each.versions)]
    merged = merge_by_git([texts for texts, _ in found])
    opened = {
        texts.path: _Opened(texts=texts, frame=frame, pieces=settle_hunks(pieces, texts.path))
        for (texts, frame), pieces in zip(found, merged, strict=True)
    }
    return {path: each for path, each in opened.items() if 0 < _size(each) <= _MOST_LINES}


def _size(opened: _Opened) -> int:
    return sum(len(each.base) + len(each.ours) + len(each.theirs) for _, each in opened.hunks)


def _is_text(versions: Versions) -> bool:
    sides = [versions.ours, versions.theirs, versions.base or Entry(content=b"")]
    return all(each is not None and each.mode != "link" and _reads(each) for each in sides)


def _reads(entry: Entry) -> bool:
    try:
        return "\0" not in entry.content.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _shown(opened: _Opened) -> Iterator[OpenHunk]:
    for number, (at, hunk) in enumerate(opened.hunks, start=1):
        yield OpenHunk(
            number=number,
            base="".join(hunk.base),
            ours="".join(hunk.ours),
            theirs="".join(hunk.theirs),
            before="".join(_until_open(opened.pieces[:at], -1)[-_AROUND:]),
            after="".join(_until_open(opened.pieces[at + 1 :], 1)[:_AROUND]),
        )


def _until_open(pieces: Sequence[Piece], step: int) -> Lines:
    """The settled lines up to the next open place; backwards, where the step is negative."""
    settled = [*takewhile(lambda each: isinstance(each, Settled), pieces[::step])][::step]
    return tuple(line for each in settled if isinstance(each, Settled) for line in each.lines)


def _settled(file: MergedFile, opened: _Opened, proposal: MergeProposal) -> MergedFile | None:
    """The file as proposed; None where a place is left open, or a body does not hold."""
    proposed = {each.number: each for each in proposal.hunks if each.path == file.path}
    pieces = [*opened.pieces]
    reasons: dict[str, None] = {}
    for number, (at, hunk) in enumerate(opened.hunks, start=1):
        each = proposed.get(number)
        if each is None or not _holds(hunk, _body(each), opened.texts):
            return None
        pieces[at] = Settled(lines=_body(each))
        reasons |= {each.reason: None}
    text = settled_text(pieces)
    if file.entry is None or verify(opened.texts, text):
        return None
    entry = replace(file.entry, content=opened.frame.bytes(text))
    reason = "; ".join(filter(None, reasons))
    return replace(file, entry=entry, rung="model", reason=reason, conflict=None)


def _body(proposed: ProposedHunk) -> Lines:
    body = proposed.body
    return tuple(to_lines(body if body.endswith("\n") or not body else f"{body}\n"))


def _holds(hunk: Hunk, body: Lines, texts: Texts) -> bool:
    known = _words((texts.base, texts.ours, texts.theirs))
    return (
        len(body) <= len(hunk.ours) + len(hunk.theirs)
        and _words(body).keys() <= known.keys()
        and not _added(hunk) - _words(body)
        and not _brought_back(hunk, body)
    )


def _added(hunk: Hunk) -> Counter[str]:
    """The words that a side has more often than the base."""
    base = _words(hunk.base)
    return (_words(hunk.ours) - base) | (_words(hunk.theirs) - base)


def _brought_back(hunk: Hunk, body: Lines) -> bool:
    """Whether a line is there that a side took away."""
    base, ours, theirs = Counter(hunk.base), Counter(hunk.ours), Counter(hunk.theirs)
    gone = (base - ours) | (base - theirs)
    return any(body.count(line) > min(ours[line], theirs[line]) for line in gone if line.strip())


def _words(lines: Iterable[str]) -> Counter[str]:
    return Counter(word for line in lines for word in _WORD.findall(line))
