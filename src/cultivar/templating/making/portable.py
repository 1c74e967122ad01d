"""`cultivar.record` for a Python that has no msgspec: the worker's, which may be any.

It is packed in its place. Only what rendering uses is here, and it behaves as there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final, TypeVar, cast

R = TypeVar("R", bound="Record")

_REQUIRED: Final = object()


class _Made:
    """A default that is made anew for each record."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(*, default_factory: Callable[[], Any]) -> Any:
    """A field whose default `default_factory` makes."""
    return _Made(default_factory)


class Record:
    """A value whose fields are declared as a class's annotations are."""

    __record_fields__: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, **options: object) -> None:
        """Find the fields; msgspec's `options` only ask for what this one always does."""
        named = {
            name: vars(cls).get(name, _REQUIRED)
            for name, kind in vars(cls).get("__annotations__", {}).items()
            if not str(kind).startswith("ClassVar")
        }
        cls.__record_fields__ = {**cls.__record_fields__, **named}

    def __init__(self, *places: object, **named: object) -> None:
        known = vars(self)
        for name, default in self.__record_fields__.items():
            known[name] = default.make() if isinstance(default, _Made) else default
        known.update(zip(self.__record_fields__, places, strict=False))
        known.update(named)
        wrong = named.keys() - self.__record_fields__.keys()
        wrong |= {name for name, value in known.items() if value is _REQUIRED}
        if wrong:
            raise TypeError(f"{type(self).__name__}: {', '.join(sorted(wrong))}")
        if after := getattr(self, "__post_init__", None):
            after()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name!r} of a {type(self).__name__} cannot be changed.")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and asdict(other) == asdict(self)

    def __hash__(self) -> int:
        return hash(tuple(asdict(self).values()))


def asdict(record: Record) -> dict[str, Any]:
    """The fields by name."""
    return {name: getattr(record, name) for name in record.__record_fields__}


def replace(record: R, **changes: Any) -> R:
    """The record with some fields changed."""
    return type(record)(**{**asdict(record), **changes})


def to_builtins(value: object) -> Any:
    """The value in dictionaries, lists and what JSON has."""
    if isinstance(value, Record):
        return to_builtins(asdict(value))
    if isinstance(value, Mapping):
        named = cast("Mapping[object, object]", value)
        return {to_builtins(key): to_builtins(each) for key, each in named.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_builtins(each) for each in cast("Iterable[object]", value)]
    return value
