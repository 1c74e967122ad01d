"""The worker as one file that a bare Python runs: our rendering and the packages that it needs.

They are taken, compiled where that fits, from what this process itself runs on; so nothing is
installed, and the sandbox needs to see nothing of this installation.
"""

from __future__ import annotations

import io
import marshal
import sys
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path, PurePosixPath
from typing import Final

from cultivar import errors
from cultivar.templating.making import portable

_GROUND: Final = ("errors", "model", "tree")
"""What rendering stands on, of our own; the package's face is for others."""

_USES: Final = ("jinja2", "markupsafe", "pathspec", "yaml")
"""The packages that it uses; they do without what is compiled in them."""

_START: Final = "__main__.py"
_MAIN: Final = "from cultivar.templating.making.worker import main\n\nmain()\n"
_UNCHECKED: Final = MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
"""The head of a compiled file whose source is not looked at."""


@cache
def engine(*, compiled: bool) -> bytes:
    """A zip archive that does the jobs in the folder it is run in.

    Args:
        compiled: Whether it holds what our own Python has compiled, or sources.
    """
    files: dict[str, bytes] = {}
    for name, path in _modules():
        code = _code(name, path) if compiled else b""
        files |= {f"{name}c": _UNCHECKED + code} if code else {name: path.read_bytes()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _fill(archive, files)
    return buffer.getvalue()


def recompile(source: str, target: str) -> None:
    """Make of the archive of sources at `source` one that is compiled for the Python that runs."""
    with zipfile.ZipFile(source) as sources, zipfile.ZipFile(target, "w") as archive:
        names = [name for name in sources.namelist() if name.endswith(".py") and name != _START]
        codes = {f"{name}c": _compiled(sources.read(name), name) for name in names}
        _fill(archive, {name: _UNCHECKED + code for name, code in codes.items()})


def _fill(archive: zipfile.ZipFile, files: Mapping[str, bytes]) -> None:
    archive.writestr(_START, _MAIN)
    # Python finds a folder that is no regular package only where the archive names it.
    folders = {f"{each}/" for name in files for each in PurePosixPath(name).parents[:-1]}
    for folder in sorted(folders):
        archive.writestr(folder, b"")
    for name, content in files.items():
        archive.writestr(name, content)


def _modules() -> Iterator[tuple[str, Path]]:
    """The files of all modules, with their paths in the archive."""
    for root in map(_root_of, _USES):
        for path in sorted(root.rglob("*.py")):
            yield f"{root.name}/{path.relative_to(root).as_posix()}", path
    ours = Path(errors.__file__).parent
    rooms = sorted((ours / "templating").rglob("*.py"))
    for path in (*(ours / f"{name}.py" for name in _GROUND), *rooms):
        yield f"cultivar/{path.relative_to(ours).as_posix()}", path
    yield "cultivar/record.py", Path(portable.__file__)


def _root_of(package: str) -> Path:
    return Path(str(import_module(package).__file__)).parent


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
    module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return _compiled(path.read_bytes(), str(path)) if module in sys.modules else b""


def _compiled(source: bytes, name: str) -> bytes:
    return marshal.dumps(compile(source, name, "exec", dont_inherit=True))
