"""What mends what a template made: a known fix, a check's own, a missing import, no idle wait.

A remedy is of rendered files; `carrying` finds the place in the template that makes them.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, TypeAlias

from cultivar.errors import EnvironmentUnavailableError, UnsafeError
from cultivar.evolution.operators.templates.idling import Idle
from cultivar.evolution.operators.templates.study import Study, is_slow
from cultivar.generation.fixes import apply_edits
from cultivar.lifecycle import KNOWN_FIX
from cultivar.model import Edit
from cultivar.record import Record
from cultivar.tree import Tree, text_entry

Mend: TypeAlias = Callable[[Tree], "Tree | None"]
"""Mends a rendered tree; None where it has no place in it."""

_SAID: Final = ("NameError", "F821", "Undefined name", "is not defined", "name-defined")
"""What outputs say of a name that nothing binds."""

_GIVEN: Final = frozenset(
    {*dir(builtins), "__file__", "__name__", "__doc__", "__path__", "__spec__", "__package__"}
)


class Remedy(Record):
    """What mends rendered files."""

    operator: str
    mend: Mend
    words: str
    """What it does, a phrase."""
    patterns: tuple[str, ...] = ()
    """The ids of the failure patterns that it is known to mend; empty: that is to be seen."""
    edits: tuple[Edit, ...] = ()
    """Of what was rendered once, where that is all that is known."""
    check: str = ""
    """The check whose failures it may mend; empty: any."""


def remedies(study: Study) -> Iterator[Remedy]:
    """All that may mend what the template makes, the surest first."""
    for fix, patterns in study.fixes():
        if fix.edits:
            mend = partial(_edited, fix.edits)
            yield Remedy(
                operator=KNOWN_FIX,
                mend=mend,
                words=f"a known fix: {fix.description}",
                patterns=patterns,
                edits=fix.edits,
            )
    yield from _imports(study)
    yield from _commands(study)
    yield from _waits(study)


def _edited(edits: Iterable[Edit], tree: Tree) -> Tree | None:
    return apply_edits(tree, edits)


def _commands(study: Study) -> Iterator[Remedy]:
    """What the failed checks name themselves."""
    failed = {result.check for use in study.failures for result in use.failed}
    for check in study.template.checks:
        if check.fix and check.name in failed:
            mend = partial(_run, study, check.fix)
            yield Remedy(
                operator="check-fix",
                mend=mend,
                words=f"what `{check.fix}` changes",
                check=check.name,
            )


def _waits(study: Study) -> Iterator[Remedy]:
    """Scripts of checks that took too long, without what only waits in them."""
    for check in study.template.checks:
        slow = [use for use in study.failures if is_slow(use, check)]
        idle = Idle(command=check.run)
        said = dict.fromkeys(each for use in slow for each in idle.said(use.tree))
        if said:
            named = ", ".join(f"`{each}`" for each in said)
            yield Remedy(
                operator="no-wait",
                mend=idle.left_out,
                words=f"no {named} in what its check {check.name!r} runs, which took too long",
                check=check.name,
            )


def _run(study: Study, command: str, tree: Tree) -> Tree | None:
    template = study.template
    runner = study.bench.place.runner
    try:
        ran = runner.run(
            tree,
            command,
            template.requires,
            language=template.language,
            untrusted=not study.subject.trusted,
        )
        return ran.mended(tree)
    except (EnvironmentUnavailableError, UnsafeError):
        return None


def _imports(study: Study) -> Iterator[Remedy]:
    """Imports of names that nothing binds, where it is known what they are."""
    found: dict[str, str] = {}
    for use in study.failures:
        if any(word in each.output for each in use.failed for word in _SAID):
            known = _known_imports(use.tree)
            for path, name in _unbound(use.tree):
                statement = known.get(name) or _own_module(name)
                if statement and path:
                    found.setdefault(name, statement)
    for name, statement in found.items():
        mend = partial(_imported, name, statement)
        yield Remedy(operator="import", mend=mend, words=f"`{statement}`, which is missing")


def _known_imports(tree: Tree) -> dict[str, str]:
    """How other files of the tree import a name; not those that mean a place near to them."""
    found: dict[str, str] = {}
    for module in _modules(tree).values():
        for node in ast.walk(module):
            if isinstance(node, ast.Import) or (
                isinstance(node, ast.ImportFrom) and not node.level and node.module != "__future__"
            ):
                for each in node.names:
                    bound = each.asname or each.name.partition(".")[0]
                    one = f"import {ast.unparse(each)}"
                    lead = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
                    found.setdefault(bound, lead + one)
    return found


def _own_module(name: str) -> str:
    """The import of a module of Python's own."""
    return f"import {name}" if name in sys.stdlib_module_names and name != "this" else ""


