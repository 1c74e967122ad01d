"""Makes what templates with extensions of their own ask for, in a process behind a wall.

The working folder holds the jobs. Each is done in a process of its own, so that two versions of
one template do not meet: their extensions have the same names.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from jinja2.ext import Extension
from jinja2.utils import import_string

from cultivar.errors import CultivarError, TemplateError, UnsafeError
from cultivar.templating.jinja import hooks
from cultivar.templating.jinja.extensions import loading
from cultivar.templating.making.jobs import JOB, read_job
from cultivar.templating.making.making import Making, make
from cultivar.templating.making.results import (
    RENDERED,
    RESULT,
    MissingPackageError,
    said_of,
    said_of_error,
)
from cultivar.tree import Tree

_LOADERS: Final = ("copier_template_extensions", "copier_templates_extensions")
"""What templates call the package that `hooks` stands for."""


def main() -> None:
    """Do all jobs in the working folder, side by side."""
    folders = sorted(path.parent for path in Path.cwd().glob(f"jobs/*/{JOB}"))
    children = [child for folder in folders if (child := _begin(folder))]
    for child in children:
        os.waitpid(child, 0)


def _begin(folder: Path) -> int:
    """Start doing a job; returns the number of its process."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        do(folder)
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def do(folder: Path) -> None:
    """Do the job in `folder`, and leave the result there."""
    said: dict[str, Any]
    try:
        with _failures():
            job = _take(folder / JOB)
            with loading(Loader(_placed(job.template.tree))):
                made = make(job)
    except CultivarError as error:
        said = said_of_error(error)
    else:
        _write(made.rendered.tree, folder / RENDERED)
        said = said_of(made)
    (folder / RESULT).write_text(json.dumps(said))


def _take(file: Path) -> Making:
    """The job in `file`, which is gone then: what lies there afterwards is brought back."""
    content = file.read_bytes()
    file.unlink()
    return read_job(content)


def _placed(tree: Tree) -> Path:
    """A folder that holds a template, for its extensions, outside of what is brought back."""
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"template-{os.getpid()}"
    _write(tree, folder)
    return folder


@contextmanager
def _failures() -> Generator[None]:
    """Tell what extensions raise as the failure of their template."""
    try:
        yield
    except CultivarError:
        raise
    except ModuleNotFoundError as error:
        raise MissingPackageError((error.name or "").partition(".")[0]) from error
    except RecursionError as error:
        raise UnsafeError("The template's extensions call themselves without end.") from error
    except Exception as error:  # they are somebody's code, which may raise anything
        raise TemplateError(
            f"The template's extensions failed: {type(error).__name__}: {error}."
        ) from error


class Loader:
    """Imports extensions by their dotted name, or from a file of the template.

    Args:
        root: The template's folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._modules: dict[str, ModuleType] = {}
        sys.path.append(str(root))
        sys.modules.update(dict.fromkeys(_LOADERS, hooks))

    def __call__(self, name: str) -> type[Extension]:
        """The extension `name`: `package.Class`, or `path/of/file.py:Class`."""
        path, _, attribute = name.partition(":")
        if not path.endswith(".py"):
            found: type[Extension] = import_string(name)
            return found
        if path not in self._modules:
            self._modules[path] = self._module(path)
        found = getattr(self._modules[path], attribute)
        return found

    def _module(self, path: str) -> ModuleType:
        file = self._root / path
        if not file.is_file():
            raise TemplateError(
                f"The extension's file {path!r} is not in the template.", file="copier.yml"
            )
        spec = util.spec_from_file_location(path.removesuffix(".py").replace("/", "."), file)
        if spec is None or spec.loader is None:
            raise TemplateError(f"{path!r} is no Python.", file="copier.yml")
        module = sys.modules[spec.name] = util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def _write(tree: Tree, folder: Path) -> None:
    targets = {folder / path: entry for path, entry in tree.items()}
    for above in {target.parent for target in targets}:
        above.mkdir(parents=True, exist_ok=True)
    for target, entry in targets.items():
        if entry.mode == "link":
            target.symlink_to(entry.content.decode(errors="surrogateescape"))
            continue
        target.write_bytes(entry.content)
        target.chmod(0o755 if entry.mode == "executable" else 0o644)
