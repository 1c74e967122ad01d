"""Rules that say which side of a hunk is right, each with its reason.

Of the hunks of real updates that git leaves open, four in five end as exactly one side. A rule is
here only where it says which one with near certainty; everything else stays a conflict.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Final

from cultivar.record import Record
from cultivar.upgrade.merging.alike import (
    edits,
    have_alike,
    have_forms,
    indent,
    likeness,
    squeezed,
    tokens,
)
from cultivar.upgrade.merging.hunks import Hunk, Lines, Settled
from cultivar.upgrade.merging.kinds import both_sections, union_of_lines
from cultivar.upgrade.merging.pins import NEWER, masked, newer_side, repinned

_PROSE: Final = frozenset({".md", ".markdown", ".rst", ".txt", ".html"})
_COMMENT: Final = re.compile(r"(?<=\S)\s+#\s.*")
"""A comment beside code; one that has a line of its own is text like any other."""
_MOST_TOKENS: Final = 4000
"""Comparing more takes too long."""


class Place(Record):
    """Where a hunk stands."""

    path: str
    around: Lines
    """The lines of ours that are not of the hunk."""


Rule = Callable[[Hunk, Place], Settled | None]
"""Says what a hunk comes to; None where that is not certain."""


def chosen(hunk: Hunk, place: Place, *, whole: bool = False) -> Settled | None:
    """What the first rule that applies says; None where none does.

    Args:
        hunk: The hunk.
        place: Where it stands.
        whole: Whether it may hold edits of different lines, which some rules would mix up.
    """
    rules = _OF_ANY if whole else (*_OF_ANY, *_OF_ONE_PLACE)
    return next((found for rule in rules if (found := rule(hunk, place)) is not None), None)


def _only_laid_out(hunk: Hunk, place: Place) -> Settled | None:
    base, ours, theirs = (_text(each) for each in (hunk.base, hunk.ours, hunk.theirs))
    if ours == theirs:
        return Settled(lines=hunk.ours, reason="both say the same, laid out differently")
    if ours == base and not _only_moved(hunk.base, hunk.ours):
        return Settled(lines=hunk.theirs, reason="yours differed only in its layout")
    # A formatter that ran over Python was mostly run over the person's side as well.
    formatted = place.path.endswith(".py") and len(hunk.theirs) > 1
    if theirs == base and not formatted and not _only_moved(hunk.base, hunk.theirs):
        return Settled(lines=hunk.ours, reason="the template changed only its layout")
    if _words(hunk.ours) == _words(hunk.theirs) and len(hunk.ours) == len(hunk.theirs):
        return Settled(lines=hunk.theirs, reason="both say the same in other signs")
    return None


def _only_moved(base: Lines, side: Lines) -> bool:
    """Whether the lines are the same, further in or out, which a merge line by line keeps."""
    olds, news = ([line for line in lines if line.strip()] for lines in (base, side))
    same = [squeezed(line) for line in olds] == [squeezed(line) for line in news]
    return same and [indent(line) for line in olds] != [indent(line) for line in news]


def _included(hunk: Hunk, _place: Place) -> Settled | None:
    base, ours, theirs = (_counted(each, squeezed) for each in (hunk.base, hunk.ours, hunk.theirs))
    if _includes(ours, theirs, base):
        return Settled(lines=hunk.ours, reason="yours has the template's change already")
    # The person's white space is theirs to keep, so that here it counts.
    base, ours, theirs = (
        _counted(each, str.rstrip) for each in (hunk.base, hunk.ours, hunk.theirs)
    )
    if _includes(theirs, ours, base) and (ours - base or not _written_anew(theirs - base, ours)):
        return Settled(lines=hunk.theirs, reason="the template has your change already")
    return None


def _includes(whole: Counter[str], part: Counter[str], base: Counter[str]) -> bool:
    """Whether `whole` made every change to the base that `part` made.

    A line that `part` took away and of which `whole` has another form is not taken away by both.
    """
    gone = base - part
    if part - base - whole or any(whole[line] > part[line] for line in gone):
        return False
    more = [line for line in whole - part if line not in base]
    return not have_forms(gone, more)


def _written_anew(lines: Iterable[str], kept: Iterable[str]) -> bool:
    """Whether there are lines of which a person who only deleted cannot have meant the same."""
    known = list(kept)
    return not all(have_forms([line], known) for line in lines)


def _included_in_tokens(hunk: Hunk, place: Place) -> Settled | None:
    """The same, word by word, where comments do not count."""
    base, ours, theirs = (_said(each, place.path) for each in (hunk.base, hunk.ours, hunk.theirs))
    if len(base) + len(ours) + len(theirs) > _MOST_TOKENS:
        return None
    own = edits(base, ours)
    if hunk.theirs and own and ours != theirs and edits(base, theirs) <= own:
        return Settled(lines=hunk.ours, reason="yours has the template's change already")
    return None


def _newer(hunk: Hunk, _place: Place) -> Settled | None:
    if hunk.base or len(hunk.ours) != len(hunk.theirs):
        return None
    sides = {newer_side(*pair) for pair in zip(hunk.ours, hunk.theirs, strict=True)}
    if sides in ({"ours"}, {"theirs"}):
        return Settled(lines=hunk.ours if sides == {"ours"} else hunk.theirs, reason=NEWER)
    return None


def _both(hunk: Hunk, place: Place) -> Settled | None:
    lines = union_of_lines(hunk, place.path)
    if lines is not None:
        return Settled(lines=lines, reason="the lines are a set, and both changed it")
    lines = both_sections(hunk, place.path)
    if lines is not None:
        return Settled(lines=lines, reason="both added sections of their own")
    return None


def _replaced(hunk: Hunk, place: Place) -> Settled | None:
    touched = set(hunk.base) - set(hunk.theirs)
    # What stands elsewhere was moved, and the touch is meant for it there.
    left = have_forms(hunk.base, hunk.ours) or have_alike(touched, place.around)
    if _touched(hunk.base, hunk.theirs) and not left:
        return Settled(lines=hunk.ours, reason="the template only touched lines that you replaced")
    return None


def _repinned(hunk: Hunk, _place: Place) -> Settled | None:
    left = {masked(line) for line in hunk.theirs}
    if repinned(hunk.base, hunk.ours) and not left & {masked(line) for line in hunk.ours}:
        reason = "the template rewrote lines in which you had only raised versions"
        return Settled(lines=hunk.theirs, reason=reason)
    return None


def _touched(base: Lines, side: Lines) -> bool:
    """Whether `side` has the lines of the base, hardly changed, and none besides."""
    return len(base) == len(side) and all(
        likeness(one, other) >= 0.6 for one, other in zip(base, side, strict=True)
    )


def _text(lines: Lines) -> list[str]:
    """The text without white space, and without commas before a closing bracket."""
    return tokens(re.sub(r",(\s*[\])}])", r"\1", "".join(lines)))


def _words(lines: Lines) -> list[str]:
    """The text without quotes and square brackets, as `needs: [build]` and `needs: build`."""
    return tokens(re.sub(r"""["'\[\],]""", " ", "".join(lines)))


def _said(lines: Lines, path: str) -> list[str]:
    """The text without white space, and without comments."""
    if PurePosixPath(path).suffix in _PROSE:
        return _text(lines)
    return _text(tuple(_COMMENT.sub("\n", line) for line in lines))


def _counted(lines: Lines, known_by: Callable[[str], str]) -> Counter[str]:
    return Counter(key for line in lines if (key := known_by(line)))


_OF_ANY: Final[Sequence[Rule]] = (_only_laid_out, _included, _newer, _both)
_OF_ONE_PLACE: Final[Sequence[Rule]] = (_included_in_tokens, _replaced, _repinned)
