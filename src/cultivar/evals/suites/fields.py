"""What a suite's file may say: its keys, and what each of them takes.

This is the edge: behind it, everything is of the types in `suite.py` and `lifecycle.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, cast, get_args

from msgspec import Meta

from cultivar.lifecycle import Assertion, AssertionKind
from cultivar.record import Record, field
from cultivar.schema import Misfit, MisfitError, read_as

Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1, le=1000)]

KINDS: Final[tuple[AssertionKind, ...]] = tuple(
    kind for part in get_args(AssertionKind) for kind in (get_args(part) or (part,))
)
_NOT: Final = "not-"
_EVERY: Final = "closed"


class _Strict(Record, forbid_unknown_fields=True):
    pass


class CaseFields(_Strict):
    """One of `cases`, or what `defaults` says of all."""

    name: str = ""
    task: str = ""
    answers: dict[str, Any] = field(default_factory=dict[str, Any])
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])
    matrix: dict[str, list[Any]] | Literal["closed"] = field(default_factory=dict[str, list[Any]])
    pairwise: bool | None = None
    checks: bool | None = None
    assertions: tuple[dict[str, Any], ...] = ()
    slice: str = ""
    threshold: Share | None = None
    repeats: Count | None = None

    @property
    def every_closed(self) -> bool:
        """Whether the matrix is that of all closed questions."""
        return self.matrix == _EVERY


class SuiteFields(_Strict):
    """All of a suite's file."""

    cases: tuple[CaseFields, ...]
    name: str = ""
    template: str = ""
    tool: str = ""
    prompt: str = ""
    versions: tuple[str, ...] = ()
    noisy: bool | None = None
    defaults: CaseFields = CaseFields()
    min_pass_rate: Share = 1.0


class _Options(_Strict):
    """What may stand beside the kind of an assertion."""

    path: str = ""
    negate: bool = False
    weight: Annotated[float, Meta(ge=0)] = 1.0
    required: bool | None = None


def read_assertion(said: Mapping[str, Any], *, decides: bool) -> Assertion:
    """One assertion: the key that is its kind, perhaps with `not-` before it, and its options.

    Args:
        said: As it stands in the file.
        decides: Whether it must hold where it does not say.

    Raises:
        MisfitError: It is none; the place is relative to it.
    """
    keys = [key for key in said if key.removeprefix(_NOT) in KINDS]
    if len(keys) != 1:
        raise _without_kind(said, keys)
    (key,) = keys
    options = read_as(_Options, {name: each for name, each in said.items() if name != key})
    kind = cast("AssertionKind", key.removeprefix(_NOT))
    value = _checked(kind, said[key], key)
    if kind == "file-exists":
        options = _Options(path=str(value), negate=options.negate, weight=options.weight)
        value = None
    return Assertion(
        kind=kind,
        value=value,
        path=options.path,
        negate=options.negate is not key.startswith(_NOT),
        weight=options.weight,
        required=decides if options.required is None else options.required,
    )


def _without_kind(said: Mapping[str, Any], keys: list[str]) -> MisfitError:
    known = (*KINDS, *(f"{_NOT}{kind}" for kind in KINDS))
    options = _Options.__struct_fields__
    unknown = [key for key in said if key not in known and key not in options]
    if unknown:
        named = (*known, *options)
        return MisfitError(Misfit(place=(unknown[0],), why="unknown", expected=named))
    which = " and ".join(f"`{key}`" for key in keys) or "nothing"
    words = ("one kind of assertion, like `contains: …`",)
    return MisfitError(Misfit(place=(), why="wrong", value=which, expected=words))


def _checked(kind: AssertionKind, value: Any, key: str) -> Any:
    expected = _EXPECTED.get(kind)
    if expected is None:
        return value
    fits, words = expected
    if problem := fits(value):
        why = f"{words}{'' if problem is True else f' ({problem})'}"
        raise MisfitError(Misfit(place=(key,), why="wrong", value=value, expected=(why,)))
    return value


def _no_text(value: Any) -> bool | str:
    return not isinstance(value, str) or not value


def _no_number(value: Any) -> bool | str:
    return isinstance(value, bool) or not isinstance(value, int | float) or value < 0


def _no_share(value: Any) -> bool | str:
    return bool(_no_number(value)) or value > 1


def _no_pattern(value: Any) -> bool | str:
    import regex

    try:
        regex.compile(value)
    except (regex.error, TypeError) as error:
        return str(error)
    return False


def _no_schema(value: Any) -> bool | str:
    from cultivar.evals.assertions.contents import schema_validator

    if value is True or value is None:
        return False
    if not isinstance(value, dict):
        return True
    try:
        schema_validator(cast("dict[str, Any]", value))
    except ValueError as error:
        return str(error)
    return False


def _no_expression(value: Any) -> bool | str:
    if not isinstance(value, str):
        return True
    try:
        ast.parse(value.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return str(error)
    return False


_EXPECTED: Final[Mapping[AssertionKind, tuple[Callable[[Any], bool | str], str]]] = {
    "contains": (_no_text, "a text that is not empty"),
    "regex": (_no_pattern, "a regular expression"),
    "is-json": (_no_schema, "`true`, or a JSON schema"),
    "file-exists": (_no_text, "a path, or a pattern of one"),
    "succeeds": (_no_text, "a command"),
    "python": (_no_expression, "an expression of Python"),
    "raises": (_no_text, "the name of an exception's class"),
    "checks": (lambda value: value is not True, "`true`"),
    "quality": (_no_share, "a number of at least 0 and at most 1"),
    "cost": (_no_number, "US dollars, at least 0"),
    "latency": (_no_number, "seconds, at least 0"),
}
"""What each kind takes: what says that a value is none, and what it is called."""
