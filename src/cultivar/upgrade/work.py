"""One upgrade under way: what its steps go by, each thing worked out when it is first needed.

The invariant: all of it follows from the order and from what stands on the disk, so a run that
another process takes up comes to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from cultivar.agent import Context
from cultivar.delivery.journal import Journals
from cultivar.delivery.places import is_folder, present
from cultivar.delivery.project import Project, read_project
from cultivar.delivery.transaction import take_back
from cultivar.delivery.worktree import WorkTree, state
from cultivar.generation.templates import TemplateStore
from cultivar.generation.vault import Vault
from cultivar.ledger.base import Ledger
from cultivar.model import Answer, Json
from cultivar.record import replace
from cultivar.templating.questions.answers_file import asks_for_copiers
from cultivar.templating.template import Template
from cultivar.tree import Tree
from cultivar.upgrade.answers import Carried, OldAnswers, carry
from cultivar.upgrade.edited import refuse_mistyped
from cultivar.upgrade.finding import Finder
from cultivar.upgrade.outputs import Output
from cultivar.upgrade.sources import Base, Sources
from cultivar.upgrade.window import Window
from cultivar.upgrades import UpgradeOrder


class Work:
    """An upgrade under way.

    Args:
        run_id: The run.
        order: What was asked.
        context: Where services come from.
    """

    def __init__(self, run_id: str, order: UpgradeOrder, context: Context) -> None:
        self.run_id, self.order, self.context = run_id, order, context

    @cached_property
    def folder(self) -> Path:
        """Where the output stands."""
        return Path(self.order.folder)

    @cached_property
    def output(self) -> Output:
        """What is upgraded."""
        path = self.folder / self.order.answers_file
        return self.context.get(Finder).output_of(path if path.is_file() else self.folder)

    def open_origin(self) -> None:
        """Open the repository of the template, which both of its versions are read from."""
        sources = self.context.get(Sources)
        sources.versions.open(sources.reference(self.output, self.order), self.order.to)

    @cached_property
    def template(self) -> Template:
        """The new version of the template, trusted where the user trusts it."""
        found = self.context.get(Sources).newest(self.output, self.order)
        return placed(self._trusted(found), self.output)

    @cached_property
    def base(self) -> Base:
        """What the old version made, or what it takes to make it again."""
        found = self.context.get(Sources).base(self.output, self.order)
        if found.template is None:
            return found
        return replace(found, template=placed(self._trusted(found.template), self.output))

    @cached_property
    def from_version(self) -> str:
        """What it is upgraded from."""
        return self.order.from_version or self.output.version

    @property
    def to_version(self) -> str:
        """What it is upgraded to, in the words of its answers file."""
        ref = self.template.ref
        return ref.ref if self.output.kept.template_version == self.output.commit else ref.version

    @cached_property
    def window(self) -> Window:
        """Which migration scripts lie between."""
        return Window(
            from_version=self.from_version,
            to_version=self.order.to or self.to_version,
            from_ref=self.order.from_version or self.output.commit,
            to_ref=self.template.ref.ref,
        )

    @cached_property
    def given(self) -> dict[str, Json]:
        """What the user answers now, secrets among it."""
        said = {each.name: each.value for each in self.order.answers}
        return said | dict(self.context.get(Vault).of(self.run_id))

    @cached_property
    def carried(self) -> Carried:
        """What becomes of the old answers.

        Raises:
            TemplateError: A person put an answer into the answers file that is of another type.
        """
        self._refuse_mistyped()
        old = OldAnswers(
            kept=self.output.kept,
            recorded=self.base.answers,
            template=self.base.template,
            folder_name=self.folder.name,
        )
        carried = carry(old, self.template, self.given)
        return replace(carried, answers=(*carried.answers, *self._standing_secrets()))

    @cached_property
    def worktree(self) -> WorkTree:
        """How the files stand to git, once what an interrupted upgrade left is taken back."""
        take_back(self.folder, self.context.get(Journals))
        return state(self.folder)

    @cached_property
    def read(self) -> Project:
        """The files of the project, and which could not be read."""
        return read_project(self.worktree)

    @property
    def project(self) -> Tree:
        """The files of the project, as they are."""
        return self.read.tree

    def project_with(self, paths: Iterable[str]) -> Tree:
        """The files of the project, and those at `paths` also where git ignores them."""
        places = {path: self.folder / path for path in paths if path not in self.project}
        ignored = {path: place for path, place in places.items() if not is_folder(place)}
        return self.project.replace({path: present(place) for path, place in ignored.items()})

    @cached_property
    def scripts_done(self) -> frozenset[str]:
        """The migration scripts whose work stands in the project already."""
        ledger = self.context.get(Ledger)
        return ledger.scripts_done(str(self.folder), self.template.ref.id)

    def _standing_secrets(self) -> Iterator[Answer]:
        """What stands for the secrets that were given once, and are not given now."""
        asked = {each.name: each for each in self.template.questions if each.secret}
        for answer in self.base.answers or ():
            question = asked.get(answer.name)
            if answer.source != "user" or question is None or answer.name in self.given:
                continue
            if question.type == "str" and not (question.choices or question.validator):
                yield replace(answer, value=f"<{answer.name}>")

    def _refuse_mistyped(self) -> None:
        """See that what a person changed in the answers file can be an answer."""
        template, path = self.base.template, self.folder / self.output.answers_file
        if self.base.generation is not None and template is not None and path.is_file():
            refuse_mistyped(path.read_bytes(), self.output.answers_file, template)

    def _trusted(self, template: Template) -> Template:
        store = self.context.get(TemplateStore)
        return replace(template, ref=store.admit(template, trust=self.order.trust))


def placed(template: Template, output: Output) -> Template:
    """The template, with Copier's answers file where the output has it."""
    if not asks_for_copiers(template) or output.kept.template_id:
        return template
    rules = replace(template.rules, answers_file=output.answers_file)
    return replace(template, rules=rules)
