"""The corpus: which commits of public projects brought them to a newer version of their template.

Only names and commit ids are kept; whoever runs the benchmark brings the repositories.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cultivar.errors import SettingsError

CORPUS: Final = Path(__file__).parent / "transitions.json"
"""Updates of ten projects: the set that Cultivar's merge was developed on."""


@dataclass(frozen=True, kw_only=True)
class Transition:
    """One commit of a project that moved it from one version of its template to another."""

    project: str
    """`owner/name` of the project."""
    template: str
    """`owner/name` of the template."""
    answers: str
    """Path of the answers file in the project."""
    old: str
    """Version of the template before: tag, description or commit."""
    new: str
    """Version of the template after."""
    commit: str
    """The commit that moved the project."""
    needs: tuple[str, ...] = ()
    """`owner/name` of the repositories that the template has as submodules."""

    @property
    def repositories(self) -> tuple[str, ...]:
        """Everything that must be there to replay it."""
        return (self.project, self.template, *self.needs)

    @property
    def folder_name(self) -> str:
        """How the project's folder is called; templates can see it."""
        return self.project.split("/")[1]


def load_transitions(path: Path = CORPUS, only: str = "") -> tuple[Transition, ...]:
    """Read a corpus.

    Args:
        path: A JSON list of objects with the fields of `Transition`; other fields do not count.
        only: A regular expression that the project's or the template's name must match.

    Raises:
        SettingsError: The file is not there or is no such list.
    """
    try:
        found = tuple(_transition(each) for each in json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SettingsError(
            f"{str(path)!r} is no list of transitions: {error!r}.",
            "Give each its project, template, answers, old, new and commit.",
        ) from error
    return tuple(each for each in found if re.search(only, f"{each.project} {each.template}"))


def repositories(transitions: Iterable[Transition]) -> list[str]:
    """The names of all repositories that `transitions` need."""
    return sorted({name for each in transitions for name in each.repositories})


def _transition(fields: dict[str, Any]) -> Transition:
    names = ("project", "template", "answers", "old", "new", "commit")
    said = {name: str(fields[name]) for name in names}
    return Transition(**said, needs=tuple(fields.get("needs", ())))
