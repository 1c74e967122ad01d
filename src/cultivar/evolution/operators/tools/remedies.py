"""What a guard does with the inputs that it holds for: only what something speaks for.

The tool's own cases come first, since a person wrote them; then what its annotations and its
docstring allow; and last a clear error, which helps whoever reads it but makes no success.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from cultivar.evals.trying.spelling import canonical
from cultivar.evolution.operators.tools.observing import Guard, declared_within
from cultivar.evolution.operators.tools.sources import Source
from cultivar.evolution.operators.tools.traits import Trait, ValueType, type_of
from cultivar.model import Json
from cultivar.record import Record
from cultivar.tool import Case

MESSAGE: Final = "<message>"
"""What stands in a statement where its error's text belongs."""

_NEUTRAL: Final = ("null", "true", "false", "0", '""', "[]", "{}")
"""Answers that are no case's own, in their canonical text."""

_LONGEST: Final = 80
_SAYS_NONE: Final = re.compile(r"\bNone\b.{0,40}\b(if|when|where|for|on|unless)\b|\bor None\b")
_OPTIONAL: Final = re.compile(r"\bNone\b|\bOptional\[|\bAny\b|^object$")
_NUMERIC: Final = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*")
_WHOLE: Final = re.compile(r"\s*[+-]?\d+\s*")


class Remedy(Record):
    """What stands under a guard."""

    statement: str
    """One statement of Python."""
    words: str
    """What it does, as in "return None"."""
    by: str
    """What speaks for it."""
    mends: bool = True
    """Whether inputs of the class may succeed by it, or fail as they are meant to."""
    goes_on: bool = False
    """Whether the function goes on after it, with another value."""


class Ground(Record):
    """What remedies are found by."""

    source: Source
    cases: tuple[Case, ...]
    """The tool's own."""
    succeeded: tuple[Json, ...]
    """The values that the guarded parameter had where the tool succeeded."""
    failed: tuple[Json, ...]
    """Those that it had where the guard holds."""


def remedies(guard: Guard, ground: Ground) -> tuple[Remedy, ...]:
    """What may be done with inputs of the guard's class, what more speaks for first."""
    cases = declared_within(guard, ground.cases)
    found = [
        *_as_declared(cases, ground.source),
        *_converted(guard.traits[-1], cases, ground),
        *_replaced(guard.traits[-1], cases, ground),
        *_none(ground.source, cases),
        *_refused(guard),
    ]
    return tuple({each.statement: each for each in reversed(found)}.values())[::-1]


def _as_declared(cases: Sequence[Case], source: Source) -> Iterator[Remedy]:
    """What all declared cases of the class want."""
    wanted = {case.should_raise for case in cases}
    if len(wanted) != 1:
        return  # there is none, or they want different things
    by = f"its own case {_named(cases[0])}"
    (error,) = wanted
    if error:
        if error in source.names:
            yield Remedy(statement=f"raise {error}({MESSAGE})", words=f"raise {error}", by=by)
        return
    for parameter in source.parameters:
        if all(_gives_back(case, parameter) for case in cases):
            words = f"return `{parameter}` as it is"
            yield Remedy(statement=f"return {parameter}", words=words, by=by)
    outputs = {canonical(case.expected_output): case.expected_output for case in cases}
    if len(outputs) == 1:
        (text, output) = next(iter(outputs.items()))
        # One case's own answer is no rule: what it would teach is that case by heart.
        if text in _NEUTRAL or (len(cases) > 1 and len(text) <= _LONGEST):
            yield Remedy(statement=f"return {output!r}", words=f"return {output!r}", by=by)


def _gives_back(case: Case, parameter: str) -> bool:
    """Whether the case wants what it puts in, and that is more than nothing or zero."""
    given = canonical(case.input.get(parameter))
    return given == canonical(case.expected_output) and given not in _NEUTRAL


def _converted(trait: Trait, cases: Sequence[Case], ground: Ground) -> Iterator[Remedy]:
    """A value of another type is made one of the right type, where that is possible."""
    if trait.kind != "type" or any(case.should_raise for case in cases):
        return
    for target in _targets(trait, ground):
        by = f"its own case {_named(cases[0])}" if cases else "the type that it is annotated with"
        if cases or ground.source.parameters.get(trait.parameter):
            yield Remedy(
                statement=f"{trait.parameter} = {target}({trait.parameter})",
                words=f"make it {_WORDS[target]}",
                by=by,
                goes_on=True,
            )


def _targets(trait: Trait, ground: Ground) -> Iterator[str]:
    """The types to convert to, by the annotation, then by what succeeded."""
    annotation = ground.source.parameters.get(trait.parameter, "")
    named = [each for each in ("int", "float", "str") if re.search(rf"\b{each}\b", annotation)]
    types = {type_of(each) for each in ground.succeeded}
    if "number" in types:
        texts = [each for each in ground.failed if isinstance(each, str)]
        broken = any(isinstance(each, float) for each in ground.succeeded)
        whole = all(_WHOLE.fullmatch(each) for each in texts) and not broken
        named += ["int", "float"] if whole else ["float"]
    named += ["str"] if "text" in types else []
    yield from dict.fromkeys(each for each in named if _can_become(trait, each, ground))


def _can_become(trait: Trait, target: str, ground: Ground) -> bool:
    """Whether all values that failed can be made the type."""
    if target in ("int", "float"):
        pattern = _WHOLE if target == "int" else _NUMERIC
        return all(isinstance(each, str) and pattern.fullmatch(each) for each in ground.failed)
    if target == "str":
        return trait.detail in ("number", "bool")
    return False


def _replaced(trait: Trait, cases: Sequence[Case], ground: Ground) -> Iterator[Remedy]:
    """Nothing is taken for something empty, where the tool's own cases want an answer for it."""
    if trait.kind != "none" or not cases or any(case.should_raise for case in cases):
        return
    types = {type_of(each) for each in ground.succeeded}
    for kind, empty in _EMPTY.items():
        if kind in types:
            yield Remedy(
                statement=f"{trait.parameter} = {empty}",
                words=f"take {empty} for it",
                by=f"its own case {_named(cases[0])}",
                goes_on=True,
            )


def _none(source: Source, cases: Sequence[Case]) -> Iterator[Remedy]:
    """None, where the tool says of itself that it may return it, and no case says otherwise."""
    if cases:
        return
    if source.returns and _OPTIONAL.search(source.returns) and source.returns != "None":
        yield Remedy(
            statement="return None",
            words="return None",
            by=f"its annotation `-> {source.returns}`",
        )
    elif _SAYS_NONE.search(source.docstring):
        yield Remedy(statement="return None", words="return None", by="its docstring")


def _refused(guard: Guard) -> Iterator[Remedy]:
    yield Remedy(
        statement=f"raise ValueError({MESSAGE})",
        words="raise a clear ValueError",
        by="nothing but that it fails anyway; it makes no success",
        mends=False,
    )


def message_of(guard: Guard) -> str:
    """The text of an error for inputs of the class, as Python writes it."""
    return repr(guard.words.replace("`", "")[:_LONGEST])


def _named(case: Case) -> str:
    return repr(case.description or dict(case.input))[:_LONGEST]


_EMPTY: Final[dict[ValueType, str]] = {
    "list": "[]",
    "mapping": "{}",
    "text": '""',
    "number": "0",
    "bool": "False",
}

_WORDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
}
