"""An old render that left expressions as they stood, where the project has them rendered.

A template that was written for other delimiters, when it is rendered again, gives `[[ name ]]`
where the project has had the name from its first day. Such a line is the template's and not the
person's: the base is taken to say what ours says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Final

from cultivar.record import replace
from cultivar.upgrade.merging.base import Texts
from cultivar.upgrade.merging.hunks import to_lines

_EXPRESSION: Final = re.compile(r"\[\[-? [a-z_][\w.]*(?:\[[^]\n]*\])?(?: ?\|[^]\n]*)? -?\]\]")
_STATEMENT: Final = re.compile(r"[ \t]*\[%-? .* -?%\]\s*")
_LEFT: Final = re.compile(rf"{_EXPRESSION.pattern}|^{_STATEMENT.pattern}$", re.MULTILINE)


UNRENDERED: Final = "yours has the values of what the old render left as expressions"


def with_rendered_base(texts: Texts) -> Texts:
    """The texts; in the base, lines with such expressions are as ours has them."""
    if not _LEFT.search(texts.base) or _LEFT.search(texts.ours + texts.theirs):
        return texts
    base, ours = to_lines(texts.base), to_lines(texts.ours)
    return replace(texts, base="".join(_rendered(base, ours)))


def _rendered(base: list[str], ours: list[str]) -> Iterator[str]:
    matcher = SequenceMatcher(None, base, ours, autojunk=False)
    for kind, start, end, first, last in matcher.get_opcodes():
        if kind == "replace":
            yield from _matched(base[start:end], ours[first:last])
        else:
            yield from (line for line in base[start:end] if not _STATEMENT.fullmatch(line))


def _matched(base: list[str], ours: list[str]) -> Iterator[str]:
    """Each line of the base as the next of ours that it can have been rendered to."""
    at = 0
    for line in base:
        pattern = _pattern(line)
        found = (number for number in range(at, len(ours)) if pattern.fullmatch(ours[number]))
        number = next(found, None) if _EXPRESSION.search(line) else None
        if number is not None:
            at = number + 1
            yield ours[number]
        elif not _STATEMENT.fullmatch(line):
            yield line


def _pattern(line: str) -> re.Pattern[str]:
    literals = [re.escape(each) for each in _EXPRESSION.split(line)]
    return re.compile("(?:.+?)".join(literals))
