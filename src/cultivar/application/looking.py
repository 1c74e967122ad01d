"""Ask what there is, what was made, and how it went."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from cultivar.application.opened import Opened
from cultivar.errors import CultivarError, NotKnownError, UnavailableError
from cultivar.ledger.base import ContentStore, Ledger, PatternStore, Query, Run, VersionStats
from cultivar.ledger.tallying import TallyStore
from cultivar.model import FailurePattern, Generation
from cultivar.record import Record
from cultivar.templating.origins.catalog import Catalog
from cultivar.templating.questions.answers_file import SUFFIX
from cultivar.templating.template import Template

if TYPE_CHECKING:
    from cultivar.doctor import Finding
    from cultivar.learning.findings.statistics import TemplateStatistics
    from cultivar.lifecycle import Kind


class Running(Record):
    """A canary that runs."""

    version: str
    share: float
    """Of the uses that get it."""


class Looking(Opened):
    """Answers what is asked; changes nothing."""

    def templates(self) -> tuple[Template, ...]:
        """The templates that can be generated from by id."""
        return self.services.need(Catalog).all()

    def template(self, reference: str, ref: str = "") -> Template:
        """The template of an id, a folder or a git address."""
        return self.services.need(Catalog).find(reference, ref)

    def canary(self, kind: Kind, name: str) -> Running | None:
        """The canary that a share of the uses of an artifact gets; None where all get the same.

        Args:
            kind: What the artifact is.
            name: A template's id, or a tool's name.
        """
        from cultivar.evolution.canary.choosing import running_canary
        from cultivar.ledger.improvements import ArtifactStore, ExperimentStore
        from cultivar.lifecycle import Artifact

        artifact = Artifact(kind=kind, name=name)
        try:
            store = self.services.need(ArtifactStore)
            found = running_canary(store, self.services.need(ExperimentStore), artifact)
        except UnavailableError:
            return None  # without a record nothing is shared out
        if found is None:
            return None
        return Running(version=store.version(artifact, found.after).version, share=found.share)

    def history(self, query: Query | None = None) -> tuple[Generation, ...]:
        """What was generated, the newest first."""
        return self.services.need(Ledger).generations(query or Query())

    def runs(self, limit: int = 50) -> tuple[Run, ...]:
        """The latest runs, the newest first."""
        return self.services.need(Ledger).runs(limit)

    def run(self, run_id: str) -> Run:
        """The run of that id, or of which it is the only beginning.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        return self.services.need(Ledger).run(run_id)

    def stats(self, template_id: str = "") -> tuple[VersionStats, ...]:
        """How each version of each template has done."""
        return self.services.need(Ledger).stats(template_id)

    def statistics(self, template_id: str) -> TemplateStatistics:
        """What is known of a template: its answers, their combinations, what fails, what changed.

        Raises:
            NotKnownError: Nothing was generated from it here; with the nearest that was used.
        """
        from cultivar.learning.findings.statistics import statistics_of

        store = self.services.need(TallyStore)
        used = store.totals()
        if template_id not in used:
            near = tuple(get_close_matches(template_id, used))
            raise NotKnownError("generation of the template", template_id, near)
        return statistics_of(store, template_id)

    def generation(self, which: str | Path) -> Generation:
        """The generation of an id (or its beginning), or the latest that wrote a file.

        Raises:
            NotKnownError: There is none.
        """
        path = Path(which)
        if path.exists():
            found = self.services.need(Ledger).maker_of(str(_subject(path.resolve())))
            if found is None:
                raise NotKnownError("generation that wrote", str(which))
            return found
        return self.services.need(Ledger).generation(str(which))

    def files(self, generation: Generation) -> tuple[str, ...]:
        """The paths of what was generated, relative to its folder."""
        return tuple(self.services.need(ContentStore).tree(generation.tree_hash))

    def patterns_of(
        self, generation: Generation
    ) -> tuple[tuple[FailurePattern, ...], tuple[FailurePattern, ...]]:
        """The failure patterns that it was told of, and those that its own failures joined."""
        store = self.services.need(PatternStore)
        joined = dict.fromkeys(each for a in generation.attempts for each in a.patterns)
        return store.patterns(generation.recalled), store.patterns(joined)

    def export(self, generation: Generation) -> str:
        """Its answers as YAML, without secrets."""
        from cultivar.ledger.export import answers_yaml

        return answers_yaml(generation)

    def broken_templates(self) -> tuple[CultivarError, ...]:
        """Why templates in the folders that are looked into could not be read."""
        return tuple(self.services.need(Catalog).broken.values())

    def doctor(self) -> tuple[Finding, ...]:
        """What is there, and what to do about what is not."""
        from cultivar.doctor import examine

        return examine(self.services)


def _subject(path: Path) -> Path:
    """Of an answers file, what it stands beside; of anything else, itself."""
    if not path.name.endswith(SUFFIX):
        return path
    return path.with_name(path.name.removesuffix(SUFFIX)) if path.name != SUFFIX else path.parent
