"""The worker as two files that a bare Python runs: our rendering and the packages that it needs.

They are taken, compiled where that fits, from what this process itself runs on; so nothing is
installed, and the sandbox needs to see nothing of this installation.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import MAGIC_NUMBER, cache_from_source, find_spec
from pathlib import Path
from typing import Final

from cultivar import errors
from cultivar.templating.making import boot, portable
from cultivar.tree import Entry

START: Final = "engine.py"
"""The file that is run."""

_GROUND: Final = ("errors", "model", "tree", "yamls")
"""What rendering stands on, of our own; the package's face is for others."""

_ROOMS: Final = ("jinja", "making", "questions", "reading", "rendering")
"""What it is made of; templates come from elsewhere."""

_USES: Final = ("jinja2", "markupsafe", "pathspec", "yaml")
"""The packages that it uses; they do without what is compiled in them."""


def files_of_engine(modules: bytes) -> dict[str, Entry]:
    """The files that do the jobs in the folder they are run in."""
    start = Path(boot.__file__).read_bytes()
    return {START: Entry(content=start), boot.MODULES: Entry(content=modules)}


@cache
def engine(*, compiled: bool) -> bytes:
    """All modules of the worker.

    Args:
        compiled: Whether they are what our own Python has compiled, or sources.
    """
    modules: dict[str, tuple[bool, bytes | str]] = {}
    for name, path in _modules():
        code = _code(name, path) if compiled else b""
        modules[name] = path.name == "__init__.py", code or path.read_text("utf-8")
    # Folders that are no regular packages are packages without a word in them.
    above = {name.rpartition(".")[0] for name in modules} - {""}
    above |= {name.rpartition(".")[0] for name in above} - {""}
    return boot.packed(dict.fromkeys(above, (True, "")) | modules)


def _modules() -> Iterator[tuple[str, Path]]:
    """The files of all modules, with their full names."""
    for root in map(_root_of, _USES):
        yield from _below(root, root.parent)
    ours = Path(errors.__file__).parent
    for name in _GROUND:
        yield f"cultivar.{name}", ours / f"{name}.py"
    yield "cultivar.templating.template", ours / "templating" / "template.py"
    yield "cultivar.templating.shapes", ours / "templating" / "shapes.py"
    for room in _ROOMS:
        yield from _below(ours / "templating" / room, ours.parent)
    yield "cultivar.record", Path(portable.__file__)


def _below(folder: Path, base: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*.py"):
        parts = path.relative_to(base).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__"), path


def _root_of(package: str) -> Path:
    found = find_spec(package)  # to import it would take longer
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return Path(found.origin).parent


def _code(name: str, path: Path) -> bytes:
    """The compiled module at `path`, as it lies beside it; empty where it is not worth compiling.

    That is so for one which this process does not use either, though it renders.
    """
    kept = Path(cache_from_source(str(path)))
    found = path.stat()
    stamp = int(found.st_mtime).to_bytes(4, "little") + found.st_size.to_bytes(4, "little")
    head = MAGIC_NUMBER + bytes(4) + stamp
    if kept.is_file() and (content := kept.read_bytes())[: len(head)] == head:
        return content[len(head) :]
    return _compiled(path.read_bytes(), str(path)) if name in sys.modules else b""


def _compiled(source: bytes, name: str) -> bytes:
    return marshal.dumps(compile(source, name, "exec", dont_inherit=True))