def _modules(tree: Tree) -> dict[str, ast.Module]:
    found: dict[str, ast.Module] = {}
    for path, entry in tree.items():
        if path.endswith(".py") and entry.mode != "link":
            try:
                found[path] = ast.parse(entry.content)
            except (SyntaxError, ValueError, RecursionError):
                continue
    return found


def _unbound(tree: Tree) -> Iterator[tuple[str, str]]:
    """The names that a file uses and nothing in it binds, with the file."""
    for path, module in _modules(tree).items():
        yield from ((path, name) for name in sorted(unbound_in(module)))


def unbound_in(module: ast.Module) -> set[str]:
    """The names that a module uses and nothing in it binds, anywhere; none where all may be."""
    used: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            bound |= {each.asname or each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            bound.add(node.name or "")
        elif isinstance(node, ast.MatchMapping):
            bound.add(node.rest or "")
        elif isinstance(node, ast.Global | ast.Nonlocal):
            bound |= set(node.names)
    return set() if "*" in bound else used - bound - _GIVEN


def _imported(name: str, statement: str, tree: Tree) -> Tree | None:
    """The tree with the import in each file that lacks it; None where none does."""
    changes = {
        path: text_entry(with_import(tree.text(path), module, statement), tree[path].mode)
        for path, module in _modules(tree).items()
        if name in unbound_in(module)
    }
    return tree.replace(changes) if changes else None


def with_import(text: str, module: ast.Module, statement: str) -> str:
    """A module's text with one more import, where those that sort by name have it."""
    lines = text.splitlines(keepends=True)
    imports = [
        node
        for node in module.body
        if isinstance(node, ast.Import | ast.ImportFrom) and not _is_future(node)
    ]
    new = _sorted_as(ast.parse(statement).body[0])
    near = [node for node in imports if _sorted_as(node)[0] == new[0]]
    after = [node for node in near if _sorted_as(node) < new]
    if after:
        at, text = after[-1].end_lineno or 0, f"{statement}\n"
    elif near:
        at, text = near[0].lineno - 1, f"{statement}\n"
    elif imports:
        at, text = imports[0].lineno - 1, f"{statement}\n\n"
        if new[0] > _sorted_as(imports[-1])[0]:
            at, text = imports[-1].end_lineno or 0, f"\n{statement}\n"
    else:
        at = _head(module)
        text = f"\n{statement}\n" if at else f"{statement}\n\n"
    return "".join([*lines[:at], text, *lines[at:]])


def _head(module: ast.Module) -> int:
    """How many lines the docstring and what is imported from the future take."""
    end = 0
    for place, node in enumerate(module.body):
        is_doc = place == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (is_doc or _is_future(node)):
            break
        end = node.end_lineno or 0
    return end


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _sorted_as(node: ast.stmt) -> tuple[int, int, str]:
    """As the usual tools sort imports: Python's own, others, those near; `import`, then `from`."""
    if isinstance(node, ast.ImportFrom):
        module, is_from = "." * node.level + (node.module or ""), 1
    else:
        module, is_from = (node.names[0].name if isinstance(node, ast.Import) else ""), 0
    own = module.partition(".")[0] in sys.stdlib_module_names
    return (0 if own else 2 if module.startswith(".") else 1), is_from, module.lower()
