"""Which versions of an artifact are meant: by version, tag, folder, alias or hash."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cultivar.definitions import PROMPT, builtin_root
from cultivar.errors import NotKnownError, UsageError
from cultivar.evals.suites.suite import Suite
from cultivar.evals.trying.base import Subject
from cultivar.ledger.base import ContentStore
from cultivar.ledger.improvements import ArtifactStore
from cultivar.lifecycle import Artifact
from cultivar.record import Record
from cultivar.templating.template import Template
from cultivar.tree import Tree, read_entry
from cultivar.upgrade.versions import Versions, Wanted
from cultivar.wiring import Services


class Subjects(Record, kw_only=False):
    """Finds the versions that a suite is tried on.

    Args:
        services: What is open.
        trust: Whether the user trusts all of them, for this run.
    """

    services: Services
    trust: bool = False

    def found(self, suite: Suite, labels: tuple[str, ...]) -> Mapping[str, Subject]:
        """The versions that `labels` name, by what people call them.

        Args:
            suite: Says of what.
            labels: Of each, a version, a tag, branch or commit, a folder or file, an alias, or
                the beginning of a tree's hash; empty: the current one.

        Raises:
            NotKnownError: There is no such version.
            UsageError: Two of them are not of the same artifact.
        """
        find = self._template if suite.kind == "template" else self._file
        found = dict(find(suite, label) for label in labels)
        ids = {each.artifact.id for each in found.values()}
        if len(ids) > 1:
            raise UsageError(
                f"The versions are of different artifacts: {', '.join(sorted(ids))}.",
                "Compare versions of one.",
            )
        return found

    def _template(self, suite: Suite, label: str) -> tuple[str, Subject]:
        versions = self.services.need(Versions)
        reference = _beside(suite, suite.reference)
        if label and Path(label).expanduser().exists():
            template = versions.find(Wanted(reference=label))
            return label, self._subject(template)
        try:
            template = versions.find(Wanted(reference=reference, version=label))
        except NotKnownError:
            if not label:
                raise
            current = versions.find(Wanted(reference=reference))
            artifact = Artifact(kind="template", name=current.ref.id)
            return label, self._kept(artifact, label)
        return label or template.ref.version, self._subject(template)

    def _subject(self, template: Template) -> Subject:
        artifact = Artifact(kind="template", name=template.ref.id)
        trusted = template.ref.trusted or self.trust
        return Subject(artifact=artifact, tree=template.tree, trusted=trusted)

    def _file(self, suite: Suite, label: str) -> tuple[str, Subject]:
        """A tool or a prompt: one file."""
        artifact = Artifact(kind=suite.kind, name=suite.reference)
        path = Path(label).expanduser() if label else self._defined(artifact)
        if not path.is_file():
            return label, self._kept(artifact, label)
        name = self._defined_name(artifact)
        ours = path.resolve().is_relative_to(builtin_root().resolve())
        tree = Tree({name: read_entry(path)})
        return label or "current", Subject(artifact=artifact, tree=tree, trusted=ours)

    def _defined(self, artifact: Artifact) -> Path:
        """Where it stands: in the workspace, else among ours. It is only read."""
        name = self._defined_name(artifact)
        agent = artifact.name.partition("/")[0]
        folder = "tools" if artifact.kind == "tool" else f"agents/{agent}"
        roots = self.services.settings.workspace, builtin_root()
        found = [root / folder / name for root in roots if (root / folder / name).is_file()]
        if not found:
            raise NotKnownError(artifact.kind, artifact.name)
        return found[0]

    def _defined_name(self, artifact: Artifact) -> str:
        """The name of the file that an artifact is.

        Raises:
            UsageError: A prompt's name does not say of which agent it is.
        """
        if artifact.kind == "tool":
            return f"{artifact.name}.py"
        _, slash, prompt = artifact.name.partition("/")
        if not slash or "/" in prompt:
            raise UsageError(f"{artifact.name!r} names no prompt.", "Write it as `AGENT/PROMPT`.")
        return f"{prompt}{PROMPT}"

    def _kept(self, artifact: Artifact, label: str) -> Subject:
        """A version that the ledger has; whoever made it, its code is not trusted by itself."""
        version = self.services.need(ArtifactStore).version(artifact, label)
        tree = self.services.need(ContentStore).tree(version.tree_hash)
        return Subject(artifact=artifact, tree=tree, trusted=self.trust)


def _beside(suite: Suite, reference: str) -> str:
    """A folder that the suite names is relative to the suite."""
    if not reference.startswith(("./", "../")):
        return reference
    return str((Path(suite.file).parent / reference).resolve())
