"""Merges `from … import …` name by name, and says where an import belongs among others."""

from __future__ import annotations

import ast
import re
import sys
from bisect import bisect
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from cultivar.upgrade.merging.hunks import Lines

_ON_ONE_LINE: Final = re.compile(
    r"(?P<head>\s*from\s.*?\simport\s+)[^(#]*?(?P<tail>\s*(?:#.*)?\n?)"
)
_NAME_ON_A_LINE: Final = re.compile(r"(?P<indent>\s+)(?P<name>\w+(?: as \w+)?),?(?:\s*#.*)?\n")
_WIDTH: Final = 88
"""A longer line is broken up, unless a side has a longer one here itself."""

Place = tuple[int, bool, str]
"""Where an import belongs: its section, whether it is a `from`, its module."""

LAST: Final[Place] = (9, True, "")
"""The place of what is no import: below them all."""


def names_of(node: ast.stmt) -> tuple[str, ...]:
    """The names that a `from` brings in, as they are written; none for another statement."""
    aliases = node.names if isinstance(node, ast.ImportFrom) else []
    return tuple(f"{a.name} as {a.asname}" if a.asname else a.name for a in aliases)


def place_of(node: ast.stmt, own_packages: Collection[str]) -> Place:
    """Where a statement belongs among imports, as import sorters have it."""
    if isinstance(node, ast.Import):
        return _section(root_of(node), own_packages), False, node.names[0].name.lower()
    if isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        return _section(root_of(node), own_packages), True, module.lower()
    return LAST


def root_of(node: ast.stmt) -> str:
    """The package that an import takes from; empty where that is its own."""
    if isinstance(node, ast.Import):
        return node.names[0].name.partition(".")[0]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return (node.module or "").partition(".")[0]
    return ""


def _section(root: str, own_packages: Collection[str]) -> int:
    if root == "__future__":
        return 0
    if root in sys.stdlib_module_names:
        return 1
    return 4 if not root else 3 if root in own_packages else 2


def rewritten(written: Lines, before: Sequence[str], wanted: Collection[str]) -> Lines | None:
    """A `from` with other names in it, in the form it has; None where its form is a rare one.

    Args:
        written: Its lines.
        before: The names it has.
        wanted: The names it is to have.
    """
    names = _in_order([name for name in before if name in wanted], wanted)
    if len(written) == 1 and (found := _ON_ONE_LINE.fullmatch(written[0])):
        return _one_line(written[0], found, names)
    inside = [_NAME_ON_A_LINE.fullmatch(line) for line in written[1:-1]]
    if not inside or None in inside or written[-1].strip() != ")":
        return None
    return _one_name_a_line(written, names)


def _in_order(kept: list[str], wanted: Iterable[str]) -> list[str]:
    """Put what is new where the order of what is there asks for it."""
    names = [*kept]
    new = sorted(each for each in wanted if each not in kept)
    order = next((key for key in _ORDERS if kept == sorted(kept, key=key)), None)
    for each in new:
        at = len(names) if order is None else bisect(names, order(each), key=order)
        names.insert(at, each)
    return names


def _constants_first(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name


def _one_line(line: str, found: re.Match[str], names: list[str]) -> Lines:
    text = f"{found['head']}{', '.join(names)}{found['tail']}"
    if len(text.rstrip()) <= max(_WIDTH, len(line.rstrip())) or found["tail"].strip():
        return (text,)
    indent = re.match(r"\s*", line)
    before = indent[0] if indent else ""
    return (
        f"{found['head'].rstrip()} (\n",
        *(f"{before}    {name},\n" for name in names),
        f"{before}){found['tail']}",
    )


def _one_name_a_line(written: Lines, names: list[str]) -> Lines:
    known = {found["name"]: line for line in written if (found := _NAME_ON_A_LINE.fullmatch(line))}
    indent = next(line[: len(line) - len(line.lstrip())] for line in known.values())
    inside = (known.get(name, f"{indent}{name},\n") for name in names)
    return (written[0], *inside, written[-1])


_ORDERS: Final[tuple[Callable[[str], str | tuple[int, str]], ...]] = (
    str,
    str.lower,
    _constants_first,
)
