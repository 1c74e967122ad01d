"""Says what a merged Python module has lost or got twice, though neither side had.

A merge by lines may join a new use of a name from one side with the other side's removal of its
import, or take in the same function from both.
"""

from __future__ import annotations

import ast
import builtins
import symtable
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from cultivar.record import Record
from cultivar.upgrade.merging.base import Texts

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Block = ast.Module | ast.ClassDef

_BUILTINS: Final = frozenset(dir(builtins))


class _Module(Record):
    """A module, parsed."""

    tree: ast.Module
    nodes: tuple[ast.AST, ...]
    """All of the tree, walked once."""
    tables: tuple[symtable.SymbolTable, ...]
    """Of all its blocks, the module's own first."""


class _Facts(Record):
    """What a module says about its names."""

    unresolved: frozenset[str]
    """Used, bound nowhere in the module, and not built in."""
    exported_in_vain: frozenset[str]
    attributes: frozenset[str]
    """`Class.name` of what an instance or a class sets for itself."""
    attributes_used: frozenset[str]
    """`Class.name` of what methods read of `self` and `cls`, where nothing is inherited."""
    modules: frozenset[str]
    """The dotted modules that are imported whole."""
    chains: frozenset[str]
    """The dotted names that are used, with all their beginnings."""
    declared: Counter[str]
    """How often each name is imported, defined or assigned in one block."""


def incoherence(texts: Texts, merged: str) -> str:
    """What the module `merged` has lost or got twice; empty: nothing, or a side does not parse.

    Args:
        texts: What was merged.
        merged: What came of it.
    """
    try:
        ours, theirs, result = (_facts(each) for each in (texts.ours, texts.theirs, merged))
    except (SyntaxError, ValueError, RecursionError):
        return ""
    return _lost(ours, theirs, result) or _doubled(ours, theirs, result)


def newly_unresolved(ours: str, theirs: str, merged: str) -> frozenset[str]:
    """The names that `merged` uses and lacks, though neither side does.

    Args:
        ours: The person's module.
        theirs: The template's module.
        merged: What came of them.

    Raises:
        SyntaxError: One of them is no module.
    """
    of_ours, of_theirs, of_merged = (_facts(each).unresolved for each in (ours, theirs, merged))
    return of_merged - of_ours - of_theirs


def _lost(ours: _Facts, theirs: _Facts, result: _Facts) -> str:
    if lost := result.unresolved - ours.unresolved - theirs.unresolved:
        return f"the name `{min(lost)}` has lost its import or definition"
    if lost := result.exported_in_vain - ours.exported_in_vain - theirs.exported_in_vain:
        return f"`__all__` names `{min(lost)}`, which is not there"
    gone = (ours.attributes | theirs.attributes) - result.attributes
    if lost := gone & result.attributes_used:
        return f"`{min(lost)}` is used and has lost its definition"
    gone = (ours.modules | theirs.modules) - result.modules
    if lost := gone & result.chains:
        return f"the module `{min(lost)}` is used and has lost its import"
    return ""


def _doubled(ours: _Facts, theirs: _Facts, result: _Facts) -> str:
    more = result.declared - (ours.declared | theirs.declared)
    twice = [name for name in more if result.declared[name] > 1]
    return f"`{min(twice)}` stands there once too often" if twice else ""


@lru_cache(maxsize=8)  # one module is asked about once for every rung that merges it
def _facts(text: str) -> _Facts:
    module = _parsed(text)
    classes = [node for node in module.nodes if isinstance(node, ast.ClassDef)]
    return _Facts(
        unresolved=_unresolved(module),
        exported_in_vain=_exported_in_vain(module),
        attributes=frozenset(_attributes(classes)),
        attributes_used=frozenset(_attributes_used(classes)),
        modules=frozenset(_modules(module)),
        chains=frozenset(chain for node in module.nodes if (chain := _chain(node))),
        declared=Counter(_declared(module.tree)),
    )


def _parsed(text: str) -> _Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as an odd escape, which parses
        tree, table = ast.parse(text), symtable.symtable(text, "<merged>", "exec")
    return _Module(tree=tree, nodes=tuple(ast.walk(tree)), tables=tuple(_tables(table)))


def _unresolved(module: _Module) -> frozenset[str]:
    if _takes_all(module):
        return frozenset()
    tables = module.tables
    anywhere = {each.get_name() for table in tables for each in table.get_symbols() if _binds(each)}
    used = {
        each.get_name()
        for table in tables
        for each in table.get_symbols()
        if each.is_referenced() and (table is tables[0] or each.is_global())
    }
    quoted = {name for name in _annotated(module) if name not in anywhere}
    return frozenset((used - _globals(tables)) | quoted) - _BUILTINS


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _globals(tables: Sequence[symtable.SymbolTable]) -> set[str]:
    """The module's names, wherever in it they are set. The first table is the module's own."""
    return {
        each.get_name()
        for table in tables
        for each in table.get_symbols()
        if _binds(each) and (table is tables[0] or each.is_declared_global())
    }


def _binds(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_parameter()


def _takes_all(module: _Module) -> bool:
    return any(
        alias.name == "*"
        for node in module.nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )


def _annotated(module: _Module) -> Iterator[str]:
    """The names in annotations, which a symbol table may leave out, also the quoted ones."""
    for node in module.nodes:
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation:
            yield from _names(node.annotation)
        elif isinstance(node, _Function) and node.returns:
            yield from _names(node.returns)


def _names(annotation: ast.expr) -> Iterator[str]:
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _quoted(node.value)


def _quoted(annotation: str) -> Iterator[str]:
    try:
        quoted = ast.parse(annotation, mode="eval")
    except (SyntaxError, ValueError):  # such as the text of a `Literal`
        return
    yield from (node.id for node in ast.walk(quoted) if isinstance(node, ast.Name))


def _exported_in_vain(module: _Module) -> frozenset[str]:
    bound = _globals(module.tables)
    if _takes_all(module) or "__getattr__" in bound:
        return frozenset()
    exported = {
        each.value
        for node in module.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign)
        and isinstance(node.value, ast.List | ast.Tuple)
        and "__all__" in _targets(node)
        for each in node.value.elts
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }
    return frozenset(exported - bound)


def _targets(node: ast.stmt) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    yield from (each.id for each in targets if isinstance(each, ast.Name))


def _attributes(classes: list[ast.ClassDef]) -> Iterator[str]:
    for each in classes:
        yield from (f"{each.name}.{name}" for node in each.body for name in _declares(node))
        yield from (f"{each.name}.{a.attr}" for a in _own(each) if isinstance(a.ctx, ast.Store))


def _attributes_used(classes: list[ast.ClassDef]) -> Iterator[str]:
    for each in classes:
        if not each.bases:  # what a class inherits may stand anywhere
            yield from (f"{each.name}.{a.attr}" for a in _own(each) if isinstance(a.ctx, ast.Load))


def _own(node: ast.ClassDef) -> Iterator[ast.Attribute]:
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and _chain(each.value) in {"self", "cls"}:
            yield each


def _modules(module: _Module) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if "." in each.name and not each.asname)


def _chain(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _chain(node.value)):
        return f"{before}.{node.attr}"
    return ""


def _declared(block: _Block, prefix: str = "") -> Iterator[str]:
    for node in block.body:
        yield from (prefix + name for name in _declares(node))
        if isinstance(node, ast.ClassDef):
            yield from _declared(node, f"{prefix}{node.name}.")


def _declares(node: ast.stmt) -> Iterator[str]:
    """The names that a statement of a module or class sets, imports spelled out."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        yield from _targets(node)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (each.asname or each.name for each in node.names)
