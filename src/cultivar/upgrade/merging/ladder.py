"""The merge ladder: git's own merge first, then the rungs that decide by rules.

The invariant: a line that a person added is in the result, or in a conflict that is reported,
unless a rule names the reason why it is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cultivar.record import Record, replace
from cultivar.tree import Entry
from cultivar.upgrade.merging.alike import tokens
from cultivar.upgrade.merging.base import (
    Conflict,
    Merge,
    MergedFile,
    Policy,
    Resolution,
    Resolver,
    Texts,
    Trees,
)
from cultivar.upgrade.merging.clashes import make_room
from cultivar.upgrade.merging.files import Case, cases, merged_mode, settle_whole
from cultivar.upgrade.merging.framing import Frame, framed
from cultivar.upgrade.merging.git import merge_by_git
from cultivar.upgrade.merging.hunks import Piece, open_hunks, remaining, settled_text
from cultivar.upgrade.merging.lines import reasons, settle_hunks
from cultivar.upgrade.merging.marking import marked_text
from cultivar.upgrade.merging.pins import masked
from cultivar.upgrade.merging.rungs import rungs
from cultivar.upgrade.merging.unrendered import UNRENDERED, with_rendered_base
from cultivar.upgrade.merging.verifying import verify

_SAME_LINES = "both changed the same lines"
_BOTH_ADDED = "both added it"


class _Open(Record):
    """A text that no rung could settle."""

    pieces: Sequence[Piece]
    reason: str


def merge(trees: Trees, policy: Policy) -> Merge:
    """Bring what the template changed between `base` and `theirs` into `ours`.

    Nothing is read or written but the trees, and a scratch folder.

    Args:
        trees: The three versions of all files.
        policy: What is asked for single files, and the rungs to climb.

    Returns:
        Every file whose result differs from ours, every conflict, and what was kept.

    Raises:
        UnavailableError: There is no git, or it failed.
    """
    found = [(case, settle_whole(case)) for case in cases(trees, policy)]
    files = [file for _, file in found if file is not None]
    files += _merge_texts([case for case, file in found if file is None], policy)
    placed = make_room(trees.ours, files)
    placed += [_left(file) for file in placed if file.moved_from and file.conflict is not None]
    placed.sort(key=lambda file: file.path)
    changed = tuple(file for file in placed if _is_news(file, trees))
    kept = tuple(file for file in placed if file.reason and not _is_news(file, trees))
    return Merge(files=changed, kept=kept)


def _is_news(file: MergedFile, trees: Trees) -> bool:
    changed = file.entry != trees.ours.get(file.path) or bool(file.moved_from)
    return changed or file.conflict is not None


def _left(file: MergedFile) -> MergedFile:
    """The place that an open file was moved from: whether it is to be left is open as well."""
    assert file.conflict is not None
    versions = replace(file.conflict.versions, path=file.moved_from, theirs=None)
    reason = f"the template moved it to {file.path!r}, where it is in conflict"
    conflict = Conflict(versions=versions, reason=reason, marked=None)
    return MergedFile(path=file.moved_from, entry=None, conflict=conflict)


def _merge_texts(found: Sequence[Case], policy: Policy) -> Iterator[MergedFile]:
    resolvers = rungs() if policy.resolvers is None else policy.resolvers
    texts = [framed(case.versions) for case in found]
    merged = merge_by_git([with_rendered_base(each) for each, _ in texts])
    for case, (each, frame), pieces in zip(found, texts, merged, strict=True):
        outcome = (
            _by_git(pieces, policy.distrusted)
            if policy.distrusted
            else _climb(each, pieces, resolvers)
        )
        yield _settled(case, outcome, frame)


def _by_git(pieces: Sequence[Piece], why: str) -> Resolution | _Open:
    """What git makes of it, where no rule is trusted with what git leaves open."""
    if open_hunks(pieces):
        return _Open(pieces=pieces, reason=why)
    return Resolution(text=settled_text(pieces), rung="git")


def _climb(
    texts: Texts, pieces: Sequence[Piece], resolvers: Sequence[Resolver]
) -> Resolution | _Open:
    """The first resolution that holds, or what is still open."""
    reason = _SAME_LINES if texts.base else _BOTH_ADDED
    settled = settle_hunks(pieces, texts.path)
    if not open_hunks(settled):
        found = _by_lines(texts, settled)
        fault = verify(texts, found.text) if _is_utf8(texts) else ""
        if not fault:
            return found
        settled, reason = list(pieces), f"merged, it does not hold: {fault}"
    return _resolved(texts, settled, resolvers) or _Open(pieces=settled, reason=reason)


def _by_lines(texts: Texts, settled: Sequence[Piece]) -> Resolution:
    rendered = UNRENDERED if with_rendered_base(texts) != texts else ""
    reason = "; ".join(filter(None, (rendered, reasons(settled))))
    return Resolution(text=settled_text(settled), rung="lines" if reason else "git", reason=reason)


def _resolved(
    texts: Texts, pieces: Sequence[Piece], resolvers: Sequence[Resolver]
) -> Resolution | None:
    """What the first rung says whose word holds: of what is open, or of the whole."""
    if not _is_utf8(texts):
        return None
    tried = dict.fromkeys((remaining(texts, pieces), texts) if open_hunks(pieces) else (texts,))
    for resolver in resolvers:
        for each in tried:
            found = resolver(each)
            if found is not None and _holds(texts, each, found.text):
                return found
    return None


def _holds(texts: Texts, asked: Texts, merged: str) -> bool:
    """Whether a rung's text is whole, and has every word that the person added."""
    added = _words(asked.ours) - _words(asked.base)
    return added <= _words(merged) and not verify(texts, merged)


def _words(text: str) -> set[str]:
    return set(tokens(masked(text)))


def _is_utf8(texts: Texts) -> bool:
    try:
        f"{texts.base}{texts.ours}{texts.theirs}".encode()
    except UnicodeEncodeError:
        return False
    return True


def _settled(case: Case, outcome: Resolution | _Open, frame: Frame) -> MergedFile:
    mode, path = merged_mode(case.versions), case.versions.path
    if isinstance(outcome, Resolution):
        entry = Entry(content=frame.bytes(outcome.text), mode=mode)
        return MergedFile(
            path=path,
            entry=entry,
            rung=outcome.rung,
            reason=outcome.reason,
            moved_from=case.moved_from,
        )
    marked = Entry(content=frame.bytes(marked_text(outcome.pieces)), mode=mode)
    conflict = Conflict(
        versions=case.versions,
        reason=outcome.reason,
        marked=marked,
        places=max(1, len(open_hunks(outcome.pieces))),
    )
    return MergedFile(path=path, entry=marked, moved_from=case.moved_from, conflict=conflict)
