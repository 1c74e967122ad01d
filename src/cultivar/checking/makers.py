"""Who makes environments: this machine for the sandboxes that show it, an image for containers.

Both install outside the wall and with the network, which is why `requirements` is suspicious.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Final

from cultivar.checking.environments import Environments
from cultivar.checking.interpreters import Interpreter, find_interpreter
from cultivar.checking.requirements import Program, find_program
from cultivar.errors import EnvironmentUnavailableError, RequirementUnavailableError
from cultivar.record import Record, field
from cultivar.sandbox.base import Sandbox
from cultivar.sandbox.container import Container

_INSTALL_SECONDS: Final = 900.0
_WHEELS: Final = ("--only-binary", ":all:")
_TOLD: Final = 1200
"""Of what an installer says; so it fits, with what is said before, into the result of a trial."""

_NOT_KNOWN: Final = re.compile(
    "No solution found when resolving|No matching distribution found|ResolutionImpossible"
)
"""What uv or pip say where a registry answers that it does not have it."""

_NOT_HEARD: Final = re.compile(
    "(?i)could not be queried|network was disabled|connection|timed out|temporary failure"
)
"""What they say, too, where no registry answered as it should."""

_IN_IMAGE: Final = """
umask 022
folder=$1; shift
python3 -m venv --without-pip "$folder" || exit
test $# = 0 || python3 -m pip --python "$folder/bin/python" install --quiet "$@"
"""


def environments_for(sandbox: Sandbox, cache: Path) -> Environments:
    """The environments that fit what `sandbox` shows of the machine."""
    if isinstance(sandbox, Container):
        return Environments(cache=cache, maker=ImageMaker(container=sandbox))
    return Environments(cache=cache, maker=HostMaker(cache=cache))


class HostMaker(Record, dict=True):
    """Makes environments from a Python of this machine, with uv where there is one, else pip.

    Args:
        cache: Where a copy of our Python is put, if the sandbox's user can read no other.
        python: What to make them from; found when it is first needed, where it is not given.
        installer: The command that installs, `{python}` standing for the environment's.
    """

    cache: Path
    python: Interpreter | None = None
    installer: tuple[str, ...] = field(default_factory=lambda: _installer())

    @property
    def id(self) -> str:
        """See `Maker`."""
        return self._python.id

    @property
    def mounts(self) -> tuple[Path, ...]:
        """See `Maker`."""
        return self._python.mounts

    @cached_property
    def _python(self) -> Interpreter:
        return self.python or find_interpreter(self.cache)

    def program(self, name: str) -> Program:
        """See `Maker`."""
        return find_program(name)

    def make(self, folder: Path, requirements: tuple[str, ...], *, wheels_only: bool) -> None:
        """See `Maker`."""
        folder = folder.absolute()
        _run([str(self._python.path), "-I", "-m", "venv", "--without-pip", str(folder)])
        if requirements:
            python = str(folder / "bin" / "python")
            install = [each.replace("{python}", python) for each in self.installer]
            _run([*install, *_WHEELS * wheels_only, *requirements])
            self._compile(folder)

    def _compile(self, folder: Path) -> None:
        """Compile what was installed, so that no check has to; what is no Python stays as it is.

        The installer must not: it would start the environment's own Python, which runs the
        `.pth` files of what was installed, out here. `-S` is what keeps them from being run.
        """
        python, library = str(self._python.path), str(folder / "lib")
        with contextlib.suppress(EnvironmentUnavailableError):
            _run([python, "-I", "-S", "-m", "compileall", "-q", "-j", "2", library])


class ImageMaker(Record, dict=True):
    """Makes environments from the Python of a container's image, in containers of it.

    Args:
        container: The sandbox that they are for.
    """

    container: Container

    @property
    def id(self) -> str:
        """See `Maker`."""
        return f"image:{self._image}"

    @property
    def mounts(self) -> tuple[Path, ...]:
        """See `Maker`."""
        return ()

    @cached_property
    def _image(self) -> str:
        engine, image = self.container.engine, self.container.image
        return _run([engine, "image", "inspect", "--format", "{{.Id}}", image]).strip()

    def program(self, name: str) -> Program:
        """See `Maker`."""
        found = self._inside(["--network=none"], 'command -v "$1" || true', name).strip()
        if not found:
            raise RequirementUnavailableError(
                f"The program {name!r} is not in the image {self.container.image!r}.",
                "Set `sandbox.image` to an image that has it.",
            )
        return Program(id=f"{name}={found}@{self._image}")

    def make(self, folder: Path, requirements: tuple[str, ...], *, wheels_only: bool) -> None:
        """See `Maker`."""
        wheels = _WHEELS * (wheels_only and bool(requirements))
        folder.mkdir()
        options = [f"--volume={folder}:{folder}", "--env=HOME=/tmp"]
        if Path(self.container.engine).name == "docker":  # podman's root is us, docker's is root
            options.append(f"--user={os.getuid()}:{os.getgid()}")
        self._inside(options, _IN_IMAGE, str(folder), *wheels, *requirements)

    def _inside(self, options: list[str], script: str, *words: str) -> str:
        """What a script prints in a container that has what `options` give it."""
        engine, image = self.container.engine, self.container.image
        start = [engine, "run", "--rm", "--pull=never", *options, "--entrypoint=sh", image]
        return _run([*start, "-c", script, "sh", *words])


def _installer() -> tuple[str, ...]:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv:
        return (uv, "pip", "install", "--quiet", "--python", "{python}")
    ours = sys.executable if importlib.util.find_spec("pip") else "python3"
    return (ours, "-m", "pip", "--python", "{python}", "install", "--quiet", "--no-compile")


def _run(argv: list[str]) -> str:
    """What a command prints; it stands where nobody can have put files or settings for it.

    Raises:
        RequirementUnavailableError: No registry has what it asks for.
        EnvironmentUnavailableError: It failed otherwise.
    """
    try:
        done = subprocess.run(
            argv, capture_output=True, timeout=_INSTALL_SECONDS, umask=0o022, check=False, cwd="/"
        )
    except subprocess.TimeoutExpired as error:
        raise _unavailable(f"it took more than {_INSTALL_SECONDS:g} seconds") from error
    except OSError as error:
        raise _unavailable(f"`{argv[0]}`: {error.strerror}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        if _NOT_KNOWN.search(said) and not _NOT_HEARD.search(said):
            raise RequirementUnavailableError(
                said[-_TOLD:], "Name what a package registry in reach has, ready to be installed."
            )
        raise _unavailable(said[-2000:] or f"`{argv[0]}` ended with {done.returncode}")
    return done.stdout.decode(errors="replace")


def _unavailable(why: str) -> EnvironmentUnavailableError:
    return EnvironmentUnavailableError(
        f"What the checks need could not be installed: {why}",
        "See that a package registry is in reach, then try again.",
    )
