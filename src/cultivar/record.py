"""`Record`, the base of our values: named fields, typed, compared by content, never changed.

It is a `msgspec.Struct` with our two choices made. A class of it is defined some twenty times as
fast as a dataclass, which is felt at every start: a command defines two hundred of them.
"""

from __future__ import annotations

from typing import Any, TypeVar, dataclass_transform

from msgspec import Struct, StructMeta, field, to_builtins
from msgspec.structs import asdict, fields, replace

__all__ = ["Record", "asdict", "field", "fields", "replace", "to_builtins"]

Meta = TypeVar("Meta", bound="RecordMeta")


class RecordMeta(StructMeta):
    """Makes records frozen, and their fields known by name only, unless a class says otherwise."""

    def __new__(
        cls: type[Meta],
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        /,
        **options: Any,
    ) -> Meta:
        """The class, with msgspec's `options` for it."""
        chosen: dict[str, Any] = {"frozen": True, "kw_only": True, **options}
        return super().__new__(cls, name, bases, namespace, **chosen)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Record(Struct, metaclass=RecordMeta, frozen=True, kw_only=True):
    """A value whose fields are declared as a class's annotations are."""

    def _asdict(self) -> dict[str, Any]:
        """The fields by name, as named tuples tell them: so LangGraph writes them down."""
        return asdict(self)
