"""Cases that a person wrote: the suites in `evals/` of the workspace that name an artifact.

The invariant: a suite that is broken is told, and ends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from cultivar.errors import CultivarError
from cultivar.evals.suites.expanding import cases_of
from cultivar.evals.suites.reading import read_suite
from cultivar.evals.suites.suite import Suite, distinct
from cultivar.evals.trying.base import Place, Subject
from cultivar.evolution.artifacts.finding import Disk
from cultivar.evolution.campaigns.prompt_cases import REPEATS
from cultivar.lifecycle import Artifact, TrialCase
from cultivar.record import Record, field, replace

FOLDER: Final = "evals"
"""Where suites stand in a workspace, at any depth."""

MOST: Final = 200
"""Cases of one artifact that are taken, from all its suites together."""

_FILES: Final = 500
_LONGEST: Final = 1_000_000
_LOOKS_LIKE_ONE: Final = re.compile(
    r"\A(?=.*^cases[ \t]*:)(?=.*^(?:template|tool|prompt)[ \t]*:)", re.MULTILINE | re.DOTALL
)
"""Other files may stand there as well; of those nothing is told."""


class SuiteCases(Record):
    """Finds the cases of suites.

    Args:
        disk: Knows the workspace, in whose `evals/` suites are looked for, and its templates.
        place: What reads templates, and asks their questions.
    """

    disk: Disk
    place: Place
    troubles: list[str] = field(default_factory=list[str])
    """What could not be used, a sentence each."""

    def of(self, subject: Subject) -> tuple[TrialCase, ...]:
        """The cases of all suites that name an artifact, as its current version takes them.

        Args:
            subject: The version that is used.
        """
        found: list[TrialCase] = []
        for suite in self._suites():
            if self._is_of(suite, subject.artifact):
                found += self._cases(suite, subject)
        cases = distinct(found)
        if len(cases) > MOST:
            self._tell(
                f"The suites of {subject.artifact.id} have {len(cases):,} cases; the first"
                f" {MOST} are taken."
            )
        return cases[:MOST]

    def _suites(self) -> Iterator[Suite]:
        for file in islice(self._files(), _FILES):
            try:
                yield read_suite(file)
            except CultivarError as error:
                self._tell(f"The suite is left out. {error.what}")

    def _files(self) -> Iterator[Path]:
        workspace = self.disk.workspace.resolve()
        for file in sorted((workspace / FOLDER).rglob("*.y*ml")):
            inside = file.resolve().is_relative_to(workspace)
            if inside and file.is_file() and _LOOKS_LIKE_ONE.match(_beginning(file)):
                yield file

    def _cases(self, suite: Suite, subject: Subject) -> Sequence[TrialCase]:
        try:
            return [_repeated(each, suite) for each in self._expanded(suite, subject)]
        except CultivarError as error:
            self._tell(f"The suite `{suite.file}` is left out. {error.what}")
            return ()

    def _expanded(self, suite: Suite, subject: Subject) -> Sequence[TrialCase]:
        if suite.kind != "template":
            return cases_of(suite)
        return cases_of(suite, [self.place.template(subject)], self.place.workshop)

    def _is_of(self, suite: Suite, artifact: Artifact) -> bool:
        if suite.kind != artifact.kind:
            return False
        if not suite.reference.startswith(("./", "../")):
            return suite.reference == artifact.name
        found = self.disk.at(artifact)
        named = (Path(suite.file).parent / suite.reference).resolve()
        return found is not None and found.place.resolve() == named

    def _tell(self, trouble: str) -> None:
        if trouble not in self.troubles:
            self.troubles.append(trouble)


def _repeated(case: TrialCase, suite: Suite) -> TrialCase:
    """The case, tried as often as its results vary."""
    noisy = suite.noisy if suite.noisy is not None else (suite.kind == "prompt" or None)
    if noisy is None:
        return case
    return replace(case, repeats=max(case.repeats, REPEATS) if noisy else 1)


def _beginning(file: Path) -> str:
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as opened:
            return opened.read(_LONGEST)
    except OSError:
        return ""
