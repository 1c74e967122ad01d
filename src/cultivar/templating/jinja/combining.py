"""Ansible's `combine`: mappings into one, the later over the earlier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from jinja2.exceptions import FilterArgumentError

# Of type `Any`, since what a template computes has no type to narrow.
_MAPPING: Any = Mapping
_LIST: Any = list

ListMerge: TypeAlias = Literal["replace", "keep", "append", "prepend", "append_rp", "prepend_rp"]
"""What becomes of two lists under one key; `rp` takes each item once."""


def combine(
    *mappings: Any, recursive: bool = False, list_merge: ListMerge = "replace"
) -> dict[Any, Any]:
    """The mappings (and those in lists among them) in one."""
    if list_merge not in get_args(ListMerge):
        raise FilterArgumentError(
            f"`list_merge` is {list_merge!r}, not one of {', '.join(get_args(ListMerge))}."
        )
    combined: dict[Any, Any] = {}
    for mapping in _opened(mappings):
        if not isinstance(mapping, _MAPPING):
            raise FilterArgumentError(f"Mappings are combined, and {mapping!r} is none.")
        combined = _merged(combined, mapping, recursive, list_merge)
    return combined


def _opened(values: Any) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        flat.extend(_opened(value) if isinstance(value, (_LIST, tuple)) else [value])
    return flat


def _merged(
    under: Mapping[Any, Any], over: Mapping[Any, Any], recursive: bool, list_merge: ListMerge
) -> dict[Any, Any]:
    merged = dict(under)
    for key, new in over.items():
        old: Any = merged.get(key)
        if recursive and isinstance(old, _MAPPING) and isinstance(new, _MAPPING):
            merged[key] = _merged(old, new, True, list_merge)
        elif isinstance(old, _LIST) and isinstance(new, _LIST):
            merged[key] = _lists(old, new, list_merge)
        else:
            merged[key] = new
    return merged


def _lists(old: list[Any], new: list[Any], how: ListMerge) -> list[Any]:
    if how in ("replace", "keep"):
        return new if how == "replace" else old
    kept = [item for item in old if item not in new] if how.endswith("_rp") else old
    return [*kept, *new] if how.startswith("append") else [*new, *kept]
