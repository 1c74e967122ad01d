"""Mend a draft that failed with what helped before, without a model."""

from __future__ import annotations

from collections.abc import Iterator

from cultivar.agent import Context
from cultivar.checking.checks import CheckRunner
from cultivar.errors import EnvironmentUnavailableError, UnsafeError
from cultivar.generation.evidence import failing
from cultivar.generation.fixes import apply_edits, command_fix
from cultivar.generation.templates import TemplateStore, is_untrusted
from cultivar.ledger.base import ContentStore, PatternStore
from cultivar.memory.base import Memory
from cultivar.model import Attempt, Draft, FailurePattern, Fix
from cultivar.record import replace
from cultivar.roles import DraftOrder
from cultivar.templating.template import Template
from cultivar.tree import Tree

NEAR_ENOUGH = 0.6
"""How near another pattern must be for its fixes to be tried, 0 to 1."""


def mend(order: DraftOrder, context: Context) -> Draft | None:
    """The last draft with one known fix applied: the most promising that was not tried yet.

    Returns:
        The next draft; None where no known fix applies.
    """
    last = order.attempts[-1]
    template = context.get(TemplateStore).load(order.template)
    content = context.get(ContentStore)
    tree = content.tree(last.draft.tree_hash)
    tried = {fix for attempt in order.attempts for fix in attempt.draft.fixes}
    seen = {attempt.draft.tree_hash for attempt in order.attempts}
    for fix in _candidates(last, template, context):
        mended = None if fix.id in tried else _apply(fix, tree, order, context)
        if mended is not None and mended.hash not in seen:
            kept = content.put(mended)
            return Draft(tree_hash=kept, slots=last.draft.slots, fixes=(*last.draft.fixes, fix.id))
    return None


def _candidates(last: Attempt, template: Template, context: Context) -> Iterator[Fix]:
    """What the failed checks name themselves, then what worked for their patterns."""
    failed = {result.check for result in failing(last)}
    yield from (command_fix(c.fix) for c in template.checks if c.fix and c.name in failed)
    own = context.get(PatternStore).patterns(last.patterns)
    yield from _promising(own)
    for result in failing(last):
        near = context.get(Memory).recall(
            result.output, language=template.language, check=result.check
        )
        yield from _promising([pattern for pattern in near if pattern.score >= NEAR_ENOUGH])


def _promising(patterns: tuple[FailurePattern, ...] | list[FailurePattern]) -> list[Fix]:
    """Their fixes, by the share that worked, with one success and one failure added to each."""
    fixes = [fix for pattern in patterns for fix in pattern.fixes]
    return sorted(fixes, key=lambda fix: -(fix.worked + 1) / (fix.tried + 2))


def _apply(fix: Fix, tree: Tree, order: DraftOrder, context: Context) -> Tree | None:
    if not fix.command:
        return apply_edits(tree, fix.edits)
    template = context.get(TemplateStore).load(order.template)
    if fix.command not in {check.fix for check in template.checks}:
        return None  # a command is run because the template names it, not because it was learned
    runner = replace(context.get(CheckRunner), unconfined=order.unconfined)
    untrusted = is_untrusted(template, order.attempts[-1].draft)
    try:
        ran = runner.run(
            tree, fix.command, template.requires, language=template.language, untrusted=untrusted
        )
        return ran.mended(tree)
    except (EnvironmentUnavailableError, UnsafeError):
        return None
