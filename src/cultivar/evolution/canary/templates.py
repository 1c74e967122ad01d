"""Which version of a template a run gets, where a canary of it runs."""

from __future__ import annotations

from cultivar.errors import CultivarError
from cultivar.evolution.canary.choosing import receives, running_canary
from cultivar.ledger.base import ContentStore
from cultivar.ledger.improvements import ArtifactStore, ExperimentStore
from cultivar.lifecycle import Artifact
from cultivar.model import Order
from cultivar.record import Record
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template


class TemplateCanaries(Record):
    """Gives a share of the runs the canary of their template.

    Args:
        artifacts: Knows where the alias points.
        experiments: Knows whether the canary runs.
        content: Holds its files.
    """

    artifacts: ArtifactStore
    experiments: ExperimentStore
    content: ContentStore

    def given(self, found: Template, order: Order, run_id: str) -> Template:
        """The template that a run uses: the canary, or what was found.

        Who names a folder, an address or a version gets what they name; a dry run proves nothing.

        Args:
            found: As the catalog has it.
            order: What the user asked.
            run_id: The run's; a run that is resumed has the same.
        """
        exact = order.ref or order.pre_releases or order.template != found.ref.id
        if exact or order.dry_run:
            return found
        artifact = Artifact(kind="template", name=found.ref.id)
        canary = running_canary(self.artifacts, self.experiments, artifact)
        if canary is None or canary.before != found.tree.hash:
            return found
        if not receives(artifact, run_id, canary.share, canary.after):
            return found
        return self._loaded(canary.after, found) or found

    def _loaded(self, tree_hash: str, found: Template) -> Template | None:
        """The canary as good as what was found; None where it cannot be used in its place."""
        try:
            tree = self.content.tree(tree_hash)
            ref = found.ref
            loaded = parse_template(tree, origin=ref.origin, ref=ref.ref, trusted=ref.trusted)
        except CultivarError:
            return None
        return loaded if _asks_no_more(loaded, found) else None


def _asks_no_more(canary: Template, found: Template) -> bool:
    """Whether it needs no trust, and has no secrets, that what was found has not."""
    trusted = canary.ref.trusted or {*canary.needs_trust} <= {*found.needs_trust}
    return trusted and _secrets(canary) <= _secrets(found)


def _secrets(template: Template) -> set[str]:
    return {each.name for each in template.questions if each.secret}
