"""The domain's types as rows, and back; reading what was recorded gives an equal value.

The invariant: the value of a secret answer, and the words it came from, are never written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from cultivar import model
from cultivar.ledger.columns import storable
from cultivar.model import (
    Answer,
    Answers,
    Attempt,
    CheckResult,
    Draft,
    Fix,
    Generation,
    Json,
    Order,
    Proof,
    TemplateRef,
    Usage,
)
from cultivar.record import Record, asdict, replace
from cultivar.upgrades import Migration, ScriptRun, UpgradeOrder

if TYPE_CHECKING:
    from cultivar.lifecycle import ImproveOrder

T = TypeVar("T")

Row: TypeAlias = Mapping[Any, Any]
"""One row of a table, by the names of its columns."""

SECRET = "<secret>"
"""What stands in the ledger for the value of a secret answer."""


def kept_answers(answers: Answers) -> Answers:
    """The answers as the ledger may hold them: of a secret one, only that it was given."""
    return tuple(replace(a, value=SECRET, evidence="") if a.secret else a for a in answers)


def kept_order(
    order: Order | UpgradeOrder | ImproveOrder,
) -> Order | UpgradeOrder | ImproveOrder:
    """The order as the ledger may hold it."""
    if not isinstance(order, Order | UpgradeOrder):
        return order
    return replace(order, answers=kept_answers(order.answers))


def open_answers(answers: Answers) -> dict[str, Json]:
    """The values of answers that were asked for and are no secret."""
    return {a.name: a.value for a in answers if not a.secret and not a.computed}


def generation_row(generation: Generation) -> dict[str, Any]:
    """The row in `template_generations`."""
    template, usage, now = generation.template, generation.usage, datetime.now(UTC)
    return {
        "id": generation.id,
        "template_id": template.id,
        "template_version": template.version,
        "template_tree": template.tree_hash,
        "template_origin": template.origin,
        "template_ref": template.ref,
        "template_trusted": template.trusted,
        "template_language": template.language,
        "file_path": generation.file_path,
        "output": generation.output,
        "tree_hash": generation.tree_hash,
        "answers": _queryable(open_answers(generation.answers)),
        "answer_records": kept_answers(generation.answers),
        "success": generation.success,
        "quality_score": generation.proof.quality,
        "instance_id": generation.instance_id,
        "generated_at": generation.generated_at,
        "inserted_at": now,
        "updated_at": now,
        "run_id": generation.run_id,
        "task": generation.task,
        "recalled": generation.recalled,
        "calls": usage.calls,
        "tokens": usage.tokens,
        "money": usage.money,
        "model_seconds": usage.seconds,
        "seconds": generation.seconds,
    }


def attempt_rows(generation: Generation) -> list[dict[str, Any]]:
    """The rows in `attempts`."""
    return [
        {
            "generation_id": generation.id,
            "position": position,
            "number": attempt.number,
            "patterns": attempt.patterns,
            "sandbox": attempt.proof.sandbox,
            "tree_hash": attempt.draft.tree_hash,
            "draft": attempt.draft,
        }
        for position, attempt in enumerate(generation.attempts)
    ]


def check_rows(generation: Generation) -> list[dict[str, Any]]:
    """The rows in `check_results`."""
    return [
        {
            "generation_id": generation.id,
            "attempt": attempt_position,
            "position": position,
            "check_name": result.check,
            **{name: value for name, value in asdict(result).items() if name != "check"},
        }
        for attempt_position, attempt in enumerate(generation.attempts)
        for position, result in enumerate(attempt.proof.results)
    ]


def generation_of(row: Row, attempts: Sequence[Attempt]) -> Generation:
    """The generation of a row, with its attempts."""
    return Generation(
        id=row["id"],
        run_id=row["run_id"],
        task=row["task"],
        template=_template_of(row),
        answers=answers_of(row["answer_records"]),
        attempts=tuple(attempts),
        instance_id=row["instance_id"],
        generated_at=row["generated_at"],
        output=row["output"],
        file_path=row["file_path"],
        recalled=tuple(row["recalled"]),
        usage=Usage(
            calls=row["calls"],
            tokens=row["tokens"],
            money=row["money"],
            seconds=row["model_seconds"],
        ),
        seconds=row["seconds"],
    )


def answers_of(records: Iterable[Row]) -> Answers:
    """The answers that were written as JSON.

    Of those from before it was known which are closed, yes or no and numbers are taken for it.
    """
    return tuple(
        revived(Answer, {"closed": isinstance(each["value"], bool | int | float), **each})
        for each in records
    )


def attempt_of(row: Row, results: Iterable[CheckResult]) -> Attempt:
    """The attempt of a row, with what the checks said of it."""
    return Attempt(
        number=row["number"],
        draft=revived(Draft, row["draft"]),
        proof=Proof(results=tuple(results), sandbox=row["sandbox"]),
        patterns=tuple(row["patterns"]),
    )


def check_result_of(row: Row) -> CheckResult:
    """The check's result of a row in `check_results`."""
    keys = {"generation_id", "attempt", "position", "check_name"}
    return CheckResult(
        check=row["check_name"], **{name: row[name] for name in row if name not in keys}
    )


def migration_row(migration: Migration) -> dict[str, Any]:
    """The row in `template_migrations`."""
    now = datetime.now(UTC)
    row = {name: value for name, value in asdict(migration).items() if name != "scripts"}
    return row | {"inserted_at": now, "updated_at": now}


def script_rows(migration: Migration) -> list[dict[str, Any]]:
    """The rows in `migration_scripts`."""
    return [
        {"migration_id": migration.id, "position": position, **asdict(script)}
        for position, script in enumerate(migration.scripts)
    ]


def migration_of(row: Row, scripts: Iterable[ScriptRun]) -> Migration:
    """The migration of a row, with its scripts."""
    return replace(revived(Migration, row), scripts=tuple(scripts))


def script_of(row: Row) -> ScriptRun:
    """The script's run of a row in `migration_scripts`."""
    return revived(ScriptRun, row)


def fix_of(row: Row) -> Fix:
    """The fix of a row in `failure_fixes`."""
    return revived(Fix, row)


def revived(kind: Callable[..., T], data: Row) -> T:
    """The record of that kind that was written as JSON; names that it lacks are left out."""
    hints = _hints(kind)
    fields = {name: _value(hints[name], data[name]) for name in data if name in hints}
    return kind(**fields)


@cache
def _hints(kind: Callable[..., object]) -> Mapping[str, Any]:
    return get_type_hints(kind, localns=vars(model))


def _value(hint: Any, value: Any) -> Any:
    """JSON has one kind of sequence and one of object; the hint says which of ours it was."""
    if isinstance(hint, type) and issubclass(hint, Record):
        return revived(hint, value)
    if get_origin(hint) is tuple:
        each = get_args(hint)[0]
        return tuple(_value(each, item) for item in value)
    return value


def _template_of(row: Row) -> TemplateRef:
    return TemplateRef(
        id=row["template_id"],
        version=row["template_version"],
        tree_hash=row["template_tree"],
        origin=row["template_origin"],
        ref=row["template_ref"],
        trusted=row["template_trusted"],
        language=row["template_language"],
    )


def _queryable(value: Json) -> Json:
    """`value` as every database's own JSON takes it."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {storable(name): _queryable(inner) for name, inner in value.items()}
    if isinstance(value, Sequence):
        return [_queryable(inner) for inner in value]
    return value
