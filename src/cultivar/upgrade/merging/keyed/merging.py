"""Merges three nodes by key: what only one side changed is that side's, byte for byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from cultivar.record import Record, field, replace
from cultivar.upgrade.merging.base import Side
from cultivar.upgrade.merging.keyed.identities import (
    Collection,
    Identity,
    Lined,
    is_set,
    language_versions,
    lined_up,
)
from cultivar.upgrade.merging.keyed.layout import laid_out, merged_layout
from cultivar.upgrade.merging.keyed.moves import moved_along
from cultivar.upgrade.merging.keyed.nodes import (
    MERGED,
    Block,
    Entry,
    Flow,
    Node,
    Scalar,
    UnclearError,
)
from cultivar.upgrade.merging.keyed.ordering import check_order, check_set, merged_order
from cultivar.upgrade.merging.keyed.settling import (
    bumped_only,
    holds,
    merged_lines,
    merged_text,
    newer,
)

Path = tuple[str, ...]
"""The keys that lead to a value."""

NEWER: Final = "of two versions the newer"
LAID_OUT: Final = "yours differed only in its layout"
INCLUDED: Final = "the template has all of what you had added"
LEFT_OUT: Final = "what you took away stays away, though its version changed"


class Merger(Record):
    """Merges nodes, and keeps what it went by beyond the sides' own changes.

    Raises:
        UnclearError: By every method, where it is not certain what the merge is.
    """

    reasons: dict[str, None] = field(default_factory=dict[str, None])
    given_up: dict[Side, set[str]] = field(default_factory=dict[Side, set[str]])
    """The comments of the old template that a side has no more."""

    def documents(self, base: Block, ours: Block, theirs: Block) -> Block:
        """The merge of three files.

        Args:
            base: What the old template made.
            ours: The person's.
            theirs: What the new template makes.
        """
        if not len(base.entries) == len(ours.entries) == len(theirs.entries):
            raise UnclearError("they have not as many documents")
        known = set(base.comments)
        self.given_up["ours"] = known - set(ours.comments)
        self.given_up["theirs"] = known - set(theirs.comments)
        parts = zip(base.entries, ours.entries, theirs.entries, strict=True)
        entries = tuple(self._entry((), *part) for part in parts)
        return replace(ours, entries=entries, tail=merged_lines(base.tail, ours.tail, theirs.tail))

    def _entry(self, path: Path, base: Entry, ours: Entry, theirs: Entry) -> Entry:
        lead = merged_lines(base.lead, ours.lead, theirs.lead)
        if theirs.body in (base.body, ours.body):
            return replace(ours, lead=lead)
        if ours.body == base.body:
            return replace(theirs, lead=lead)
        found = self._newer(path, base, ours, theirs) or self._body(path, base, ours, theirs)
        return replace(found, lead=lead)

    def _newer(self, path: Path, base: Entry | None, ours: Entry, theirs: Entry) -> Entry | None:
        side = newer(path, base, ours, theirs)
        if side is None:
            return None
        self.reasons[NEWER] = None
        return ours if side == "ours" else theirs

    def _body(self, path: Path, base: Entry, ours: Entry, theirs: Entry) -> Entry:
        value = self._node(path, base.value, ours.value, theirs.value)
        side = theirs if _frame(ours) == _frame(base) else ours
        if len({isinstance(each.value, Block) for each in (base, ours, theirs)}) > 1:
            side = ours if value is ours.value else theirs
        trail = theirs.trail if ours.trail == base.trail else ours.trail
        if ours.trail != theirs.trail and base.trail not in (ours.trail, theirs.trail):
            raise UnclearError("both changed a comment")
        return replace(side, value=value, trail=trail)

    def _node(self, path: Path, base: Node, ours: Node, theirs: Node) -> Node:
        if theirs.text in (base.text, ours.text):
            return ours
        if ours.text == base.text:
            return theirs
        if isinstance(base, Block) and isinstance(ours, Block) and isinstance(theirs, Block):
            return self._block(path, base, ours, theirs)
        return self._value(path, base, ours, theirs)

    def _block(self, path: Path, base: Block, ours: Block, theirs: Block) -> Block:
        if base.kind == "tables":
            base, ours = moved_along(base, ours, theirs)
        tail = merged_lines(base.tail, ours.tail, theirs.tail)
        return replace(ours, entries=self._entries(path, base, ours, theirs), tail=tail)

    def _value(self, path: Path, base: Node, ours: Node, theirs: Node) -> Node:
        if ours.data == base.data and not _own_comments(base, ours):
            self.reasons[LAID_OUT] = None
            return theirs
        if theirs.data == base.data and not _own_comments(base, theirs):
            return ours
        if isinstance(base, Flow) and isinstance(ours, Flow) and isinstance(theirs, Flow):
            return self._flow(path, base, ours, theirs)
        if theirs.data in (ours.data, [ours.data]) or ours.data == [theirs.data]:
            self.reasons[INCLUDED] = None
            return theirs
        if isinstance(base, Scalar) and isinstance(ours, Scalar) and isinstance(theirs, Scalar):
            text = merged_text(base.text, ours.text, theirs.text)
            return Scalar(text=text, data=(MERGED, text))
        raise UnclearError("both changed one value")

    def _flow(self, path: Path, base: Flow, ours: Flow, theirs: Flow) -> Flow:
        entries = self._entries(path, base, ours, theirs)
        tail = merged_lines(base.tail, ours.tail, theirs.tail)
        return replace(laid_out(merged_layout(base, ours, theirs), entries), tail=tail)

    def _entries(
        self, path: Path, base: Collection, ours: Collection, theirs: Collection
    ) -> tuple[Entry, ...]:
        if not base.kind == ours.kind == theirs.kind:
            raise UnclearError("a list on one side, a mapping on the other")
        lined = lined_up(base, ours, theirs)
        found: dict[Identity, Entry] = {}
        for identity in {**lined.ours, **lined.theirs}:
            keys = () if base.kind == "list" else tuple(str(part) for part in identity)
            entry = self._present((*path, *keys), lined, identity)
            if entry is not None:
                found[identity] = entry
        if base.kind == "list":
            _check_list(path, lined)
        order = merged_order(list(lined.base), list(lined.ours), list(lined.theirs), found)
        return tuple(found[identity] for identity in order)

    def _present(self, path: Path, lined: Lined, identity: Identity) -> Entry | None:
        """The merged entry; None: it is taken away."""
        versions = (lined.base, lined.ours, lined.theirs)
        base, ours, theirs = (version.get(identity) for version in versions)
        if ours is not None and theirs is not None:
            if base is not None:
                return self._entry(path, base, ours, theirs)
            return self._added_by_both(path, ours, theirs)
        if ours is not None:
            return self._only_ours(base, ours)
        return self._only_theirs(base, theirs) if theirs is not None else None

    def _added_by_both(self, path: Path, ours: Entry, theirs: Entry) -> Entry:
        if holds(theirs.value.data, ours.value.data):
            self.reasons[INCLUDED] = None
            return theirs
        if holds(ours.value.data, theirs.value.data):
            return ours
        found = self._newer(path, None, ours, theirs)
        if found is None:
            raise UnclearError("both added it")
        return found

    def _only_ours(self, base: Entry | None, ours: Entry) -> Entry | None:
        if base is None or base.value.data == {}:
            return self._added(ours, "theirs")
        if ours.value.data != base.value.data:
            raise UnclearError("the template took away what the person changed")
        return None

    def _added(self, entry: Entry, other: Side) -> Entry:
        """The entry without comments that stood elsewhere, and that the other side gave up."""
        gone = self.given_up[other]
        return replace(entry, lead=tuple(each for each in entry.lead if each.strip() not in gone))

    def _only_theirs(self, base: Entry | None, theirs: Entry) -> Entry | None:
        if base is None:
            return self._added(theirs, "ours")
        if theirs.value.data == base.value.data:
            return None
        if not bumped_only(base, theirs):
            raise UnclearError("the person took away what the template changed")
        self.reasons[LEFT_OUT] = None
        return None


def _frame(entry: Entry) -> tuple[str | None, ...]:
    return entry.label, entry.drop, entry.depth


def _own_comments(base: Node, side: Node) -> bool:
    if isinstance(side, Scalar):
        return False
    known = () if isinstance(base, Scalar) else base.comments
    return bool(Counter(side.comments) - Counter(known))


def _check_list(path: Path, lined: Lined) -> None:
    base, ours, theirs = list(lined.base), list(lined.ours), list(lined.theirs)
    _check_versions(base, ours, theirs)
    entries = (*lined.base.values(), *lined.ours.values(), *lined.theirs.values())
    if is_set(path, entries):
        check_set(base, ours, theirs, lined.exact)
    else:
        check_order(base, ours, theirs, lined.exact)


def _check_versions(
    base: Sequence[Identity], ours: Sequence[Identity], theirs: Sequence[Identity]
) -> None:
    """Which versions of a language are supported is one decision, not one for each version."""
    old, one, other = (language_versions(side) for side in (base, ours, theirs))
    changed_by_us, changed_by_them = one ^ old, other ^ old
    if not (changed_by_us <= changed_by_them or changed_by_them <= changed_by_us):
        raise UnclearError("both changed which versions are supported")
