"""Uses a version of a tool on many inputs behind the wall, and says what came of each use.

The invariant: what came of a use is told by our own worker or not at all; what a tool prints or
leaves behind counts for nothing. Each use is the tool's alone: one that spoils its place does not
spoil the others.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from cultivar import model
from cultivar.checking.checks import CheckRunner
from cultivar.checking.interpreters import find_interpreter
from cultivar.checking.output import readable
from cultivar.errors import (
    EnvironmentUnavailableError,
    RequirementUnavailableError,
    SandboxUnavailableError,
    UnsafeError,
)
from cultivar.evals.trying import spelling, tool_worker
from cultivar.evals.trying.spelling import canonical, digest
from cultivar.model import EndedBy, Json
from cultivar.record import Record, replace
from cultivar.sandbox.base import Command, Completed, Limits
from cultivar.sandbox.choose import may_run
from cultivar.templating.making import portable
from cultivar.tool import Case, Characteristics
from cultivar.tree import Entry, Tree, text_entry

Inputs = Mapping[str, Json]
"""The arguments of one use, by parameter."""

_WORKER: Final = "worker.py"
_VERSION: Final = "version"
_AT_ONCE: Final = 64
_OUTPUT_BYTES: Final = 32 << 20
_FACE: Final = "from cultivar.tool import Case, Characteristics, Tool, tool\n"
_START: Final = """\
import os, sys
sys.path.insert(0, os.getcwd())
from cultivar.evals.trying.tool_worker import main
main()
"""
_WITH_ITS_OWN_PYTHON: Final = "container"
_DECLARED: Final = re.compile(r"(?m)^# /// script$\s(?P<body>(^#(| .*)$\s)+)^# ///$")
"""Inline metadata of a script, as https://peps.python.org/pep-0723/ has it."""

_TOO_MUCH: Final[Mapping[EndedBy, str]] = {
    "wall": "it took too long",
    "cpu": "it used more than {limits.cpu_seconds:g} seconds of CPU",
    "memory": "it used more than {limits.memory_bytes} bytes of memory",
    "output": "it printed without end",
    "disk": "it wrote more than {limits.disk_bytes} bytes, or too many files",
    "processes": "it started more than {limits.processes} processes",
}


class Use(Record):
    """What came of one use of a tool's version."""

    value: Json = None
    """What it gave, spelled; None too where it was too large to be told."""
    hash: str = ""
    """Of what it gave, all of it; empty where it gave nothing."""
    raised: tuple[str, ...] = ()
    """The exception's class and those above it; empty where there was none."""
    message: str = ""
    """The exception's text; of a value that was too large, how it begins."""
    trace: str = ""
    """Where it was raised, line by line."""
    trouble: str = ""
    """Why there was neither a value nor an exception: it hung, it ended its process, …"""
    unverified: str = ""
    """Why nothing is known of it: its place was down."""
    lacking: bool = False
    """Whether that is so because it requires what is not to be had."""
    seconds: float = 0.0
    """Of the call itself."""
    loading: float = 0.0
    """Seconds that loading the tool took before."""

    @property
    def succeeded(self) -> bool:
        """Whether it gave a value."""
        return bool(self.hash)

    @property
    def agreement(self) -> str:
        """What two uses have in common that agree: the value, or the exception's class."""
        return self.hash or digest(canonical(self.raised[:1] or self.trouble))

    @property
    def said(self) -> str:
        """What it gave, or why it gave nothing, in words."""
        if self.unverified or not (self.raised or self.trouble):
            return self.unverified or self.message or canonical(self.value)
        error = f"{self.raised[0]}: {self.message}" if self.raised else ""
        head = f"{self.trouble}: {error}" if self.trouble and error else self.trouble or error
        return f"{head}\n{self.trace}".rstrip()


class Described(Record):
    """What a version of a tool says of itself."""

    characteristics: Characteristics = Characteristics()
    cases: tuple[Case, ...] = ()


