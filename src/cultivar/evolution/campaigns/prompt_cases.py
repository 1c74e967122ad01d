"""What candidates of a prompt are tried on: conversations that failed in use, and that worked.

The invariant: a use is repeated only where all of it is known: nothing cut off, nothing masked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from cultivar.evals.suites.suite import distinct, identified
from cultivar.evals.trying.conversations import conversation_of
from cultivar.evals.trying.schemas import fitting
from cultivar.evals.trying.spelling import is_whole
from cultivar.evolution.campaigns.sealing import sealed
from cultivar.evolution.opportunities.executions import pattern_of
from cultivar.ledger.encoding import SECRET
from cultivar.ledger.improvements import ExecutionLog, ExecutionQuery
from cultivar.lifecycle import Artifact, Assertion, CaseOrigin, Execution, TrialCase
from cultivar.model import Json
from cultivar.record import replace

MOST_FAILURES: Final = 24
MOST_REGRESSIONS: Final = 24
"""Of each origin, how many cases at most; each trial of one is paid for."""

REPEATS: Final = 3
"""How often a case is tried: a model does not say the same twice."""

_LOOKED_AT: Final = 400
"""How many of the latest uses of each outcome are looked at."""


def prompt_cases(artifact: Artifact, tree_hash: str, log: ExecutionLog) -> tuple[TrialCase, ...]:
    """The cases for versions of a prompt, those that failed first; each comes once.

    Args:
        artifact: The prompt.
        tree_hash: Of the version that is used.
        log: Knows its uses.
    """
    query = ExecutionQuery(artifact=artifact, tree_hash=tree_hash, limit=_LOOKED_AT)
    failed = log.executions(replace(query, succeeded=False))
    worked = log.executions(replace(query, succeeded=True))
    found = (
        *distinct(_replayed(failed))[:MOST_FAILURES],
        *distinct(_replayed(worked))[:MOST_REGRESSIONS],
    )
    return tuple(replace(sealed(each), repeats=REPEATS) for each in distinct(found))


def is_repeatable(inputs: Mapping[str, Json]) -> bool:
    """Whether a use can be repeated as it was."""
    talk = conversation_of(inputs)
    if talk is None or not is_whole(inputs) or _has_secret(inputs):
        return False
    try:
        fitting(talk.schema_name, talk.schema)
    except ValueError:
        return False  # somebody made it up
    return True


def _replayed(executions: tuple[Execution, ...]) -> Iterator[TrialCase]:
    for each in executions:
        talk = conversation_of(each.inputs)
        if talk is not None and is_repeatable(each.inputs):
            origin: CaseOrigin = "regression" if each.succeeded else "failure"
            case = TrialCase(
                id="",
                origin=origin,
                inputs=each.inputs,
                assertions=(Assertion(kind="is-json", value=dict(talk.schema)),),
            )
            name = f"{origin} {each.id[:8]}"
            yield identified(replace(case, name=name, slice=_slice(each)))


def _slice(execution: Execution) -> str:
    """Which part of all uses it stands for: by why it failed, or those that worked."""
    return "worked" if execution.succeeded else f"failed {pattern_of(execution)[:8]}"


def _has_secret(value: Json) -> bool:
    """Whether something stands masked in it, which was not so in use."""
    if isinstance(value, str):
        return SECRET in value
    if isinstance(value, Mapping):
        return any(map(_has_secret, value.values()))
    return isinstance(value, Sequence) and any(map(_has_secret, value))
