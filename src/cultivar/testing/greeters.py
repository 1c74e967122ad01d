"""A small template that greets, cases for it, and places where it is tried."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

from cultivar.application.evaluating import OpenPlaceOf
from cultivar.evals.suites.suite import identified
from cultivar.evals.trying.base import Place, Subject
from cultivar.lifecycle import Artifact, Assertion, TrialCase
from cultivar.model import Json
from cultivar.settings import SandboxSettings, Settings
from cultivar.tree import Tree, text_entry

GREETER: Final = Artifact(kind="template", name="test:greeter")

_COPIER: Final = """\
name: {{type: str, default: world}}
loud: {{type: bool, default: false}}
times: {{type: int, default: 1, when: "{{{{ loud }}}}"}}
tone:
  type: str
  choices: [kind, plain, rude]
  default: plain
  validator: "{{% if tone == 'rude' and loud %}}is too much{{% endif %}}"
_cultivar:
  id: test:greeter
  version: {version}
  checks: [{{name: runs, run: {check}, required: true}}]
"""

PASSED: Final = Assertion(kind="checks", value=True)
"""The template's own checks."""


def greeter(check: str = "grep -q hello greeting.txt", *, version: str = "1.0.0") -> Subject:
    """A template that greets, with one check, which needs nothing but a shell."""
    files = {
        "copier.yml": _COPIER.format(check=f'"{check}"', version=version),
        "greeting.txt.jinja": "hello {{ name }}{% if loud %}{{ '!' * times }}{% endif %}\n",
    }
    tree = Tree({path: text_entry(text) for path, text in files.items()})
    return Subject(artifact=GREETER, tree=tree, trusted=True)


def case_of(*assertions: Assertion, task: str = "", **inputs: Json) -> TrialCase:
    """A case with these assertions, or else the template's own checks."""
    return identified(
        TrialCase(id="", task=task, inputs=dict(inputs), assertions=assertions or (PASSED,))
    )


def settings_in(folder: Path, *, seconds: float = 60.0) -> Settings:
    """The settings of somebody who has `folder` alone, and no model.

    Args:
        folder: The workspace.
        seconds: What a command may take.
    """
    limits = SandboxSettings(wall_seconds=seconds)
    return Settings(workspace=folder, home=folder / "home", sandbox=limits)


class OpenDying(OpenPlaceOf):
    """Opens a place after some workers have died of it, as of a lack of memory."""

    deaths: int
    """How many die."""
    counted_in: Path
    """A folder with a file for each that has died."""

    def __call__(self) -> Place:
        """The place, if enough have died."""
        died = self.counted_in / str(os.getpid())
        if len(list(self.counted_in.iterdir())) < self.deaths:
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__()
