"""Classes of values by which inputs that fail are told from those that do not.

The invariant: a trait names a class (nothing, zero, empty, a type, a key that is missing), never
one value of one use; and its test in Python is true of an input where `holds` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Final, Literal, cast

from cultivar.evals.trying.tool_uses import Inputs
from cultivar.model import Json
from cultivar.record import Record

TraitKind = (
    Literal["none", "zero", "empty", "without", "type", "blank", "with_none"]
    | Literal["negative", "beyond", "greater", "is"]
)
"""`without`: a key is missing; `beyond`: an index is not in a list; `is`: one of a few words."""

ValueType = Literal["none", "bool", "number", "text", "list", "mapping"]
"""Of a value; whole and broken numbers are both numbers."""

_MODES: Final = 8
"""A parameter with so many different words at most chooses among a few ways."""


class Trait(Record):
    """A class of inputs, by the value of one parameter."""

    parameter: str
    kind: TraitKind
    detail: str = ""
    """A type, a key, a word, or the parameter that it is held against."""

    def holds(self, inputs: Inputs) -> bool:
        """Whether the inputs are of the class."""
        if self.parameter not in inputs:
            return False
        value, other = inputs[self.parameter], inputs.get(self.detail)
        return _ABOUT[self.kind].holds(value, self.detail, other)

    def test(self, uses: Sequence[Inputs] = ()) -> str:
        """The expression of Python that is true of the class.

        Args:
            uses: What is known of the parameters: it need not ask for a type that all have.
        """
        about, named = _ABOUT[self.kind], {"p": self.parameter, "q": self.detail}
        asked = [
            f"isinstance({parameter}, {_CLASSES[about.types]})"
            for parameter in self._parameters
            if about.types and not _all_are(about.types, parameter, uses)
        ]
        if self.kind == "type":
            return _OF_TYPE[self.detail].format(p=self.parameter)
        return " and ".join([*asked, about.test.format(**named, d=_quoted(self.detail))])

    @property
    def words(self) -> str:
        """The class in words, as in "where `b` is zero"."""
        detail = _TYPE_WORDS.get(self.detail, self.detail)
        return _ABOUT[self.kind].words.format(p=self.parameter, d=detail)

    @property
    def _parameters(self) -> tuple[str, ...]:
        return (self.parameter, self.detail) if self.kind == "greater" else (self.parameter,)


def type_of(value: Json) -> ValueType:
    """The type of a value."""
    if value is None or isinstance(value, bool):
        return "none" if value is None else "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "mapping" if isinstance(value, Mapping) else "list"


def traits_of(failed: Sequence[Inputs], succeeded: Sequence[Inputs]) -> tuple[Trait, ...]:
    """All classes that any of the failed inputs is of, the likelier reasons first."""
    found = {trait: None for inputs in failed for trait in _traits(inputs, succeeded)}
    order = list(_ABOUT)
    return tuple(sorted(found, key=lambda each: order.index(each.kind)))


def modes_of(words: Collection[str], uses: Sequence[Inputs]) -> tuple[Trait, ...]:
    """The words of parameters that choose among a few ways.

    Args:
        words: Those of the tool's own code: no other is taken, for it would be a case's.
        uses: What is known of the parameters.
    """
    names = sorted({name for inputs in uses for name in inputs})
    return tuple(
        Trait(parameter=name, kind="is", detail=word)
        for name in names
        for word in _words_of(name, uses)
        if word in words
    )


def _words_of(name: str, uses: Sequence[Inputs]) -> list[str]:
    values = [inputs[name] for inputs in uses if name in inputs]
    words = {each for each in values if isinstance(each, str)}
    return sorted(words) if len(words) <= _MODES and len(words) < len(values) else []


def _traits(inputs: Inputs, succeeded: Sequence[Inputs]) -> Iterator[Trait]:
    for name, value in inputs.items():
        for kind in ("none", "zero", "empty", "blank", "with_none", "negative"):
            yield from _held(Trait(parameter=name, kind=kind), inputs)
        if value is not None:
            yield Trait(parameter=name, kind="type", detail=type_of(value))
        known = [other[name] for other in succeeded if name in other]
        keys = {key for each in known if isinstance(each, Mapping) for key in each}
        for key in sorted(keys):
            yield from _held(Trait(parameter=name, kind="without", detail=key), inputs)
    for one, other in permutations(inputs, 2):
        yield from _held(Trait(parameter=one, kind="beyond", detail=other), inputs)
        yield from _held(Trait(parameter=one, kind="greater", detail=other), inputs)


def _held(trait: Trait, inputs: Inputs) -> Iterator[Trait]:
    if trait.holds(inputs):
        yield trait


def _all_are(types: ValueType, parameter: str, uses: Sequence[Inputs]) -> bool:
    values = [inputs[parameter] for inputs in uses if parameter in inputs]
    return bool(values) and all(type_of(each) == types for each in values)


def _quoted(text: str) -> str:
    """The text as Python has it, in double quotes where that needs no escapes."""
    shown = repr(text)
    return f'"{text}"' if shown == f"'{text}'" and '"' not in text else shown


class _About(Record):
    """What a kind of trait is about."""

    holds: Callable[[Json, str, Json], bool]
    """By the value, the detail, and the value of the parameter that the detail may name."""
    test: str
    words: str
    types: ValueType | None = None
    """What the value must be, for the test to make sense."""


def _is_none(value: Json, detail: str, other: Json) -> bool:
    return value is None


def _is_zero(value: Json, detail: str, other: Json) -> bool:
    return isinstance(value, int | float) and value == 0


def _is_empty(value: Json, detail: str, other: Json) -> bool:
    return isinstance(value, str | Sequence | Mapping) and not value


def _lacks(value: Json, detail: str, other: Json) -> bool:
    return isinstance(value, Mapping) and detail not in value


def _is_of_type(value: Json, detail: str, other: Json) -> bool:
    return type_of(value) == detail


def _is_blank(value: Json, detail: str, other: Json) -> bool:
    return isinstance(value, str) and not value.strip()


def _has_none(value: Json, detail: str, other: Json) -> bool:
    return not isinstance(value, str) and isinstance(value, Sequence) and None in value


def _is_negative(value: Json, detail: str, other: Json) -> bool:
    return isinstance(value, int | float) and value < 0


def _is_beyond(value: Json, detail: str, other: Json) -> bool:
    if type_of(value) != "number" or not isinstance(other, str | Sequence | Mapping):
        return False
    return cast("float", value) >= len(other)


def _is_greater(value: Json, detail: str, other: Json) -> bool:
    if type_of(value) != "number" or type_of(other) != "number":
        return False
    return cast("float", value) > cast("float", other)


def _is_word(value: Json, detail: str, other: Json) -> bool:
    return value == detail


_ABOUT: Final[Mapping[TraitKind, _About]] = {
    "none": _About(holds=_is_none, test="{p} is None", words="`{p}` is None"),
    "zero": _About(holds=_is_zero, test="{p} == 0", words="`{p}` is zero"),
    "empty": _About(holds=_is_empty, test='{p} in ("", [], {{}}, ())', words="`{p}` is empty"),
    "without": _About(
        holds=_lacks, test="{d} not in {p}", words="`{p}` has no `{d}`", types="mapping"
    ),
    "type": _About(holds=_is_of_type, test="", words="`{p}` is {d}"),
    "blank": _About(holds=_is_blank, test="not {p}.strip()", words="`{p}` is blank", types="text"),
    "with_none": _About(
        holds=_has_none, test="None in {p}", words="`{p}` holds None", types="list"
    ),
    "negative": _About(
        holds=_is_negative, test="{p} < 0", words="`{p}` is negative", types="number"
    ),
    "beyond": _About(
        holds=_is_beyond,
        test="{p} >= len({q})",
        words="`{p}` is beyond the end of `{d}`",
        types="number",
    ),
    "greater": _About(
        holds=_is_greater, test="{p} > {q}", words="`{p}` is greater than `{d}`", types="number"
    ),
    "is": _About(holds=_is_word, test="{p} == {d}", words="`{p}` is `{d}`"),
}
"""The likelier reasons of a failure first."""

_CLASSES: Final[Mapping[ValueType, str]] = {
    "none": "type(None)",
    "bool": "bool",
    "number": "(int, float)",
    "text": "str",
    "list": "(list, tuple)",
    "mapping": "dict",
}

_OF_TYPE: Final[Mapping[str, str]] = {
    "bool": "isinstance({p}, bool)",
    "number": "isinstance({p}, (int, float)) and not isinstance({p}, bool)",
    "text": "isinstance({p}, str)",
    "list": "isinstance({p}, (list, tuple))",
    "mapping": "isinstance({p}, dict)",
}

_TYPE_WORDS: Final[Mapping[str, str]] = {
    "bool": "yes or no",
    "number": "a number",
    "text": "a text",
    "list": "a list",
    "mapping": "a mapping",
}
