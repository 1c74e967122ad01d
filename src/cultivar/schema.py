"""Reading what others wrote by a record's fields, and telling where it does not fit them.

What a field takes is said once, by its annotation. Numbers, truths and paths may also be written
as text, as the environment and the command line have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    TypeAlias,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

from msgspec import Meta, Struct, ValidationError, convert

from cultivar.record import Record, fields

Kind = TypeVar("Kind")

Place: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the top down to a value."""

Why = Literal["unknown", "missing", "wrong"]
"""What is wrong with a value: no field has its name, it is not there, no field takes it."""

_SHOWN_WORDS: Final = 20
_WORDS: Final[Mapping[object, tuple[str, ...]]] = {
    str: ("a text",),
    int: ("a whole number",),
    float: ("a number",),
    bool: ("`true`", "`false`"),
    NoneType: ("`null`",),
    list: ("a list",),
    tuple: ("a list",),
    dict: ("a mapping",),
}
_BOUNDS: Final = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_TELLING: Final[tuple[Why, ...]] = ("unknown", "missing", "wrong")
"""Of several misfits, what says most comes first."""


class Misfit(Record):
    """One value that does not fit."""

    place: Place
    why: Why
    value: object = None
    expected: tuple[str, ...] = ()
    """What would have been taken; of an unknown key, all known ones."""


class MisfitError(ValueError):
    """Something that was read does not fit its schema.

    Args:
        misfit: What says most of all that is wrong.
    """

    def __init__(self, misfit: Misfit) -> None:
        super().__init__(misfit)
        self.misfit = misfit


def read_as(kind: type[Kind], data: object) -> Kind:
    """Read `data`, which is made of mappings, lists and scalars, as a `kind`.

    Raises:
        MisfitError: It does not fit.
    """
    try:
        return convert(data, kind, strict=False, dec_hook=_from_text)
    except ValidationError as error:
        found = sorted(_misfits(kind, data, ()), key=lambda each: _TELLING.index(each.why))
        raise MisfitError(found[0]) from error


def check_made(record: Struct) -> None:
    """Check the fields of a record that was made by hand; for its `__post_init__`.

    Raises:
        MisfitError: A field holds what it does not take.
    """
    for each in _fields(type(record)):
        value = getattr(record, each.name)
        try:
            fits = convert(value, each.type, dec_hook=_made) == value
        except ValidationError:
            fits = False
        if not fits:
            words = tuple(_words(each.type))
            raise MisfitError(Misfit(place=(each.name,), why="wrong", value=value, expected=words))


def nearest(name: str, known: Iterable[str]) -> str:
    """The sentence that names the known word closest to `name`, or all of them."""
    words = sorted(known)
    close = get_close_matches(name, words, n=1, cutoff=0.5)
    if close:
        return f"Did you mean `{close[0]}`?"
    more = ", …" if len(words) > _SHOWN_WORDS else ""
    shown = ", ".join(f"`{word}`" for word in words[:_SHOWN_WORDS])
    return f"Expected is one of {shown}{more}."


def listed(words: Iterable[str]) -> str:
    """The words as a sentence offers them: `a, b or c`."""
    *others, last = dict.fromkeys(words)
    return f"{', '.join(others)} or {last}" if others else last


_fields = cache(fields)
"""A kind's fields; finding their types takes a while."""


def _from_text(kind: type[Any], value: object) -> Any:
    """A path, or whatever else is made of a text alone."""
    return kind(value) if isinstance(value, str) else _made(kind, value)


def _made(kind: type[Any], value: object) -> Any:
    """A value of a type of its own that is there already."""
    if not isinstance(value, kind):
        raise TypeError(kind)
    return value


def _misfits(kind: Any, value: object, place: Place) -> Iterator[Misfit]:
    """All that does not fit, as deep inside `value` as it can be told."""
    if _fits(kind, value):
        return
    inner = [each for shape in _members(kind) for each in _inside(shape, value, place)]
    words = tuple(_words(kind))
    yield from inner or [Misfit(place=place, why="wrong", value=value, expected=words)]


def _fits(kind: Any, value: object) -> bool:
    try:
        convert(value, kind, strict=False, dec_hook=_from_text)
    except ValidationError:
        return False
    return True


def _inside(shape: Any, value: object, place: Place) -> Iterator[Misfit]:
    """What does not fit in the parts of `value`; nothing where it has not this shape."""
    if isinstance(value, Mapping):
        yield from _in_mapping(shape, cast("Mapping[Any, object]", value), place)
    elif isinstance(value, list | tuple) and get_origin(shape) in (list, tuple):
        for at, each in enumerate(cast("Sequence[object]", value)):
            yield from _misfits(get_args(shape)[0], each, (*place, at))


def _in_mapping(shape: Any, value: Mapping[Any, object], place: Place) -> Iterator[Misfit]:
    if _is_record(shape):
        yield from _in_record(shape, value, place)
    elif get_origin(shape) is dict:
        of_keys, of_values = get_args(shape)
        for key, each in value.items():
            yield from _misfits(of_keys, key, (*place, key))
            yield from _misfits(of_values, each, (*place, key))


def _in_record(kind: type[Struct], value: Mapping[Any, object], place: Place) -> Iterator[Misfit]:
    names = kind.__struct_fields__
    for key in value:
        if key not in names and kind.__struct_config__.forbid_unknown_fields:
            yield Misfit(place=(*place, key), why="unknown", expected=names)
    for each in _fields(kind):
        if each.name in value:
            yield from _misfits(each.type, value[each.name], (*place, each.name))
        elif each.required:
            yield Misfit(place=(*place, each.name), why="missing")


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _words(kind: Any) -> Iterator[str]:
    """What a value of this kind is called, each way that it may be."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        for each in inner:
            yield from _words(each)
    elif origin is Literal:
        yield from (f"`{each}`" for each in inner)
    elif origin is Annotated:
        bounds = " and ".join(text for each in inner[1:] for text in _bounds(each))
        yield f"{' or '.join(_words(inner[0]))} of {bounds}"
    elif _is_record(kind):
        yield from _WORDS[dict]
    else:
        yield from _WORDS.get(origin or kind, (f"a {kind.__name__.lower()}",))


def _bounds(meta: Meta) -> Iterator[str]:
    for name, words in _BOUNDS.items():
        bound = getattr(meta, name)
        if bound is not None:
            yield f"{words} {bound}"
