"""Keep the templates that runs use, so that a run goes on with the template it began with."""

from __future__ import annotations

from cultivar.errors import UntrustedError
from cultivar.generation.fixes import command_fix
from cultivar.ledger.base import ContentStore
from cultivar.model import Draft, TemplateRef
from cultivar.record import Record, field, replace
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template


class TemplateStore(Record, kw_only=False):
    """Templates by reference, from the content store."""

    content: ContentStore
    _parsed: dict[TemplateRef, Template] = field(default_factory=dict[TemplateRef, Template])

    def admit(self, template: Template, *, trust: bool = False) -> TemplateRef:
        """Keep the template's own files, so that it can be loaded again.

        Args:
            template: As it was found.
            trust: Whether the user trusts it, for this run.

        Raises:
            UntrustedError: It runs code of its own, and nobody trusts it.
        """
        ref = replace(template.ref, trusted=template.ref.trusted or trust)
        code = [each for each in template.needs_trust if each != "migrations"]
        if code and not ref.trusted:
            raise UntrustedError(
                f"The template {ref.id!r} from `{ref.origin}` runs code of its own: "
                f"{', '.join(code)}.",
                "Read it; then pass `--trust`, or add its origin to `trust` in your settings.",
            )
        self.content.put(template.tree)
        return ref

    def load(self, ref: TemplateRef) -> Template:
        """The template of `ref`, as it was when it was kept.

        Raises:
            NotKnownError: It was never kept.
        """
        if ref not in self._parsed:
            tree = self.content.tree(ref.tree_hash)
            template = parse_template(tree, origin=ref.origin, ref=ref.ref, trusted=ref.trusted)
            self._parsed[ref] = template
        return self._parsed[ref]


def is_untrusted(template: Template, draft: Draft) -> bool:
    """Whether a model, a template that nobody trusts, or what was learned of them, wrote any of it.

    Only the fixes that a check of the template names itself are as good as the template.
    """
    learned = set(draft.fixes) - {command_fix(c.fix).id for c in template.checks if c.fix}
    return not template.ref.trusted or bool(draft.slots or template.written or learned)
