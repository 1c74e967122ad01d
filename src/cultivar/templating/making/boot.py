"""The file that starts a worker: it imports all modules from the one file beside it.

It runs as it is on a Python that has nothing but its own library. One file is read faster than an
archive is searched, and is gone when the template's own code runs.
"""

from __future__ import annotations

import gc
import marshal
import os
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Any, Final, TypeAlias, cast

MODULES: Final = "engine.bin"
"""The file with the modules, in the folder it is run in."""

Modules: TypeAlias = Mapping[str, tuple[bool, bytes | str]]
"""By full name: whether it is a package, and what is compiled of it, or else its source."""

_LATE: Final = frozenset({"ipaddress", "pickle", "tempfile", "uuid"})
"""Of Python's library: what is imported by what we use, and seldom used itself."""

_FORMAT: Final = 2
"""The form of `marshal` that every Python reads."""


def packed(modules: Modules) -> bytes:
    """The content of the file that holds `modules`."""
    return marshal.dumps(dict(modules), _FORMAT)


class Finder:
    """Imports `modules`.

    Args:
        modules: All that it has.
    """

    def __init__(self, modules: Modules) -> None:
        self._modules = modules

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Say how `name` is imported; None: as ever."""
        if name in _LATE:
            return _late(name)
        if name not in self._modules:
            return None
        loader = cast("Any", self)  # to be called a loader, it would have to be a subclass
        return ModuleSpec(name, loader, origin=name, is_package=self._modules[name][0])

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Let Python make the module."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code."""
        _, code = self._modules[module.__name__]
        if isinstance(code, str):
            exec(compile(code, module.__name__, "exec", dont_inherit=True), vars(module))
        else:
            exec(marshal.loads(code), vars(module))


def _late(name: str) -> ModuleSpec | None:
    """How `name` is imported when something in it is first looked at."""
    spec = PathFinder.find_spec(name)
    if spec is not None and spec.loader is not None:
        spec.loader = LazyLoader(spec.loader)
    return spec


def recompile(source: str, target: str) -> None:
    """Make of the file of sources at `source` one that is compiled for the Python that runs."""
    with open(source, "rb") as file:  # noqa: PTH123 - `pathlib` takes long to import
        modules: Modules = marshal.load(file)
    compiled = {
        name: (package, marshal.dumps(compile(code, name, "exec", dont_inherit=True)))
        for name, (package, code) in modules.items()
    }
    with open(target, "wb") as file:  # noqa: PTH123 - as above
        file.write(packed(compiled))


def start() -> None:
    """Do the jobs in the folder it is run in."""
    gc.disable()  # it is over before there is much to collect, and the wall limits memory
    with open(MODULES, "rb") as file:  # noqa: PTH123 - as above
        sys.meta_path.insert(0, Finder(marshal.load(file)))
    os.unlink(MODULES)  # noqa: PTH108 - as above; what is gone is not collected
    from cultivar.templating.making.worker import main

    main()
    sys.stderr.flush()
    os._exit(0)  # nothing is left that is worth taking apart


if __name__ == "__main__":
    recompile(*sys.argv[1:]) if sys.argv[1:] else start()