class ToolUses(Record):
    """Uses tools behind the wall.

    Args:
        runner: Has the sandbox, and the environments that tools ask for.
        seconds: What one use may take, of wall-clock time.
        memory_bytes: How much memory each of its processes may have.
    """

    runner: CheckRunner
    seconds: float = 10.0
    memory_bytes: int = 512 << 20

    def use(self, tree: Tree, name: str, inputs: Sequence[Inputs]) -> tuple[Use, ...]:
        """Use the tool on each of the inputs.

        Args:
            tree: The version: its file `NAME.py`.
            name: The tool's.
            inputs: What it is given, each time anew.

        Returns:
            What came of each use, in the order of the inputs.

        Raises:
            UnconfinedError: There is no wall, and the user did not say `--unconfined`.
        """
        told = self._told(tree, name, inputs)
        return tuple(_use(told[number]) for number in range(len(inputs)))

    def describe(self, tree: Tree, name: str) -> Described | Use:
        """Ask a version for its characteristics and its cases.

        Returns:
            What it says; where it says nothing, why.

        Raises:
            UnconfinedError: There is no wall, and the user did not say `--unconfined`.
        """
        told = self._told(tree, name, [None])[0]
        try:
            return _described(told)
        except (KeyError, TypeError, ValueError, AttributeError):
            return _use(told if told.keys() - {"described"} else {"trouble": "it says no cases"})

    def _told(
        self, tree: Tree, name: str, inputs: Sequence[Inputs | None]
    ) -> dict[int, dict[str, Any]]:
        """What the worker says of each use.

        The worker goes through them in their order, each time in a place where nothing of the tool
        has run. So where it says nothing of the first, that one is to blame.
        """
        may_run(self.runner.sandbox, untrusted=True, unconfined=self.runner.unconfined)
        left = list(range(len(inputs)))
        try:
            place = _Place(self, tree, name)
        except EnvironmentUnavailableError as error:
            lacking = isinstance(error, RequirementUnavailableError)
            return {number: {"unverified": str(error), "lacking": lacking} for number in left}
        except UnsafeError as error:
            return {number: {"trouble": str(error)} for number in left}
        told: dict[int, dict[str, Any]] = {}
        while left:
            told |= place.told(left[:_AT_ONCE], inputs)
            left = [number for number in left if number not in told]
        return told


class _Place:
    """Where one version is used."""

    def __init__(self, uses: ToolUses, tree: Tree, name: str) -> None:
        self._uses, self._runner = uses, uses.runner
        self._name, self._version = name, tree
        self._limits = replace(self._runner.limits, output_bytes=_OUTPUT_BYTES)
        self._command = _command(self._runner, requires(tree, name))

    def told(
        self, numbers: Sequence[int], inputs: Sequence[Inputs | None]
    ) -> dict[int, dict[str, Any]]:
        """What the worker says of these uses, by number: of the first in any case."""
        key = secrets.token_bytes(32)
        files = self._files(key, [inputs[number] for number in numbers])
        try:
            done = self._runner.sandbox.run(self._command, files, self._limits)
        except SandboxUnavailableError as error:
            return {number: {"unverified": str(error)} for number in numbers}
        signed = list(_signed(done.output, key))
        told: dict[int, dict[str, Any]] = {numbers[each.pop("number")]: each for each in signed}
        return {numbers[0]: _why(done, self._limits)} | told

    def _files(self, key: bytes, inputs: Sequence[Inputs | None]) -> Tree:
        job = {
            "file": f"{_VERSION}/{self._name}.py",
            "name": self._name,
            "inputs": list(inputs),
            "seconds": self._uses.seconds,
            "all_seconds": max(self._limits.wall_seconds - self._uses.seconds - 5.0, 1.0),
            "memory_bytes": min(self._uses.memory_bytes, self._limits.memory_bytes),
        }
        version = {f"{_VERSION}/{path}": entry for path, entry in self._version.items()}
        asked = {
            tool_worker.KEY: Entry(content=key),
            tool_worker.JOB: text_entry(json.dumps(job)),
        }
        return Tree({**_worker(), **version, **asked})


def requires(tree: Tree, name: str) -> tuple[str, ...]:
    """The packages that a version says it needs, in the metadata of its script.

    Raises:
        UnsafeError: They are not told as they must be, or there is no such file.
    """
    import tomllib

    if f"{name}.py" not in tree:
        raise UnsafeError(f"It has no file `{name}.py`.")
    text = tree[f"{name}.py"].content.decode("utf-8", "replace")
    found = _DECLARED.search(text)
    lines = found["body"].splitlines() if found else []
    try:
        said = tomllib.loads("\n".join(line.lstrip("#") for line in lines))
    except tomllib.TOMLDecodeError as error:
        raise UnsafeError(f"The metadata of `{name}.py` is no TOML: {error}.") from error
    needed: object = said.get("dependencies", [])
    texts = cast("list[object]", needed) if isinstance(needed, list) else [None]
    if not all(isinstance(each, str) for each in texts):
        raise UnsafeError(f"`dependencies` of `{name}.py` is no list of texts.")
    return tuple(map(str, texts))


