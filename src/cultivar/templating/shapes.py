"""Lists and mappings among values of which nothing is known, told to the type checkers."""

from __future__ import annotations

from typing import Any, TypeGuard


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether `value` is a list."""
    return isinstance(value, list)


def is_mapping(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether `value` is a mapping, as YAML and JSON make them."""
    return isinstance(value, dict)
