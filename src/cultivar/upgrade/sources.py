"""The two templates of an upgrade: the one that made the output, and the one it is to become.

The invariant: what the ledger has is never fetched. The old version is looked for in the ledger
first, exactly as it was written, and in the template's own repository last.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from cultivar.errors import (
    CultivarError,
    NotKnownError,
    UnavailableError,
    UntrustedError,
    UsageError,
)
from cultivar.generation.templates import TemplateStore
from cultivar.ledger.base import ContentStore, Ledger
from cultivar.ledger.tallying import ADOPTED
from cultivar.model import Answers, Attempt, Draft, Generation, Json, Proof, TemplateRef, Usage
from cultivar.record import Record, replace
from cultivar.templating.numbering import version_of
from cultivar.templating.origins.git import git_address
from cultivar.templating.template import Template
from cultivar.tree import Tree
from cultivar.upgrade.outputs import Output
from cultivar.upgrade.recorded import Made, Recorded
from cultivar.upgrade.versions import Present, Versions, Wanted
from cultivar.upgrades import UpgradeOrder

How = Literal["generated here", "generated elsewhere", "kept template", "origin"]
"""How the old version was found: its tree in the ledger, or a template to render again."""


class Base(Record):
    """What the old version of the template made, or what it takes to make it again."""

    how: How
    tree: Tree | None
    """None: it is to be rendered, from `template` and `given`."""
    template: Template | None
    """None: there is only the tree."""
    given: Mapping[str, Json]
    """The kept answers to the questions that the template has."""
    answers: Answers | None = None
    """Of a generation in the ledger: its answers, with why each was given."""
    generation: Generation | None = None
    """What the ledger knows of it."""


Render: TypeAlias = Callable[[Template, Mapping[str, Json]], tuple[Answers, Tree]]
"""Makes the answers and the tree of a template and of what was answered."""


class Sources(Record):
    """Finds what an upgrade goes from, and what it goes to."""

    ledger: Ledger
    content: ContentStore
    templates: TemplateStore
    versions: Versions

    @property
    def recorded(self) -> Recorded:
        """What the ledger has of outputs."""
        return Recorded(ledger=self.ledger, content=self.content)

    def base(self, output: Output, order: UpgradeOrder) -> Base:
        """What made `output`.

        Raises:
            NotKnownError: Neither the ledger nor the template's repository has it any more.
            UnavailableError: The ledger does not have it, and the repository cannot be reached.
            UsageError: The answers file does not say what made it.
        """
        made = Made(output=output, order=order)
        found = self.recorded.found(made)
        if found is not None:
            template = self.kept_template(found[1].template)
            return Base(
                how=found[0],
                tree=self.content.tree(found[1].tree_hash),
                template=template,
                given=_given(output, template),
                answers=found[1].answers,
                generation=found[1],
            )
        how, template = self._old_template(made)
        return Base(how=how, tree=None, template=template, given=_given(output, template))

    def newest(self, output: Output, order: UpgradeOrder) -> Template:
        """The template that `output` is to become: of the version asked for, or the newest.

        What is newer than the newest release stays what it is, unless a version is asked for.

        Raises:
            NotKnownError: There is no such version or template; with those that are near.
            UnavailableError: The template's repository cannot be reached.
            UsageError: It is older than what made the output, or it is not said what made it.
        """
        reference = self.reference(output, order)
        pre_releases = order.pre_releases
        wanted = Wanted(reference=reference, version=order.to, pre_releases=pre_releases)
        template = self.versions.find(wanted)
        _refuse_another(template, output, order)
        present = present_version(output, order)
        if order.allow_downgrade or not self.versions.is_older(template, present, reference):
            return template
        if order.to:
            raise _downgrade(template, present, output)
        try:
            now = present.commit or present.version
            return self.versions.find(Wanted(reference=reference, version=now))
        except NotKnownError:
            raise _downgrade(template, present, output) from None

    def reference(self, output: Output, order: UpgradeOrder) -> str:
        """Where the template of `output` is: what was asked for, or where it came from.

        Raises:
            NotKnownError: It is not where it came from any more.
            UsageError: The answers file does not say where that was.
        """
        found = next(self._references(output, order), "")
        if found:
            return found
        named = output.origin or output.template_id
        if named:
            remedy = "Name where it is now with `--source`."
            raise NotKnownError("template", named, (), remedy)
        raise UsageError(
            f"`{output.answers_file}` has neither `_template_id` nor `_src_path`, so what made "
            f"`{output.path}` is not known.",
            "Pass `--source` with an id, a folder or a git address, and `--from` its version.",
        )

    def adopt(
        self, output: Output, order: UpgradeOrder, render: Render, instance_id: str
    ) -> Generation:
        """Bring `output` into the ledger, so that an upgrade needs no old template any more.

        What is there already stays as it is.

        Args:
            output: What was generated, by Copier or where another ledger has it.
            order: Where its template is to be looked for.
            render: Makes again what the old template made.
            instance_id: Who adopts it.

        Raises:
            NotKnownError: What made it cannot be found any more.
            UnavailableError: It cannot be fetched.
            UsageError: The answers file does not say what made it.
        """
        made = Made(output=output, order=order)
        found = self.recorded.found(made)
        if found is not None and found[0] == "generated here":
            return found[1]
        adopted = (
            replace(found[1], attempts=(_unverified(found[1].attempts[-1].draft),))
            if found is not None
            else self._rendered(self._old_template(made)[1], output, render)
        )
        adopted = _at(output, replace(adopted, instance_id=instance_id))
        self.ledger.record(adopted)
        return adopted

    def _rendered(self, template: Template, output: Output, render: Render) -> Generation:
        """What `template` made of the answers of `output`, for the ledger."""
        answers, tree = render(template, _given(output, template))
        self.content.put(template.tree)
        return Generation(
            id="",
            run_id="",
            task="",
            template=template.ref,
            answers=answers,
            attempts=(_unverified(Draft(tree_hash=self.content.put(tree))),),
            instance_id="",
            generated_at=datetime.now(UTC),
        )

    def _old_template(self, made: Made) -> tuple[How, Template]:
        """The old template: as the ledger kept it, or from where it came.

        Raises:
            NotKnownError: It is nowhere.
            UnavailableError: It cannot be fetched.
        """
        for each in self.recorded.alike(made):
            if template := self.kept_template(each.template):
                return "kept template", template
        return "origin", self._from_origin(made)

    def kept_template(self, ref: TemplateRef) -> Template | None:
        """The template of `ref` from the ledger; None where it was never kept there."""
        try:
            return self.templates.load(ref)
        except NotKnownError:
            return None

    def _from_origin(self, made: Made) -> Template:
        output, order = made.output, made.order
        references = list(self._references(output, order)) or [self.reference(output, order)]
        version = order.from_version or output.commit or output.version
        if not version:
            raise UsageError(
                f"`{output.answers_file}` does not say which version made `{output.path}`.",
                "Pass it with `--from`: a version, a tag or a commit.",
            )
        tried: list[CultivarError] = []
        for reference in references:
            try:
                return self._old_version(reference, version, order)
            except (NotKnownError, UnavailableError) as error:
                tried.append(error)
        raise _lost(output, version, tried)

    def _old_version(self, reference: str, version: str, order: UpgradeOrder) -> Template:
        # Opened for the new version: what that fetches, the old one is read from too.
        self.versions.open(reference, order.to)
        return self.versions.find(Wanted(reference=reference, version=version))

    def _references(self, output: Output, order: UpgradeOrder) -> Iterator[str]:
        """Where the template may be, the likeliest first."""
        if order.template:
            yield order.template
        if place := _place(output.origin, output.folder):
            yield place
        known = self.versions.catalog.all() if output.template_id else ()
        if any(each.ref.id == output.template_id for each in known):
            yield output.template_id
        found = self.recorded.found(Made(output=output, order=order))
        if found is not None and (place := _place(found[1].template.origin, output.folder)):
            yield place


def _given(output: Output, template: Template | None) -> dict[str, Json]:
    answers = output.kept.answers
    if template is None:
        return dict(answers)
    return {each.name: answers[each.name] for each in template.questions if each.name in answers}


def _refuse_another(template: Template, output: Output, order: UpgradeOrder) -> None:
    """See that it is the template that made the output, whatever was put into its answers file.

    Raises:
        UntrustedError: It is another, and the user did not name it.
    """
    made_by = output.kept.template_id
    if made_by and template.ref.id != made_by and not order.template:
        raise UntrustedError(
            f"`{output.answers_file}` leads to the template {template.ref.id!r} at "
            f"`{template.ref.origin}`, but {made_by!r} made `{output.path}`.",
            "If the template was renamed, say where it is with `--source`.",
        )


def _is_template(path: Path) -> bool:
    """Whether a template may be at `path`: what merely lies there is none."""
    if path.is_file():
        return path.suffix in {".json", ".bundle"}
    names = ("copier.yml", "copier.yaml", ".git", "HEAD")
    return any((path / name).exists() for name in names)


def _place(origin: str, folder: Path) -> str:
    """`origin` where it is an address, or a template that is there; else empty."""
    try:
        if not origin or git_address(origin):
            return origin
    except UsageError:  # it climbs, and is no address for anybody
        return ""
    path = folder / Path(origin).expanduser()
    return str(path.resolve()) if _is_template(path) else ""


def present_version(output: Output, order: UpgradeOrder) -> Present:
    """The version that made `output`, as far as its answers file or the order says it."""
    commit = order.from_version or output.commit
    own = "" if order.from_version else str(output.kept.metadata.get("_template_version") or "")
    return Present(version=own or version_of(commit), commit=commit)


def _unverified(draft: Draft) -> Attempt:
    return Attempt(number=1, draft=draft, proof=Proof(results=()))


def _at(output: Output, generation: Generation) -> Generation:
    """`generation` as it is adopted at the place of `output`: the same id each time."""
    named = [
        str(output.folder),
        output.answers_file,
        *(generation.template.tree_hash, output.version),
    ]
    run_id = str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(named)))
    return replace(
        generation,
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, run_id)),
        run_id=run_id,
        task=ADOPTED,
        output=str(output.folder),
        file_path=str(output.path),
        generated_at=datetime.now(UTC),
        recalled=(),
        usage=Usage(),
        seconds=0.0,
    )


def _downgrade(template: Template, present: Present, output: Output) -> UsageError:
    was = present.commit or present.version
    return UsageError(
        f"{template.ref.ref or template.ref.version} of {template.ref.id} is older than {was}, "
        f"which made `{output.path}`.",
        "Pass `--allow-downgrade` to go back, or name a newer version with `--to`.",
    )


def _lost(output: Output, version: str, tried: Sequence[CultivarError]) -> CultivarError:
    """That the old version is nowhere, with all that was looked for."""
    made = f"It made `{output.path}`, and the ledger does not have it."
    remedy = (
        "If the repository was rewritten or moved, name one that has it with `--source`, or the "
        "version nearest to it with `--from`."
    )
    for error in tried:
        if isinstance(error, NotKnownError):
            known = error.remedy.rpartition("? ")[2]
            return NotKnownError(error.kind, version, error.nearest, f"{made} {known} {remedy}")
    what = f"{output.maker} is needed and not here. {made} {tried[0].what}"
    return UnavailableError(what, f"{tried[0].remedy} {remedy}")
