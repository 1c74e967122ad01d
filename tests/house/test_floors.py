from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from cultivar.definitions import builtin_root

SOURCE = builtin_root() / "src" / "cultivar"

GROUND = [
    *("errors", "ownership", "pipe", "record", "schema", "tree", "model", "lifecycle", "upgrades"),
    *("yamls", "sources", "trusting", "settings", "roles", "tool", "prompt", "agent", "graph"),
]
TOP = ["definitions", "machine", "wiring", "doctor", "workspace", "stack", "application"]
FLOORS: list[list[str]] = [
    *[[room] for room in GROUND],
    ["templating", "sandbox", "bus"],
    ["ledger"],
    ["llm", "memory", "checking", "delivery"],
    ["inference", "generation"],
    ["learning", "upgrade", "patterns", "mining"],
    ["evals"],
    ["evolution"],
    *[[room] for room in TOP],
    ["cli", "web", "mcp"],
    ["testing"],
]
"""From the ground up. What stands on one floor does not import each other."""

FACES = {"__init__", "__main__", "_builtin"}
"""The package's doors: they hand names on from any floor."""

FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}


def _room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def _imported(path: Path) -> set[str]:
    """The names that a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def _imports(path: Path) -> set[str]:
    """The rooms that a file imports from."""
    rooms = {name.split(".")[1] for name in _imported(path) if name.startswith("cultivar.")}
    return {room for room in rooms if room in FLOOR}


FILES = sorted(path for path in SOURCE.rglob("*.py") if _room(path) not in FACES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_down_the_floors(path: Path) -> None:
    room = _room(path)
    above = {each for each in _imports(path) if each != room and FLOOR[each] >= FLOOR[room]}
    assert not above


def test_no_imports_go_in_a_circle() -> None:
    modules = {".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in FILES}
    graph = {
        module: _imported(SOURCE.parent / f"{module.replace('.', '/')}.py") & modules
        for module in modules
    }
    TopologicalSorter(graph).prepare()  # raises an error that names the circle


def test_every_room_has_a_floor() -> None:
    assert {_room(path) for path in FILES} <= set(FLOOR)


def test_relative_imports_are_not_used() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
    relative = [
        path.name
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative
