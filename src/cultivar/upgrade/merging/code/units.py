"""Cuts a Python block into its statements, and loses no byte between them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from cultivar.record import Record
from cultivar.upgrade.merging.hunks import Lines

Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Imported = ast.Import | ast.ImportFrom

DOCSTRING: Final = "docstring"
"""What a docstring is known by."""


class Unit(Record):
    """One statement with what belongs to it."""

    key: str
    """What it is known by on every side: its name, or, where it has none, its text."""
    node: ast.stmt
    gap: Lines
    """The empty lines above it and its comments."""
    lead: Lines
    """Its comments."""
    lines: Lines
    """Its own lines, decorators first."""
    named: bool
    """Whether it is known by its name."""
    inner: Block | None
    """What it holds, where that is merged statement by statement."""


class Block(Record, dict=True):
    """The body of a module, a class or an `if`."""

    head: Lines
    """What opens it, up to its first statement."""
    units: tuple[Unit, ...]
    tail: Lines
    """What follows its last statement."""

    @property
    def lines(self) -> Lines:
        """The whole text."""
        body = (line for each in self.units for line in (*each.gap, *each.lead, *each.lines))
        return (*self.head, *body, *self.tail)

    @cached_property
    def gaps(self) -> dict[tuple[str, str], Lines]:
        """The empty lines between two neighbours; above the first there is nobody."""
        keys = ["", *(unit.key for unit in self.units)]
        return {(keys[at], unit.key): unit.gap for at, unit in enumerate(self.units)}

    @cached_property
    def by_key(self) -> dict[str, Unit]:
        """The statements by what they are known by."""
        return {unit.key: unit for unit in self.units}


class CutError(Exception):
    """A signal, not a failure: the block's statements do not stand on lines of their own."""


def module_block(lines: Lines) -> Block:
    """The module that `lines` are.

    Raises:
        SyntaxError: They are no module.
        CutError: Statements share a line or a name.
    """
    text = "".join(lines)
    if any(mark in text.replace("\r\n", "\n") for mark in "\r\f\v"):
        raise CutError  # the parser counts other lines than we do
    body = ast.parse(text).body
    first = _extent(body[0], lines, len(lines))[0] if body else 0
    return _block(body, lines, (0, first, len(lines)))


def imported_roots(node: ast.stmt) -> tuple[str, ...]:
    """The names that an `import` binds; none for any other statement."""
    names = node.names if isinstance(node, ast.Import) else []
    return tuple(each.asname or each.name.partition(".")[0] for each in names)


def _block(body: Sequence[ast.stmt], lines: Lines, span: tuple[int, int, int]) -> Block:
    """Cut `lines` from the first line of the span to its last; the body follows the second."""
    first, at, last = span
    if not body:
        return Block(head=lines[first:last], units=(), tail=())
    units: list[Unit] = []
    for node in body:
        start, end = _extent(node, lines, last)
        if start < at:
            raise CutError
        is_docstring = node is body[0] and _is_text(node)
        name = DOCSTRING if is_docstring else next(_names(node), "")
        top = next((n for n in range(at, start) if lines[n].strip()), start)
        own = lines[start:end]
        units.append(
            Unit(
                key=name or "".join(own).strip(),
                named=bool(name),
                node=node,
                gap=lines[at:top],
                lead=lines[top:start],
                lines=own,
                inner=_inner(node, lines, (start, end)),
            )
        )
        at = end
    if len({unit.key for unit in units}) < len(units):
        raise CutError
    return Block(head=lines[first : span[1]], units=tuple(units), tail=lines[at:last])


def _extent(node: ast.stmt, lines: Lines, last: int) -> tuple[int, int]:
    """The first line and the line after the last, with the comments that end its body."""
    decorators = node.decorator_list if isinstance(node, Defined) else []
    start = min([node.lineno, *(each.lineno for each in decorators)]) - 1
    end = node.end_lineno or node.lineno
    for number in range(end, last):
        line = lines[number]
        indent = len(line) - len(line.lstrip())
        if line.strip() and (indent <= node.col_offset or not line.lstrip().startswith("#")):
            break
        if line.strip():
            end = number + 1
    return start, end


def _inner(node: ast.stmt, lines: Lines, span: tuple[int, int]) -> Block | None:
    if isinstance(node, ast.If) and node.orelse:
        return None
    if not isinstance(node, ast.ClassDef | ast.If):
        return None
    start, end = span
    first, _ = _extent(node.body[0], lines, end)
    if first <= node.lineno - 1:
        return None  # it stands on one line
    while not lines[first - 1].strip() or lines[first - 1].lstrip().startswith("#"):
        first -= 1
    try:
        return _block(node.body, lines, (start, first, end))
    except CutError:
        return None


def _names(node: ast.stmt) -> Iterator[str]:
    """The kind of a statement and its name, where it has one."""
    if isinstance(node, Defined):
        yield f"def {node.name} {_accessor(node)}"
    elif isinstance(node, ast.ImportFrom):
        yield f"from {'.' * node.level}{node.module or ''}"
    elif isinstance(node, ast.If):
        yield f"if {ast.unparse(node.test)}"
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if len(targets) == 1 and isinstance(targets[0], ast.Name):
            yield f"{targets[0].id} ="


def _is_text(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _accessor(node: Defined) -> str:
    """What tells the setter of a property from its getter."""
    found = (each.attr for each in node.decorator_list if isinstance(each, ast.Attribute))
    return next((attr for attr in found if attr in {"setter", "deleter", "getter"}), "")
