"""A tool's source, read by syntax and changed by lines: what is not changed stays as it is."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cultivar.record import Record

_YIELDS: Final = (ast.Yield, ast.YieldFrom)


class Source(Record):
    """The function of a tool in its file."""

    text: str
    name: str
    parameters: Mapping[str, str]
    """The named ones, each with its annotation; empty where it has none."""
    returns: str
    docstring: str
    names: frozenset[str]
    """What the module knows, builtin names among them."""
    line: int
    """Where the first statement of the body begins, after the docstring; counted from 1."""
    column: int
    """Of that statement, in characters."""
    indentation: str


def read_source(text: str, name: str) -> Source | None:
    """Read the file of the tool `name`; None where there is nothing that could be guarded.

    That is so of what does not parse, and of a generator, which does nothing when it is called.
    """
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    if "\r" in text.replace("\r\n", ""):
        return None  # it ends lines, to Python alone
    found = [each for each in module.body if isinstance(each, ast.FunctionDef)]
    function = next((each for each in reversed(found) if each.name == name), None)
    if function is None or _is_generator(function):
        return None
    first = _first_statement(function)
    line, column = (first.lineno, first.col_offset) if first else (_end(function), 0)
    lines = _lines(text)
    before = lines[line - 1].encode()[:column].decode() if first else ""
    return Source(
        text=text,
        name=name,
        parameters=_parameters(function.args),
        returns=ast.unparse(function.returns) if function.returns else "",
        docstring=ast.get_docstring(function) or "",
        names=frozenset({*dir(builtins), *_names(module)}),
        line=line,
        column=len(before),
        indentation=_indentation(function, lines),
    )


def with_lines(source: Source, added: Iterable[str]) -> str:
    """The file with lines put before the first statement of the function.

    Args:
        source: The file as it is.
        added: The lines, indented as in a function's body that is not indented itself.
    """
    lines = _lines(source.text)
    ending = "\r\n" if "\r\n" in lines[0] else "\n"
    put = [f"{source.indentation}{line}{ending}" for line in added]
    at = source.line - 1
    if at >= len(lines):
        last = lines[-1] if lines[-1].endswith(ending) else f"{lines[-1]}{ending}"
        return "".join([*lines[:-1], last, *put])
    head, rest = lines[at][: source.column], lines[at][source.column :]
    if not head.strip():
        return "".join([*lines[:at], *put, *lines[at:]])
    # The body stands on the line of the `def`, or a docstring before it does.
    opened = f"{head.rstrip().rstrip(';')}{ending}"
    return "".join([*lines[:at], opened, *put, f"{source.indentation}{rest}", *lines[at + 1 :]])


def _lines(text: str) -> list[str]:
    """The lines as the syntax tree counts them: a form feed, or a line separator, ends none."""
    parts = text.split("\n")
    lines = [f"{part}\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines


def _first_statement(function: ast.FunctionDef) -> ast.stmt | None:
    """The first statement after the docstring, if there is one."""
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    body = function.body[1:] if is_docstring and ast.get_docstring(function) else function.body
    return body[0] if body else None


def _end(function: ast.FunctionDef) -> int:
    return (function.end_lineno or function.lineno) + 1


def _indentation(function: ast.FunctionDef, lines: Sequence[str]) -> str:
    """That of the body; where it stands on the line of the `def`, four spaces."""
    first = function.body[0]
    before = lines[first.lineno - 1].encode()[: first.col_offset].decode()
    return before if before and not before.strip() else "    "


def _parameters(given: ast.arguments) -> dict[str, str]:
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return {each.arg: ast.unparse(each.annotation) if each.annotation else "" for each in named}


def _is_generator(function: ast.FunctionDef) -> bool:
    """Whether it yields itself, and not only in a function inside."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, _YIELDS):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return False


def _names(module: ast.Module) -> set[str]:
    """What stands at the top of a module."""
    names: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(each.asname or each.name).partition(".")[0] for each in node.names}
    return names