def environment_id(runner: CheckRunner, tree: Tree, name: str) -> str:
    """What is known by it changes with anything that a version has in reach.

    Raises:
        UnsafeError: It does not tell what it needs as it must.
        EnvironmentUnavailableError: A package, or Python, is not to be had.
    """
    needed = requires(tree, name)
    if _does_without(runner, needed):
        return str(find_interpreter(runner.environments.cache).path)
    return runner.environments.get(needed, language="python").id


def _does_without(runner: CheckRunner, needed: tuple[str, ...]) -> bool:
    """Whether bare Python is enough."""
    return not needed and runner.sandbox.name != _WITH_ITS_OWN_PYTHON


def _command(runner: CheckRunner, needed: tuple[str, ...]) -> Command:
    if _does_without(runner, needed):
        python = find_interpreter(runner.environments.cache)
        argv = (str(python.path), "-I", "-S", "-B", _WORKER)
        return Command(argv=argv, mounts=python.mounts)
    environment = runner.environments.get(needed, language="python")
    return Command(
        argv=("/bin/sh", "-c", f"exec python -I -B {_WORKER}"),
        environment=environment.variables,
        mounts=environment.mounts,
    )


@cache
def _worker() -> Mapping[str, Entry]:
    """The files of the worker, and what a tool may import of us."""
    ours = Path(model.__file__).parent
    modules = {
        "tool": (ours / "tool.py").read_text("utf-8"),
        "model": _source(model),
        "record": _source(portable),
        "evals/trying/spelling": _source(spelling),
        "evals/trying/tool_worker": _source(tool_worker),
        "__init__": _FACE,
    }
    files = {f"cultivar/{name}.py": text_entry(text) for name, text in modules.items()}
    return {_WORKER: text_entry(_START), **files}


def _source(module: Any) -> str:
    return Path(module.__file__).read_text("utf-8")


def _signed(output: bytes, key: bytes) -> Iterator[dict[str, Any]]:
    """The lines of the output that the worker has signed."""
    for line in output.split(b"\n"):
        word, _, rest = line.partition(b" ")
        mac, _, said = rest.partition(b" ")
        right = hmac.new(key, said, "sha256").hexdigest().encode()
        if word == tool_worker.SIGNED and hmac.compare_digest(mac, right):
            yield json.loads(said)


def _why(done: Completed, limits: Limits) -> dict[str, Any]:
    """Why the worker did not say what came of the use that it was to see to."""
    if done.exit_code > 0 and done.ended_by == "exit":  # the tool could only have killed it
        return {"unverified": f"The place of the trial is not whole: {readable(done.output)}"}
    if done.ended_by in _TOO_MUCH:
        return {"trouble": _TOO_MUCH[done.ended_by].format(limits=limits)}
    return {"trouble": "it ended the processes around it, or spoiled what they tell"}


def _use(told: Mapping[str, Any]) -> Use:
    return Use(
        value=told.get("value"),
        hash=told.get("hash", ""),
        raised=tuple(told.get("raised", ())),
        message=told.get("message", "") or told.get("begins", ""),
        trace=told.get("trace", ""),
        trouble=told.get("trouble", ""),
        unverified=told.get("unverified", ""),
        lacking=told.get("lacking", False),
        seconds=told.get("seconds", 0.0),
        loading=told.get("loading", 0.0),
    )


def _described(told: Mapping[str, Any]) -> Described:
    said = told["described"]
    like = {name: said["characteristics"][name] for name in Characteristics.__struct_fields__}
    return Described(
        characteristics=Characteristics(**{name: bool(is_so) for name, is_so in like.items()}),
        cases=tuple(_case(each) for each in said["cases"]),
    )


def _case(said: Mapping[str, Any]) -> Case:
    return Case(
        input=dict(said["input"]),
        expected_output=said["expected_output"],
        should_raise=str(said["should_raise"]),
        description=str(said["description"]),
    )
