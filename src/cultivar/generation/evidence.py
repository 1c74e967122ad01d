"""What failures teach: recalled before a draft, remembered after its proof."""

from __future__ import annotations

from itertools import chain

from cultivar.agent import Context
from cultivar.generation.fixes import command_fix, fix_between
from cultivar.generation.templates import TemplateStore
from cultivar.ledger.base import ContentStore, Ledger, PatternStore, Query
from cultivar.memory.base import Memory
from cultivar.model import Attempt, CheckResult, FailurePattern, Fix, TemplateRef
from cultivar.record import replace

RECALLED = 3
"""How many failure patterns a generation is told of."""


def recall_for(task: str, template: TemplateRef, context: Context) -> tuple[FailurePattern, ...]:
    """The failure patterns to be aware of: the template's own latest, then the task's nearest."""
    store = context.get(PatternStore)
    if not store.revision():
        return ()
    failed = context.get(Ledger).generations(Query(template_id=template.id, limit=20))
    attempts = chain.from_iterable(each.attempts for each in failed)
    own = dict.fromkeys(chain.from_iterable(attempt.patterns for attempt in attempts))
    patterns = {pattern.id: pattern for pattern in store.patterns(list(own)[:RECALLED])}
    if len(patterns) < RECALLED:
        near = context.get(Memory).recall(task, language=template.language, limit=RECALLED)
        patterns |= {pattern.id: pattern for pattern in near if pattern.id not in patterns}
    return tuple(patterns.values())[:RECALLED]


def learn_from(
    attempts: tuple[Attempt, ...], template: TemplateRef, context: Context
) -> tuple[Attempt, ...]:
    """Join the last attempt's failures to their patterns, and keep what mended the one before.

    Returns:
        The attempts, the last with the ids of its patterns.
    """
    last = attempts[-1]
    memory = context.get(Memory)
    failures = [result for result in last.proof.results if result.verdict == "failed"]
    joined = [memory.learn(failure, template.language) for failure in failures]
    known = replace(last, patterns=tuple(dict.fromkeys(pattern.id for pattern in joined)))
    if len(attempts) > 1:
        _keep_fix(attempts[-2], known, template, context)
    return (*attempts[:-1], known)


def _keep_fix(before: Attempt, after: Attempt, template: TemplateRef, context: Context) -> None:
    """Keep what changed between two attempts as a fix of the patterns that are gone."""
    store = context.get(PatternStore)
    for pattern in store.patterns(_cured(before, after, store)):
        fix = _fix(before, after, pattern, template, context)
        if fix is not None:
            store.add_fix(pattern.id, fix)


def _cured(before: Attempt, after: Attempt, store: PatternStore) -> list[str]:
    passed = {r.check for r in after.proof.results if r.verdict == "passed"}
    return [each.id for each in store.patterns(before.patterns) if each.check in passed]


def _fix(
    before: Attempt,
    after: Attempt,
    pattern: FailurePattern,
    template: TemplateRef,
    context: Context,
) -> Fix | None:
    checks = context.get(TemplateStore).load(template).checks
    commands = [command_fix(check.fix) for check in checks if check.fix]
    for command in commands:
        if command.id in after.draft.fixes:
            return command
    content = context.get(ContentStore)
    failed, passed = content.tree(before.draft.tree_hash), content.tree(after.draft.tree_hash)
    fix = fix_between(failed, passed, f"mends {pattern.kind or pattern.check}")
    if fix is None or fix.id in after.draft.fixes:
        return fix
    return replace(fix, tried=1, worked=1)


def failing(attempt: Attempt) -> tuple[CheckResult, ...]:
    """The results of an attempt's failed checks, the required ones first."""
    failed = [result for result in attempt.proof.results if result.verdict == "failed"]
    return tuple(sorted(failed, key=lambda result: not result.required))
