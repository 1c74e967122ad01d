"""Which files a merge is about, and what becomes of a file whole.

The invariant: a path of the person's is written only where the template made it, or moved it.
"""

from __future__ import annotations

from collections.abc import Iterator

from cultivar.record import Record
from cultivar.tree import Entry, Mode
from cultivar.upgrade.merging.base import Conflict, MergedFile, Policy, Trees, Versions
from cultivar.upgrade.merging.pairing import own_moves, template_moves
from cultivar.upgrade.merging.pins import repinned

_DELETED = "the template deleted it, and it was edited"
_GONE = "you had deleted it, and the template still changes it"
_UNEDITED = "the template deleted it, and you had changed no more than white space or versions"
_BLANK = "the template changed no more than blank lines, and you had edited it"
_LINKS = "both changed it, and it is a link on one side"
_BINARY = "both changed it, and it is no text"


class Case(Record):
    """A file that the template changed, and its versions, moves followed."""

    versions: Versions
    moved_from: str = ""


def cases(trees: Trees, policy: Policy) -> Iterator[Case]:
    """Every file that the template changed, once.

    Args:
        trees: The three versions of all files.
        policy: Which files are written once, and which anew.
    """
    kept = {path for path in policy.skip_if_exists if path in trees.ours or path in trees.base}
    changed = [
        path
        for path in dict.fromkeys([*trees.base, *trees.theirs])
        if trees.base.get(path) != trees.theirs.get(path) and path not in kept
    ]
    moved = list(_Moved(trees, kept | {policy.answers_file}).cases(changed))
    seen = {path for _case, paths in moved for path in paths}
    yield from (case for case, _paths in moved)
    for path in changed:
        if path == policy.answers_file:
            yield Case(versions=_anew(trees, path))
        elif path not in seen:
            yield Case(versions=_versions(trees, path))


class _Moved:
    """The files that the template or the person moved, with the paths that this explains."""

    def __init__(self, trees: Trees, apart: set[str]) -> None:
        self._trees = trees
        self._apart = apart

    def cases(self, changed: list[str]) -> Iterator[tuple[Case, set[str]]]:
        own = own_moves(self._trees, changed)
        theirs = template_moves(self._trees)
        for old, new in theirs.items():
            case = self._by_template(old, new, own.get(old, new))
            if case is not None and not self._apart & {old, new}:
                yield case, {old, new, case.versions.path}
        for old, new in own.items():
            if old not in theirs and old in self._trees.theirs and old not in self._apart:
                yield Case(versions=self._versions(new, old, new, old)), {old, new}

    def _by_template(self, old: str, new: str, own: str) -> Case | None:
        """The file that the template moved; None where the person has both, or neither."""
        ours = self._trees.ours
        place = new if new in ours else own
        if (old in ours) == (place in ours):
            return None
        if old in ours:
            return Case(versions=self._versions(new, old, old, new), moved_from=old)
        return Case(versions=self._versions(place, old, place, new))

    def _versions(self, path: str, base: str, ours: str, theirs: str) -> Versions:
        trees = self._trees
        return Versions(
            path=path, base=trees.base[base], ours=trees.ours[ours], theirs=trees.theirs[theirs]
        )


def _versions(trees: Trees, path: str) -> Versions:
    return Versions(
        path=path,
        base=trees.base.get(path),
        ours=trees.ours.get(path),
        theirs=trees.theirs.get(path),
    )


def _anew(trees: Trees, path: str) -> Versions:
    """The versions of a file that is written anew: what the person has there does not count."""
    ours = trees.ours.get(path)
    return Versions(path=path, base=ours, ours=ours, theirs=trees.theirs.get(path, ours))


def settle_whole(case: Case) -> MergedFile | None:
    """What becomes of the file, where its text need not be merged; None where it must be."""
    versions = case.versions
    base, ours, theirs = versions.base, versions.ours, versions.theirs
    if ours == theirs or base == theirs:
        return _became(case, ours)
    if ours == base:
        return _became(case, theirs)
    if ours is None:
        return _became(case, None, _GONE)
    if theirs is None:
        if _hardly_edited(base, ours):
            return _became(case, None, _UNEDITED)
        return _kept(case, _DELETED)
    return _settled_in_parts(case, base, ours, theirs)


def _hardly_edited(base: Entry | None, ours: Entry) -> bool:
    """Whether a person changed nothing but white space, or raised versions."""
    if base is None or ours.mode != base.mode:
        return False
    if base.content.split() == ours.content.split():
        return True
    old, new = (entry.content.decode("utf-8", "replace").split("\n") for entry in (base, ours))
    return repinned(tuple(old), tuple(new))


def _settled_in_parts(
    case: Case, base: Entry | None, ours: Entry, theirs: Entry
) -> MergedFile | None:
    there = [each for each in (base, ours, theirs) if each is not None]
    if any(each.mode == "link" for each in there):
        return _kept(case, _LINKS)
    mode = merged_mode(case.versions)
    content = _merged(base.content if base is not None else None, ours.content, theirs.content)
    if content is not None:
        return _became(case, Entry(content=content, mode=mode))
    if base is not None and _written(base.content) == _written(theirs.content):
        return _became(case, Entry(content=ours.content, mode=mode), _BLANK)
    return _kept(case, _BINARY) if any(b"\0" in each.content for each in there) else None


def _written(content: bytes) -> list[bytes]:
    """What is left of a text without blank lines and without spaces at the ends of lines."""
    return [text for line in content.split(b"\n") if (text := line.rstrip(b" \t"))]


def merged_mode(versions: Versions) -> Mode:
    """The mode of a file that both sides have: the one that was changed."""
    base, ours, theirs = versions.base, versions.ours, versions.theirs
    assert ours is not None
    assert theirs is not None
    return theirs.mode if base is not None and ours.mode == base.mode else ours.mode


def _merged(base: bytes | None, ours: bytes, theirs: bytes) -> bytes | None:
    if ours in (base, theirs):
        return theirs
    return ours if theirs == base else None


def _became(case: Case, entry: Entry | None, reason: str = "") -> MergedFile:
    return MergedFile(
        path=case.versions.path, entry=entry, moved_from=case.moved_from, reason=reason
    )


def _kept(case: Case, reason: str) -> MergedFile:
    """The person's version, whole, and the conflict it stands in."""
    ours = case.versions.ours
    return MergedFile(
        path=case.versions.path,
        entry=ours,
        moved_from=case.moved_from,
        conflict=Conflict(versions=case.versions, reason=reason, marked=ours),
    )
