"""What a candidate of a tool may not do, whoever made it; seen before anything of it is run.

The invariant: what is admitted declares the same cases, the same characteristics and the same
parameters as its parent, in the same one file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import Final

from cultivar.evals.trying.spelling import canonical, spelled
from cultivar.evals.trying.tool_uses import Described, Inputs
from cultivar.evolution.operators.tools.copying import copied_value
from cultivar.tool import Case
from cultivar.tree import Tree

_METADATA: Final = re.compile(r"^# ///.*$(?:\n#.*$)*", re.MULTILINE)
"""What a script says of what it needs, which is fetched before it runs."""


def why_not(name: str, before: Tree, after: Tree, inputs: Iterable[Inputs] = ()) -> str:
    """Say why a version of a tool is refused; empty where it may be tried.

    Args:
        name: The tool's.
        before: The version that it was made from.
        after: Its files.
        inputs: Of the cases that its maker may have seen.
    """
    path = f"{name}.py"
    others = sorted(
        at for at in {*before, *after} if before.get(at) != after.get(at) and at != path
    )
    if others:
        return f"It changes more than `{path}`: {', '.join(map(repr, others))}."
    if path not in after or after[path].mode != before[path].mode:
        return f"It has no file `{path}`, or one of another kind."
    try:
        old, new = (tree.text(path) for tree in (before, after))
        modules = ast.parse(old), ast.parse(new)
    except (SyntaxError, ValueError, RecursionError) as error:
        return f"It does not parse: {error}."
    if _METADATA.findall(old) != _METADATA.findall(new):
        return "It changes what its script says it needs, which a person decides."
    if copied := copied_value(old, new, inputs):
        return f"It knows a case by heart: it looks for {copied}."
    return _changed(name, *modules)


def weakened(before: Described, after: Described) -> str:
    """Say what a version declares less than another; empty where it declares no less.

    Args:
        before: What the version says of itself that is used.
        after: What the other one says, where it runs.
    """
    if before.characteristics != after.characteristics:
        return "It says of itself that it is like something else."
    kept = {_known(case) for case in after.cases}
    gone = [case for case in before.cases if _known(case) not in kept]
    if gone:
        named = ", ".join(repr(each.description or dict(each.input)) for each in gone[:3])
        return f"It drops or changes cases of its own: {named}."
    return ""


def _known(case: Case) -> str:
    return canonical(spelled([case.input, case.expected_output, case.should_raise]))


def _changed(name: str, old: ast.Module, new: ast.Module) -> str:
    """What is changed of what a tool declares."""
    declared = [_declaration(module, name) for module in (old, new)]
    if declared[1] is None:
        return f"It has no function {name!r}."
    if declared[0] != declared[1]:
        return "It changes its own cases, its characteristics or its parameters."
    return ""


def _declaration(module: ast.Module, name: str) -> list[str] | None:
    """The decorators and parameters of the function, and what at the module's top they name."""
    found = [
        each for each in module.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    function = next((each for each in reversed(found) if each.name == name), None)
    if function is None:
        return None
    said: list[ast.AST] = [*function.decorator_list, function.args]
    names = {node.id for part in said for node in ast.walk(part) if isinstance(node, ast.Name)}
    said += [each for each in module.body if _assigned(each) & names]
    return [ast.dump(each) for each in said]


def _assigned(statement: ast.stmt) -> set[str]:
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    return {each.id for each in targets if isinstance(each, ast.Name)}
