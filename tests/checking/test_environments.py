from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cultivar.checking.environments import Environments
from cultivar.checking.interpreters import copied_interpreter, find_interpreter, running_interpreter
from cultivar.checking.makers import HostMaker, ImageMaker, environments_for
from cultivar.checking.requirements import find_program, read_needs
from cultivar.errors import EnvironmentUnavailableError, RequirementUnavailableError, UnsafeError
from cultivar.record import replace
from cultivar.sandbox.base import Command, Limits
from cultivar.sandbox.bubblewrap import Bubblewrap
from cultivar.sandbox.container import Container
from cultivar.tree import Tree


def _wheel(folder: Path, name: str, at_start: str = "") -> None:
    """A package; `at_start` is code that its environment's Python runs whenever it starts."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "HERE = True\n",
        f"{name}.pth": at_start,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(path, text)


def _source(folder: Path, name: str, canary: Path) -> None:
    """A package that can only be built, and tells if that was tried."""
    files = {"setup.py": f"open({str(canary)!r}, 'w').close()", "PKG-INFO": f"Name: {name}\n"}
    with tarfile.open(folder / f"{name}-1.0.tar.gz", "w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-1.0/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


@dataclass(frozen=True, kw_only=True)
class Index:
    """Packages in a folder, and an installer that knows no others and counts its calls."""

    folder: Path
    log: Path
    script: Path

    @property
    def installer(self) -> tuple[str, ...]:
        return (str(self.script), "{python}")

    @property
    def calls(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def index(tmp_path: Path) -> Index:
    packages = tmp_path / "packages"
    packages.mkdir()
    _wheel(packages, "tiny")
    _wheel(packages, "other")
    _source(packages, "unbuilt", tmp_path / "canary")
    script, log = tmp_path / "install", tmp_path / "log"
    uv = HostMaker(cache=tmp_path).installer[0]
    script.write_text(
        f"#!/bin/sh\necho called >> {log}\npython=$1; shift\nsleep 0.2\n"
        f"exec {uv} pip install --quiet --offline --no-index --find-links {packages}"
        ' --python "$python" "$@"\n'
    )
    script.chmod(0o755)
    return Index(folder=packages, log=log, script=script)


@pytest.fixture
def empty(cache: Path) -> Iterator[Path]:
    folder = cache / os.urandom(8).hex()
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def environments(empty: Path, index: Index) -> Environments:
    return Environments(cache=empty, maker=HostMaker(cache=empty, installer=index.installer))


def _run(environments: Environments, requires: tuple[str, ...], code: str) -> bytes:
    needed = environments.get(requires, language="python")
    command = Command(
        argv=("python", "-c", code), environment=needed.variables, mounts=needed.mounts
    )
    return Bubblewrap().run(command, Tree({}), Limits()).output


def test_an_environment_holds_what_is_required(environments: Environments) -> None:
    assert _run(environments, ("tiny",), "import tiny; print(tiny.HERE)") == b"True\n"
    assert b"No module named 'other'" in _run(environments, ("tiny",), "import other")


def test_a_template_of_python_has_a_python_in_any_case(environments: Environments) -> None:
    assert _run(environments, (), "print(1 + 1)") == b"2\n"


def test_an_environment_is_made_once(environments: Environments, index: Index) -> None:
    first = environments.get(("tiny", "other"))
    again = replace(environments).get(("other", "tiny"))
    assert (again, index.calls) == (first, 1)


def test_other_requirements_have_an_environment_of_their_own(environments: Environments) -> None:
    ids = {environments.get(each).id for each in ((), ("tiny",), ("tiny", "other"))}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "broken", ["cultivar.json", "bin/python", "lib/python*/site-packages/tiny-1.0.dist-info"]
)
def test_a_broken_environment_is_made_again(
    environments: Environments, index: Index, broken: str
) -> None:
    environments.get(("tiny",))
    (lost,) = environments.cache.glob(f"environments/*/{broken}")
    shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    assert _run(environments, ("tiny",), "import tiny; print(tiny.HERE)") == b"True\n"
    assert index.calls == 2


def test_several_processes_make_it_together_once(environments: Environments, index: Index) -> None:
    code = (
        "from pathlib import Path\n"
        "from cultivar.checking.environments import Environments\n"
        "from cultivar.checking.makers import HostMaker\n"
        f"cache = Path({str(environments.cache)!r})\n"
        f"maker = HostMaker(cache=cache, installer={index.installer!r})\n"
        "print(Environments(cache=cache, maker=maker).get(('tiny',)).id)\n"
    )
    command = [sys.executable, "-c", code]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    told = {each.communicate()[0] for each in started}
    assert told == {environments.get(("tiny",)).id.encode() + b"\n"}
    assert index.calls == 1


def test_what_no_registry_has_is_not_to_be_had(environments: Environments) -> None:
    with pytest.raises(EnvironmentUnavailableError, match="no-such-package"):
        environments.get(("no-such-package",))
    assert not list(environments.cache.glob("environments/*/cultivar.json"))


@pytest.mark.parametrize(
    ("said", "is_lacking"),
    [
        ("No solution found when resolving dependencies: x was not found", True),
        ("ERROR: No matching distribution found for x", True),
        ("WARNING: Retrying after connection broken\nNo matching distribution found for x", False),
        ("error: Failed to fetch: `simple/x/`", False),
    ],
)
def test_what_no_registry_has_is_told_from_a_registry_that_is_out_of_reach(
    empty: Path, tmp_path: Path, said: str, is_lacking: bool
) -> None:
    script = tmp_path / "refuse"
    script.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit 1\n")
    script.chmod(0o755)
    maker = HostMaker(cache=empty, installer=(str(script), "{python}"))
    with pytest.raises(EnvironmentUnavailableError) as refused:
        Environments(cache=empty, maker=maker).get(("x",))
    assert isinstance(refused.value, RequirementUnavailableError) == is_lacking


def test_nothing_is_built_for_a_template_that_nobody_trusts(
    environments: Environments, tmp_path: Path
) -> None:
    with pytest.raises(EnvironmentUnavailableError):
        environments.get(("unbuilt",))
    assert not (tmp_path / "canary").exists()


def test_what_is_installed_runs_nothing_outside_of_the_sandbox(
    empty: Path, index: Index, tmp_path: Path
) -> None:
    _wheel(index.folder, "sly", f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()")
    ours = HostMaker(cache=empty).installer
    offline = (*ours, "--offline", "--no-index", "--find-links", str(index.folder))
    sly = Environments(cache=empty, maker=HostMaker(cache=empty, installer=offline)).get(("sly",))
    assert list(sly.mounts[-1].glob("lib/*/site-packages/__pycache__/sly*.pyc"))
    assert not (tmp_path / "ran").exists()


def test_settings_of_the_folder_that_one_stands_in_do_not_reach_the_installer(
    environments: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uv.toml").write_text("this is not = settings")
    monkeypatch.chdir(tmp_path)
    assert _run(environments, ("tiny",), "import tiny; print(tiny.HERE)") == b"True\n"


def test_a_cache_that_the_sandbox_cannot_read_is_refused(tmp_path: Path, index: Index) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    maker = HostMaker(cache=closed, installer=index.installer)
    refused = pytest.raises(EnvironmentUnavailableError, match="everybody may read")
    with refused if os.geteuid() == 0 else contextlib.nullcontext():
        Environments(cache=closed, maker=maker).get(("tiny",))


def test_a_cache_that_cannot_be_written_is_refused(tmp_path: Path, index: Index) -> None:
    (tmp_path / "file").touch()
    cache = tmp_path / "file"
    maker = HostMaker(cache=cache, python=running_interpreter(), installer=index.installer)
    with pytest.raises(EnvironmentUnavailableError, match="cannot be written"):
        Environments(cache=cache, maker=maker).get(("tiny",))


# Requirements


@pytest.mark.parametrize(
    "requirement",
    [
        "-e .",
        "--pre pytest",
        "-r other.txt",
        "git+https://example.invalid/x.git",
        "https://example.invalid/x.whl",
        "./here",
        "/etc",
        "x @ file:///etc/x.whl",
        "x --pre",
        "x\n--pre",
        "program:",
        "program:../sh",
        "program:/bin/sh",
        "program:-x",
        "",
    ],
)
def test_a_requirement_that_is_more_than_a_name_is_refused(requirement: str) -> None:
    with pytest.raises(UnsafeError):
        read_needs((requirement,))


def test_an_address_is_for_trusted_templates_only() -> None:
    address = "x @ https://example.invalid/x.whl"
    assert read_needs((address,), trusted=True).requirements == (address,)
    with pytest.raises(UnsafeError, match="--trust"):
        read_needs((address,))
    with pytest.raises(UnsafeError):
        read_needs(("-e .",), trusted=True)


def test_requirements_are_sorted_and_said_once() -> None:
    needs = read_needs(("ruff>=0.5", "program:sh", "pytest[x]; python_version>'3'", "ruff >=0.5"))
    assert needs.requirements == ('pytest[x]; python_version > "3"', "ruff>=0.5")
    assert needs.programs == ("sh",)


# Programs


def test_a_program_of_the_system_needs_nothing_more(environments: Environments) -> None:
    needed = environments.get(("program:sh",))
    assert (needed.mounts, needed.folders) == ((), ())


def test_a_program_in_a_users_folder_is_named_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "only-here"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentUnavailableError, match=str(program)):
        find_program("only-here")


# Interpreters


def test_the_interpreter_can_be_read_by_the_sandbox(empty: Path) -> None:
    found = find_interpreter(empty)
    command = Command(argv=(str(found.path), "-c", "print('runs')"), mounts=found.mounts)
    assert Bubblewrap().run(command, Tree({}), Limits()).output == b"runs\n"


def test_a_copy_of_our_own_interpreter_runs_in_the_sandbox(empty: Path, index: Index) -> None:
    copy = copied_interpreter(running_interpreter(), empty)
    assert copied_interpreter(running_interpreter(), empty) == copy
    maker = HostMaker(cache=empty, python=copy, installer=index.installer)
    environments = Environments(cache=empty, maker=maker)
    told = _run(environments, ("tiny",), "import sys, tiny; print(sys.base_prefix)")
    assert told.decode() == f"{empty}/interpreters/{copy.prefix.name}\n"


# Images

ENGINE = r"""#!/bin/bash
# A stand-in for podman that runs scripts of `run` where it stands.
echo "$@" >> "$(dirname "$0")/calls"
if [ "$1" = image ]; then echo sha256:abc; exit; fi
while [ "$1" != -c ]; do shift; done
exec sh "$@"
"""


@pytest.fixture
def container(tmp_path: Path) -> Container:
    engine = tmp_path / "podman"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    return Container(str(engine), "localhost/image")


def test_environments_for_containers_are_made_in_their_image(
    empty: Path, container: Container, tmp_path: Path
) -> None:
    environments = environments_for(container, empty)
    needed = environments.get((), language="python")
    assert environments.get((), language="python") == needed
    calls = (tmp_path / "calls").read_text()
    assert calls.count("python3 -m venv") == 1
    (folder,) = needed.mounts
    assert f"--volume={folder}:{folder}" in calls
    assert json.loads((folder / "cultivar.json").read_text()) == {"packages": []}


def test_programs_for_containers_are_looked_for_in_their_image(
    empty: Path, container: Container
) -> None:
    environments = environments_for(container, empty)
    assert environments.get(("program:sh",)).mounts == ()
    with pytest.raises(EnvironmentUnavailableError, match="localhost/image"):
        environments.get(("program:no-such-program",))


def test_the_environments_of_this_machine_are_for_the_other_sandboxes(empty: Path) -> None:
    assert isinstance(environments_for(Bubblewrap(), empty).maker, HostMaker)
    assert isinstance(environments_for(Container("podman", "x"), empty).maker, ImageMaker)
