"""A workspace with a template, a tool and a prompt, over things that ship, for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cultivar.checking.checks import CheckRunner
from cultivar.evolution.artifacts.finding import Disk, Folders
from cultivar.evolution.artifacts.recording import Recorded
from cultivar.evolution.artifacts.registry import Registry
from cultivar.evolution.artifacts.verifying import Verifier, Verify
from cultivar.generation.workshop import Workshop
from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.lifecycle import Artifact
from cultivar.record import Record
from cultivar.templating.origins.catalog import Catalog

TEMPLATE = Artifact(kind="template", name="quality_template:greeting")
CALCULATOR = Artifact(kind="tool", name="calculator")
SLOTS = Artifact(kind="prompt", name="writer/slots")

COPIER = """\
# What is asked
name:  # of the package
  type: str
  default: example

_subdirectory: template
_cultivar:
  id: quality_template:greeting
  version: 1.0.0  # raised by hand
  language: python
"""
GREETING = "print('hello {{ name }}')\n"
TOOL = '''\
from cultivar import Case, Characteristics, tool


@tool(
    Characteristics(idempotent=True, side_effects=False),
    cases=(
        Case(input={"a": 6, "b": 3}, expected_output=2.0),
        Case(input={"a": 1, "b": 0}, should_raise="ValueError", description="nothing to divide by"),
    ),
)
def calculator(a: float, b: float) -> float:
    """Divide."""
    return a / b
'''
MENDED = TOOL.replace(
    "    return a / b\n", '    if b == 0:\n        raise ValueError("b is 0")\n    return a / b\n'
)
PROMPT = "Write {{ what }}.\n{% for rule in rules %}\n- {{ rule }}\n{% endfor %}\n"


class World(Record):
    """Where all of it is."""

    root: Path
    open_runner: Callable[[], CheckRunner]
    """Finds what runs tools behind the wall."""

    @property
    def workspace(self) -> Path:
        """The user's folder."""
        return self.root / "workspace"

    @property
    def shipped(self) -> Path:
        """What comes with Cultivar."""
        return self.root / "shipped"

    @property
    def home(self) -> Path:
        """Of the user."""
        return self.root / "home"

    @property
    def template(self) -> Path:
        """The template's folder."""
        return self.workspace / "templates_data/greeting"

    @property
    def tool(self) -> Path:
        """The tool's file."""
        return self.workspace / "tools/calculator.py"

    @property
    def prompt(self) -> Path:
        """The prompt's file."""
        return self.workspace / "agents/writer/slots.md.jinja"

    def write(self, file: Path, text: str) -> Path:
        """Write a file, with the folders above it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def ledger(self) -> SqlLedger:
        """The record."""
        return open_ledger(f"sqlite:///{self.home}/ledger.db")

    def registry(
        self, ledger: SqlLedger, *, trusted: bool = True, verify: Verify | None = None
    ) -> Registry:
        """The registry, as another process would open it.

        Args:
            ledger: The record.
            trusted: Whether Python of the workspace may run.
            verify: What is done in the place of the smoke test.
        """
        templates = self.workspace / "templates_data"
        folders = Folders(
            workspace=self.workspace,
            shipped=self.shipped,
            trusted=trusted,
            templates=(templates,),
        )
        shipped = [self.shipped / "templates_data"]
        catalog = Catalog([templates], self.home / "git", builtin=shipped)
        recorded = Recorded(
            content=ledger.content,
            artifacts=ledger.artifacts,
            experiments=ledger.experiments,
            leases=ledger.leases,
        )
        smoke = Verifier(open_runner=self.open_runner, workshop=Workshop(self.open_runner))
        return Registry(recorded, Disk(folders, catalog), self.home, verify or smoke)


def world_in(root: Path, open_runner: Callable[[], CheckRunner]) -> World:
    """A workspace with one of each kind."""
    world = World(root=root, open_runner=open_runner)
    world.home.mkdir(parents=True)
    world.write(world.template / "copier.yml", COPIER)
    world.write(world.template / "template/greet.py.jinja", GREETING)
    world.write(world.template / "template/notes.txt", "kept\n")
    world.write(world.tool, TOOL)
    world.write(world.prompt, PROMPT)
    return world
