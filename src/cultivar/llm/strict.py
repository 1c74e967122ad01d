"""Closes a JSON schema, as providers want it that hold a model to it token by token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cultivar.model import Json

_SAYING = frozenset({"type", "$ref", "anyOf", "enum", "const"})


class _OpenError(Exception):
    """An object in the schema takes keys that nobody named."""


def strict_schema(schema: Mapping[str, Json]) -> dict[str, Json] | None:
    """`schema` with every object closed and every property required; None where that cannot be.

    The rules are those of OpenAI's structured outputs. A property with a default becomes
    required, which narrows what the model may say and not what is accepted.
    """
    try:
        return _closed_object(schema)
    except _OpenError:
        return None


def _closed(value: Json) -> Json:
    if isinstance(value, Mapping):
        return _closed_object(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_closed(each) for each in value]
    return value


def _closed_object(schema: Mapping[str, Json]) -> dict[str, Json]:
    if _SAYING.isdisjoint(schema):
        raise _OpenError  # anything at all
    properties = schema.get("properties")
    if schema.get("type") == "object" and not (isinstance(properties, Mapping) and properties):
        raise _OpenError
    if schema.get("additionalProperties", False) is not False:
        raise _OpenError
    closed = {k: _inside(k, v) for k, v in schema.items() if k != "default"}
    if isinstance(properties, Mapping):
        closed |= {"required": list(properties), "additionalProperties": False}
    return closed


def _inside(key: str, value: Json) -> Json:
    """A keyword's value; under `properties` and `$defs` the keys are names, not keywords."""
    if key in {"properties", "$defs"} and isinstance(value, Mapping):
        return {name: _closed(each) for name, each in value.items()}
    if key in {"items", "anyOf", "prefixItems"}:
        return _closed(value)
    return value
